package vlan

import (
	"strconv"
	"strings"
)

// A Problem is one thing wrong in a Config, in the file's own words.
type Problem struct { //nolint:errname // what an admin has, not what went wrong with us
	// Key is the path of the value in the file: tables and arrays by name,
	// "[n]" counted from 0, names with other than letters, digits, "_" and "-"
	// quoted as TOML quotes them: ssid[1].rule[0].vlan, vlan.clinical.id,
	// site[0].vlan."staff net", guarantee[0].never.zone.
	Key  string
	Text string // what is wrong
	Fix  string // what to write instead

	Example *Example // of a counterexample: a log-in that has it
}

// Error returns the key and what is wrong.
func (p Problem) Error() string { return p.Key + ": " + p.Text }

// Problems are all that is wrong with a Config, in the order in which it is read:
// zones, VLANs, realms, sites, SSIDs, guarantees, then what the proof found.
type Problems []Problem //nolint:errname // as Problem

// Error returns one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// path joins names and indices to a key: path("ssid", 1, "rule", 0, "vlan").
func path(parts ...any) string {
	var b strings.Builder
	for _, part := range parts {
		switch part := part.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(part) + "]")
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(tomlKey(part))
		}
	}
	return b.String()
}

// tomlKey quotes a name that is no bare key of TOML.
func tomlKey(name string) string {
	bare := name != ""
	for _, c := range name {
		bare = bare && (c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z')
	}
	if bare {
		return name
	}
	return strconv.Quote(name)
}

// suggest returns the known name that a misspelt one was meant to be, or what to
// do when nothing is near.
func suggest(name string, known []string, otherwise string) string {
	best, distance := "", len(name)/3+1
	for _, k := range known {
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d <= distance && d < len(k) {
			if best == "" || d < edits(strings.ToLower(name), strings.ToLower(best)) {
				best = k
			}
		}
	}
	if best == "" {
		return otherwise
	}
	return "did you mean " + strconv.Quote(best) + "?"
}

// edits counts the letters to insert, drop, change or swap between a and b.
func edits(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
