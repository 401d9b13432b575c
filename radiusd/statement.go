package main

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"causeway/radiusd/daemon"
	"causeway/radiusd/daemon/config"
	"causeway/vlan"
)

//go:embed statement.html
var statementHTML string

// statementPage is the proof as an information-governance lead files it: without script
// or anything from elsewhere, and with every name escaped.
var statementPage = template.Must(template.New("statement").Funcs(template.FuncMap{"count": count, "sentence": sentence}).Parse(statementHTML))

// A statement is what the page says.
type statement struct {
	Trust, Date, Version string
	Proof                vlan.Proof
	Groups               []siteGroup
	Agreements           []daemon.Agreement
	Alone                []alone
	Warnings             []string
	Sums                 []config.Sum
}

// A siteGroup is sites at which the same people land on the same networks.
type siteGroup struct {
	Title string
	Sites []string // where there are more than fit in the title
	Rows  []vlan.Landing
}

// alone is what some controllers do by themselves.
type alone struct {
	What        string
	Controllers []string
}

// newStatement gathers it on a day.
func newStatement(i *daemon.Inspection, on time.Time) statement {
	s := statement{
		Trust: i.File.Server.Name, Date: on.Format("2 January 2006, 15:04 MST"), Version: "Causeway " + version(),
		Proof: i.Proof(), Agreements: i.Agreements(on), Sums: i.File.Sums(),
	}
	if s.Trust == "" {
		s.Trust = "No name is given: set name in [server]"
	}
	for _, w := range i.Warnings {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s (%s, line %d)", w.Text, w.File, w.Line))
	}
	s.Groups = groupSites(s.Proof.Table)
	for _, c := range i.Listeners() {
		at := slices.IndexFunc(s.Alone, func(a alone) bool { return a.What == c.Alone })
		if at < 0 {
			at = len(s.Alone)
			s.Alone = append(s.Alone, alone{What: c.Alone})
		}
		if !slices.Contains(s.Alone[at].Controllers, c.Name) {
			s.Alone[at].Controllers = append(s.Alone[at].Controllers, c.Name)
		}
	}
	return s
}

// groupSites puts sites with the same table together, so that hundreds stay readable.
func groupSites(table []vlan.Landing) (groups []siteGroup) {
	bySite := map[string][]vlan.Landing{}
	var order []string
	for _, l := range table {
		if bySite[l.Site] == nil {
			order = append(order, l.Site)
		}
		bySite[l.Site] = append(bySite[l.Site], l)
	}
	at := map[string]int{}
	var sites [][]string
	for _, site := range order {
		rows := bySite[site]
		var key strings.Builder
		for _, l := range rows {
			l.Site = ""
			fmt.Fprintf(&key, "%+v\n", l)
		}
		g, known := at[key.String()]
		if !known {
			g = len(groups)
			at[key.String()] = g
			groups, sites = append(groups, siteGroup{Rows: rows}), append(sites, nil)
		}
		sites[g] = append(sites[g], site)
	}
	const few = 4
	for g := range groups {
		if len(sites[g]) <= few {
			groups[g].Title = strings.Join(sites[g], "; ")
			continue
		}
		groups[g].Title, groups[g].Sites = fmt.Sprintf("%d sites alike", len(sites[g])), sites[g]
	}
	return groups
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}

// write puts the page into a file, whole or not at all. It takes the place of no file of
// the configuration.
func (s statement) write(path string) error {
	to, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for _, sum := range s.Sums {
		if from, err := filepath.Abs(sum.Name); err == nil && sameFile(from, to) {
			return fmt.Errorf("%s is the configuration itself: name another file", path)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".statement-*")
	if err != nil {
		return err
	}
	err = statementPage.Execute(f, s)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return a == b || errX == nil && errY == nil && os.SameFile(x, y)
}
