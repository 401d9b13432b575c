package revocation

import (
	"crypto/x509"
	"encoding/asn1"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Holds S6: whatever the octets, reading a list ends with a list or an error, and
// one that its issuer did not sign never counts.
func FuzzList(f *testing.F) {
	p := thePKI()
	f.Add(crl(p.root, nil))
	f.Add(crl(p.root, nil, p.nurse))
	f.Add(withoutNext509())
	good := map[string]bool{string(crl(p.root, nil)): true}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parseList(text)
		if (l == nil) == (err == nil) {
			t.Fatalf("list %v, error %v", l != nil, err)
		}
		if l == nil {
			return
		}
		l.covers(p.nurse)
		l.fresh(time.Now())
		if l.signedBy(p.middle.Certificate()) && !good[string(text)] {
			t.Fatal("it is nobody's, and counts as the intermediate's")
		}
	})
}

// Holds S6 for the scope of a list.
func FuzzScope(f *testing.F) {
	for _, fields := range [][]byte{nil, flag(1), flag(2), flag(4), flag(5), {0x83, 2, 1, 2}, point(address("http://x/")), join(point(address("http://x/")), flag(1))} {
		f.Add(must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: fields})))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := readScope(value)
		if err == nil && s.people && s.authorities {
			t.Fatal("a list of nobody")
		}
	})
}

// Holds S6 for answers of OCSP: none that was not signed for this certificate counts.
func FuzzAnswer(f *testing.F) {
	p := thePKI()
	for _, status := range []int{ocsp.Good, ocsp.Revoked, ocsp.Unknown} {
		f.Add(must(saying(p.middle, status, time.Hour)(p.nurse.SerialNumber)))
		f.Add(must(saying(p.root, status, time.Hour)(p.doctor.SerialNumber)))
	}
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, der []byte) {
		if said, err := readAnswer(der, p.nurse, p.root.Certificate(), time.Now()); err == nil {
			t.Fatalf("nobody said so: %+v", said)
		}
		_ = checkSubject(der, p.nurse, p.root.Certificate())
	})
}

// Holds S6 for addresses in certificates: one that is allowed has the host and the
// beginning that the configuration has.
func FuzzAllowed(f *testing.F) {
	for _, text := range []string{"http://pki.example.org/crl/a", "http://pki.example.org/crl/../a", "http://pki.example.org@evil/crl/a", "http://pki.example.org:80/crl/%2e%2e/a"} {
		f.Add(text)
	}
	may := must(newAllowed([]string{"http://pki.example.org/crl/"}))
	f.Fuzz(func(t *testing.T, text string) {
		if !may.has(text) {
			return
		}
		u := must(parseAddress(text))
		if u.Scheme != "http" || portOf(u) != "80" || len(u.EscapedPath()) < len("/crl/") || u.EscapedPath()[:5] != "/crl/" {
			t.Fatalf("%q is allowed", text)
		}
		leaf := &x509.Certificate{OCSPServer: []string{text}}
		if (&Registry{allowed: may}).responderOf(leaf) != text {
			t.Fatal("allowed, and not asked")
		}
	})
}
