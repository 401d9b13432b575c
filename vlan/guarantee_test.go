package vlan

import (
	"strings"
	"testing"
)

// Who is spoken of: through a federation, on several SSIDs, at several sites or at those
// that are somebody else's. Each guarantee is one statement, wherever it holds, and is
// broken by a rule for those alone of whom it speaks.
func TestWhomGuaranteesSpeakOf(t *testing.T) {
	for name, c := range map[string]struct {
		guarantee Guarantee
		text      string
		broken    string // in what is said when it does not hold; empty: it holds
	}{
		"a federation": {Guarantee{Federation: "eduroam", Never: Place{VLAN: "staff-byod"}, Why: "DSPT 9.3"},
			"visitor through federation eduroam never reaches vlan staff-byod", ""},
		"a federation's partner": {Guarantee{Federation: "eduroam", Never: Place{Zone: "academic"}}, "",
			`a visitor (anyone@camford.ac.uk) on SSID "eduroam" at Royal Infirmary reaches zone academic`},
		"another federation": {Guarantee{Federation: "govroam", Never: Place{Zone: "academic"}},
			"visitor through federation govroam never reaches zone academic", ""},
		"SSIDs": {Guarantee{Who: "own", SSIDs: []string{"eduroam", "govroam"}, Never: Place{Zone: "clinical"}},
			`own on SSID "eduroam" and "govroam" never reaches zone clinical`, ""},
		"one of several SSIDs": {Guarantee{Who: "own", SSIDs: []string{"eduroam", "NHS-Staff"}, Never: Place{Zone: "clinical"}}, "",
			`on SSID "NHS-Staff" at Royal Infirmary reaches zone clinical`},
		"sites": {Guarantee{Who: "own", Sites: []string{"Royal Infirmary", "HMP Eastmoor health centre"}, Never: Place{Zone: "academic"}},
			"own at Royal Infirmary and HMP Eastmoor health centre never reaches zone academic", ""},
		"sites under an agreement": {Guarantee{Who: "own", UnderAgreement: true, Never: Place{Zone: "clinical"}}, "",
			`on SSID "NHS-Staff" at HMP Eastmoor health centre reaches zone clinical`},
		"a fall-back there, told once": {Guarantee{UnderAgreement: true, SSIDs: []string{"eduroam", "govroam"}, Never: Place{Zone: "visitor"}}, "",
			"anybody on any SSID at HMP Eastmoor health centre reaches zone visitor when no reply names a VLAN"},
		"no such federation": {Guarantee{Federation: "edurom", Never: Place{Zone: "clinical"}}, "", `did you mean "eduroam"?`},
		"our own through a federation": {Guarantee{Who: "own", Federation: "eduroam", Never: Place{Zone: "clinical"}}, "",
			"our own people never come through one"},
		"one SSID of two is none": {Guarantee{Who: "visitor", SSIDs: []string{"eduroam", "govram"}, Never: Place{Zone: "clinical"}}, "",
			`guarantee[0].ssid[1] | guarantee 1 is for SSID "govram", and there is no such SSID | did you mean "govroam"?`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := trust()
			cfg.Guarantees = []Guarantee{c.guarantee}
			p, err := New(cfg)
			if c.broken != "" {
				problems, _ := err.(Problems) //nolint:errorlint // it is one or nil
				said := 0
				for _, problem := range problems {
					said += strings.Count(problem.Key+" | "+problem.Text+" | "+problem.Fix, c.broken)
				}
				if said != 1 {
					t.Errorf("said %d times:\n%v", said, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			proved := p.Proof().Proved
			last := proved[len(proved)-1]
			if last.Text != c.text || last.Cases == 0 || last.Why != c.guarantee.Why || proved[len(proved)-2].BuiltIn != true {
				t.Errorf("%+v", last)
			}
		})
	}
}

// A guarantee for other people's buildings, where there are none, says nothing.
func TestGuaranteeOfNoSite(t *testing.T) {
	cfg := trust()
	cfg.Sites[1].Agreement = nil
	cfg.Guarantees = []Guarantee{{UnderAgreement: true, Never: Place{Zone: "clinical"}}}
	warnings := mustNew(t, cfg).Warnings()
	if len(warnings) == 0 || !strings.Contains(warnings[0].Text, "guarantee 1 speaks of no site") {
		t.Errorf("%v", warnings)
	}
}
