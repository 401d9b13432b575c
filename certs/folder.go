package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The files of an authority's folder.
const (
	authorityFile = "ca.pem"
	authorityKey  = "ca.key"
	revokedFile   = "ca.crl"     // the list that is published
	revokedNotes  = "ca.revoked" // what it is made from
)

// FolderOptions says what `radiusd cert` was asked for.
type FolderOptions struct {
	Name     string   // InitFolder: the authority's name; empty: "Causeway Wi-Fi authority"
	DNSNames []string // InitFolder, ServerFolder: the server's name; InitFolder makes no server certificate without
	Key      KeyKind  // zero: ECDSA
	Both     bool     // InitFolder, ServerFolder: a pair of each kind of key, NAME and NAME-rsa
	// CRL is where the revocation list will be published, InitFolder only.
	// Empty: http://NAME/ca.crl with the server's name; "none": certificates
	// name no list, and the lint warns.
	CRL        string
	OCSP       string // InitFolder: where a responder answers; empty: certificates name none
	MustStaple bool   // ServerFolder
	Names      Names  // ClientFolder, DeviceFolder: more that the certificate says of its owner
	Policies   []string
	Days       int       // how long the certificate lasts, or the list is good; 0: the default
	P12        bool      // ClientFolder, DeviceFolder: write a .p12 as well
	Form       P12       // zero is Modern
	Password   Secret    // of the .p12; empty: one is made and reported
	Now        time.Time // zero: the time of day
}

// A Report says what was made and what the admin does next. Its String is what
// the command prints.
type Report struct {
	Title       string
	Files       []File
	Fingerprint string // of the authority: what a device shows when it asks
	Password    Secret // of the .p12, when one was made up: Reveal it to print it
	Next        []string
	Findings    []Finding // of the certificate made, by our own lint
}

// A File is one that was written.
type File struct {
	Path    string
	What    string
	Private bool // mode 0600: a key or something that holds one
}

// String returns the report as the command prints it. A password that was made
// up shows as [secret]: the command prints it on its own.
func (r Report) String() string {
	var b strings.Builder
	put(&b, "%s\n", r.Title)
	for _, f := range r.Files {
		mark := ""
		if f.Private {
			mark = " (private, mode 0600)"
		}
		put(&b, "  %-40s %s%s\n", f.Path, f.What, mark)
	}
	if r.Fingerprint != "" {
		put(&b, "The authority's SHA-256 fingerprint, as devices show it:\n  %s\n", r.Fingerprint)
	}
	for _, f := range r.Findings {
		put(&b, "%s: %s\n  fix: %s\n", f.Severity, f.Text, f.Fix)
	}
	if len(r.Next) > 0 {
		put(&b, "Next:\n")
	}
	for _, n := range r.Next {
		put(&b, "  - %s\n", n)
	}
	return b.String()
}

// InitFolder makes a private authority in a folder, and a server certificate when
// a DNS name is given. It creates the folder, writes keys with mode 0600 and
// overwrites nothing: an error that is fs.ErrExist means that a file was there,
// and then nothing was written.
func InitFolder(dir string, o FolderOptions) (Report, error) {
	o = o.defaults()
	a, err := NewAuthority(o.Name, o.Now, Options{Key: o.Key, CRL: o.CRL, OCSP: o.OCSP})
	if err != nil {
		return Report{}, err
	}
	files, err := a.files()
	if err != nil {
		return Report{}, err
	}
	r := Report{Title: fmt.Sprintf("A new authority: %s, until %s", o.Name, day(a.cert.NotAfter)), Fingerprint: Fingerprint(a.cert)}
	if len(o.DNSNames) > 0 {
		made, findings, err := a.serverFiles(o)
		if err != nil {
			return Report{}, err
		}
		files, r.Findings = append(files, made...), findings
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Report{}, err
	}
	if r.Files, err = writeNew(dir, files); err != nil {
		return Report{}, err
	}
	r.Next = a.nextSteps(dir, o)
	return r, nil
}

// ServerFolder issues a server certificate from the authority in a folder.
func ServerFolder(dir string, o FolderOptions) (Report, error) {
	o = o.defaults()
	a, err := LoadAuthority(dir, o.Now)
	if err != nil {
		return Report{}, err
	}
	files, findings, err := a.serverFiles(o)
	if err != nil {
		return Report{}, err
	}
	r := Report{Title: "A server certificate for " + strings.Join(o.DNSNames, ", "), Fingerprint: Fingerprint(a.cert), Findings: findings}
	if r.Files, err = writeNew(dir, files); err != nil {
		return Report{}, err
	}
	r.Next = []string{o.configLine(dir), "radiusd reload puts it to use; log-ins in progress are not disturbed"}
	return r, nil
}

// ClientFolder issues a certificate to "user@realm" from the authority in a
// folder, and packs it for a device when asked.
func ClientFolder(dir, identity string, o FolderOptions) (Report, error) {
	return o.defaults().issueInto(dir, identity, func(a *Authority, c Options) (Pair, error) { return a.Client(identity, c) })
}

// DeviceFolder issues a certificate that is called by the CN given and by the names
// of the options, as a device's own is.
func DeviceFolder(dir, name string, o FolderOptions) (Report, error) {
	if strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
		return Report{}, fmt.Errorf("%q cannot be the name of a file: name the device plainly, and give its names by the options", name)
	}
	o.Names.CommonName = name
	return o.defaults().issueInto(dir, name, (*Authority).Device)
}

// PeerFolder issues a certificate for a RADIUS server that speaks RadSec with others.
func PeerFolder(dir, name string, o FolderOptions) (Report, error) {
	return o.defaults().issueInto(dir, name, func(a *Authority, c Options) (Pair, error) {
		return a.Peer(append([]string{name}, o.Names.DNS...), c)
	})
}

func (o FolderOptions) issueInto(dir, name string, issue func(*Authority, Options) (Pair, error)) (Report, error) {
	a, err := LoadAuthority(dir, o.Now)
	if err != nil {
		return Report{}, err
	}
	p, err := issue(a, o.certificate())
	if err != nil {
		return Report{}, err
	}
	r := Report{Title: fmt.Sprintf("A certificate for %s, until %s", name, day(p.Certificate.Leaf.NotAfter))}
	files := pairFiles(name, "certificate", p)
	if o.P12 {
		packed, err := o.pack(p, &r)
		if err != nil {
			return Report{}, err
		}
		files = append(files, newFile{name + ".p12", "both, for the device", packed, true})
	}
	if r.Files, err = writeNew(dir, files); err != nil {
		return Report{}, err
	}
	accepted := "the server accepts it when client_ca is file:"
	if slices.Contains(p.Certificate.Leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		accepted = "put it into [radsec]; whoever speaks with this server expects its name, and as ca file:"
	}
	r.Next = append(r.Next, accepted+filepath.Join(dir, authorityFile))
	return r, nil
}

func (o FolderOptions) pack(p Pair, r *Report) ([]byte, error) {
	password := o.Password
	if password == "" {
		made, err := NewPassword()
		if err != nil {
			return nil, err
		}
		password, r.Password = made, made
	}
	r.Next = append(r.Next, "open the .p12 on the device and type its password; send the two by different ways, then delete the file")
	if o.Form != Legacy {
		r.Next = append(r.Next, "a device that calls the password wrong may be an old one: delete the three files and make them again with --legacy-p12")
	}
	return p.PKCS12(password, o.Form)
}

// LoadAuthority reads the authority that InitFolder wrote.
func LoadAuthority(dir string, now time.Time) (*Authority, error) {
	path, keyPath := filepath.Join(dir, authorityFile), filepath.Join(dir, authorityKey)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no authority in %s: make one with radiusd cert init %s: %w", dir, dir, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	chain, err := parseCertificates(path, text)
	if err != nil {
		return nil, err
	}
	keyText, err := readFile(keyPath)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(keyPath, keyText)
	if err != nil {
		return nil, err
	}
	cert := chain[0]
	switch {
	case !cert.IsCA:
		return nil, fmt.Errorf("%s is not an authority's certificate", path)
	case !matches(cert, key):
		return nil, fmt.Errorf("the key in %s does not match the certificate in %s: they are not of one pair", keyPath, path)
	case now.After(cert.NotAfter):
		return nil, fmt.Errorf("the authority in %s ended on %s: make a new one in another folder", dir, day(cert.NotAfter))
	}
	a := &Authority{cert: cert, key: key, parents: chain[1:], now: now}
	// The root says nothing of its list, so the folder's own notes are the list's name.
	if a.crl, err = readAddress(text, crlHeader, "revocation list"); err != nil {
		return nil, err
	}
	a.ocsp, err = readAddress(text, ocspHeader, "OCSP responder")
	return a, err
}

// Lines of ca.pem outside the certificate: they tell the addresses that every
// certificate of this authority names.
const (
	crlHeader  = "# revocation list: "
	ocspHeader = "# OCSP responder: "
)

func readAddress(text []byte, header, what string) (string, error) {
	for line := range strings.Lines(string(text)) {
		if address, ok := strings.CutPrefix(line, header); ok {
			address = strings.TrimSpace(address)
			return address, checkAddress(what, address)
		}
	}
	return "", nil
}

// Save writes the authority into a folder, as InitFolder does.
func (a *Authority) Save(dir string) error {
	files, err := a.files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_, err = writeNew(dir, files)
	return err
}

func (a *Authority) files() ([]newFile, error) {
	key, err := encodeKey(a.key)
	if err != nil {
		return nil, err
	}
	crl, err := a.CRL(nil)
	if err != nil {
		return nil, err
	}
	text := ""
	if a.crl != "" {
		text = crlHeader + a.crl + "\n"
	}
	if a.ocsp != "" {
		text += ocspHeader + a.ocsp + "\n"
	}
	text += string(a.PEM())
	for _, c := range a.parents {
		text += string(encodeCertificate(c))
	}
	return []newFile{
		{authorityFile, "the authority's certificate: install it on devices", []byte(text), false},
		{authorityKey, "the authority's key: whoever has it can pretend to be anybody", []byte(key.Reveal()), true},
		{revokedFile, "the list of revoked certificates, empty", crl, false},
	}, nil
}

func (a *Authority) serverFiles(o FolderOptions) (files []newFile, found []Finding, err error) {
	kinds := []KeyKind{o.Key}
	if o.Both {
		kinds = []KeyKind{ECDSA, RSA}
	}
	for i, kind := range kinds {
		c := o.certificate()
		c.Key = kind
		p, err := a.Server(o.DNSNames, c)
		if err != nil {
			return nil, nil, err
		}
		k, err := FromPair(p, a)
		if err != nil {
			return nil, nil, err
		}
		what := "server certificate"
		if o.Both {
			what += " (" + kindOf(k.Current().Served) + ")"
		}
		files = append(files, pairFiles(o.serverNames()[i], what, p)...)
		found = append(found, k.Current().Lint(o.Now)...)
	}
	return files, found, nil
}

// serverNames are what the files of the server's certificates are called.
func (o FolderOptions) serverNames() []string {
	name := strings.ToLower(o.DNSNames[0])
	if o.Both {
		return []string{name, name + "-rsa"}
	}
	return []string{name}
}

func pairFiles(name, what string, p Pair) []newFile {
	return []newFile{
		{name + ".pem", "the " + what, p.CertPEM, false},
		{name + ".key", "its private key", []byte(p.KeyPEM.Reveal()), true},
	}
}

func (a *Authority) nextSteps(dir string, o FolderOptions) []string {
	var next []string
	if len(o.DNSNames) > 0 {
		next = append(next, o.configLine(dir))
	} else {
		next = append(next, "make the server's certificate: radiusd cert server "+dir+" --server radius.example.ac.uk")
	}
	next = append(next,
		"install "+filepath.Join(dir, authorityFile)+" on devices together with the server's name, so that they know it from an impostor",
		"keep "+filepath.Join(dir, authorityKey)+" off the RADIUS server: it is needed only to issue certificates")
	if a.crl != "" {
		next = append(next, "publish "+filepath.Join(dir, revokedFile)+" at "+a.crl+" (devices want the address in the certificate; none fetches it while joining)")
	}
	return next
}

// configLine says what the configuration calls the files.
func (o FolderOptions) configLine(dir string) string {
	refs := func(suffix string) string {
		var list []string
		for _, name := range o.serverNames() {
			list = append(list, `"file:`+filepath.Join(dir, name+suffix)+`"`)
		}
		if len(list) == 1 {
			return list[0]
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	return fmt.Sprintf("in the configuration, under [eap]: certificate = %s and private_key = %s", refs(".pem"), refs(".key"))
}

func (o FolderOptions) defaults() FolderOptions {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Name == "" {
		o.Name = "Causeway Wi-Fi authority"
	}
	switch {
	case o.CRL == "none":
		o.CRL = ""
	case o.CRL == "" && len(o.DNSNames) > 0:
		o.CRL = "http://" + strings.ToLower(o.DNSNames[0]) + "/" + revokedFile
	}
	return o
}

func (o FolderOptions) certificate() Options {
	c := Options{Key: o.Key, MustStaple: o.MustStaple, Names: o.Names, Policies: o.Policies}
	if o.Days > 0 {
		c.NotAfter = o.Now.Add(time.Duration(o.Days) * 24 * time.Hour)
	}
	return c
}

type newFile struct {
	name, what string
	content    []byte
	private    bool
}

// writeNew writes all of the files or none: it looks first for any that exists,
// and takes back its own when one fails.
func writeNew(dir string, files []newFile) (done []File, err error) {
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if _, err := os.Lstat(path); err == nil {
			return nil, fmt.Errorf("%s is there already and is not overwritten: move it away first: %w", path, fs.ErrExist)
		}
	}
	defer func() {
		if err == nil {
			return
		}
		for _, f := range done {
			_ = os.Remove(f.Path) // the first error is the one to tell
		}
		done = nil
	}()
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		mode := fs.FileMode(0o644)
		if f.private {
			mode = 0o600
		}
		if err := create(path, f.content, mode); err != nil {
			return done, err
		}
		done = append(done, File{Path: path, What: f.what, Private: f.private})
	}
	return done, nil
}

// create writes a file that was not there (O_EXCL closes the gap between looking
// and writing, and follows no symbolic link) and makes sure of it on the disk.
func create(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}
