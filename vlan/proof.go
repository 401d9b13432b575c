package vlan

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Proof is what loading went through and found true.
type Proof struct {
	Sites, SSIDs, Rules int
	Classes             int // kinds of people, at most, on one SSID
	Methods             int // the five of ours, any other, and hidden
	GroupSets           int // that decide, at most, for one kind of people
	Devices             int // verified, unverified and not known; 1: nobody asks
	Certificates        int // that decide, at most, for one kind of people; 1: nobody asks
	Cases               int // combinations of all these, with groups known and not

	Placed    int // cases that end on a VLAN
	Refused   int // cases that end in a Reject
	Table     []Landing
	Proved    []Statement
	NotProved []string
}

// A Landing is one row of the zone table: a VLAN at a site.
type Landing struct {
	Site    string
	VLAN    string
	ID      uint16   // 0: it has no number here, and nobody lands on it
	Pool    []uint16 // all of its numbers where there are several; ID is the first of them
	Called  string   // its name where a controller of the site is told names
	Zone    string
	Trusted bool
	Who     []string // who can land there; empty is nobody
}

// A Statement is one guarantee that holds, and how many cases were looked at.
type Statement struct {
	Text    string
	Cases   int
	BuiltIn bool
	Why     string // whose rule it is, as the file has it
}

// Proof returns what was proved when the policy was loaded. The table has a row
// for every VLAN at every site, so it is made when asked for.
func (p *Policy) Proof() Proof {
	t := &p.proof
	out := Proof{
		Sites: len(p.sites), SSIDs: len(p.ssids),
		Classes: t.classes, Methods: int(methods), GroupSets: t.groupSets, Devices: t.devices, Certificates: t.certificates, Cases: t.cases,
		Placed: t.placed, Refused: t.noRule + t.unseen,
		Proved: []Statement{
			{"a VLAN number belongs to one zone at each site", t.numbers, true, ""},
			{"somebody whom we did not check ourselves never reaches a trusted zone", t.visitors + t.fallbacks, true, ""},
			{"where no rule fits, or one turns on what cannot be seen, the answer is Reject", t.noRule + t.unseen, true, ""},
			{"a home that is down means Reject, never a default VLAN of ours", t.down, true, ""},
		},
		NotProved: []string{
			"that trunks, switches and access lists keep apart the VLANs that these numbers name",
			"that a controller does what without_vlan says of it, and obeys the attributes that it is sent",
			"that a name or a group in the directory belongs to the right person",
		},
	}
	if t.listed > 0 {
		out.Proved = append(out.Proved, Statement{"a device known only by its MAC never reaches a trusted zone unless a rule says so for its list", t.listed + t.fallbacks, true, ""})
		out.NotProved = append(out.NotProved, "that a device is the one whose MAC it shows: anybody can copy an address")
	}
	if t.roaming > 0 {
		out.Proved = append(out.Proved, Statement{"our own people elsewhere get in by a rule of [[roaming]] or not at all, on no network of ours, and no more when nobody says where they are", t.roaming, true, ""})
		out.NotProved = append(out.NotProved, "that an organisation elsewhere is the one that its Operator-Name says")
	}
	if t.devices > 1 || t.certificates > 1 {
		out.NotProved = append(out.NotProved, "that a certificate, or a computer's password, was given to the right device, and is on no other")
	}
	if slices.ContainsFunc(p.sites, func(s *site) bool { return s.behind }) {
		out.NotProved = append(out.NotProved, "that a controller which serves several sites names its access points rightly, and access_points says where they are")
	}
	for _, x := range p.ssids {
		if n := len(x.rules); n > 0 {
			out.Rules += x.rules[n-1].number // a rule of several VLANs stands there once for each
		}
	}
	for i, g := range p.guarantees { // one of the file may be several here, one after the other
		if p.continues(i) {
			out.Proved[len(out.Proved)-1].Cases += t.covered[i]
			continue
		}
		out.Proved = append(out.Proved, Statement{Text: g.text, Cases: t.covered[i], Why: g.why})
	}
	for _, s := range p.sites {
		for _, n := range p.vlans {
			out.Table = append(out.Table, Landing{s.name, n.name, s.numbers[n.index], s.terms[n.index].pool, s.calls(n), n.zone.name, n.zone.trusted, p.whoLands(s, n)})
		}
	}
	return out
}

// whoLands lists the rules and fall-backs that lead to a VLAN at a site.
func (p *Policy) whoLands(s *site, n *network) []string {
	var list []string
	for _, x := range p.ssids {
		g := s.programs[x.name]
		for _, r := range x.rules {
			if r.network == n && g.reached[r.number] {
				list = append(list, r.people()+" on "+x.name)
			}
		}
	}
	for _, c := range s.controllers {
		if c.fallback == n {
			list = append(list, "anybody when "+c.name+" hears no VLAN")
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// people says whom a rule is for.
func (r *rule) people() string {
	text := r.source.Who
	if r.source.Group != "" {
		text += " in " + r.source.Group
	}
	if r.source.EAP != "" {
		text += " by " + r.source.EAP
	}
	return text + credentialWords(r.source.Device, r.source.Issuer, r.source.Policy)
}

// String returns the zone table, what is proved and what is not.
func (p Proof) String() string {
	var b strings.Builder
	rows := [][]string{{"site", "vlan", "id", "zone", "who can land there"}}
	for _, l := range p.Table {
		id, zone, who := l.Number(), l.Zone, strings.Join(l.Who, "; ")
		if l.Trusted {
			zone += " (trusted)"
		}
		if who == "" {
			who = "nobody"
		}
		rows = append(rows, []string{l.Site, l.VLAN, id, zone, who})
	}
	table(&b, rows)
	fmt.Fprintf(&b, "\nproved over %d cases: %d sites, %d SSIDs, %d rules, up to %d kinds of people, %d methods, up to %d sets of groups%s; %d end on a VLAN, %d in a Reject\n",
		p.Cases, p.Sites, p.SSIDs, p.Rules, p.Classes, p.Methods, p.GroupSets, p.credentials(), p.Placed, p.Refused)
	for _, s := range p.Proved {
		mark := "guarantee"
		if s.BuiltIn {
			mark = "always"
		}
		fmt.Fprintf(&b, "  %-9s  %s (%d cases)\n", mark, s.Text, s.Cases)
	}
	b.WriteString("not proved, and yours to see to:\n")
	for _, s := range p.NotProved {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	return b.String()
}

// number is how the zone table has the numbers of a VLAN: "110", "320, 321",
// "110 = CLINICAL-WIFI"; "-" for none.
// Number is the VLAN's number, those of its pool, or a dash, with its name where a
// controller is told one.
func (l Landing) Number() string {
	text := fmt.Sprint(l.ID)
	switch {
	case l.ID == 0:
		return "-"
	case len(l.Pool) > 0:
		text = strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Pool), " ", ", "), "[]")
	}
	if l.Called != "" {
		text += " = " + l.Called
	}
	return text
}

// credentials says what was supposed of devices and certificates, where it matters.
func (p Proof) credentials() (text string) {
	if p.Devices > 1 {
		text += fmt.Sprintf(", %d states of the device", p.Devices)
	}
	if p.Certificates > 1 {
		text += fmt.Sprintf(", up to %d kinds of certificate", p.Certificates)
	}
	return text
}

// WriteTo writes what String returns.
func (p Proof) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, p.String())
	return int64(n), err
}

// table writes rows in columns of equal width.
func table(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
}
