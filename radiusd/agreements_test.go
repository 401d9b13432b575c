package main

import (
	"strings"
	"testing"
)

// The list of agreements is for people, for machines and for spreadsheets, and one that
// has ended is an exit code.
func TestAgreementsOnTheCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		words []string
		code  int
		says  []string
	}{
		"in force":      {[]string{"--on", "2026-11-26"}, exitGood, []string{"DAYS LEFT", "125", "in force", "AA-2026-017", "Network security manager"}},
		"ends soon":     {[]string{"--on", "2027-03-31"}, exitGood, []string{"ends soon"}},
		"not yet":       {[]string{"--on", "2026-03-31"}, exitGood, []string{"not yet"}},
		"ended":         {[]string{"--on", "2027-04-01"}, exitFailed, []string{"-1", "ended"}},
		"JSON":          {[]string{"--on", "2027-04-01", "--json"}, exitFailed, []string{`"days_left": -1`, `"state": "ended"`, `"site": "HMP Eastmoor health centre"`}},
		"CSV":           {[]string{"--on", "2027-03-01", "--csv"}, exitGood, []string{"site,reference,owner", "HMP Eastmoor health centre,AA-2026-017,HMP Eastmoor,Network security manager,2026-04-01,2027-03-31,30,ends soon"}},
		"no date":       {[]string{"--on", "tomorrow"}, exitUsage, []string{`"tomorrow" is no date`}},
		"both at once":  {[]string{"--json", "--csv"}, exitUsage, []string{"not both"}},
		"two of a kind": {[]string{"another.toml"}, exitUsage, []string{"name one configuration file"}},
	} {
		var out, errs strings.Builder
		if code := run(append([]string{"agreements", "../config.example.toml"}, c.words...), &out, &errs); code != c.code {
			t.Errorf("%s: exit code %d: %s", name, code, errs.String())
		}
		for _, want := range c.says {
			if !strings.Contains(out.String()+errs.String(), want) {
				t.Errorf("%s: %q is not in\n%s%s", name, want, out.String(), errs.String())
			}
		}
	}
}
