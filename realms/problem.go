package realms

import "strings"

// A Problem is one mistake in the configuration of this room.
type Problem struct { //nolint:errname // what an admin reads is a problem
	// Key is where it is, as a path in the file: `realm."camford.ac.uk"`,
	// `realm."northbridge.nhs.uk".subrealms[0]`, `federation.eduroam`,
	// `ssid."govroam".federation`, `blocklist[2]`. [n] counts from 0.
	Key  string
	Text string // what is wrong, in the file's own words
	Fix  string // what to do about it
}

// Error returns the place, what is wrong and what to do.
func (p Problem) Error() string { return p.Key + ": " + p.Text + "; " + p.Fix }

// Problems are all mistakes of a configuration together, so that an admin mends
// them in one go.
type Problems []Problem //nolint:errname // see Problem

// Error returns one line for each problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
