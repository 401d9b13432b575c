package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/BurntSushi/toml"
)

// A survivor is a change that no test can or need notice, with the reason.
type survivor struct {
	In      string   `toml:"in"` // vlan/gate.go (*statement).hear
	Changes []string `toml:"changes"`
	Reason  string   `toml:"reason"`
}

// readSurvivors reads the list, by the keys of the changes.
func readSurvivors(path string) (map[string]*survivor, error) {
	var list struct {
		Survivor []survivor `toml:"survivor"`
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if _, err := toml.Decode(string(text), &list); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	known := map[string]*survivor{}
	for i := range list.Survivor {
		s := &list.Survivor[i]
		if strings.TrimSpace(s.Reason) == "" {
			return nil, fmt.Errorf("%s: %s has no reason", path, s.In)
		}
		for _, c := range s.Changes {
			known[s.In+": "+c] = s
		}
	}
	return known, nil
}

// report prints what became of the changes and judges it. The share counts when all of
// them were tried; a survivor that is not listed always does, and so does a listed one
// that is no change of the code any more.
func report(w io.Writer, all []*mutant, known map[string]*survivor, whole bool, took time.Duration) bool {
	type sum struct{ all, killed, hung, unreached int }
	sums := map[string]*sum{}
	var total sum
	var unlisted, noticed []*mutant
	there := map[string]bool{}
	for _, m := range all {
		if sums[m.file] == nil {
			sums[m.file] = &sum{}
		}
		there[m.key()] = true
		for _, s := range []*sum{sums[m.file], &total} {
			s.all++
			if m.killed {
				s.killed++
			}
			if m.hung {
				s.hung++
			}
			if !m.reached {
				s.unreached++
			}
		}
		if _, listed := known[m.key()]; listed && m.killed {
			noticed = append(noticed, m)
		} else if !listed && !m.killed {
			unlisted = append(unlisted, m)
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FILE\tCHANGES\tNOTICED\tBY NEVER ENDING\tSURVIVED\tREACHED BY NO TEST")
	line := func(name string, s *sum) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\n", name, s.all, s.killed, s.hung, s.all-s.killed, s.unreached)
	}
	for _, file := range slices.Sorted(maps.Keys(sums)) {
		line(file, sums[file])
	}
	line("all", &total)
	_ = t.Flush()
	for _, m := range noticed {
		fmt.Fprintf(w, "noticed by %s, and listed as a survivor: %s\n", m.by, m.key())
	}
	ok := len(unlisted) == 0
	for _, m := range unlisted {
		fmt.Fprintf(w, "survived: %s\n", m.key())
	}
	if whole {
		for _, key := range slices.Sorted(maps.Keys(known)) {
			if !there[key] {
				fmt.Fprintf(w, "listed as a survivor, and no change of the code: %s\n", key)
				ok = false
			}
		}
	}
	share := 100 * float64(total.killed) / float64(max(total.all, 1))
	fmt.Fprintf(w, "%.1f %% of %d changes noticed (at least %d), %d survivors not listed, in %s\n", share, total.all, least, len(unlisted), took.Round(time.Second))
	return ok && (!whole || share >= least)
}
