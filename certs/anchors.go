package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
)

// An Anchor is an authority whose certificates people and devices may show, under
// the name that the configuration gives it. Its certificates need not be roots:
// what stands above one is not looked at.
type Anchor struct {
	Name         string
	Certificates []*x509.Certificate

	key string // of the configuration, below [eap]
}

// A keyID is an authority as its certificates' issuers know it: a name and a
// key. The certificate may have been renewed, or signed by another root.
type keyID [sha256.Size]byte

func keyOf(c *x509.Certificate) keyID {
	h := sha256.New()
	_, _ = h.Write(c.RawSubject)
	_, _ = h.Write(c.RawSubjectPublicKeyInfo)
	return keyID(h.Sum(nil))
}

func (m *Material) loadAnchor(a AnchorReference, key string) error {
	called := anchorTitle(a.Name)
	text, err := readPEM(called, a.CA)
	if err != nil {
		return err
	}
	list, err := parseCertificates(describe(a.CA), text)
	if err != nil {
		return fmt.Errorf("%s: %w", called, err)
	}
	for _, c := range list {
		if !c.IsCA {
			return fmt.Errorf("%s: %s: %s is not an authority: it has to be the certificate of whoever issues "+
				"certificates to the devices, not a device's own", called, describe(a.CA), title(c))
		}
	}
	m.Anchors = append(m.Anchors, Anchor{a.Name, list, key})
	return nil
}

// anchorTitle is what errors and findings call an anchor.
func anchorTitle(name string) string {
	if name == ClientCA {
		return name
	}
	return fmt.Sprintf("authority %q", name)
}

// arrangeAnchors fills in what handshakes need of the anchors. An authority that
// two of them hold would speak for both, so that is an error.
func (m *Material) arrangeAnchors() error {
	if len(m.Anchors) == 0 {
		return nil
	}
	m.ClientCAs, m.anchorOf = x509.NewCertPool(), map[keyID]int{}
	for i, a := range m.Anchors {
		if slices.ContainsFunc(m.Anchors[:i], func(o Anchor) bool { return o.Name == a.Name }) {
			return fmt.Errorf("two authorities are called %q", a.Name)
		}
		for _, c := range a.Certificates {
			if first, taken := m.anchorOf[keyOf(c)]; taken && first != i {
				return fmt.Errorf("%s and %s both hold %s: nobody could tell which of the two vouches for its certificates",
					anchorTitle(m.Anchors[first].Name), anchorTitle(a.Name), title(c))
			}
			m.anchorOf[keyOf(c)] = i
			m.ClientCAs.AddCert(c)
			m.Authorities = append(m.Authorities, c)
		}
	}
	return nil
}

// AnchorOf returns the anchor that vouches for the first certificate of a verified
// chain, and the chain up to and with that anchor's certificate. It is the one
// nearest to the leaf: an authority that has a block of its own speaks for itself,
// whatever stands above it and whatever a device sends along.
//
// A certificate that is an anchor itself is vouched for by nobody. The anchor is
// nil when there is none, as after a reload that dropped it.
func (m *Material) AnchorOf(chain []*x509.Certificate) (anchor *Anchor, path []*x509.Certificate) {
	for i := 1; i < len(chain); i++ {
		if at, known := m.anchorOf[keyOf(chain[i])]; known {
			return &m.Anchors[at], chain[:i+1]
		}
	}
	return nil, nil
}
