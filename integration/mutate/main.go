// Command mutate breaks the code that decides who lands where, in one small way after
// another, and looks whether the tests notice. `make mutate` runs it.
//
// All changes of a package are compiled at once, each behind a switch, and the test
// binary is told by its environment which one to throw: a compilation costs seconds and a
// change milliseconds. Each change is tried by the tests that come past it, those that
// noticed its neighbours first. A change that no test notices has survived; survivors.toml
// says of every one of them why it may.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A target is a package whose code is changed, and the packages whose tests are to notice.
type target struct {
	dir   string
	files []string // empty: all of it; "core.go#believe" is one function of a file
	tests []string
}

// targets are what decides who lands where: the policy, its proof and its gate, and of the
// corridor what routes, believes, places and remembers.
var targets = []target{
	{"vlan", nil, []string{"vlan"}},
	{"radiusd/daemon", []string{
		"access.go", "house.go#seat", "house.go#placeOf", "house.go#origin", "house.go#forwards", "event.go#facts", "event.go#seated",
		"accesspoints.go#standing", "accesspoints.go#site", "accesspoints.go#claimed", "accesspoints.go#claimsOf", "accesspoints.go#find", "accesspoints.go#add", "accesspoints.go#digitsOf", "accesspoints.go#lowerOf", "accesspoints.go#sitesOf",
		"agreements.go#stay", "core.go#tell", "core.go#selected", "core.go#believe", "core.go#hasComputers", "core.go#add",
		"sessions.go", "conversations.go", "accounting.go#accounting", "accounting.go#device", "accounting.go#deviceOf",
	}, []string{"radiusd/daemon"}},
	{"realms", []string{"identity.go", "table.go", "fallback.go"}, []string{"realms", "radiusd/daemon"}},
	{"realms/upstream", []string{"reply.go"}, []string{"realms/upstream", "radiusd/daemon"}},
}

// least is how many of a hundred changes have to be noticed.
const least = 95

func main() {
	only := flag.String("only", "", "the `files`, packages or functions to change, with commas between them; empty is all")
	list := flag.Bool("list", false, "print the changes and try none")
	workers := flag.Int("j", runtime.GOMAXPROCS(0), "how many to try at once")
	again := flag.Bool("survivors", false, "try the listed survivors only: those that are noticed by now can leave the list")
	quick := flag.Bool("quick", false, "leave out slow tests, and the long runs that new survivors meet last")
	flag.Parse()
	ok, err := run(*only, *list, *again, *workers, !*quick)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func run(only string, list, again bool, workers int, long bool) (ok bool, err error) {
	began := time.Now()
	known, err := readSurvivors("integration/mutate/survivors.toml")
	if err != nil {
		return false, err
	}
	var all []*mutant
	odd := 0 // what makes the run itself doubtful
	for _, t := range targets {
		p, err := load(".", t)
		if err != nil {
			return false, err
		}
		mutants := slices.DeleteFunc(slices.Clone(p.mutants), func(m *mutant) bool { return !m.asked(only) || again && known[m.key()] == nil })
		if len(mutants) == 0 {
			continue
		}
		for _, m := range mutants {
			m.listed = known[m.key()] != nil
		}
		if list {
			for _, m := range mutants {
				fmt.Println(m)
			}
			continue
		}
		fmt.Printf("%s: %d changes\n", t.dir, len(mutants))
		doubts, err := try(p, t, mutants, workers, long)
		if err != nil {
			return false, err
		}
		odd += doubts
		all = append(all, mutants...)
	}
	if list {
		return true, nil
	}
	return report(os.Stdout, all, known, only == "" && !again, time.Since(began)) && odd == 0, nil
}

// asked tells whether a change is among those that -only names: a file, with or without
// its folder, a package, or a function.
func (m *mutant) asked(only string) bool {
	if only == "" {
		return true
	}
	dir, file := m.file[:strings.LastIndexByte(m.file, '/')], m.file[strings.LastIndexByte(m.file, '/')+1:]
	return slices.ContainsFunc(strings.Split(only, ","), func(name string) bool {
		return name == m.file || name == file || name == dir || name == m.in || name == bare(m.in)
	})
}
