package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// readPEM returns what a reference to PEM text holds. Inline PEM works as well;
// a bare path is the usual slip, so it is named as such.
func readPEM(key, ref string) ([]byte, error) {
	kind, _ := split(ref)
	if kind == Literal && !strings.Contains(ref, "-----BEGIN ") {
		if strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, ".") || strings.HasSuffix(ref, ".pem") {
			return nil, fmt.Errorf("%s: write file:%s to name a file", key, ref)
		}
		return nil, fmt.Errorf("%s: write file:/path, cred:name or env:NAME", key)
	}
	b, _, err := read(ref)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return b, nil
}

// parseCertificates returns the certificates of a PEM text in their order.
// Private keys in the same text are skipped. The name is for errors.
func parseCertificates(name string, text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	others := map[string]bool{}
	for rest := text; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			others[block.Type] = true
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d cannot be read: %w", name, len(list)+1, err)
		}
		list = append(list, c)
	}
	if len(list) > 0 {
		return list, nil
	}
	return nil, noCertificate(name, text, others)
}

// noCertificate says what a file without a certificate holds instead.
func noCertificate(name string, text []byte, others map[string]bool) error {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return fmt.Errorf("%s is empty", name)
	case others["CERTIFICATE REQUEST"] || others["NEW CERTIFICATE REQUEST"]:
		return fmt.Errorf("%s holds a certificate request, not the certificate that the authority made from it", name)
	case hasKey(others):
		return fmt.Errorf("%s holds a private key and no certificate: are certificate and private_key swapped?", name)
	case bytes.HasPrefix(text, []byte{0x30, 0x82}):
		return fmt.Errorf("%s is binary (DER or PKCS#12), not PEM: convert it with openssl x509 -inform der, or openssl pkcs12 -nokeys", name)
	}
	return fmt.Errorf("%s holds no certificate in PEM form (no line -----BEGIN CERTIFICATE-----)", name)
}

func hasKey(types map[string]bool) bool {
	for t := range types {
		if strings.HasSuffix(t, "PRIVATE KEY") {
			return true
		}
	}
	return false
}

// parseKey returns the first private key of a PEM text. Its errors never carry
// the text.
func parseKey(name string, text []byte) (crypto.Signer, error) {
	certificates := false
	for rest := text; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, fmt.Errorf("%s holds a private key that is encrypted with a passphrase, and nobody is there to type it "+
				"when the server starts: remove it with openssl pkey, and keep the key as a systemd credential or a file of mode 0600", name)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return parseKeyBlock(name, block)
		case block.Type == "CERTIFICATE":
			certificates = true
		}
	}
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return nil, fmt.Errorf("%s is empty", name)
	case certificates:
		return nil, fmt.Errorf("%s holds a certificate and no private key: are certificate and private_key swapped?", name)
	case bytes.HasPrefix(text, []byte{0x30, 0x82}):
		return nil, fmt.Errorf("%s is binary (DER or PKCS#12), not PEM: convert it with openssl pkey -inform der, or openssl pkcs12 -nodes -nocerts", name)
	}
	return nil, fmt.Errorf("%s holds no private key in PEM form (no line -----BEGIN PRIVATE KEY-----)", name)
}

func parseKeyBlock(name string, block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		// The parser's words could describe the key: they stay here.
		return nil, fmt.Errorf("%s: the private key is damaged or of a kind that is not supported (RSA or ECDSA P-256 is)", name)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: the private key is of a kind that cannot sign: RSA or ECDSA P-256 is needed", name)
	}
	return signer, nil
}

type publicKey interface{ Equal(crypto.PublicKey) bool }

func matches(c *x509.Certificate, key crypto.Signer) bool {
	pub, ok := c.PublicKey.(publicKey)
	return ok && pub.Equal(key.Public())
}

// orderChain checks that a chain reads as TLS sends it: the server's own
// certificate first, then each issuer after the certificate that it issued
// (RFC 5246, section 7.4.2). Clients of TLS 1.2 may refuse any other order.
func orderChain(name string, chain []*x509.Certificate, key crypto.Signer) error {
	if !matches(chain[0], key) {
		for i, c := range chain[1:] {
			if matches(c, key) {
				return fmt.Errorf("%s: the chain is out of order: the server's own certificate (%s) is number %d and must come first",
					name, title(c), i+2)
			}
		}
		return errKeyMismatch
	}
	for i := 0; i+1 < len(chain); i++ {
		if issued(chain[i+1], chain[i]) {
			continue
		}
		for j, c := range chain {
			if j != i && issued(c, chain[i]) {
				return fmt.Errorf("%s: the chain is out of order: certificate %d (%s) issued certificate %d (%s) and must follow it",
					name, j+1, title(c), i+1, title(chain[i]))
			}
		}
		return fmt.Errorf("%s: certificate %d (%s) did not issue certificate %d (%s), so the chain breaks there; "+
			"remove it, or put in the intermediate called %q",
			name, i+2, title(chain[i+1]), i+1, title(chain[i]), chain[i].Issuer.String())
	}
	return nil
}

var errKeyMismatch = errors.New("the private key does not match the certificate")

func issued(parent, child *x509.Certificate) bool {
	return bytes.Equal(parent.RawSubject, child.RawIssuer) && child.CheckSignatureFrom(parent) == nil
}

func selfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// title is what a person calls a certificate.
func title(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	if len(c.DNSNames) > 0 {
		return c.DNSNames[0]
	}
	return c.Subject.String()
}
