package daemon

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"causeway/certs"
	"causeway/certs/revocation"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/eap"
	"causeway/realms"
)

// openKeeper reads the server's certificates and the authorities of the devices. It is
// nil when the file names no certificate, and when files are not on this machine,
// which a check on an admin's own does without; the file warns of that.
func openKeeper(file *config.File) (*certs.Keeper, error) {
	c := certs.Config{ClientCA: file.EAP.ClientCA, Stapling: file.EAP.Stapling}
	keys := []string{"eap.certificate", "eap.private_key", "eap.client_ca"}
	for i, certificate := range file.EAP.Certificate {
		keys = append(keys, fmt.Sprintf("eap.certificate[%d]", i), fmt.Sprintf("eap.private_key[%d]", i))
		if i >= len(file.EAP.PrivateKey) {
			return nil, nil // the file says so
		}
		pair := certs.PairReference{Certificate: certificate, PrivateKey: file.EAP.PrivateKey[i]}
		if i == 0 {
			c.Certificate, c.PrivateKey = pair.Certificate, pair.PrivateKey
		} else {
			c.More = append(c.More, pair)
		}
	}
	for i, a := range file.EAP.Authority {
		keys = append(keys, fmt.Sprintf("eap.authority[%d].ca", i))
		c.Anchors = append(c.Anchors, certs.AnchorReference{Name: a.Name, CA: a.CA})
	}
	for _, key := range keys {
		if file.Unreadable(key) {
			return nil, nil
		}
	}
	if c.Certificate == "" {
		return nil, nil
	}
	keeper, err := certs.NewKeeper(c)
	return keeper, placed(file, err)
}

// placed gives each line of a Keeper's error the key of which it speaks.
func placed(file *config.File, err error) error {
	if err == nil {
		return nil
	}
	var problems realms.Problems
	for line := range strings.Lines(err.Error()) {
		text, key := strings.TrimSuffix(line, "\n"), "eap.certificate"
		for _, of := range []string{"private_key", "client_ca"} {
			if strings.HasPrefix(text, of+":") || strings.HasPrefix(text, of+" ") {
				key = "eap." + of
			}
		}
		for i, a := range file.EAP.Authority {
			if strings.HasPrefix(text, fmt.Sprintf("authority %q", a.Name)) {
				key = fmt.Sprintf("eap.authority[%d].ca", i)
			}
		}
		problems = append(problems, realms.Problem{Key: key, Text: text})
	}
	return problems
}

// checkLists judges the revocation lists that are files, those of devices and those of
// RadSec peers. One that has ended loads, and is a fault.
func checkLists(file *config.File, keeper *certs.Keeper, peers peerLists, now time.Time, hear func(key string, err error)) (faults config.Problems) {
	check := func(key string, crl config.List, anchors []*x509.Certificate) {
		for j, where := range crl {
			path, isFile := strings.CutPrefix(where, "file:")
			one := fmt.Sprintf("%s[%d]", key, j)
			if !isFile || file.Unreadable(key) || file.Unreadable(one) {
				continue
			}
			until, err := revocation.CheckFile(path, anchors)
			if err != nil {
				hear("", realms.Problems{{Key: one, Text: err.Error(), Fix: "name a list of this authority, or of an intermediate below it, in DER or PEM"}})
			} else if !now.Before(until) {
				faults = append(faults, file.Place(one, fmt.Sprintf("the list ended on %s: nobody knows what was withdrawn since", until.UTC().Format("2 January 2006 15:04 UTC")),
					"put a newer one in its place, or name the address at which the authority publishes it"))
			}
		}
	}
	for i, a := range file.EAP.Authority {
		if keeper != nil {
			check(fmt.Sprintf("eap.authority[%d].crl", i), a.CRL, anchorsOf(keeper, a.Name))
		}
	}
	for _, l := range peers {
		check(l.trust.CRLKey, l.trust.CRL, l.anchors)
	}
	return faults
}

// authorities are what the file says of them, for one realm of ours.
func (h *homes) authorities() []eap.Authority {
	var list []eap.Authority
	for _, c := range h.file.EAP.Authority {
		a := eap.Authority{Name: c.Name, Identity: c.Identity, AcceptUnknown: c.Revocation == "accept-unknown"}
		for _, realm := range c.Realms {
			a.Realms = append(a.Realms, strings.ToLower(realm))
		}
		if c.VouchesFor != "anyone" {
			a.Vouches = eap.Vouches(c.VouchesFor)
		}
		if c.Directory != "" {
			a.Directory = h.directories[c.Directory] // nil: what is wrong with it has been said
		}
		for _, w := range h.watches {
			if w.of == authorityOf(c.Name) {
				a.Revocation = w.registry
			}
		}
		list = append(list, a)
	}
	return list
}

// watchChanged tells that a source of revocations, or the responder of our own
// certificate, works or does not.
func (d *Daemon) watchChanged(of string, c revocation.Change) {
	if c.Good {
		d.desk.Notice("a source of revocations works again", "of", of, "source", c.Source)
		return
	}
	say, until := d.desk.Warn, c.Until.UTC().Format(time.RFC3339)
	if c.Until.IsZero() {
		say, until = d.desk.Alarm, "now"
	}
	say("a source of revocations does not work", "of", of, "source", c.Source, "why", c.Why, "until", until)
}

// authorityOf is what the log calls an authority for client certificates.
func authorityOf(name string) string { return "authority " + name }

// refusable makes an error of a registry a problem of the key that it is made from.
func refusable(key string, err error) error {
	var inFile realms.Problems
	if errors.As(err, &inFile) {
		return err
	}
	return realms.Problems{{Key: key, Text: err.Error()}}
}
