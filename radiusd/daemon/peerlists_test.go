package daemon

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/certs"
	"causeway/certs/revocation"
	"causeway/radiusd/daemon/config"
	"causeway/realms"
	"causeway/realms/discovery"
	"causeway/realms/upstream"
)

// wardsWithList is that Trust with a revocation list of its peers' authority.
var wardsWithList = strings.Replace(wards, `ca          = "file:federation-ca.pem"`, "ca          = \"file:federation-ca.pem\"\ncrl         = \"file:federation.crl\"", 1) + "[log]\nfile = \"log.txt\"\n"

// withdraw writes the list of an authority, anew each time, good for a while.
func (w *wardTrust) withdraw(tb testing.TB, name string, by *certs.Authority, lasts time.Duration, withdrawn ...certs.Pair) {
	tb.Helper()
	list := &x509.RevocationList{ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(lasts)}
	for _, p := range withdrawn {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: p.Certificate.Leaf.SerialNumber, RevocationTime: time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC), ReasonCode: 1,
		})
	}
	w.write(tb, name, string(mustBe(by.SignCRL(list))))
}

// look has the lists read now and not within ten seconds.
func (w *wardTrust) look(tb testing.TB) {
	tb.Helper()
	for _, watch := range w.watches.of(w.house.Load()) {
		watch.registry.Refresh(tb.Context())
	}
}

// says waits for the log to say something.
func (w *wardTrust) says(tb testing.TB, what ...string) {
	tb.Helper()
	var text string
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		w.reportOnce(map[string]uint64{})
		text = w.logText(tb)
		missing := false
		for _, s := range what {
			missing = missing || !strings.Contains(text, s)
		}
		if !missing {
			return
		}
	}
	tb.Errorf("the log does not say %q:\n%s", what, text)
}

// dialWith connects with a certificate, and says whether it is let in: by TLS 1.3 the
// first answer tells.
func (w *wardTrust) dialWith(tb testing.TB, p certs.Pair) (net.Conn, error) {
	tb.Helper()
	conn, err := tls.Dial("tcp", w.RadSecAddrs()[0].String(), &tls.Config{
		RootCAs: w.federation.Pool(), ServerName: testServer, Certificates: []tls.Certificate{p.Certificate},
	})
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	status := radius.New(radius.CodeStatusServer, []byte("radsec"))
	if _, err := conn.Write(mustBe((&rogue{secret: status.Secret}).sign(status))); err != nil {
		return nil, err
	}
	_, err = conn.Read(make([]byte, 4096))
	return conn, err
}

func (w *wardTrust) certificate(name string) certs.Pair {
	return mustBe(w.federation.Peer([]string{name}, certs.Options{}))
}

// Holds R30 and S12: a newer list ends the connection of whoever it names and keeps them
// out, in words that say when, why and who says so; nobody else notices.
func TestR30WithdrawnPeerIsCutOff(t *testing.T) {
	w := layOutWards(t, wardsWithList)
	w.withdraw(t, "federation.crl", w.federation, time.Hour)
	w.run(t)
	royal, eastmoor := w.certificate("royal.example.net"), w.certificate("eastmoor.example.net")
	stolen, err := w.dialWith(t, royal)
	if err != nil {
		t.Fatal(err)
	}
	good, err := w.dialWith(t, eastmoor)
	if err != nil {
		t.Fatal(err)
	}
	if result, _ := w.login(t, stolen); !result.Accepted() {
		t.Fatal(result.Code)
	}
	w.withdraw(t, "federation.crl", w.federation, time.Hour, royal)
	w.look(t)
	if _, err := stolen.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection of a withdrawn certificate: %v", err)
	}
	const words = "its certificate was withdrawn on 3 March 2026 09:00 UTC (the key was stolen), says file:"
	w.says(t, "a RadSec peer's connection ended", words)
	if _, err := w.dialWith(t, royal); err == nil {
		t.Error("it may connect again")
	}
	w.says(t, "a RadSec connection was refused  client=royal-aps", filepath.Join(w.folder, "federation.crl"))
	if result, _ := w.login(t, good); !result.Accepted() {
		t.Errorf("another's connection: %v", result.Code)
	}
	if _, err := w.dialWith(t, w.certificate("royal.example.net")); err != nil {
		t.Errorf("a new certificate of the same peer: %v", err)
	}
}

// A list that has ended refuses everybody of its authority, those who are connected too,
// unless the file says otherwise, and even then whoever stands on it stays out. Without
// a crl nobody is asked.
func TestPeersOfWhomNobodySaysAnything(t *testing.T) {
	w := layOutWards(t, wardsWithList)
	w.withdraw(t, "federation.crl", w.federation, time.Hour)
	w.run(t)
	royal, eastmoor := w.certificate("royal.example.net"), w.certificate("eastmoor.example.net")
	conn, err := w.dialWith(t, eastmoor)
	if err != nil {
		t.Fatal(err)
	}
	w.withdraw(t, "federation.crl", w.federation, -time.Second, royal)
	w.look(t)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection outlives the list: %v", err)
	}
	if _, err := w.dialWith(t, eastmoor); err == nil {
		t.Error("nobody says whether it was withdrawn, and it may connect")
	}
	w.says(t, "a source of revocations does not work", `of="RadSec peers, by radsec.crl"`, "ended on", "nobody says whether it was withdrawn")
	i, err := Inspect(filepath.Join(w.folder, "causeway.toml"), time.Now)
	if err != nil || len(i.Faults) != 1 || !strings.Contains(i.Faults.Error(), ":11:1: the list ended on") {
		t.Errorf("check: %v, %v", err, i.Faults)
	}
	for _, step := range []struct {
		from, to        string
		royal, eastmoor bool
	}{
		{"federation.crl\"\n", "federation.crl\"\nrevocation = \"accept-unknown\"\n", false, true},
		{"crl         = \"file:federation.crl\"\nrevocation = \"accept-unknown\"\n", "", true, true},
	} {
		if err := w.rewrite(t, step.from, step.to); err != nil {
			t.Fatal(err)
		}
		_, withdrawn := w.dialWith(t, royal)
		_, unknown := w.dialWith(t, eastmoor)
		if (withdrawn == nil) != step.royal || (unknown == nil) != step.eastmoor {
			t.Errorf("%q: the withdrawn %v, the other %v", step.to, withdrawn, unknown)
		}
	}
}

// A reload that names a list judges by it who is connected; a ca that stands nearer has
// lists of its own, or none.
func TestNearestListCounts(t *testing.T) {
	w := layOutWards(t, strings.Replace(wardsWithList, "crl         = \"file:federation.crl\"\n", "", 1))
	royal, roam := w.certificate("royal.example.net"), w.certificate("roam1.example.net")
	w.withdraw(t, "federation.crl", w.federation, time.Hour, royal, roam)
	w.withdraw(t, "roaming.crl", w.federation, time.Hour)
	w.run(t)
	conn, err := w.dialWith(t, royal)
	if err != nil {
		t.Fatal(err)
	}
	in := func(p certs.Pair) bool { _, err := w.dialWith(t, p); return err == nil }
	if err := w.rewrite(t, "[eap]\n", "crl = \"file:federation.crl\"\n[eap]\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a reload that names a list: %v", err)
	}
	if in(royal) || in(roam) {
		t.Error("they may connect again")
	}
	for _, nearer := range []string{`crl = "file:roaming.crl"`, `ca = "file:federation-ca.pem"`, `revocation = "none"`} {
		if err := w.rewrite(t, "[federation.eduroam]\n", "[federation.eduroam]\ntransport = \"radsec\"\n"+nearer+"\n"); err != nil {
			t.Fatal(err)
		}
		if in(royal) || !in(roam) {
			t.Errorf("%s, nearer: a controller %v, the federation's proxy %v", nearer, in(royal), in(roam))
		}
		if err := w.rewrite(t, "[federation.eduroam]\ntransport = \"radsec\"\n"+nearer+"\n", "[federation.eduroam]\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// A list that cannot be whose it should be is refused at its place, and nothing changes.
func TestWrongListOfPeers(t *testing.T) {
	w := layOutWards(t, wardsWithList)
	w.withdraw(t, "federation.crl", w.federation, time.Hour)
	w.run(t)
	good := mustBe(w.dialWith(t, w.certificate("royal.example.net")))
	forger := mustBe(certs.NewAuthority("federation", time.Now(), certs.Options{}))
	for content, want := range map[string]string{
		string(mustBe(forger.CRL([]*big.Int{big.NewInt(1)}))): "the list says that it is federation's, and is not signed by it",
		"hello": "it is no revocation list",
	} {
		w.write(t, "federation.crl", content)
		err := w.Reload()
		var problems config.Problems
		if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line != 11 || problems[0].Column != 1 || problems[0].Fix == "" || !strings.Contains(problems[0].Text, want) {
			t.Errorf("%v", err)
		}
	}
	if result, _ := w.login(t, good); !result.Accepted() {
		t.Error(result.Code)
	}
}

// A list that is fetched counts as soon as it is there, and is kept for the next start.
// When it ends and no other comes, so do the connections of its authority.
func TestFetchedListOfPeers(t *testing.T) {
	var list atomic.Pointer[[]byte]
	ln := mustBe(net.Listen("tcp", "127.0.0.1:0"))
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		if text := list.Load(); text != nil {
			_, _ = out.Write(*text)
			return
		}
		out.WriteHeader(http.StatusServiceUnavailable)
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ln) })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	w := layOutWards(t, strings.Replace(wardsWithList, `"file:federation.crl"`, `"http://`+ln.Addr().String()+"/f.crl\"\nlist_folder = \"lists\"", 1))
	w.run(t)
	royal := w.certificate("royal.example.net")
	if _, err := w.dialWith(t, royal); err == nil {
		t.Fatal("it was not fetched, and somebody may connect")
	}
	text := mustBe(w.federation.SignCRL(&x509.RevocationList{NextUpdate: time.Now().Add(time.Hour)}))
	list.Store(&text)
	w.look(t)
	conn, err := w.dialWith(t, royal)
	if err != nil {
		t.Fatal(err)
	}
	if kept := mustBe(filepath.Glob(filepath.Join(w.folder, "lists", "*.crl"))); len(kept) != 1 {
		t.Errorf("kept: %v", kept)
	}
	eventually(t, "everybody was judged by that list", func() bool { return !w.lists.Load() })
	w.skew.Store(int64(2 * time.Hour))
	w.look(t)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection outlives the list: %v", err)
	}
}

// A home is a server of another organisation that is reached by RadSec: it refuses
// everybody.
type home struct {
	pair    certs.Pair
	address string
	open    atomic.Int32
}

func (w *wardTrust) home(tb testing.TB, name string) *home {
	tb.Helper()
	h := &home{pair: w.certificate(name)}
	ln := mustBe(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{h.pair.Certificate}, ClientAuth: tls.RequireAnyClientCert}))
	h.address = ln.Addr().String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { h.answer(conn) })
		}
	})
	tb.Cleanup(func() { _ = ln.Close(); serving.Wait() })
	return h
}

func (h *home) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r, counted := bufio.NewReader(conn), false
	for {
		head, err := r.Peek(4)
		if err != nil {
			break
		}
		if !counted { // by a packet: a handshake of which the other side thinks ill does not count
			h.open.Add(1)
			counted = true
		}
		b := make([]byte, binary.BigEndian.Uint16(head[2:]))
		if _, err := io.ReadFull(r, b); err != nil {
			break
		}
		in := mustBe(radius.Parse(b, []byte("radsec")))
		code := radius.CodeAccessReject
		if in.Code == radius.CodeStatusServer {
			code = radius.CodeAccessAccept
		}
		out := in.Response(code)
		for _, a := range in.Attributes {
			if a.Type == rfc2865.ProxyState_Type {
				out.Add(a.Type, a.Attribute)
			}
		}
		if _, err := conn.Write(mustBe(out.Encode())); err != nil {
			break
		}
	}
	if counted {
		h.open.Add(-1)
	}
}

// askAt has somebody of camford ask through a home.
func askAt(tb testing.TB, through realms.Home) error {
	tb.Helper()
	p := radius.New(radius.CodeAccessRequest, []byte(testSecret))
	_ = rfc2865.UserName_SetString(p, "s@camford.ac.uk")
	_ = rfc2865.UserPassword_SetString(p, "a password")
	c := through.Open(realms.Question{From: realms.Identity{User: "s", Realm: "camford.ac.uk"}})
	defer c.Close()
	_, err := c.Answer(tb.Context(), p)
	return err
}

// Holds R30 and S12 of those whom we ask: a newer list ends the connection to a server
// that it names and has it refused with the reason in the log; the next server is asked
// meanwhile. Servers that were found in DNS are judged by the same lists.
func TestR30WithdrawnServerIsNotAsked(t *testing.T) {
	w := layOutWards(t, wardsWithList)
	one, two, found := w.home(t, "roam1.example.net"), w.home(t, "roam2.example.net"), w.home(t, "radius.camford.example")
	w.write(t, "causeway.toml", strings.NewReplacer(
		"[federation.eduroam]\n", fmt.Sprintf("[federation.eduroam]\ntransport = \"radsec\"\nservers = [{ name = \"one\", address = %q, names = [\"roam1.example.net\"] }, { name = \"two\", address = %q, names = [\"roam2.example.net\"] }]\n", one.address, two.address),
		"[[site]]\nname = \"Royal", "[[ssid]]\nname = \"eduroam\"\nfederation = \"eduroam\"\n[[site]]\nname = \"Royal").Replace(wardsWithList))
	w.withdraw(t, "federation.crl", w.federation, time.Hour)
	w.run(t)
	h := w.house.Load()
	opener := &homes{file: h.file, cards: h.cards, now: time.Now, onHome: func(string, string, string, bool, string) {}, onChange: func(string, string, string, string, string) {}}
	fed := h.file.Federation["eduroam"]
	fed.Discovery = &config.Discovery{WithoutNAIRealm: true}
	direct := mustBe(opener.openDiscovered("eduroam", fed, "camford.ac.uk", []discovery.Target{{Host: "radius.camford.example", Address: netip.MustParseAddrPort(found.address)}}))
	defer direct.Close()
	pool := h.pools[0].Pool
	for name, p := range map[string]realms.Home{"the federation's": pool, "found in DNS": direct} {
		if err := askAt(t, p); !errors.Is(err, realms.ErrUpstreamRejected) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	old := mustBe(opener.openDiscovered("eduroam", fed, "camford.ac.uk", []discovery.Target{{Host: "radius.camford.example", Address: netip.MustParseAddrPort(found.address)}}))
	defer old.Close()
	if err := askAt(t, old); !errors.Is(err, realms.ErrUpstreamRejected) {
		t.Fatal(err)
	}
	h.discovers("eduroam", &discovered{realms: map[string]*reached{"camford.ac.uk": {pool: direct}}, retired: map[*upstream.Pool]*time.Timer{old: nil}})
	if one.open.Load() != 1 || two.open.Load() != 0 {
		t.Fatalf("%d and %d connections", one.open.Load(), two.open.Load())
	}

	w.withdraw(t, "federation.crl", w.federation, time.Hour, one.pair, found.pair)
	w.look(t)
	eventually(t, "the connection to the withdrawn server ends", func() bool { return one.open.Load() == 0 })
	if err := askAt(t, pool); !errors.Is(err, realms.ErrUpstreamRejected) {
		t.Errorf("the other server: %v", err)
	}
	if one.open.Load() != 0 || two.open.Load() != 1 {
		t.Errorf("%d and %d connections", one.open.Load(), two.open.Load())
	}
	w.says(t, "an upstream server changed", "its certificate was withdrawn on 3 March 2026 09:00 UTC (the key was stolen), says file:")
	eventually(t, "those that were found in DNS end, too", func() bool { return found.open.Load() == 0 })
	if err := askAt(t, direct); !errors.Is(err, realms.ErrUpstreamDown) || !strings.Contains(err.Error(), "its certificate was withdrawn on 3 March 2026") {
		t.Errorf("found in DNS: %v", err)
	}
}

// An intermediate that its own authority has withdrawn takes its peers along. Where a
// certificate has several ways to an authority, a good one is enough; one of which nobody
// says anything does not excuse another on which something was withdrawn.
func TestWaysOfPeers(t *testing.T) {
	w := layOutWards(t, wardsWithList)
	issuer := mustBe(w.federation.Intermediate("issuer of the federation", certs.Options{}))
	silent := mustBe(w.federation.Intermediate("another issuer", certs.Options{}))
	leaf := mustBe(issuer.Peer([]string{"royal.example.net"}, certs.Options{})).Certificate.Leaf
	root := w.federation.Certificate()
	through := func(a *certs.Authority) []*x509.Certificate { return []*x509.Certificate{leaf, a.Certificate(), root} }
	of := func(a *certs.Authority) certs.Pair {
		return certs.Pair{Certificate: tls.Certificate{Leaf: a.Certificate()}}
	}
	judge := func(word string, list func(), chains ...[]*x509.Certificate) string {
		list()
		w.write(t, "causeway.toml", strings.Replace(wardsWithList, `"file:federation.crl"`, `["file:federation.crl", "file:issuer.crl"]`+word, 1))
		file, problems := config.Load(filepath.Join(w.folder, "causeway.toml"), config.SecretsRequired)
		if problems != nil {
			t.Fatal(problems)
		}
		l := openPeerLists(file)[0]
		l.registry = mustBe(revocation.New(revocation.Config{Anchors: l.anchors, Lists: l.trust.CRL}))
		defer l.registry.Close()
		if err := l.judge(chains); err != nil {
			return err.Error()
		}
		return ""
	}
	nothing := func() {
		w.withdraw(t, "federation.crl", w.federation, time.Hour)
		w.withdraw(t, "issuer.crl", issuer, time.Hour)
	}
	middle := func() {
		w.withdraw(t, "federation.crl", w.federation, time.Hour, of(issuer))
		w.withdraw(t, "issuer.crl", issuer, time.Hour)
	}
	const accept = "\nrevocation = \"accept-unknown\""
	for name, c := range map[string]struct {
		word   string
		list   func()
		chains [][]*x509.Certificate
		want   string
	}{
		"nothing was withdrawn":               {"", nothing, [][]*x509.Certificate{through(issuer)}, ""},
		"the issuer was":                      {"", middle, [][]*x509.Certificate{through(issuer)}, "the certificate of issuer of the federation, which vouches for it, was withdrawn on 3 March 2026"},
		"and nobody else is asked":            {accept, middle, [][]*x509.Certificate{through(issuer)}, "issuer of the federation, which vouches for it, was withdrawn"},
		"an issuer of whom there is no list":  {"", nothing, [][]*x509.Certificate{through(silent)}, "there is no list of another issuer: nobody says whether it was withdrawn"},
		"who is accepted":                     {accept, nothing, [][]*x509.Certificate{through(silent)}, ""},
		"one way is good":                     {"", nothing, [][]*x509.Certificate{through(silent), through(issuer)}, ""},
		"the unknown does not excuse the bad": {accept, middle, [][]*x509.Certificate{through(silent), through(issuer)}, "issuer of the federation, which vouches for it, was withdrawn"},
		"nor when it comes last":              {accept, middle, [][]*x509.Certificate{through(issuer), through(silent)}, "issuer of the federation, which vouches for it, was withdrawn"},
	} {
		if got := judge(c.word, c.list, c.chains...); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
