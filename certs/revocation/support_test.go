package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"causeway/certs"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A pki is an authority with an intermediate, and somebody below each.
type pki struct {
	root, middle  *certs.Authority
	nurse, doctor *x509.Certificate // below the root
	porter        *x509.Certificate // below the intermediate
}

func newPKI() *pki {
	p := &pki{root: must(certs.NewAuthority("devices", time.Now(), certs.Options{}))}
	p.middle = must(p.root.Intermediate("wards", certs.Options{}))
	p.nurse = client(p.root, "nurse@northbridge.nhs.uk", certs.Options{})
	p.doctor = client(p.root, "doctor@northbridge.nhs.uk", certs.Options{})
	p.porter = client(p.middle, "porter@northbridge.nhs.uk", certs.Options{})
	return p
}

// thePKI is made once, for tests in the time of day: keys are slow.
var thePKI = sync.OnceValue(newPKI)

func client(a *certs.Authority, name string, o certs.Options) *x509.Certificate {
	return must(a.Client(name, o)).Certificate.Leaf
}

func (p *pki) anchors() []*x509.Certificate { return []*x509.Certificate{p.root.Certificate()} }

// chain is somebody's, up to the root.
func (p *pki) chain(leaf *x509.Certificate) []*x509.Certificate {
	if leaf == p.porter {
		return []*x509.Certificate{leaf, p.middle.Certificate(), p.root.Certificate()}
	}
	return []*x509.Certificate{leaf, p.root.Certificate()}
}

// crl is a list of an authority, from an hour ago to in a day unless change has
// changed it.
func crl(a *certs.Authority, change func(*x509.RevocationList), revoked ...*x509.Certificate) []byte {
	list := &x509.RevocationList{ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(24 * time.Hour)}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now().Add(-time.Hour), ReasonCode: 1})
	}
	if change != nil {
		change(list)
	}
	return must(a.SignCRL(list))
}

func file(t testing.TB, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "list.crl")
	write(t, path, content)
	return path
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// open makes a registry of the root, which ends with the test.
func open(t testing.TB, p *pki, cfg Config) *Registry {
	t.Helper()
	cfg.Anchors = p.anchors()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// A web is what authorities publish, reached without a network.
type web struct {
	mu     sync.Mutex
	pages  map[string]func(w http.ResponseWriter, r *http.Request) // by host and path
	asked  map[string]int
	dials  int
	conns  chan net.Conn
	server *http.Server
}

func newWeb(t testing.TB) *web {
	w := &web{pages: map[string]func(http.ResponseWriter, *http.Request){}, asked: map[string]int{}, conns: make(chan net.Conn)}
	w.server = &http.Server{Handler: w}
	done := make(chan struct{})
	go func() { defer close(done); _ = w.server.Serve(w) }()
	t.Cleanup(func() { _ = w.server.Close(); <-done })
	return w
}

func (w *web) Accept() (net.Conn, error) {
	c, ok := <-w.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (w *web) Close() error { w.mu.Lock(); defer w.mu.Unlock(); close(w.conns); return nil }
func (*web) Addr() net.Addr { return &net.IPAddr{} }
func (w *web) times(page string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[page]
}

func (w *web) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w.mu.Lock()
	w.dials++
	w.mu.Unlock()
	near, far := net.Pipe()
	select {
	case w.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	at := strings.TrimSuffix(strings.ToLower(r.Host), ":80") + r.URL.Path
	w.mu.Lock()
	w.asked[at]++
	page := w.pages[at]
	w.mu.Unlock()
	if page == nil {
		http.NotFound(rw, r)
		return
	}
	page(rw, r)
}

// put publishes octets.
func (w *web) put(page string, content []byte) {
	w.answer(page, func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(content) })
}

func (w *web) answer(page string, how func(http.ResponseWriter, *http.Request)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[page] = how
}

// hang answers nothing until the other side has gone away.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.ReadAll(r.Body)
	<-r.Context().Done()
}

// remove takes a page away.
func (w *web) remove(page string) { w.answer(page, nil) }

// respond makes a page an OCSP responder that says what say says.
func (w *web) respond(page string, say func(serial *big.Int) ([]byte, error)) {
	w.answer(page, func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		q, err := ocsp.ParseRequest(body)
		if err != nil {
			_, _ = rw.Write(ocsp.MalformedRequestErrorResponse)
			return
		}
		der, err := say(q.SerialNumber)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = rw.Write(der)
	})
}

// saying is a responder of an authority by its own key.
func saying(a *certs.Authority, status int, next time.Duration) func(*big.Int) ([]byte, error) {
	return func(serial *big.Int) ([]byte, error) {
		r := ocsp.Response{Status: status, SerialNumber: serial, RevokedAt: time.Now().Add(-time.Hour), ThisUpdate: time.Now()}
		if next != 0 {
			r.NextUpdate = time.Now().Add(next)
		}
		return a.OCSP(r)
	}
}

func (w *web) dialled() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dials
}

// pass lets time pass, and what is due in it come to its end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// A diary is what OnChange was told.
type diary struct {
	mu    sync.Mutex
	lines []Change
}

func (d *diary) add(c Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, c)
}

// last returns the number of changes and the last of them.
func (d *diary) last() (int, Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.lines) == 0 {
		return 0, Change{}
	}
	return len(d.lines), d.lines[len(d.lines)-1]
}

// verdict is what Check says, in one word.
func verdict(err error) string {
	switch {
	case err == nil:
		return "good"
	case errors.Is(err, ErrRevoked):
		return "withdrawn"
	case errors.Is(err, ErrUnknown):
		return "unknown"
	}
	return "another error: " + err.Error()
}

// expect compares, and returns why it is so.
func expect(t testing.TB, r *Registry, what string, chain []*x509.Certificate, want string) (why string) {
	t.Helper()
	err := r.Check(context.Background(), chain)
	if got := verdict(err); got != want {
		t.Errorf("%s: %s, want %s (%v)", what, got, want, err)
	}
	return fmt.Sprint(err)
}
