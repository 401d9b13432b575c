// Command bench measures what docs/performance.md promises and prints each
// figure beside its target. `make bench` runs it.
//
// The server is the real one, a process of its own on one pinned core; load and
// pretend upstreams run on the other. Figures that are ratios divide what was
// measured in the same run, so that they mean the same on any machine.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"
)

// groups are the figures in the order of the table; a group is measured together.
var groups = []struct {
	name    string
	measure func() ([]row, error)
	asked   bool // only when it is named
}{
	{"packet", packetPath, false},
	{"auth", authentications, false},
	{"rsa", rsaKeys, false},
	{"far", farDirectoryRates, false},
	{"storm", storm, false},
	{"pap", papRate, false},
	{"proxy", proxyRate, false},
	{"radsec", radSec, false},
	{"far-upstream", farUpstreamRate, false},
	{"dead-upstream", deadUpstream, false},
	{"crowd", crowd, false},
	{"peers", peers, true},
	{"ad", domainRates, false},
	{"region", regionFigures, false},
	{"memory", memory, false},
	{"half-open", halfOpen, false},
	{"soak", func() ([]row, error) { return soak(*soakTime) }, true},
}

var soakTime = flag.Duration("for", 30*time.Minute, "how long the soak takes")

// A row is one figure as it was seen.
type row struct {
	what, seen, target string
	good               bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" { // the child that only shakes hands
		bareServer(os.Args[2:])
		return
	}
	debug.SetGCPercent(800) // the load is not what is measured
	only := flag.String("only", "", "the `groups` to measure, with commas between them; empty is all")
	flag.Parse()
	short := 0
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIGURE\tSEEN\tTARGET\t")
	for _, g := range groups {
		named := strings.Contains(","+*only+",", ","+g.name+",")
		if !named && (*only != "" || g.asked) {
			continue
		}
		rows, err := g.measure()
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench %s: %v\n", g.name, err)
			os.Exit(1)
		}
		for _, r := range rows {
			verdict := "met"
			if r.target == "-" {
				verdict = ""
			}
			if !r.good {
				verdict = "SHORT"
				short++
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.what, r.seen, r.target, verdict)
		}
		_ = w.Flush()
	}
	if short > 0 {
		fmt.Printf("%d figures fall short\n", short)
		os.Exit(1)
	}
}

// atMost and atLeast make a row.
func atMost(what string, seen, target float64, unit string) row {
	return row{what, fmt.Sprintf("%.2f%s", seen, unit), fmt.Sprintf("at most %g%s", target, unit), seen <= target}
}

// told is a figure without a target, for the reader to know.
func told(what, seen string) row { return row{what, seen, "-", true} }

func atLeast(what string, seen, target float64, unit string) row {
	return row{what, fmt.Sprintf("%.0f%s", seen, unit), fmt.Sprintf("at least %.0f%s", target, unit), seen >= target}
}

// atLeastTimes is a ratio.
func atLeastTimes(what string, seen, target float64) row {
	return row{what, fmt.Sprintf("%.2f x", seen), fmt.Sprintf("at least %g x", target), seen >= target}
}
