package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
)

// kindOf names the kind of a certificate's key.
func kindOf(s Served) string {
	switch key := s.Chain[0].PublicKey.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case *rsa.PublicKey:
		return "RSA"
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return s.Chain[0].PublicKeyAlgorithm.String()
}

// preference orders certificates by what a handshake costs and how many clients
// know it: P-256, then other curves, then RSA, which signs five times slower.
func preference(s Served) int {
	switch key := s.Chain[0].PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return 0
		}
		return 1
	case *rsa.PublicKey:
		return 3
	}
	return 2
}

// For chooses the certificate for a client by what its first message offers. It
// fits tls.Config.GetCertificate.
//
// The name that the client asks for does not count: devices on Wi-Fi send none,
// and one that does gets the certificate that its TLS can use, to judge for
// itself. A client that can use none gets the first, and says so in its alert.
func (m *Material) For(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	unnamed := *hello
	unnamed.ServerName = ""
	for i := range m.All {
		if len(m.All) == 1 || unnamed.SupportsCertificate(&m.All[i].Certificate) == nil {
			return &m.All[i].Certificate, nil
		}
	}
	return &m.All[0].Certificate, nil
}
