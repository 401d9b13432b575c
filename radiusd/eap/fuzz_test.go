package eap

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// Holds S6: garbage at any step of a conversation never panics and never leads to
// an Accept by itself.
func FuzzConversation(f *testing.F) {
	f.Add(byte(0), byte(2), true, []byte{0xC0, 0, 0, 0, 9, 1, 2})
	f.Add(byte(1), byte(4), true, []byte{0, 0x17, 3, 3, 0, 1, 0})
	f.Add(byte(7), byte(3), true, []byte{0, 0x15, 3, 3, 0, 2, 2, 48})
	f.Add(byte(6), byte(5), false, []byte{2, 0, 0, 5, 25})
	s, err := New(theWard().config())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, which, at byte, data bool, garbage []byte) {
		if len(garbage) > 4000 {
			return
		}
		way := ways[int(which/2)%len(ways)]
		p := meet(t, s, versions[which%2], way, nobody, amy, "correct horse")
		message := identityResponse(p.name)
		for step := 0; ; step++ {
			if step == int(at%9) {
				evil := garbage
				if data {
					evil = packet.Packet{Code: packet.Response, ID: message[1], Type: p.kind, Data: garbage}.Encode()
				}
				a, err := p.conv.Answer(context.Background(), access(nobody, evil, 0))
				if reasonOf(err) == realms.ErrInternal {
					t.Fatal(err)
				}
				ack := len(garbage) == 1 || data && len(garbage) == 5 && bytes.Equal(garbage[1:], []byte{0, 0, 0, 0})
				if a.Code == radius.CodeAccessAccept && !ack && !bytes.Equal(evil, message) {
					t.Fatalf("accepted %x", evil)
				}
				if !errors.Is(err, realms.ErrDiscard) {
					return
				}
			}
			a, err := p.send(message)
			if a.Code != radius.CodeAccessChallenge {
				if a.Code != radius.CodeAccessAccept {
					t.Fatalf("garbage that was discarded did harm: %v", err)
				}
				return
			}
			message = p.respond(a.EAP)
		}
	})
}

// Holds S6 and S7 inside the tunnels.
func FuzzInside(f *testing.F) {
	f.Add([]byte("\x01"+amy), []byte{26, 2, 2, 0, 54, 49}, []byte{26, 3}, []byte{2, 4, 0, 11, 33, 0x80, 3, 0, 2, 0, 1})
	f.Add(papInner(amy, "wrong")(nil), []byte{}, []byte{}, []byte{})
	s, err := New(theWard().config())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b, c, d []byte) {
		if bytes.Contains(a, []byte("correct horse")) {
			return
		}
		p, q := peapInside(s), ttlsInside(s, make([]byte, 17))
		defer p.in.Close()
		defer func() { q.in.Close() }()
		p.begin()
		for _, message := range [][]byte{a, b, c, d} {
			if _, account, _ := p.hear(context.Background(), message); account != nil {
				t.Fatal("PEAP accepted")
			}
			if _, account, _ := q.next(context.Background(), message); account != nil {
				t.Fatal("TTLS accepted")
			}
		}
	})
}

// Names come from extensions that a stranger wrote.
func FuzzCertificateNames(f *testing.F) {
	leaf, err := x509.ParseCertificate(theWard().clients[amy].Certificate[0])
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range leaf.Extensions {
		if e.Id.Equal(oidSubjectAltName) {
			f.Add(e.Value)
		}
	}
	f.Fuzz(func(t *testing.T, san []byte) {
		names := certificateNames(&x509.Certificate{Extensions: []pkix.Extension{{Id: oidSubjectAltName, Value: san}}})
		if len(names) > mostNames {
			t.Fatal(len(names))
		}
	})
}

func TestCertificateNames(t *testing.T) {
	upn := func(name string) pkix.Extension {
		value := must(asn1.MarshalWithParams(name, "utf8,explicit,tag:0"))
		other := append(must(asn1.Marshal(oidUPN)), value...)
		entry := must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: other}))
		san := must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: entry}))
		return pkix.Extension{Id: oidSubjectAltName, Value: san}
	}
	amyID := realms.Identity{User: "amy", Realm: testRealm}
	benID := realms.Identity{User: "ben", Realm: testRealm}
	pc := realms.Identity{User: "host/pc01." + testRealm, Realm: testRealm}
	for what, x := range map[string]struct {
		leaf x509.Certificate
		want []realms.Identity
	}{
		"mail before UPN":    {x509.Certificate{EmailAddresses: []string{amy}, Extensions: []pkix.Extension{upn("ben@" + testRealm)}}, []realms.Identity{amyID, benID}},
		"UPN alone":          {x509.Certificate{Extensions: []pkix.Extension{upn(amy)}, Subject: pkix.Name{CommonName: "ben@" + testRealm}}, []realms.Identity{amyID}},
		"CN alone":           {x509.Certificate{Subject: pkix.Name{CommonName: amy}}, []realms.Identity{amyID}},
		"CN that is no name": {x509.Certificate{Subject: pkix.Name{CommonName: "Amy Pond"}}, nil},
		"mail that is none":  {x509.Certificate{EmailAddresses: []string{"amy"}, Subject: pkix.Name{CommonName: amy}}, []realms.Identity{amyID}},
		"a computer":         {x509.Certificate{DNSNames: []string{"pc01." + testRealm}}, []realms.Identity{pc}},
		"nothing":            {x509.Certificate{}, nil},
	} {
		got := certificateNames(&x.leaf)
		if len(got) != len(x.want) {
			t.Errorf("%s: %v", what, got)
			continue
		}
		for i := range got {
			if got[i] != x.want[i] {
				t.Errorf("%s: %v", what, got)
			}
		}
	}
	s := serve(t, nil)
	if _, err := s.chooseName(realms.Identity{Realm: testRealm}, nil); reasonOf(err) != realms.ErrClientCertIdentity {
		t.Error(err)
	}
	if id, err := s.chooseName(benID, []realms.Identity{amyID, benID}); err != nil || id != benID {
		t.Error("the name that agrees is not chosen", id, err)
	}
}

// hostileChain returns a leaf and n certificates of one name, each of which could
// have signed each other: a search for a path without bounds would not end.
func hostileChain(n int) tls.Certificate {
	name := pkix.Name{CommonName: "Loop"}
	make1 := func(serial int64, ca bool, parent *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: name, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: ca, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		if parent == nil {
			parent = key
		}
		return must(x509.CreateCertificate(rand.Reader, c, &x509.Certificate{Subject: name}, key.Public(), parent)), key
	}
	var chain tls.Certificate
	_, signer := make1(1, true, nil)
	der, leaf := make1(2, false, signer)
	chain.Certificate, chain.PrivateKey = [][]byte{der}, leaf
	for i := range n {
		der, _ := make1(int64(i+3), true, signer)
		chain.Certificate = append(chain.Certificate, der)
	}
	return chain
}

// Holds S5: a chain made to be searched for ever is a Reject.
func TestS5HostileChain(t *testing.T) {
	s := serve(t, nil)
	chain := hostileChain(80)
	for _, version := range versions {
		cfg := theWard().clientTLS(version, "")
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &chain, nil }
		p := newPeer(t, s, nobody, packet.TLS, cfg, nil)
		p.size = 1398
		started := time.Now()
		if _, err := p.login(); reasonOf(err) != realms.ErrClientCertUntrusted {
			t.Error(err)
		}
		t.Logf("%s: %d requests, %v", tls.VersionName(version), p.rounds, time.Since(started))
	}
	// One that does not fit is refused by its length.
	chain = hostileChain(200)
	cfg := theWard().clientTLS(tls.VersionTLS13, "")
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &chain, nil }
	p := newPeer(t, s, nobody, packet.TLS, cfg, nil)
	p.size = 1398
	if _, err := p.login(); reasonOf(err) != realms.ErrTooLarge {
		t.Error(err)
	}
}
