package vlan

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// everything is a file in which there is one of all that the page tells of.
func everything() Config {
	cfg := chained()
	cfg.Devices = []string{"pumps"}
	cfg.VLANs = append(cfg.VLANs, VLAN{Name: "spare", Zone: "visitor"}, VLAN{Name: "things", ID: 210, Zone: "clinical"})
	for i, v := range cfg.VLANs[:4] {
		cfg.VLANs[i].Called = strings.ToUpper(v.Name) + "-WIFI"
	}
	cfg.VLANs[5].Called = "THINGS"
	cfg.Sites[0].Local = map[string]Local{"visitor": {Pool: []uint16{322, 320, 321}}}
	cfg.Sites[1].Controllers[0].Say = "name"
	cfg.SSIDs = append(cfg.SSIDs, SSID{Name: "Nobody"}, SSID{Name: "NHS-Things", MAC: cfg.Devices, Rules: []Rule{
		{Who: "devices", Site: "Estate", VLAN: "things"},
		{Who: "devices pumps", OneOf: []string{"things", "visitor"}, Trusted: true},
	}})
	cfg.SSIDs[4].Rules[0].VLAN = "academic"
	cfg.Sites = append(cfg.Sites, Site{Name: "Estate", Behind: []string{"royal-wlc"}})
	cfg.Roaming = []RoamingRule{{Who: "own", Group: "Locums", Operator: "*.nhs.uk", Access: "allow"}}
	cfg.Guarantees = append(cfg.Guarantees,
		Guarantee{Who: "own", Group: "Students", Sites: []string{"Royal Infirmary", "HMP Eastmoor health centre"}, SSIDs: []string{"eduroam", "NHS-Things"}, Never: Place{Zone: "academic"}, Why: "DSPT 9.3"},
		Guarantee{Federation: "govroam", UnderAgreement: true, Only: Place{VLAN: "visitor"}})
	return cfg
}

// The page of a file with all that there is: where each VLAN lies, who lands there, what
// was gone through, what is proved of whom, and what is not.
func TestTheWholePage(t *testing.T) {
	got := mustNew(t, everything()).Proof().String()
	want := `
site                        vlan        id                     zone                who can land there
Royal Infirmary             clinical    110                    clinical (trusted)  @northbridge.nhs.uk in Wifi-Clinical on a verified device on NHS-Staff
Royal Infirmary             staff-byod  140                    visitor             @northbridge.nhs.uk on NHS-Staff; @northbridge.nhs.uk on govroam
Royal Infirmary             academic    1310                   academic            @camford.ac.uk on eduroam; @northbridge.nhs.uk by tls with a certificate issued by staff-ca under policy 1.3.6.1.4.1.99999.1.2 on NHS-Staff
Royal Infirmary             visitor     320, 321, 322          visitor             @northbridge.nhs.uk with a certificate issued by partner-ca on NHS-Staff; devices pumps on NHS-Things; visitor on eduroam; visitor on govroam
Royal Infirmary             spare       -                      visitor             nobody
Royal Infirmary             things      210                    clinical (trusted)  devices pumps on NHS-Things
HMP Eastmoor health centre  clinical    110 = CLINICAL-WIFI    clinical (trusted)  @northbridge.nhs.uk in Wifi-Clinical on a verified device on NHS-Staff
HMP Eastmoor health centre  staff-byod  140 = STAFF-BYOD-WIFI  visitor             @northbridge.nhs.uk on NHS-Staff; @northbridge.nhs.uk on govroam
HMP Eastmoor health centre  academic    310 = ACADEMIC-WIFI    academic            @camford.ac.uk on eduroam; @northbridge.nhs.uk by tls with a certificate issued by staff-ca under policy 1.3.6.1.4.1.99999.1.2 on NHS-Staff
HMP Eastmoor health centre  visitor     320 = VISITOR-WIFI     visitor             @northbridge.nhs.uk with a certificate issued by partner-ca on NHS-Staff; anybody when eastmoor-ap hears no VLAN; devices pumps on NHS-Things; visitor on eduroam; visitor on govroam
HMP Eastmoor health centre  spare       -                      visitor             nobody
HMP Eastmoor health centre  things      210 = THINGS           clinical (trusted)  devices pumps on NHS-Things
Estate                      clinical    110                    clinical (trusted)  @northbridge.nhs.uk in Wifi-Clinical on a verified device on NHS-Staff
Estate                      staff-byod  140                    visitor             @northbridge.nhs.uk on NHS-Staff; @northbridge.nhs.uk on govroam
Estate                      academic    310                    academic            @camford.ac.uk on eduroam; @northbridge.nhs.uk by tls with a certificate issued by staff-ca under policy 1.3.6.1.4.1.99999.1.2 on NHS-Staff; devices on NHS-Things
Estate                      visitor     320                    visitor             @northbridge.nhs.uk with a certificate issued by partner-ca on NHS-Staff; devices pumps on NHS-Things; visitor on eduroam; visitor on govroam
Estate                      spare       -                      visitor             nobody
Estate                      things      210                    clinical (trusted)  devices pumps on NHS-Things

proved over 4569 cases: 3 sites, 5 SSIDs, 10 rules, up to 9 kinds of people, 7 methods, up to 4 sets of groups, 3 states of the device, up to 7 kinds of certificate; 2240 end on a VLAN, 2329 in a Reject
  always     a VLAN number belongs to one zone at each site (17 cases)
  always     somebody whom we did not check ourselves never reaches a trusted zone (225 cases)
  always     where no rule fits, or one turns on what cannot be seen, the answer is Reject (2329 cases)
  always     a home that is down means Reject, never a default VLAN of ours (495 cases)
  always     a device known only by its MAC never reaches a trusted zone unless a rule says so for its list (90 cases)
  always     our own people elsewhere get in by a rule of [[roaming]] or not at all, on no network of ours, and no more when nobody says where they are (336 cases)
  guarantee  visitor never reaches zone clinical (225 cases)
  guarantee  own of group "Students" on SSID "eduroam" and "NHS-Things" at Royal Infirmary and HMP Eastmoor health centre never reaches zone academic (116 cases)
  guarantee  visitor through federation govroam at a site under an agreement reaches vlan visitor or nothing (15 cases)
not proved, and yours to see to:
  that trunks, switches and access lists keep apart the VLANs that these numbers name
  that a controller does what without_vlan says of it, and obeys the attributes that it is sent
  that a name or a group in the directory belongs to the right person
  that a device is the one whose MAC it shows: anybody can copy an address
  that an organisation elsewhere is the one that its Operator-Name says
  that a certificate, or a computer's password, was given to the right device, and is on no other
  that a controller which serves several sites names its access points rightly, and access_points says where they are
`
	if got != want[1:] {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A file with nothing in it has a page, too; and who cannot write one is told.
func TestTheEmptyPage(t *testing.T) {
	page := mustNew(t, Config{}).Proof()
	if got := page.String(); !strings.HasPrefix(got, "site  vlan  id  zone  who can land there\n\nproved over 0 cases: 0 sites, 0 SSIDs, 0 rules, up to 0 kinds of people, 7 methods, up to 0 sets of groups; 0 end on a VLAN, 0 in a Reject\n") {
		t.Error(got)
	}
	full, unread := io.Pipe()
	_ = full.CloseWithError(io.ErrShortWrite)
	if n, err := page.WriteTo(unread); n != 0 || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%d octets were written: %v", n, err)
	}
}

// Where any rule asks for a device or for a certificate, the page says that giving them to
// the right one is not proved.
func TestWhoGaveTheCertificateIsNotProved(t *testing.T) {
	for name, c := range map[string]struct {
		rule Rule
		says bool
	}{
		"nobody asks":       {Rule{Who: "own", VLAN: "staff-byod"}, false},
		"for a device":      {Rule{Who: "own", Device: "verified", VLAN: "staff-byod"}, true},
		"for a certificate": {Rule{Who: "own", Issuer: "staff-ca", VLAN: "staff-byod"}, true},
	} {
		cfg := trust()
		cfg.Authorities, cfg.SSIDs[0].Rules = []string{"staff-ca"}, []Rule{c.rule}
		if got := mustNew(t, cfg).Proof().NotProved; slices.Contains(got, "that a certificate, or a computer's password, was given to the right device, and is on no other") != c.says {
			t.Errorf("%s: %q", name, got)
		}
	}
}
