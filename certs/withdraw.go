package certs

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"time"

	"golang.org/x/crypto/ocsp"
)

// CRL returns a revocation list in DER, signed now, that lists the serial
// numbers given. It is good until the authority itself ends.
func (a *Authority) CRL(revoked []*big.Int) ([]byte, error) {
	list := &x509.RevocationList{}
	for _, serial := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: serial, RevocationTime: a.now})
	}
	return a.SignCRL(list)
}

// SignCRL signs a revocation list. Of its fields ThisUpdate, NextUpdate and Number
// have good values when they are zero: an hour ago, the authority's own end, and
// the time.
func (a *Authority) SignCRL(list *x509.RevocationList) ([]byte, error) {
	if list.ThisUpdate.IsZero() {
		list.ThisUpdate = a.now.Add(-time.Hour)
	}
	if list.NextUpdate.IsZero() {
		list.NextUpdate = a.cert.NotAfter
	}
	if list.Number == nil {
		list.Number = big.NewInt(a.now.Unix())
	}
	return x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
}

// OCSP signs an answer of a responder that uses the authority's own key (RFC 6960).
// Its ThisUpdate, when it is zero, is an hour ago.
func (a *Authority) OCSP(answer ocsp.Response) ([]byte, error) {
	if answer.ThisUpdate.IsZero() {
		answer.ThisUpdate = a.now.Add(-time.Hour)
	}
	return ocsp.CreateResponse(a.cert, a.cert, answer, a.key)
}
