package revocation

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"causeway/certs"
)

// What a list in a file says of a certificate that it names and of one that it does
// not name.
func TestListsInFiles(t *testing.T) {
	p := thePKI()
	until := func(from, to time.Duration) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) { l.ThisUpdate, l.NextUpdate = time.Now().Add(from), time.Now().Add(to) }
	}
	for name, c := range map[string]struct {
		list         []byte
		named, other string
	}{
		"fresh":              {crl(p.root, nil, p.nurse), "withdrawn", "good"},
		"empty":              {crl(p.root, nil), "good", "good"},
		"in PEM":             {pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl(p.root, nil, p.nurse)}), "withdrawn", "good"},
		"ended":              {crl(p.root, until(-2*time.Hour, -time.Hour), p.nurse), "withdrawn", "unknown"},
		"to come":            {crl(p.root, until(time.Hour, 2*time.Hour), p.nurse), "withdrawn", "unknown"},
		"a clock ahead":      {crl(p.root, until(time.Minute, time.Hour), p.nurse), "withdrawn", "good"},
		"somebody's":         {crl(must(certs.NewAuthority("others", time.Now(), certs.Options{})), nil, p.nurse), "unknown", "unknown"},
		"of the level below": {crl(p.middle, nil, p.nurse), "unknown", "unknown"},
	} {
		r := open(t, p, Config{Lists: []string{"file:" + file(t, c.list)}})
		why := expect(t, r, name+", named", p.chain(p.nurse), c.named)
		if c.named == "withdrawn" && (!strings.Contains(why, "nurse@northbridge.nhs.uk") || !strings.Contains(why, "the key was stolen")) {
			t.Errorf("%s: it does not say whose and why: %s", name, why)
		}
		expect(t, r, name+", not named", p.chain(p.doctor), c.other)
	}
}

// A file that cannot be used is an error of New, and says what it is.
func TestListsThatAreRefused(t *testing.T) {
	p := thePKI()
	forged := must(certs.NewAuthority("devices", time.Now(), certs.Options{}))
	critical := func(id asn1.ObjectIdentifier, value []byte) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: id, Critical: true, Value: value}}
		}
	}
	idp := func(fields ...[]byte) func(*x509.RevocationList) {
		return critical(oidIDP, must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: join(fields...)})))
	}
	for name, c := range map[string]struct {
		list []byte
		want string
	}{
		"empty":                      {nil, "no revocation list"},
		"a certificate":              {p.nurse.Raw, "no revocation list"},
		"cut short":                  {crl(p.root, nil, p.nurse)[:100], "no revocation list"},
		"signed by another":          {crl(forged, nil), "says that it is devices's, and is not signed by it"},
		"delta":                      {crl(p.root, critical(oidDelta, must(asn1.Marshal(5)))), "delta list"},
		"indirect":                   {crl(p.root, idp(flag(4))), "indirect list"},
		"of some reasons":            {crl(p.root, idp([]byte{0x83, 2, 1, 2})), "for some reasons"},
		"of attribute certificates":  {crl(p.root, idp(flag(5))), "attribute certificates"},
		"of people and authorities":  {crl(p.root, idp(flag(1), flag(2))), "cannot be read"},
		"with a name that is no DN":  {crl(p.root, idp([]byte{0xa0, 4, 0xa1, 2, 0x30, 0})), "no full name"},
		"with no address":            {crl(p.root, idp(point(asn1.RawValue{Class: 2, Tag: 4, IsCompound: true, Bytes: []byte{0x30, 0}}))), "no address"},
		"with a damaged scope":       {crl(p.root, critical(oidIDP, []byte{0x30, 3, 0xa0, 9, 9})), "cannot be read"},
		"with more behind its scope": {crl(p.root, critical(oidIDP, []byte{0x30, 0, 0})), "cannot be read"},
		"with what is not known":     {crl(p.root, critical(asn1.ObjectIdentifier{1, 2, 3}, []byte{5, 0})), "critical extension 1.2.3"},
		"with an entry of another issuer": {crl(p.root, func(l *x509.RevocationList) {
			l.RevokedCertificateEntries[0].ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}}
		}, p.nurse), "critical extension 2.5.29.29"},
	} {
		path := file(t, c.list)
		_, err := New(Config{Anchors: p.anchors(), Lists: []string{"file:" + path}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := CheckFile(path, p.anchors()); err == nil {
			t.Errorf("%s: CheckFile says nothing", name)
		}
	}
	if _, err := New(Config{Lists: []string{"file:/does/not/exist.crl"}}); err == nil {
		t.Error("a file that is not there")
	}
	if _, err := New(Config{Lists: []string{"file:" + t.TempDir()}}); err == nil || !strings.Contains(err.Error(), "not a plain file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := parseList(withoutNext509()); err == nil || !strings.Contains(err.Error(), "when the next one comes") {
		t.Errorf("a list without an end: %v", err)
	}
}

func flag(n byte) []byte { return []byte{0x80 | n, 1, 0xff} }

func point(names ...asn1.RawValue) []byte {
	var all []byte
	for _, n := range names {
		all = append(all, must(asn1.Marshal(n))...)
	}
	full := must(asn1.Marshal(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: all}))
	return must(asn1.Marshal(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: full}))
}

func address(text string) asn1.RawValue { return asn1.RawValue{Class: 2, Tag: 6, Bytes: []byte(text)} }

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// withoutNext509 is a list in which nothing says when the next one comes. crypto/x509
// makes none, so it is taken apart and put together again, and signed by nobody.
func withoutNext509() []byte {
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.RawValue
	}
	if _, err := asn1.Unmarshal(crl(thePKI().root, nil), &outer); err != nil {
		panic(err)
	}
	var kept []byte
	times := 0
	for rest := outer.TBS.Bytes; len(rest) > 0; {
		var field asn1.RawValue
		rest = must(asn1.Unmarshal(rest, &field))
		if field.Tag == asn1.TagUTCTime && field.Class == 0 {
			if times++; times == 2 {
				continue
			}
		}
		kept = append(kept, field.FullBytes...)
	}
	outer.TBS = asn1.RawValue{FullBytes: must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: kept}))}
	return must(asn1.Marshal(outer))
}

// A list in parts speaks for those certificates that name its part, and a list of
// people for no authority.
func TestScopes(t *testing.T) {
	const part = "http://pki.example.org/part7.crl"
	p := thePKI()
	inPart := must(certs.NewAuthority("parts", time.Now(), certs.Options{CRL: part}))
	leaf := client(inPart, "nurse@northbridge.nhs.uk", certs.Options{})
	scoped := func(a *certs.Authority, fields ...[]byte) *list {
		der := crl(a, func(l *x509.RevocationList) {
			value := must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: join(fields...)}))
			l.ExtraExtensions = []pkix.Extension{{Id: oidIDP, Critical: true, Value: value}}
		})
		return must(parseList(der))
	}
	for name, c := range map[string]struct {
		list *list
		of   *x509.Certificate
		want bool
	}{
		"its part":               {scoped(inPart, point(address("ldap:///x"), address(part))), leaf, true},
		"another part":           {scoped(inPart, point(address("http://pki.example.org/part8.crl"))), leaf, false},
		"a part, and none named": {scoped(p.root, point(address(part))), p.nurse, false},
		"people":                 {scoped(p.root, flag(1)), p.nurse, true},
		"people, an authority":   {scoped(p.root, flag(1)), p.middle.Certificate(), false},
		"authorities":            {scoped(p.root, flag(2)), p.middle.Certificate(), true},
		"authorities, a person":  {scoped(p.root, flag(2)), p.nurse, false},
		"all":                    {scoped(p.root), p.nurse, true},
	} {
		if got := c.list.covers(c.of); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	// Whoever stands on a list is withdrawn, whatever else the list is for.
	r := open(t, p, Config{Lists: []string{"file:" + file(t, crl(p.root, func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: oidIDP, Critical: true, Value: must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: flag(2)}))}}
	}, p.nurse))}})
	expect(t, r, "named on a list of authorities", p.chain(p.nurse), "withdrawn")
	expect(t, r, "not named on a list of authorities", p.chain(p.doctor), "unknown")
}

// The whole chain below the anchor is judged: the intermediate by the root's list,
// the leaf by the intermediate's, whose signature is checked when it is seen.
func TestIntermediates(t *testing.T) {
	p := thePKI()
	impostor := must(must(certs.NewAuthority("x", time.Now(), certs.Options{})).Intermediate("wards", certs.Options{}))
	for name, c := range map[string]struct {
		root, middle []byte
		want         string
	}{
		"both fresh":                  {crl(p.root, nil, p.nurse), crl(p.middle, nil), "good"},
		"the leaf is withdrawn":       {crl(p.root, nil), crl(p.middle, nil, p.porter), "withdrawn"},
		"the intermediate is":         {crl(p.root, nil, p.middle.Certificate()), crl(p.middle, nil), "withdrawn"},
		"the intermediate is, alone":  {crl(p.root, nil, p.middle.Certificate()), nil, "withdrawn"},
		"no list of the intermediate": {crl(p.root, nil), nil, "unknown"},
		"no list of the root":         {nil, crl(p.middle, nil), "unknown"},
		"another one of its name":     {crl(p.root, nil), crl(impostor, nil, p.porter), "unknown"},
	} {
		var lists []string
		for _, l := range [][]byte{c.root, c.middle} {
			if l != nil {
				lists = append(lists, "file:"+file(t, l))
			}
		}
		r := open(t, p, Config{Lists: lists})
		for range 2 { // the second time the issuer is known
			expect(t, r, name, p.chain(p.porter), c.want)
		}
		// An intermediate that is the anchor itself is not judged.
		if c.middle != nil && name != "another one of its name" && name != "the leaf is withdrawn" {
			expect(t, r, name+", anchored there", p.chain(p.porter)[:2], "good")
		}
	}
	if err := open(t, p, Config{}).Check(t.Context(), p.chain(p.porter)[2:]); err != nil {
		t.Errorf("an anchor alone: %v", err)
	}
}

// A serial number finds its entry whatever its length and sign.
func TestSerials(t *testing.T) {
	seen := map[serial]string{}
	for _, text := range []string{
		"0", "1", "ff", "100", "-1", "-ff", "ffffffffffffffffffffffffffffffffffffffff", "10000000000000000000000000000000000000000",
		"-10000000000000000000000000000000000000000", "1ffffffffffffffffffffffffffffffffffffffff",
	} {
		n, _ := new(big.Int).SetString(text, 16)
		s := serialOf(n)
		if other, taken := seen[s]; taken {
			t.Errorf("%s and %s are one", text, other)
		}
		seen[s] = text
		if s != serialOf(new(big.Int).Set(n)) {
			t.Errorf("%s is not itself", text)
		}
	}
}

// bigList is a list of n withdrawn certificates, with the serial numbers 2^100+1 to
// 2^100+n.
func bigList(n int) []byte {
	base := new(big.Int).Lsh(big.NewInt(1), 100)
	return crl(thePKI().root, func(l *x509.RevocationList) {
		for i := range n {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
				SerialNumber: new(big.Int).Add(base, big.NewInt(int64(i+1))), RevocationTime: time.Now(), ReasonCode: 4,
			})
		}
	})
}

// 100,000 entries take less than 8 MB once they are read.
func TestIndexOfAHundredThousand(t *testing.T) {
	der := bigList(100_000)
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc) //nolint:gosec // small
	}
	before := heap()
	l := must(parseList(der))
	if !l.signedBy(thePKI().root.Certificate()) {
		t.Fatal("it is the root's")
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("it takes %d KiB", grown>>10)
	} else {
		t.Logf("a list of %d KiB takes %d KiB", len(der)>>10, grown>>10)
	}
	base := new(big.Int).Lsh(big.NewInt(1), 100)
	for i, want := range map[int64]bool{0: false, 1: true, 50_000: true, 100_000: true, 100_001: false} {
		if _, got := l.find(new(big.Int).Add(base, big.NewInt(i))); got != want {
			t.Errorf("entry %d: %v", i, got)
		}
	}
	runtime.KeepAlive(der)
}

// What a log-in pays for a list of 100,000.
func BenchmarkCheck(b *testing.B) {
	p := thePKI()
	r := open(b, p, Config{Lists: []string{"file:" + file(b, bigList(100_000))}})
	chain := p.chain(p.nurse)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Check(b.Context(), chain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	der := bigList(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseList(der); err != nil {
			b.Fatal(err)
		}
	}
}

// Log-ins go on while a list is read, and each sees one list or the next, whole.
func TestChecksWhileListsChange(t *testing.T) {
	p := thePKI()
	path := file(t, crl(p.root, nil, p.nurse))
	r := open(t, p, Config{Lists: []string{"file:" + path}})
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := r.Check(t.Context(), p.chain(p.nurse)); verdict(err) != "withdrawn" {
					t.Errorf("in between: %v", err)
					return
				}
			}
		})
	}
	for i := range 20 {
		write(t, path, crl(p.root, func(l *x509.RevocationList) { l.Number = big.NewInt(int64(i + 1)) }, []*x509.Certificate{p.nurse, p.doctor}[:1+i%2]...))
		r.Refresh(t.Context())
		want := []string{"good", "withdrawn"}[i%2]
		expect(t, r, "after the change", p.chain(p.doctor), want)
	}
	close(done)
	wait.Wait()
}
