package daemon

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"causeway/radiusd/supplicant"
	"causeway/realms"
	"causeway/realms/directory"
)

const (
	computerName = "host/ward-7.northbridge.nhs.uk"
	managedOID   = "1.3.6.1.4.1.99999.1.2"
)

// chainedTown asks for the device on NHS-Staff: clinical is for a Trust device and a
// Trust person, and academic for the policy of one authority.
var chainedTown = strings.Replace(strings.ReplaceAll(town, "UPSTREAM", idleTown), `[[ssid.rule]]
who  = "@northbridge.nhs.uk"
vlan = "clinical"
`, `[[ssid.rule]]
who    = "@northbridge.nhs.uk"
device = "verified"
group  = "Wifi-Clinical"
vlan   = "clinical"
[[ssid.rule]]
who    = "@northbridge.nhs.uk"
issuer = "client_ca"
policy = "1.3.6.1.4.1.99999.1.2"
vlan   = "academic"
[[ssid.rule]]
who  = "@northbridge.nhs.uk"
vlan = "visitor"
`, 1) + `
[[guarantee]]
who    = "anyone"
device = "unverified"
never  = { zone = "clinical" }
`

// Holds part of R50 and S4: what a log-in proved of the device and of the certificate is
// what rules read, of our own people; of everybody else nothing is known.
func TestFactsOfDeviceAndCertificate(t *testing.T) {
	policy := startTrust(t, chainedTown).house.Load().vlan
	nurse, computer := realms.Identity{User: "nurse", Realm: "northbridge.nhs.uk"}, realms.Identity{User: computerName, Realm: "northbridge.nhs.uk"}
	clinical := []string{"Wifi-Clinical"}
	for name, c := range map[string]struct {
		trace  realms.Trace
		groups []string
		vlan   uint16
		reason string
	}{
		"a person on a computer of ours":                  {realms.Trace{Method: "teap", Device: computer}, clinical, 110, ""},
		"a person who has no such group":                  {realms.Trace{Method: "teap", Device: computer}, nil, 320, ""},
		"the same person on another device":               {realms.Trace{Method: "teap"}, clinical, 320, ""},
		"by password":                                     {realms.Trace{Method: "peap", Inner: "mschapv2"}, clinical, 320, ""},
		"with the certificate":                            {realms.Trace{Method: "tls", Certificate: realms.Certificate{Authority: "client_ca", Policies: []string{"1.2.3", managedOID}}}, nil, 310, ""},
		"with another policy":                             {realms.Trace{Method: "tls", Certificate: realms.Certificate{Authority: "client_ca", Policies: []string{"1.2.3"}}}, nil, 320, ""},
		"of another authority":                            {realms.Trace{Method: "tls", Certificate: realms.Certificate{Authority: "partner_ca", Policies: []string{managedOID}}}, nil, 320, ""},
		"with a certificate of which nobody says whose":   {realms.Trace{Method: "tls"}, nil, 0, "certificate-unknown"},
		"the same, in a tunnel":                           {realms.Trace{Method: "peap", Inner: "tls"}, nil, 0, "certificate-unknown"},
		"the same, and the device and the group decide":   {realms.Trace{Method: "tls", Device: computer}, clinical, 110, ""},
		"resumed, as it was proved and judged once again": {realms.Trace{Method: "teap", Device: computer, Resumed: true}, clinical, 110, ""},
	} {
		c.trace.Identity = nurse
		talk := &conversation{
			home:  &script{trace: c.trace},
			route: realms.Route{Name: "trust", Realm: nurse.Realm, Own: true},
			seat:  seat{place: place{site: "Royal Infirmary", controller: "royal-wlc"}, ssid: "NHS-Staff"},
		}
		at, err := policy.Assign(talk.facts(realms.Account{Name: "nurse", Groups: c.groups}))
		reason := ""
		if err != nil {
			reason = reasonOf(err)
		}
		if at.VLAN() != c.vlan || reason != c.reason {
			t.Errorf("%s: %d, %v; want %d, %q", name, at.VLAN(), err, c.vlan, c.reason)
		}
	}
	visitor := &conversation{
		home:  &script{trace: realms.Trace{Device: computer, Certificate: realms.Certificate{Authority: "client_ca"}}},
		route: realms.Route{Name: "eduroam", Realm: "uni.ac.uk"},
	}
	if f := visitor.facts(realms.Account{}); f.Device != "" || f.Issuer != "" || !f.CertificateUnknown {
		t.Errorf("of a visitor it is known that %+v", f)
	}
}

// A computer that proves itself by its own account is a verified device, and a person with
// a password is on an unverified one: real log-ins through the whole house.
func TestVerifiedDeviceLogsIn(t *testing.T) {
	town := startTrust(t, strings.Replace(chainedTown, "group  = \"Wifi-Clinical\"\n", "", 1))
	hash := fmt.Sprintf("nt_hash = \"%x\"\n", directory.NTHash(testPassword))
	town.write(t, "users.toml", "[user.\"nurse@northbridge.nhs.uk\"]\n"+hash+"[user.\""+computerName+"\"]\n"+hash)
	if err := town.Reload(); err != nil {
		t.Fatal(err)
	}
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, c := range []struct{ who, want, device string }{
		{computerName, "accept 110", computerName},
		{nurseName, "accept 320", ""},
	} {
		peer := town.peer(t, func(s *supplicant.Config) { s.Identity, s.User = c.who, c.who })
		got := say(r.carry(t, peer, c.who, onStaff, nil))
		if e := town.event(t); got != c.want || e.Device != c.device {
			t.Errorf("%s: %s, device %q, %s %s", c.who, got, e.Device, e.Reason, e.Detail)
		}
	}
}

// Holds R50: explain asks for what a rule turns on, and says what was not said.
func TestExplainAsksForTheDevice(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "causeway.toml")
	text := chainedTown + `
[[test]]
given  = { user = "nurse@northbridge.nhs.uk", ssid = "NHS-Staff", site = "Royal Infirmary", groups = ["Wifi-Clinical"], device = "verified" }
expect = { vlan = 110 }
[[test]]
given  = { user = "nurse@northbridge.nhs.uk", ssid = "NHS-Staff", site = "Royal Infirmary", device = "unverified", issuer = "client_ca", policy = "1.3.6.1.4.1.99999.1.2" }
expect = { zone = "academic" }
[[test]]
given  = { user = "nurse@northbridge.nhs.uk", ssid = "NHS-Staff", site = "Royal Infirmary", groups = ["Wifi-Clinical"] }
expect = { vlan = 110 }
[[test]]
given  = { user = "nurse@northbridge.nhs.uk", ssid = "NHS-Staff", site = "Royal Infirmary", device = "unverified", issuer = "none" }
expect = { vlan = 320 }
`
	town := &trust{folder: folder}
	town.write(t, "causeway.toml", text)
	page, err := Inspect(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var failures []string
	for _, r := range page.Test() {
		failures = append(failures, r.Failure)
	}
	want := []string{"", "", `vlan is 0, expected 110; SSID "NHS-Staff" at Royal Infirmary has no network for "nurse" at "northbridge.nhs.uk": device-unknown; given does not say device`, ""}
	if strings.Join(failures, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(failures, "\n"), strings.Join(want, "\n"))
	}

	q := Query{User: nurseName, SSID: "NHS-Staff", Site: "Royal Infirmary", Device: "unverified"}
	if e := page.Explain(q); e.Reason != "certificate-unknown" || e.Unsaid != "issuer" ||
		!strings.HasSuffix(e.Steps[len(e.Steps)-2], "it asks for a certificate, and whether one was shown is not known: refused rather than passed over") {
		t.Errorf("without a certificate: %s, %q, %q", e.Reason, e.Unsaid, e.Steps)
	}
	if e := page.Explain(Query{User: visitorName, SSID: "eduroam", Site: "Royal Infirmary", Device: "verified", Issuer: "client_ca"}); e.VLAN != 320 {
		t.Errorf("a visitor: %+v", e)
	}
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Device: "Verified"}, `a device is verified or unverified, and not "Verified"`},
		{Query{Issuer: "corporate"}, `there is no authority "corporate": write one of client_ca, none`},
		{Query{Policies: []string{managedOID}}, `a policy is of a certificate: say whose, with --issuer`},
		{Query{Issuer: "none", Policies: []string{managedOID}}, `a policy is of a certificate: say whose, with --issuer`},
	} {
		if err := page.Understands(c.q); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.q, err, c.want)
		}
	}
	if err := page.Understands(Query{Device: "verified", Issuer: "client_ca", Policies: []string{managedOID}}); err != nil {
		t.Error(err)
	}
}

var lineNumber = regexp.MustCompile(`\n +\d+ \| `)

// A mistake in these keys is shown at its place in the file, in words of the file.
func TestCredentialMistakesHaveTheirPlace(t *testing.T) {
	for was, c := range map[string]struct{ is, want string }{
		`issuer = "client_ca"`: {`issuer = "clientca"`, `rule 3 of SSID "NHS-Staff" asks for a certificate issued by clientca, and there is no such authority
   NN | issuer = "clientca"
      |          ^^^^^^^^^^
        fix: did you mean "client_ca"?`},
		`device = "verified"`: {`device = "verifid"`, `rule 2 of SSID "NHS-Staff" asks for device "verifid", which is neither verified nor unverified
   NN | device = "verifid"
      |          ^^^^^^^^^
        fix: did you mean "verified"?`},
		`policy = "1.3.6.1.4.1.99999.1.2"`: {`policy = "managed"`, `rule 3 of SSID "NHS-Staff" asks for policy "managed", which is no object identifier
   NN | policy = "managed"
      |          ^^^^^^^^^
        fix: write its numbers with dots between them: policy = "1.3.6.1.4.1.99999.1.2"`},
		`device = "unverified"`: {`device = "unverified"` + "\n" + `issuer = "corporate"`, `guarantee 2 asks for a certificate issued by corporate, and there is no such authority
   NN | issuer = "corporate"
      |          ^^^^^^^^^^^
        fix: name one that there is: client_ca`},
	} {
		folder := t.TempDir()
		(&trust{folder: folder}).write(t, "causeway.toml", strings.Replace(chainedTown, was, c.is, 1))
		_, err := Inspect(filepath.Join(folder, "causeway.toml"), time.Now)
		if Mistakes(err) != 1 || !strings.HasSuffix(lineNumber.ReplaceAllString(err.Error(), "\n   NN | "), c.want) {
			t.Errorf("%s: %v", c.is, err)
		}
	}
}
