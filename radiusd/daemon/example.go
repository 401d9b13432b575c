package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"causeway/radiusd/daemon/config"
	"causeway/realms"
	"causeway/vlan"
)

// InspectUnproved reads a configuration of which nothing is wrong but its proof, for
// explain to show what would happen. Nothing can be started from it; it is nil when
// the file does not get that far.
func InspectUnproved(path string, now func() time.Time) *Inspection {
	file, err := config.Load(path, config.SecretsOptional)
	if err != nil {
		return nil
	}
	return unproved(file, now)
}

func unproved(file *config.File, now func() time.Time) *Inspection {
	policy := vlan.Resolve(vlanConfig(file, now))
	table, err := realms.New(routes(file, nil))
	if policy == nil || err != nil {
		return nil
	}
	return &Inspection{File: file, house: &house{file: file, ruleNames: file.RuleNames(), realms: table, claims: claimsOf(file), lists: openLists(file, func(string, error) {})}, unproved: policy, now: now}
}

// mostShown is for how many counterexamples a command is looked for, which walks all
// the rules of an SSID.
const mostShown = 20

// policyProblems gives what the policy says is wrong its place in the file, and each
// counterexample the command that shows it.
func policyProblems(file *config.File, now func() time.Time, err error) config.Problems {
	located := locate(file, "", err)
	var policy vlan.Problems
	if !errors.As(err, &policy) || !slices.ContainsFunc(policy, func(p vlan.Problem) bool { return p.Example != nil }) {
		return located
	}
	i := unproved(file, now)
	if i == nil {
		return located
	}
	shown := 0
	for n, p := range policy {
		if shown++; p.Example != nil && shown <= mostShown {
			located[n].See = i.see(p)
		}
	}
	return located
}

// see is the command for a counterexample, or why no log-in gets as far today. The
// proof does not ask who is routed where: for a visitor there may be another of the
// same kind who is.
func (i *Inspection) see(p vlan.Problem) string {
	var why string
	for _, q := range i.queries(p.Example.Facts) {
		e := i.Explain(q)
		if e.reaches(strings.TrimSuffix(p.Key, ".vlan"), p.Example.VLAN) {
			return "see it: " + q.command(i.File.Place("", "", "").File)
		}
		if why == "" {
			why = e.Reason
		}
	}
	return fmt.Sprintf("explain does not get as far today (%s): the rule stands open all the same", why)
}

// queries are a counterexample as explain is asked it, first as the proof has it.
func (i *Inspection) queries(f vlan.Facts) []Query {
	q := Query{User: f.User + "@" + f.Realm, SSID: f.SSID, Site: f.Site, EAP: f.Method, Groups: f.Groups, Device: f.Device, Issuer: f.Issuer, Policies: f.Policies}
	if !f.Own {
		q.EAP = "" // their home's business
	}
	if f.Own && f.Issuer == "" && !f.CertificateUnknown {
		q.Issuer = config.NoCertificate
	}
	if f.List != "" {
		return []Query{{List: f.List, Lands: f.Lands, SSID: f.SSID, Site: f.Site}}
	}
	all := []Query{q}
	for _, realm := range append(vlanConfig(i.File, i.now).Partners, "other.example") {
		if !f.Own {
			q.User = f.User + "@" + realm
			all = append(all, q)
		}
	}
	return all
}

// reaches tells whether a rule gave the VLAN, whatever the checks behind it say then.
func (e *Explanation) reaches(rule, vlan string) bool {
	return e.decided == rule && slices.ContainsFunc(e.Steps, func(s string) bool { return strings.HasSuffix(s, "gives vlan "+vlan) })
}

// command writes a query as one would type it.
func (q Query) command(file string) string {
	words := []string{"radiusd", "explain", file}
	add := func(flag, value string) {
		if value != "" {
			words = append(words, flag, value)
		}
	}
	add("--user", q.User)
	add("--list", q.List)
	add("--listed-vlan", q.Lands)
	add("--mac", q.MAC)
	add("--ssid", q.SSID)
	add("--site", q.Site)
	add("--eap", q.EAP)
	for _, g := range q.Groups {
		add("--group", g)
	}
	add("--device", q.Device)
	add("--issuer", q.Issuer)
	add("--policy", strings.Join(q.Policies, ","))
	for n, w := range words {
		words[n] = quoted(w)
	}
	return strings.Join(words, " ")
}

// quoted is a word as a POSIX shell takes it.
func quoted(word string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("@%+=:,./-_", c)
	}
	if word != "" && !strings.ContainsFunc(word, func(c rune) bool { return !plain(c) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// supposed ends an explanation by rules of which nobody is served.
func (i *Inspection) supposed(e Explanation, facts vlan.Facts) Explanation {
	for _, s := range i.unproved.Explain(facts) {
		if s.Fits {
			e.decided, e.Named = s.Key, i.house.ruleNames[s.Key]
		}
		e.Steps = append(e.Steps, i.placed(s))
	}
	to, err := i.unproved.Land(facts)
	if err != nil {
		e.Unsaid, e.Reason, e.Why = unsaid(err), reasonOf(err), err.Error()
		return e
	}
	e.Outcome, e.VLAN, e.Name, e.Zone, e.Rule = outcomeAccept, to.ID, to.VLAN, to.Zone, labelled(to.Rule, e.Named)
	return e
}
