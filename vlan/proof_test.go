package vlan

import (
	"strings"
	"testing"
)

// The page that an admin reads. It is long on purpose: a change of its words is
// a change of what we promise.
func TestProofPrints(t *testing.T) {
	got := mustNew(t, trust()).Proof().String()
	want := `site                        vlan        id    zone                who can land there
Royal Infirmary             clinical    110   clinical (trusted)  @northbridge.nhs.uk in Wifi-Clinical by tls on NHS-Staff
Royal Infirmary             staff-byod  140   visitor             @northbridge.nhs.uk on NHS-Staff; @northbridge.nhs.uk on govroam
Royal Infirmary             academic    1310  academic            @camford.ac.uk on eduroam
Royal Infirmary             visitor     320   visitor             visitor on eduroam; visitor on govroam
HMP Eastmoor health centre  clinical    110   clinical (trusted)  @northbridge.nhs.uk in Wifi-Clinical by tls on NHS-Staff
HMP Eastmoor health centre  staff-byod  140   visitor             @northbridge.nhs.uk on NHS-Staff; @northbridge.nhs.uk on govroam
HMP Eastmoor health centre  academic    310   academic            @camford.ac.uk on eduroam
HMP Eastmoor health centre  visitor     320   visitor             anybody when eastmoor-ap hears no VLAN; visitor on eduroam; visitor on govroam

proved over 280 cases: 2 sites, 3 SSIDs, 6 rules, up to 4 kinds of people, 7 methods, up to 2 sets of groups; 132 end on a VLAN, 148 in a Reject
  always     a VLAN number belongs to one zone at each site (8 cases)
  always     somebody whom we did not check ourselves never reaches a trusted zone (90 cases)
  always     where no rule fits, or one turns on what cannot be seen, the answer is Reject (148 cases)
  always     a home that is down means Reject, never a default VLAN of ours (168 cases)
  guarantee  visitor never reaches zone clinical (90 cases)
not proved, and yours to see to:
  that trunks, switches and access lists keep apart the VLANs that these numbers name
  that a controller does what without_vlan says of it, and obeys the attributes that it is sent
  that a name or a group in the directory belongs to the right person
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var b strings.Builder
	if n, err := mustNew(t, trust()).Proof().WriteTo(&b); err != nil || n != int64(len(want)) || b.String() != want {
		t.Errorf("WriteTo: %d %v", n, err)
	}
}
