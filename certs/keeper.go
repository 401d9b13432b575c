package certs

import (
	"cmp"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// A Config says where the server's certificates and keys and the authorities of
// the devices are. Each is "file:/path", "cred:name" or "env:NAME" and holds PEM.
type Config struct {
	Certificate string // the server's certificate first, then its intermediates
	PrivateKey  string
	// More are further certificates, with keys of other kinds: RSA for the clients
	// that know no ECDSA.
	More []PairReference
	// ClientCA issues certificates to devices and people, and may vouch for all of
	// them; it is the anchor [ClientCA].
	ClientCA string
	Anchors  []AnchorReference // further authorities; without them and ClientCA there is no EAP-TLS
	// Stapling says that answers of OCSP will come by [Keeper.Staple]: a
	// certificate that must have one is warned of otherwise.
	Stapling bool
}

// A PairReference says where a certificate and its key are.
type PairReference struct{ Certificate, PrivateKey string }

// An AnchorReference says where the certificates of one authority are.
type AnchorReference struct{ Name, CA string }

// ClientCA is the name of the anchor that Config.ClientCA makes.
const ClientCA = "client_ca"

// A Keeper holds the server's certificates and changes them while handshakes run.
// A handshake takes one [Material] when it begins and keeps it to its end.
type Keeper struct {
	cfg     Config
	made    bool       // in this process: there is nothing to read again
	reload  sync.Mutex // one reload at a time, so that an older one cannot win
	current atomic.Pointer[Material]
}

// Material is what a handshake needs. It never changes once it is made: share
// it freely and write to none of it.
type Material struct {
	Served                          // the certificate that clients meet who can: ECDSA where there is one
	All         []Served            // every certificate, that one first; never empty
	ClientCAs   *x509.CertPool      // of all anchors; nil: no EAP-TLS
	Anchors     []Anchor            // in the order of the configuration
	Authorities []*x509.Certificate // the certificates of all anchors

	anchorOf map[keyID]int // index into Anchors
	stapling bool
	loading  []Finding
}

// A Served is one certificate of the server, with its key and its chain.
type Served struct {
	Certificate tls.Certificate     // with Leaf parsed
	Chain       []*x509.Certificate // as sent: the server's own first

	name string // what errors and findings call the certificate's file
	key  string // of the configuration, below [eap]: "certificate", "certificate[1]"
}

// NewKeeper reads the certificates, their keys and the authorities of the devices.
// Its errors name the file and say in words what is wrong with it, a line each.
func NewKeeper(cfg Config) (*Keeper, error) {
	k := &Keeper{cfg: cfg}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// FromPair returns a Keeper of a certificate that was made in this process, for
// the demo and for tests. clients issues to devices and may be nil: no EAP-TLS.
// Reload reads nothing and changes nothing.
func FromPair(p Pair, clients *Authority) (*Keeper, error) {
	return FromPairs([]Pair{p}, clients)
}

// FromPairs is FromPair with several certificates.
func FromPairs(pairs []Pair, clients *Authority) (*Keeper, error) {
	m := &Material{}
	for _, p := range pairs {
		s := Served{name: "the certificate made here", key: "certificate", Certificate: p.Certificate}
		for _, der := range p.Certificate.Certificate {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, err
			}
			s.Chain = append(s.Chain, c)
		}
		m.All = append(m.All, s)
	}
	if clients != nil {
		m.Anchors = []Anchor{{ClientCA, []*x509.Certificate{clients.cert}, ClientCA}}
	}
	if err := m.arrange(); err != nil {
		return nil, err
	}
	k := &Keeper{made: true}
	k.current.Store(m)
	return k, nil
}

// Reload reads everything again. On error the old material stays.
func (k *Keeper) Reload() error {
	k.reload.Lock()
	defer k.reload.Unlock()
	if k.made {
		return nil
	}
	m, err := load(k.cfg)
	if err != nil {
		return err
	}
	if old := k.Current(); old != nil {
		m.stapleFrom(old)
	}
	k.current.Store(m)
	return nil
}

// stapleFrom keeps the answers of OCSP of certificates that stay.
func (m *Material) stapleFrom(old *Material) {
	for i := range m.All {
		for _, s := range old.All {
			if s.Chain[0].Equal(m.All[i].Chain[0]) {
				m.All[i].Certificate.OCSPStaple = s.Certificate.OCSPStaple
			}
		}
	}
	m.Served = m.All[0]
}

// Current returns the material of now, without a lock.
func (k *Keeper) Current() *Material { return k.current.Load() }

// Staple puts an answer of OCSP, in DER, beside one of the server's certificates,
// for the handshakes that begin from now on; nil takes it away. It says whether
// the certificate is one of ours.
func (k *Keeper) Staple(leaf *x509.Certificate, answer []byte) bool {
	k.reload.Lock()
	defer k.reload.Unlock()
	next := *k.Current()
	next.All = slices.Clone(next.All)
	i := slices.IndexFunc(next.All, func(s Served) bool { return s.Chain[0].Equal(leaf) })
	if i < 0 {
		return false
	}
	next.All[i].Certificate.OCSPStaple = answer
	next.Served = next.All[0]
	k.current.Store(&next)
	return true
}

func load(cfg Config) (*Material, error) {
	if cfg.Certificate == "" || cfg.PrivateKey == "" {
		return nil, errors.New("EAP needs both certificate and private_key")
	}
	m := &Material{stapling: cfg.Stapling}
	pairs := append([]PairReference{{cfg.Certificate, cfg.PrivateKey}}, cfg.More...)
	var failed []error
	for i, p := range pairs {
		key := ""
		if len(pairs) > 1 {
			key = fmt.Sprintf("[%d]", i)
		}
		failed = append(failed, m.loadServer(p, key, pairs))
	}
	if cfg.ClientCA != "" {
		failed = append(failed, m.loadAnchor(AnchorReference{ClientCA, cfg.ClientCA}, ClientCA))
	}
	for i, a := range cfg.Anchors {
		failed = append(failed, m.loadAnchor(a, fmt.Sprintf("authority[%d].ca", i)))
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	return m, m.arrange()
}

func (m *Material) loadServer(p PairReference, index string, all []PairReference) error {
	s := Served{name: describe(p.Certificate), key: "certificate" + index}
	text, err := readPEM("certificate", p.Certificate)
	if err != nil {
		return err
	}
	chain, err := parseCertificates(s.name, text)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	keyText, err := readPEM("private_key", p.PrivateKey)
	if err != nil {
		return err
	}
	key, err := parseKey(describe(p.PrivateKey), keyText)
	if err != nil {
		return fmt.Errorf("private_key: %w", err)
	}
	err = orderChain(s.name, chain, key)
	if errors.Is(err, errKeyMismatch) {
		return fmt.Errorf("private_key: the key in %s does not match the certificate in %s (%s): they are not of one pair%s",
			describe(p.PrivateKey), s.name, title(chain[0]), crossed(key, all))
	}
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	s.Chain = chain
	s.Certificate = tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		s.Certificate.Certificate = append(s.Certificate.Certificate, c.Raw)
	}
	m.All = append(m.All, s)
	if kind, path := split(p.PrivateKey); kind == FromFile {
		if f, loose := worldReadable(path, "private key"); loose {
			f.Key = "private_key" + index
			m.loading = append(m.loading, f)
		}
	}
	return nil
}

// crossed says which other certificate a key belongs to, when the two lists of
// the configuration are not in one order.
func crossed(key crypto.Signer, all []PairReference) string {
	for _, p := range all {
		text, err := readPEM("certificate", p.Certificate)
		if err != nil {
			continue
		}
		if chain, err := parseCertificates("", text); err == nil && matches(chain[0], key) {
			return fmt.Sprintf("; it belongs to the certificate in %s: certificate and private_key have to be in one order", describe(p.Certificate))
		}
	}
	return ""
}

// arrange puts the certificates into the order in which clients are offered
// them, and finds each authority's anchor.
func (m *Material) arrange() error {
	slices.SortStableFunc(m.All, func(a, b Served) int { return cmp.Compare(preference(a), preference(b)) })
	names := map[string]string{}
	for _, s := range m.All {
		if first, taken := names[kindOf(s)]; taken {
			return fmt.Errorf("certificate: %s and %s both have keys of %s: a client that takes one takes the other, so none would meet the second",
				first, s.name, kindOf(s))
		}
		names[kindOf(s)] = s.name
	}
	m.Served = m.All[0]
	return m.arrangeAnchors()
}
