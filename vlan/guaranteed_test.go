package vlan

import "testing"

// Of whom a guarantee speaks, when it is read, and what is refused of it.
func TestGuaranteesAsTheyAreRead(t *testing.T) {
	const eastmoor = "HMP Eastmoor health centre"
	academic := Place{Zone: "academic"}
	for name, c := range map[string]struct {
		guarantee Guarantee
		text      string // of its statement in the proof
		cases     int
		refused   string
	}{
		"of the named sites those under an agreement": {
			guarantee: Guarantee{Who: "own", Sites: []string{"Royal Infirmary", eastmoor}, UnderAgreement: true, Never: academic},
			text:      "own at Royal Infirmary and HMP Eastmoor health centre at a site under an agreement never reaches zone academic", cases: 130},
		"all that are under an agreement": {
			guarantee: Guarantee{Who: "own", UnderAgreement: true, Never: academic},
			text:      "own at a site under an agreement never reaches zone academic", cases: 130},
		"of the SSIDs of a federation those that are named": {
			guarantee: Guarantee{Federation: "eduroam", SSIDs: []string{"govroam", "eduroam"}, Never: Place{VLAN: "staff-byod"}},
			text:      `visitor through federation eduroam on SSID "govroam" and "eduroam" never reaches vlan staff-byod`, cases: 30},
		"a federation that none of the SSIDs has": {
			guarantee: Guarantee{Federation: "eduroam", SSIDs: []string{"govroam"}, Never: academic},
			refused:   `guarantee[0].federation | guarantee 1 is for federation eduroam, which no SSID that it speaks of has | did you mean "eduroam"?`},
		"no federation near": {
			guarantee: Guarantee{Federation: "openroaming", Never: academic},
			refused:   `guarantee[0].federation | guarantee 1 is for federation openroaming, which no SSID that it speaks of has | name the federation of an [[ssid]]`},
		"anyone through a federation": {
			guarantee: Guarantee{Who: "anyone", Federation: "eduroam", Never: Place{Zone: "clinical"}},
			refused:   `guarantee[0].federation | guarantee 1 is for anyone through federation eduroam, and our own people never come through one | write who = "visitor", or take this out`},
		"our own realm through a federation": {
			guarantee: Guarantee{Who: "@northbridge.nhs.uk", Federation: "eduroam", Never: academic},
			refused:   `guarantee[0].federation | guarantee 1 is for @northbridge.nhs.uk through federation eduroam, and our own people never come through one | write who = "visitor", or take this out`},
		"what devices never have": {
			guarantee: Guarantee{Who: "devices pumps", Group: "Nurses", Method: "pap", Device: "verified", Issuer: "staff-ca", Policy: managed, Never: academic},
			refused: `guarantee[0].group | guarantee 1 speaks of devices pumps by group "Nurses", and of a device that is known by its MAC nothing else is known | drop group
guarantee[0].eap | guarantee 1 speaks of devices pumps by eap "pap", and of a device that is known by its MAC nothing else is known | drop eap
guarantee[0].device | guarantee 1 speaks of devices pumps by device "verified", and of a device that is known by its MAC nothing else is known | drop device
guarantee[0].issuer | guarantee 1 speaks of devices pumps by issuer "staff-ca", and of a device that is known by its MAC nothing else is known | drop issuer
guarantee[0].policy | guarantee 1 speaks of devices pumps by policy "1.3.6.1.4.1.99999.1.2", and of a device that is known by its MAC nothing else is known | drop policy`},
		"devices": {
			guarantee: Guarantee{Who: "devices pumps", SSIDs: []string{"NHS-Things"}, Never: academic},
			text:      `devices pumps on SSID "NHS-Things" never reaches zone academic`, cases: 12},
		"a fall-back at the second of its sites, on either of its SSIDs": {
			guarantee: Guarantee{Who: "own", SSIDs: []string{"eduroam", "NHS-Things"}, Sites: []string{"Royal Infirmary", eastmoor}, Never: Place{VLAN: "visitor"}},
			refused:   `site[1].controller[0].without_vlan | anybody on any SSID at HMP Eastmoor health centre reaches zone visitor when no reply names a VLAN: without_vlan of eastmoor-ap gives vlan visitor (320), and guarantee 1 says: own on SSID "eduroam" and "NHS-Things" at Royal Infirmary and HMP Eastmoor health centre never reaches vlan visitor | without_vlan = "reject", or a vlan that anybody may have`},
		"a list of one SSID that is none": {
			guarantee: Guarantee{SSIDs: []string{"edurom"}, Sites: []string{eastmoor}, Never: academic},
			refused:   `guarantee[0].ssid | guarantee 1 is for SSID "edurom", and there is no such SSID | did you mean "eduroam"?`},
		"sites that are none": {
			guarantee: Guarantee{Sites: []string{eastmoor, "Royal Infirmry"}, Never: academic},
			refused:   `guarantee[0].site[1] | guarantee 1 is for site Royal Infirmry, and there is no such site | did you mean "Royal Infirmary"?`},
	} {
		cfg := medical()
		cfg.Authorities = []string{"staff-ca"}
		cfg.Guarantees = []Guarantee{c.guarantee}
		p, err := New(cfg)
		if c.refused != "" {
			if got := refusal(cfg); got != c.refused {
				t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		proved := p.Proof().Proved
		if last := proved[len(proved)-1]; last.Text != c.text || last.Cases != c.cases {
			t.Errorf("%s: %q over %d cases", name, last.Text, last.Cases)
		}
	}
}
