package integration

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"causeway/certs"
)

// A pki is the story's authority and what it has issued and withdrawn. Its folder,
// pki, is what radiusd cert makes; index.txt there is what OpenSSL's responder reads.
type pki struct {
	authority *certs.Authority
	issued    map[string]*x509.Certificate

	mu        sync.Mutex
	withdrawn map[string]bool
}

func newPKI(a *certs.Authority) *pki {
	return &pki{authority: a, issued: map[string]*x509.Certificate{}, withdrawn: map[string]bool{}}
}

// publish writes ca.crl, a list that has ended, and the responder's files.
func (p *pki) publish(dir string) error {
	if err := p.authority.Save(filepath.Join(dir, "pki")); err != nil {
		return err
	}
	old, err := p.authority.SignCRL(&x509.RevocationList{ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(-time.Hour)})
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "old.crl"), old, 0o600), p.write(dir))
}

func (p *pki) write(dir string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var serials []*big.Int
	var index strings.Builder
	for name, c := range p.issued {
		serial := fmt.Sprintf("%X", c.SerialNumber.Bytes())
		if p.withdrawn[name] {
			serials = append(serials, c.SerialNumber)
			fmt.Fprintf(&index, "R\t%s\t%s,keyCompromise\t%s\tunknown\t/CN=%s\n", asUTC(c.NotAfter), asUTC(time.Now()), serial, name)
		} else {
			fmt.Fprintf(&index, "V\t%s\t\t%s\tunknown\t/CN=%s\n", asUTC(c.NotAfter), serial, name)
		}
	}
	list, err := p.authority.CRL(serials)
	return errors.Join(err, replace(filepath.Join(dir, "ca.crl"), list), replace(filepath.Join(dir, "pki", "index.txt"), []byte(index.String())))
}

func asUTC(t time.Time) string { return t.UTC().Format("060102150405Z") }

// replace writes a file of which a reader sees the old one or the new.
func replace(path string, content []byte) error {
	return errors.Join(os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path))
}

// withdraw takes people's certificates back, and has the house look.
func (s *stage) withdraw(names []string) error {
	s.pki.mu.Lock()
	for _, name := range names {
		s.pki.withdrawn[s.expand(name)] = true
	}
	s.pki.mu.Unlock()
	return errors.Join(s.pki.write(s.dir), s.daemon.Reload())
}

// TestMain runs this program again as a responder, when it is told to be one.
func TestMain(m *testing.M) {
	if folder := os.Getenv("CAUSEWAY_OCSP_FOLDER"); folder != "" {
		server := http.Server{Addr: os.Getenv("CAUSEWAY_OCSP_ADDRESS"), Handler: openssl(folder), ReadHeaderTimeout: time.Minute}
		fmt.Fprintln(os.Stderr, server.ListenAndServe())
		os.Exit(1)
	}
	code := m.Run()
	if builtFolder != "" {
		_ = os.RemoveAll(builtFolder)
	}
	os.Exit(code)
}

// openssl answers each question with OpenSSL's own responder, which by itself would
// listen on every address of the machine.
type openssl string

func (folder openssl) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	in := func(name string) string { return filepath.Join(string(folder), name) }
	answer := filepath.Join(os.TempDir(), fmt.Sprintf("causeway-ocsp-%d-%d", os.Getpid(), time.Now().UnixNano()))
	defer func() { _ = os.Remove(answer) }()
	responder := exec.CommandContext(r.Context(), "openssl", "ocsp", "-index", in("index.txt"), "-CA", in("ca.pem"),
		"-rsigner", in("ca.pem"), "-rkey", in("ca.key"), "-nmin", "60", "-reqin", "/dev/stdin", "-respout", answer)
	responder.Stdin = bytes.NewReader(question)
	out, err := responder.CombinedOutput()
	der, err2 := os.ReadFile(answer)
	fmt.Fprintf(os.Stderr, "asked, and %d octets are the answer %s\n", len(der), out)
	if err := errors.Join(err, err2); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(der)
}

// ocspResponder is that responder as a peer, at {{.ocsp}}.
func ocspResponder(s *stage, _ peer) *process {
	address := strings.Trim(strings.TrimPrefix(fmt.Sprint(s.know["ocsp"]), "http://"), "/")
	self, err := os.Executable()
	s.must(err)
	var port int
	_, err = fmt.Sscanf(address, "127.0.0.1:%d", &port)
	s.must(err)
	return &process{
		program: self,
		env:     []string{"CAUSEWAY_OCSP_FOLDER=" + filepath.Join(s.dir, "pki"), "CAUSEWAY_OCSP_ADDRESS=" + address},
		ready:   answersTCP(port),
	}
}
