package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// A Config says where the server's certificate and key and the authority of the
// devices are. Each is "file:/path", "cred:name" or "env:NAME" and holds PEM.
type Config struct {
	Certificate string // the server's certificate first, then its intermediates
	PrivateKey  string
	ClientCA    string // who issues certificates to devices and people; empty: no EAP-TLS
}

// A Keeper holds the server's certificate and changes it while handshakes run.
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
	Certificate tls.Certificate     // with Leaf parsed
	Chain       []*x509.Certificate // as sent: the server's own first
	ClientCAs   *x509.CertPool      // nil: no EAP-TLS
	Authorities []*x509.Certificate // the certificates of ClientCAs

	name    string // what errors and findings call the certificate's file
	loading []Finding
}

// NewKeeper reads the certificate, the key and the authority of the devices. Its
// errors name the file and say in words what is wrong with it.
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
	m := &Material{name: "the certificate made here", Certificate: p.Certificate}
	for _, der := range p.Certificate.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		m.Chain = append(m.Chain, c)
	}
	if clients != nil {
		m.Authorities = []*x509.Certificate{clients.cert}
		m.ClientCAs = x509.NewCertPool()
		m.ClientCAs.AddCert(clients.cert)
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
	k.current.Store(m)
	return nil
}

// Current returns the material of now, without a lock.
func (k *Keeper) Current() *Material { return k.current.Load() }

func load(cfg Config) (*Material, error) {
	if cfg.Certificate == "" || cfg.PrivateKey == "" {
		return nil, errors.New("EAP needs both certificate and private_key")
	}
	m := &Material{name: describe(cfg.Certificate)}
	err := errors.Join(m.loadServer(cfg), m.loadClientCA(cfg.ClientCA))
	if err != nil {
		return nil, err
	}
	if kind, path := split(cfg.PrivateKey); kind == FromFile {
		if f, loose := worldReadable(path, "private key"); loose {
			m.loading = append(m.loading, f)
		}
	}
	return m, nil
}

func (m *Material) loadServer(cfg Config) error {
	text, err := readPEM("certificate", cfg.Certificate)
	if err != nil {
		return err
	}
	chain, err := parseCertificates(m.name, text)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	keyText, err := readPEM("private_key", cfg.PrivateKey)
	if err != nil {
		return err
	}
	key, err := parseKey(describe(cfg.PrivateKey), keyText)
	if err != nil {
		return fmt.Errorf("private_key: %w", err)
	}
	err = orderChain(m.name, chain, key)
	if errors.Is(err, errKeyMismatch) {
		return fmt.Errorf("private_key: the key in %s does not match the certificate in %s (%s): they are not of one pair",
			describe(cfg.PrivateKey), m.name, title(chain[0]))
	}
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	m.Chain = chain
	m.Certificate = tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		m.Certificate.Certificate = append(m.Certificate.Certificate, c.Raw)
	}
	return nil
}

func (m *Material) loadClientCA(ref string) error {
	if ref == "" {
		return nil
	}
	text, err := readPEM("client_ca", ref)
	if err != nil {
		return err
	}
	list, err := parseCertificates(describe(ref), text)
	if err != nil {
		return fmt.Errorf("client_ca: %w", err)
	}
	m.ClientCAs = x509.NewCertPool()
	for _, c := range list {
		if !c.IsCA {
			return fmt.Errorf("client_ca: %s: %s is not an authority: client_ca wants the certificate of whoever issues "+
				"certificates to the devices, not a device's own", describe(ref), title(c))
		}
		m.ClientCAs.AddCert(c)
	}
	m.Authorities = list
	return nil
}
