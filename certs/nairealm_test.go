package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"
)

// Holds a part of R33: the realms of a peer's certificate are read beside its DNS names.
func TestR33RealmsOfACertificate(t *testing.T) {
	a, err := NewAuthority("Roaming authority", time.Now(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"camford.ac.uk"}, []string{"camford.ac.uk"}},
		{[]string{"camford.ac.uk", "*.camford.ac.uk", "Oxbridge.AC.uk"}, []string{"camford.ac.uk", "*.camford.ac.uk", "Oxbridge.AC.uk"}},
		// What no realm of ours could match is as good as absent.
		{[]string{"", "*", "*.", "uk", "camford.ac.uk.", "a.*.uk", "**.ac.uk", "x*.ac.uk", "a..uk", "-a.uk", "a_b.uk", "bücher.example", "a b.uk", "a\x00.uk", "camford.ac.uk\n", "good.ac.uk"}, []string{"good.ac.uk"}},
		{[]string{strings.Repeat("a.", 127) + "uk"}, nil}, // 256 octets
	} {
		pair, err := a.Peer([]string{"radius1.camford.ac.uk", "radius2.camford.ac.uk"}, Options{Names: Names{NAIRealm: tt.in}})
		if err != nil {
			t.Fatal(err)
		}
		leaf := pair.Certificate.Leaf
		if got := NAIRealms(leaf); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q", tt.in, got)
		}
		if !slices.Equal(leaf.DNSNames, []string{"radius1.camford.ac.uk", "radius2.camford.ac.uk"}) {
			t.Errorf("%q: DNS names %q", tt.in, leaf.DNSNames)
		}
		peer, err := PeerOf([]*x509.Certificate{a.Certificate()}, []string{"radius2.camford.ac.uk"})
		if err != nil {
			t.Fatal(err)
		}
		if err := peer.Verify([]*x509.Certificate{leaf}, x509.ExtKeyUsageServerAuth, time.Now()); err != nil {
			t.Errorf("%q: %v", tt.in, err)
		}
	}
	many := make([]string, 3*mostNAIRealms)
	for i := range many {
		many[i] = strings.Repeat("a", 1+i%60) + ".ac.uk"
	}
	pair, err := a.Peer([]string{"radius.camford.ac.uk"}, Options{Names: Names{NAIRealm: many}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(NAIRealms(pair.Certificate.Leaf)); n != mostNAIRealms {
		t.Errorf("of %d realms %d are read", len(many), n)
	}
}

// Holds a part of R33: a realm matches itself, or a star that stands for exactly one
// label (RFC 7585, section 2.2).
func TestR33RealmsMatch(t *testing.T) {
	for _, tt := range []struct {
		certificate, realm string
		want               bool
	}{
		{"camford.ac.uk", "camford.ac.uk", true},
		{"Camford.AC.uk", "camford.ac.UK", true},
		{"camford.ac.uk", "x.camford.ac.uk", false},
		{"camford.ac.uk", "xcamford.ac.uk", false},
		{"camford.ac.uk", "amford.ac.uk", false},
		{"*.camford.ac.uk", "x.camford.ac.uk", true},
		{"*.Camford.ac.uk", "X.camford.ac.uk", true},
		{"*.camford.ac.uk", "camford.ac.uk", false},
		{"*.camford.ac.uk", "x.y.camford.ac.uk", false},
		{"*.camford.ac.uk", ".camford.ac.uk", false},
		{"*.camford.ac.uk", "*.camford.ac.uk", false},
		{"camford.ac.uk", "*.ac.uk", false},
		{"*.ac.uk", "camford.ac.uk", true},
		{"*.ac.uk", "ac.uk", false},
		{"camford.ac.uk", "", false},
		{"", "", false},
		{"kamford.ac.uk", "\u212Aamford.ac.uk", false}, // the Kelvin sign, whose lower case is k
	} {
		if got := MatchNAIRealm([]string{"other.example", tt.certificate}, tt.realm); got != tt.want {
			t.Errorf("%q for %q: %v", tt.certificate, tt.realm, got)
		}
	}
	if MatchNAIRealm(nil, "camford.ac.uk") {
		t.Error("no realms match one")
	}
}

// der makes a tagged value by hand.
func der(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return append([]byte{tag, byte(len(body))}, body...)
}

// Holds a part of R33 and S6: what is not written as the RFC says is no realm, and a
// good one beside it counts.
func TestR33OddlyWrittenRealms(t *testing.T) {
	kind, err := asn1.Marshal(oidNAIRealm)
	if err != nil {
		t.Fatal(err)
	}
	other, err := asn1.Marshal(oidUPN)
	if err != nil {
		t.Fatal(err)
	}
	evil, good := []byte("evil.ac.uk"), der(0xa0, kind, der(0xa0, der(12, []byte("good.ac.uk"))))
	for name, entry := range map[string][]byte{
		"another kind of name":        der(0xa0, other, der(0xa0, der(12, evil))),
		"a DNS name":                  der(0x82, evil),
		"not constructed":             der(0x80, kind, der(0xa0, der(12, evil))),
		"another tag":                 der(0xa1, kind, der(0xa0, der(12, evil))),
		"a printable string":          der(0xa0, kind, der(0xa0, der(19, evil))),
		"an IA5 string":               der(0xa0, kind, der(0xa0, der(22, evil))),
		"a constructed string":        der(0xa0, kind, der(0xa0, der(12|0x20, evil))),
		"another class":               der(0x60, kind, der(0xa0, der(12, evil))),
		"another class inside":        der(0xa0, kind, der(0x60, der(12, evil))),
		"without the explicit tag":    der(0xa0, kind, der(12, evil)),
		"with another explicit tag":   der(0xa0, kind, der(0xa1, der(12, evil))),
		"two strings":                 der(0xa0, kind, der(0xa0, der(12, evil), der(12, evil))),
		"something behind":            der(0xa0, kind, der(0xa0, der(12, evil)), der(5)),
		"nothing in it":               der(0xa0),
		"a kind alone":                der(0xa0, kind),
		"an empty string":             der(0xa0, kind, der(0xa0, der(12))),
		"octets that are not UTF-8":   der(0xa0, kind, der(0xa0, der(12, []byte("evil\xff.ac.uk")))),
		"a zero in the middle":        der(0xa0, kind, der(0xa0, der(12, []byte("evil.ac.uk\x00.good.ac.uk")))),
		"a string cut short, wrapped": der(0xa0, kind, der(0xa0, []byte{12, 40}, evil)),
	} {
		c := &x509.Certificate{Extensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 18}, Value: der(0x30, der(0xa0, kind, der(0xa0, der(12, evil))))}, // its issuer's
			{Id: oidSAN, Value: der(0x30, entry, good)},
		}}
		if got := NAIRealms(c); !slices.Equal(got, []string{"good.ac.uk"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
	for name, value := range map[string][]byte{"nothing": nil, "a set": der(0x31, good), "something behind": append(der(0x30, good), 5, 0), "cut short": der(0x30, good)[:10]} {
		if got := readNAIRealms(value, mostNAIRealms); len(got) != 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Holds S6: whatever the octets, what is read is a realm that can be compared.
func FuzzNAIRealms(f *testing.F) {
	for _, realm := range []string{"camford.ac.uk", "*.camford.ac.uk", "a"} {
		other, err := otherName(oidNAIRealm, realm, "utf8")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der(0x30, other.FullBytes))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		list := readNAIRealms(value, mostNAIRealms)
		if len(list) > mostNAIRealms {
			t.Fatalf("%d realms", len(list))
		}
		for _, realm := range list {
			if len(realm) > longestNAIRealm || strings.ContainsFunc(realm, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				t.Fatalf("%q", realm)
			}
			asked := strings.Replace(realm, "*", "x", 1)
			if !MatchNAIRealm(list, asked) {
				t.Fatalf("%q does not match %q", realm, asked)
			}
			if MatchNAIRealm([]string{realm}, "y."+asked) {
				t.Fatalf("%q matches a realm below it", realm)
			}
		}
	})
}
