package vlan

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// What a device proved of itself, and what a certificate says of who vouched for
// it, are conditions of a rule and of a guarantee as a group is: our own people's
// only, and refused where they cannot be seen.

// A device is what is known of a device's own credential.
type device uint8

const (
	deviceHidden     device = iota // in a rule: any
	deviceUnverified               // it proved nothing of its own
	deviceVerified                 // it proved itself by a credential of its own
	devices
)

// deviceNames are the names in a rule and in Facts.
var deviceNames = [devices]string{"", "unverified", "verified"}

// deviceOf reads a name; what is no name is hidden, and rules that ask refuse.
func deviceOf(name string) device {
	switch name {
	case "unverified":
		return deviceUnverified
	case "verified":
		return deviceVerified
	}
	return deviceHidden
}

// wanted is what a rule or a guarantee asks of the device and of the certificate.
// The zero value asks nothing.
type wanted struct {
	asks   bool // for anything at all
	device device
	issuer int // an authority; 0: any, or no certificate at all
	policy int // a certificate policy; 0: any
}

// met holds the conditions against a person, as rule.judge does.
func (w *wanted) met(s *subject) verdict {
	v := matches
	if w.device != deviceHidden && w.device != s.device {
		if s.device != deviceHidden {
			return otherDevice
		}
		v = deviceUnseen
	}
	if w.issuer != 0 && w.issuer != s.issuer {
		if !s.certificateUnknown {
			return otherIssuer
		}
		v = certificateUnseen
	}
	if w.policy != 0 && !s.marks.has(w.policy) {
		if !s.certificateUnknown {
			return otherPolicy
		}
		v = certificateUnseen
	}
	return v
}

// wants resolves the three conditions of a rule or of a guarantee, and refuses
// those that nobody could ever meet.
func (r *reader) wants(key, whose, device, issuer, policy string) wanted {
	w := wanted{asks: device+issuer+policy != ""}
	if device != "" {
		if w.device = deviceOf(device); w.device == deviceHidden {
			r.refuse(key+".device", suggest(device, deviceNames[deviceUnverified:], `write "verified", for one that proved itself by a credential of its own, or "unverified"`),
				"%s asks for device %q, which is neither verified nor unverified", whose, device)
		}
		r.policy.asksDevice = true
	}
	if issuer != "" {
		w.issuer = r.issuer(key+".issuer", whose, issuer)
	}
	if policy != "" {
		w.policy = r.certificatePolicy(key+".policy", whose, policy)
	}
	return w
}

func (r *reader) issuer(key, whose, name string) int {
	switch {
	case slices.Contains(r.cfg.Authorities, name):
		return number(&r.policy.issuerAt, r.policy.issuers, name, name)
	case len(r.cfg.Authorities) == 0:
		r.refuse(key, noAuthority, "%s asks for a certificate issued by %s, and there is no authority whose certificates are taken", whose, name)
	default:
		r.refuse(key, suggest(name, r.cfg.Authorities, "name one that there is: "+strings.Join(r.cfg.Authorities, ", ")),
			"%s asks for a certificate issued by %s, and there is no such authority", whose, name)
	}
	return 0
}

const noAuthority = "set client_ca in [eap] or add an [[eap.authority]], or drop this"

func (r *reader) certificatePolicy(key, whose, name string) int {
	switch oid, err := x509.ParseOID(name); {
	case err != nil || oid.String() != name:
		r.refuse(key, `write its numbers with dots between them: policy = "1.3.6.1.4.1.99999.1.2"`, "%s asks for policy %q, which is no object identifier", whose, name)
	case len(r.cfg.Authorities) == 0:
		r.refuse(key, noAuthority, "%s asks for a certificate under policy %s, and there is no authority whose certificates are taken", whose, name)
	default:
		return number(&r.policy.markAt, r.policy.policies, name, name)
	}
	return 0
}

// refuseUnseen refuses conditions on the device or the certificate of those whose
// device and certificate are never seen here.
func (r *reader) refuseUnseen(key, whose, whom string, w who, asks [3]condition) {
	for _, c := range asks {
		if c.value != "" && w.audience != everybody && !w.answeredHere() {
			r.refuse(key+"."+c.name, "drop "+c.name+", or name one of our own realms",
				"%s asks %s for %s %q, and a visitor's device and certificate are not seen here", whose, whom, c.name, c.value)
		}
	}
}

// refuseByPassword refuses conditions that a plain password cannot meet.
func (r *reader) refuseByPassword(key, whose string, m method, asks [3]condition) {
	for _, c := range asks {
		if c.value != "" && c.value != deviceNames[deviceUnverified] && m == methodPAP {
			r.refuse(key, "drop eap, or drop "+c.name, "%s asks for %s %q by pap, which proves a password and nothing else", whose, c.name, c.value)
		}
	}
}

// A condition is one that was written, with its key.
type condition struct{ name, value string }

func credentialConditions(device, issuer, policy string) [3]condition {
	return [3]condition{{"device", device}, {"issuer", issuer}, {"policy", policy}}
}

// credentialWords say the conditions in a sentence: " on a verified device with a
// certificate issued by device-ca under policy 1.2.3".
func credentialWords(device, issuer, policy string) string {
	var b strings.Builder
	switch device {
	case "":
	case deviceNames[deviceUnverified]:
		b.WriteString(" on an unverified device")
	default:
		b.WriteString(" on a " + device + " device")
	}
	if issuer != "" || policy != "" {
		b.WriteString(" with a certificate")
	}
	if issuer != "" {
		fmt.Fprintf(&b, " issued by %s", issuer)
	}
	if policy != "" {
		fmt.Fprintf(&b, " under policy %s", policy)
	}
	return b.String()
}

// certificateOf notes what a certificate shows; without one nothing is shown.
func (p *Policy) certificateOf(f *Facts, s *subject) {
	if f.CertificateUnknown {
		s.certificateUnknown = true
		return
	}
	if f.Issuer == "" {
		return
	}
	s.issuer = p.issuers[f.Issuer]
	for _, oid := range f.Policies {
		if i := p.policies[oid]; i != 0 {
			s.marks.add(i, len(p.markAt))
		}
	}
}
