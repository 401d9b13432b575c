// Package region writes the example of a large configuration: the Wi-Fi of a health
// community, with hundreds of sites, thousands of rules and a proof that has to hold.
// The same seed gives the same file, octet for octet.
package region

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Region says how large it is. All is in words that an admin would write: realms of
// ours and of universities, groups, devices, certificates, rules for one site, roaming
// rules, and guarantees for all and for single sites.
type Region struct {
	Seed                        uint64
	Sites, VLANs, Rules, Realms int

	// Head is what stands before it: [server], [eap], the directory "trust" and [log].
	Head string
	// Secret is that of every controller, in the file or as a reference, and First the address of the first site's;
	// the others are in 10.0.0.0/8.
	Secret, First string
}

// Whole is the size that docs/performance.md promises.
var Whole = Region{Seed: 2026, Sites: 500, VLANs: 200, Rules: 2000, Realms: 50, First: "127.0.0.1"}

var (
	zones   = []string{"clinical", "academic", "visitor"}
	ssids   = []string{"eduroam", "NHS-Staff", "govroam", "Research"}
	methods = []string{"tls", "ttls", "teap"}
	vendors = []string{"cisco-9800", "aruba", "hostapd", "generic"}
)

// Text writes the configuration. The first realm is northbridge.nhs.uk, whose people
// of no group land on VLAN "visitor-2", number 102, by the last rule of each SSID.
func (r Region) Text() string {
	w := &writer{Region: r, dice: rand.New(rand.NewPCG(r.Seed, r.Seed))}
	w.line("%s", r.Head)
	w.realms()
	w.networks()
	w.ssids()
	w.guarantees()
	w.sites()
	return w.String()
}

type writer struct {
	Region
	strings.Builder
	dice *rand.Rand
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *writer) own(i int) string {
	if i == 0 {
		return "northbridge.nhs.uk"
	}
	return fmt.Sprintf("trust-%d.nhs.uk", i)
}

func university(i int) string { return fmt.Sprintf("university-%d.ac.uk", i) }

func (w *writer) realms() {
	for i := range w.Realms / 2 {
		w.line("[realm.%q]\ndirectory = \"trust\"", w.own(i))
		w.line("[realm.%q]\nservers = [{ address = \"192.0.2.%d\", secret = %q, without_status_server = true }]", university(i), i+1, w.Secret)
	}
	for i, name := range []string{"eduroam", "govroam"} {
		w.line("[federation.%s]\nservers = [{ address = \"198.51.100.%d\", secret = %q, without_status_server = true }]\nclients = [{ address = \"198.51.100.%d\", secret = %q }]",
			name, i+1, w.Secret, i+1, w.Secret)
	}
}

func (w *writer) vlan(i int) string { return fmt.Sprintf("%s-%d", zones[i%3], i) }

func (w *writer) networks() {
	w.line("[zone]\nclinical = { trusted = true }\nacademic = {}\nvisitor = {}\n[vlan]")
	for i := range w.VLANs {
		w.line("%s = { id = %d, zone = %q }", w.vlan(i), 100+i, zones[i%3])
	}
}

func (w *writer) site(i int) string { return fmt.Sprintf("Site %d", i) }

// ssids spreads the rules: the first take every VLAN once, a quarter are of one site,
// each site's turn coming round.
func (w *writer) ssids() {
	var rules [4][]string
	for i := range w.Rules - 2*len(ssids) {
		at := i % len(ssids)
		rules[at] = append(rules[at], w.rule(i))
	}
	for i, name := range ssids {
		w.line("[[ssid]]\nname = %q", name)
		if i%2 == 0 {
			w.line("federation = %q", name)
		}
		for _, rule := range rules[i] {
			w.line("[[ssid.rule]]\n%s", rule)
		}
		for _, who := range []string{"own", "visitor"} {
			w.line("[[ssid.rule]]\nwho = %q\nvlan = %q", who, w.vlan(2))
		}
	}
	for i := range 10 {
		w.line("[[roaming]]\nwho = %q\ngroup = \"No roaming %d\"\noperator = \"*.uk\"\naccess = \"refuse\"", "@"+w.own(i%(w.Realms/2)), i)
	}
	w.line("[[roaming]]\nwho = \"own\"\naccess = \"allow\"")
}

func (w *writer) rule(i int) string {
	vlan := i
	if i >= w.VLANs {
		vlan = w.dice.IntN(w.VLANs)
	}
	vlan %= w.VLANs
	place := ""
	if i%4 == 3 || i%16 == 0 { // both kinds of realm on every SSID
		place = fmt.Sprintf("site = %q\n", w.site(i/4%w.Sites))
	}
	if place != "" && i%3 > 0 && vlan%3 > 0 { // a university's people, never clinical
		return fmt.Sprintf("who = %q\n%svlan = %q", "@"+university(w.dice.IntN(w.Realms/2)), place, w.vlan(vlan))
	}
	rule := fmt.Sprintf("who = %q\n%sgroup = \"Unit %d\"\n", "@"+w.own(w.dice.IntN(w.Realms/2)), place, i)
	switch {
	case vlan%3 == 0:
		rule += "device = \"verified\"\n"
		if i%9 == 0 {
			rule += fmt.Sprintf("issuer = \"client_ca\"\npolicy = \"1.2.826.0.1.%d\"\n", i%4)
		}
	case i%2 == 0:
		rule += fmt.Sprintf("eap = %q\n", methods[w.dice.IntN(3)])
	}
	return rule + fmt.Sprintf("vlan = %q", w.vlan(vlan))
}

func (w *writer) guarantees() {
	w.line("[[guarantee]]\nwho = \"visitor\"\nnever = { zone = \"clinical\" }")
	w.line("[[guarantee]]\nwho = \"anyone\"\ndevice = \"unverified\"\nnever = { zone = \"clinical\" }")
	for i := range w.Realms / 2 {
		w.line("[[guarantee]]\nwho = %q\nnever = { zone = \"clinical\" }", "@"+university(i))
	}
	for i := range w.Sites / 10 {
		w.line("[[guarantee]]\nwho = \"own\"\ngroup = \"Volunteers\"\ndevice = \"unverified\"\nsite = %q\nnever = { zone = \"clinical\" }", w.site(10*i))
		w.line("[[guarantee]]\nwho = \"visitor\"\nsite = %q\nnever = { vlan = %q }", w.site(10*i), w.vlan(0))
	}
}

// sites number a tenth of the VLANs in a way of their own.
func (w *writer) sites() {
	for i := range w.Sites {
		w.line("[[site]]\nname = %q", w.site(i))
		var numbers []string
		for k := range w.VLANs / 10 {
			numbers = append(numbers, fmt.Sprintf("%s = %d", w.vlan(10*k+w.dice.IntN(2)+3), 1000+100*k+i%100))
		}
		w.line("vlan = { %s }", strings.Join(numbers, ", "))
		address := fmt.Sprintf("10.%d.%d.10", 1+i/250, i%250)
		if i == 0 {
			address = w.First
		}
		w.line("[[site.controller]]\nname = \"wlc-%d\"\nvendor = %q\naddress = %q\nsecret = %q\nwithout_vlan = \"reject\"", i, vendors[i%len(vendors)], address, w.Secret)
	}
}
