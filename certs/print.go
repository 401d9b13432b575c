package certs

import (
	"fmt"
	"io"
)

// Everything in this room that holds a private key prints as what it is, so that
// a %+v somewhere else cannot spill the key into a log or a panic.

// Format prints where the material is, never what it is.
func (c Config) Format(f fmt.State, _ rune) {
	put(f, "certs.Config(certificate %s, private_key %s, client_ca %s, and %d more certificates and %d more authorities)",
		describe(c.Certificate), describe(c.PrivateKey), describe(c.ClientCA), len(c.More), len(c.Anchors))
}

// Format prints the name of the certificate.
func (m Material) Format(f fmt.State, _ rune) {
	if len(m.Chain) == 0 {
		put(f, "certs.Material(none)")
		return
	}
	put(f, "certs.Material(%s)", title(m.Chain[0]))
}

// Format prints where the pair is, never what it is.
func (p PairReference) Format(f fmt.State, _ rune) {
	put(f, "certs.PairReference(certificate %s, private_key %s)", describe(p.Certificate), describe(p.PrivateKey))
}

// Format prints the name of the certificate.
func (s Served) Format(f fmt.State, _ rune) {
	if len(s.Chain) == 0 {
		put(f, "certs.Served(none)")
		return
	}
	put(f, "certs.Served(%s)", title(s.Chain[0]))
}

// Format prints the name of the certificate.
func (k *Keeper) Format(f fmt.State, _ rune) {
	if k == nil {
		put(f, "certs.Keeper(none)")
		return
	}
	put(f, "certs.Keeper(%v)", k.Current())
}

// Format prints the name of the certificate.
func (p Pair) Format(f fmt.State, _ rune) {
	if p.Certificate.Leaf == nil {
		put(f, "certs.Pair(none)")
		return
	}
	put(f, "certs.Pair(%s)", title(p.Certificate.Leaf))
}

// Format prints the name of the authority.
func (a Authority) Format(f fmt.State, _ rune) {
	if a.cert == nil {
		put(f, "certs.Authority(none)")
		return
	}
	put(f, "certs.Authority(%s)", title(a.cert))
}

func put(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
