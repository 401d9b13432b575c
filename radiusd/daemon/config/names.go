package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Landing is the VLAN that a test expects: its number, or its name. Empty is any.
type Landing string

// Number is the VLAN's number on the wire; is tells that it is given by that.
func (l Landing) Number() (n uint16, is bool) {
	number, err := strconv.ParseUint(string(l), 10, 16)
	return uint16(number), err == nil
}

// landing reads a number, or a name that cannot be taken for one.
func (f *filler) landing(data any, path string) (Landing, bool) {
	name, isText := data.(string)
	if !isText {
		before := len(f.problems)
		var number uint16
		f.number(reflect.ValueOf(&number).Elem(), data, path)
		return Landing(strconv.Itoa(int(number))), len(f.problems) == before
	}
	if _, digits := Landing(name).Number(); digits || name == "" {
		f.problem(path, fmt.Sprintf("vlan is %q, and that is no name of a VLAN", name), "write its number without quotation marks, or its name in [vlan] within them")
		return "", false
	}
	return Landing(name), true
}

// RuleNames are the names that rules have, by the key of the rule: "ssid[0].rule[1]",
// "roaming[0]".
func (f *File) RuleNames() map[string]string {
	names := map[string]string{}
	f.eachRule(func(key, name string) {
		if name != "" {
			names[key] = name
		}
	})
	return names
}

// eachRule visits every rule of the file, in its order.
func (f *File) eachRule(visit func(key, name string)) {
	for i, s := range f.SSID {
		for j, r := range s.Rule {
			visit(fmt.Sprintf("ssid[%d].rule[%d]", i, j), r.Name)
		}
	}
	for i, r := range f.Roaming {
		visit(at("roaming", i), r.Name)
	}
}

// longestRuleName is what a line of the log bears.
const longestRuleName = 60

// ruleNames judges what rules are called: a test and a reader of the log must find the
// one that is meant.
func (c *checker) ruleNames() {
	first := map[string]string{}
	c.eachRule(func(rule, name string) {
		key := rule + ".name"
		if !c.present(key) {
			return
		}
		switch taken, twice := first[strings.ToLower(name)]; {
		case strings.TrimSpace(name) == "":
			c.wrong(key, "give the rule a name, or take it out", "name is empty")
		case utf8.RuneCountInString(name) > longestRuleName || strings.ContainsFunc(name, unprintable):
			c.wrong(key, `write a few words, as name = "clinical staff"`, "name is longer than %d letters, or has what cannot be printed", longestRuleName)
		case twice:
			c.wrong(key, "give each its own name", "two rules are called %q: the first is on line %d", name, c.Place(taken, "", "").Line)
		default:
			first[strings.ToLower(name)] = key
		}
	})
}

// expected judges the names of what a test expects.
func (c *checker) expected(key string, e Expect, vlans, rules []string) {
	if _, number := e.VLAN.Number(); e.VLAN != "" && !number {
		c.defined(key+".vlan", "VLAN", string(e.VLAN), vlans, "name a VLAN of [vlan], or write its number")
	}
	switch {
	case e.Rule == "" && c.present(key+".rule"):
		c.wrong(key+".rule", "write the name of a rule, or take it out", "rule is empty")
	case e.Rule != "":
		c.defined(key+".rule", "rule", e.Rule, rules, "give the rule that name, name = "+strconv.Quote(e.Rule)+", or correct it here")
	}
}

// namedRules are the names of rules, sorted.
func (c *checker) namedRules() (names []string) {
	for _, name := range c.RuleNames() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
