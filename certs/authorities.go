package certs

import "crypto/x509"

// ReadAuthorities reads the authorities whose certificates somebody accepts, as
// a reference to PEM. An empty reference gives nil, which crypto/tls takes for
// the authorities of the system.
func ReadAuthorities(ref string) (*x509.CertPool, error) {
	if ref == "" {
		return nil, nil
	}
	text, err := readPEM("the authorities", ref)
	if err != nil {
		return nil, err
	}
	list, err := parseCertificates(describe(ref), text)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool, nil
}
