package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"causeway/radiusd/daemon/config"
	"causeway/realms/directory"
)

// A groupUse is a line of the file that names a group of our own people.
type groupUse struct {
	key, group string
	vain       string   // what comes of it when nobody is in the group
	of         string   // whose people, in words
	asked      []string // the directories in which they may be; coreRoute: those of the core
}

// groupUses are all of them, in the order of the file.
func groupUses(file *config.File) (uses []groupUse) {
	add := func(key, who, group, vain string) {
		if group == "" {
			return
		}
		if of, asked := peopleOf(file, who); len(asked) > 0 {
			uses = append(uses, groupUse{key, group, vain, of, asked})
		}
	}
	for n, s := range file.SSID {
		for m, r := range s.Rule {
			add(fmt.Sprintf("ssid[%d].rule[%d].group", n, m), r.Who, r.Group, "the rule fits nobody")
		}
	}
	for n, r := range file.Roaming {
		add(fmt.Sprintf("roaming[%d].group", n), r.Who, r.Group, "the rule fits nobody")
	}
	for n, g := range file.Guarantee {
		add(fmt.Sprintf("guarantee[%d].group", n), g.Who, g.Group, "the guarantee speaks of nobody")
	}
	for n, group := range file.Core.Tells {
		add(fmt.Sprintf("core.tells[%d]", n), "own", group, "no edge is ever told that somebody is in it")
	}
	for n, t := range file.Test {
		for m, group := range t.Given.Groups {
			if t.Given.User == "" { // a device of a list
				continue
			}
			add(fmt.Sprintf("test[%d].given.groups[%d]", n, m), t.Given.User, group, "the test gives what nobody has")
		}
	}
	return uses
}

// peopleOf says whose people a rule's who may mean, and in which directories they are.
func peopleOf(file *config.File, who string) (words string, directories []string) {
	at := strings.LastIndexByte(who, '@')
	named, realm := at >= 0, strings.ToLower(who[at+1:])
	switch {
	case named:
		words = "of " + realm
	case who == "own" || who == "anyone" || who == "":
		words = "of ours"
	default:
		return "", nil
	}
	for _, name := range slices.Sorted(maps.Keys(file.Realm)) {
		r := file.Realm[name]
		all := append(append([]string{strings.ToLower(name)}, lower(r.Subrealms)...), lower(r.Computers)...)
		if named && !slices.Contains(all, realm) {
			continue
		}
		switch {
		case r.Core:
			directories = append(directories, coreRoute)
			continue
		case r.Directory == "":
			continue
		}
		directories = append(directories, r.Directory)
		for _, a := range file.EAP.Authority {
			if a.Directory != "" && (a.Realms == nil || slices.ContainsFunc(lower(a.Realms), func(realm string) bool { return slices.Contains(all, realm) })) {
				directories = append(directories, a.Directory)
			}
		}
	}
	slices.Sort(directories)
	return words, slices.Compact(directories)
}

// A groupTeller is a directory that can say which groups it knows.
type groupTeller interface {
	AskGroups(ctx context.Context, names []string) ([]directory.GroupAnswer, error)
}

// An Asking is what came of asking one directory for the groups that the file names.
type Asking struct {
	Directory string   `json:"directory"`
	Groups    []string `json:"groups"`           // that it was asked for
	Known     int      `json:"known"`            // of them
	Unsaid    []string `json:"unsaid,omitempty"` // of which groups it cannot be said, and why
	Failed    string   `json:"failed,omitempty"` // why nothing was said at all; empty: it was
}

// Whole says that of each group it was said whether the directory knows it.
func (a Asking) Whole() bool { return a.Failed == "" && len(a.Unsaid) == 0 }

// String is the asking for people.
func (a Asking) String() string {
	groups := "1 group"
	if n := len(a.Groups); n != 1 {
		groups = fmt.Sprintf("%d groups", n)
	}
	switch {
	case len(a.Groups) == 0:
		return fmt.Sprintf("directory %s was not asked: no line of the file names a group of its people\n", a.Directory)
	case a.Failed != "":
		return fmt.Sprintf("NOT ASKED  directory %s: %s\n           nothing is said of %s that the file names: %s\n", a.Directory, onOneLine(a.Failed), groups, quotedGroups(a.Groups))
	}
	text := fmt.Sprintf("directory %s was asked for %s, and knows %d\n", a.Directory, groups, a.Known)
	for _, u := range a.Unsaid {
		text += fmt.Sprintf("NOT KNOWN  directory %s: %s\n", a.Directory, onOneLine(u))
	}
	return text
}

// onOneLine escapes what does not show: a server's own words are in a failure, and may
// neither steer a terminal nor write a line of the check.
func onOneLine(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func quotedGroups(names []string) string {
	const shown = 5
	list := make([]string, 0, shown+1)
	for _, name := range names[:min(len(names), shown)] {
		list = append(list, strconv.Quote(name))
	}
	if more := len(names) - shown; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// askingPatience bounds asking one directory; they are asked side by side.
const askingPatience = 15 * time.Second

// hearsay is what directories said, by name of the directory and of the group.
type hearsay map[string]map[string]directory.GroupAnswer

// Ask asks the directories that are servers, and warns of groups that none knows. One
// that has failed is warned of in its Asking alone.
func (i *Inspection) Ask(ctx context.Context) []Asking {
	uses := groupUses(i.File)
	var names []string
	for name, c := range i.File.Directory {
		if !isFile(c) {
			names = append(names, name)
		}
	}
	if i.house.edge() {
		names = append(names, coreRoute)
	}
	slices.Sort(names)
	askings := make([]Asking, len(names))
	heard := make([][]directory.GroupAnswer, len(names))
	var all sync.WaitGroup
	for n, name := range names {
		all.Go(func() { askings[n], heard[n] = i.ask(ctx, name, groupsFor(uses, name)) })
	}
	all.Wait()
	known := i.inFiles(ctx, uses)
	for n, name := range names {
		known.hear(name, heard[n])
	}
	i.judgeGroups(slices.DeleteFunc(uses, i.onlyFiles), known)
	return askings
}

// LookIntoFiles warns of groups that only people in files could be in, and nobody is. It
// reads those files, which a log-in is explained without.
func (i *Inspection) LookIntoFiles() {
	uses := slices.DeleteFunc(groupUses(i.File), func(u groupUse) bool { return !i.onlyFiles(u) })
	i.judgeGroups(uses, i.inFiles(context.Background(), uses))
}

// isFile says that everything which a directory knows stands in a file.
func isFile(c config.Directory) bool { return c.Kind == "file" || c.Kind == "placements" }

// onlyFiles says that a line is about people who are all in files.
func (i *Inspection) onlyFiles(u groupUse) bool {
	return !slices.ContainsFunc(u.asked, func(name string) bool { return !isFile(i.File.Directory[name]) })
}

// groupsFor are the groups that a directory is asked for, each once.
func groupsFor(uses []groupUse, name string) (groups []string) {
	for _, u := range uses {
		same := func(group string) bool { return strings.EqualFold(group, u.group) }
		if slices.Contains(u.asked, name) && !slices.ContainsFunc(groups, same) {
			groups = append(groups, u.group)
		}
	}
	return groups
}

// ask asks one directory.
func (i *Inspection) ask(ctx context.Context, name string, groups []string) (a Asking, heard []directory.GroupAnswer) {
	a = Asking{Directory: name, Groups: append([]string{}, groups...)}
	if len(groups) == 0 {
		return a, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askingPatience)
	defer cancel()
	heard, err := i.askServers(ctx, name, groups)
	if err != nil {
		a.Failed = strings.TrimPrefix(err.Error(), "directory "+name+": ")
		return a, nil
	}
	for _, h := range heard {
		switch {
		case h.Known:
			a.Known++
		case h.Unsaid != "":
			a.Unsaid = append(a.Unsaid, fmt.Sprintf("of group %q nothing can be said: %s", h.Name, h.Unsaid))
		}
	}
	return a, heard
}

func (i *Inspection) askServers(ctx context.Context, name string, groups []string) ([]directory.GroupAnswer, error) {
	if name == coreRoute && i.house.edge() {
		return nil, errors.New("the core has the directories: run radiusd check --ask there")
	}
	c := i.File.Directory[name]
	for _, key := range []string{"password", "computer_password", "ca"} {
		if i.File.Unreadable(fmt.Sprintf("directory.%q.%s", name, key)) || i.File.Unreadable("directory."+name+"."+key) {
			return nil, fmt.Errorf("its %s cannot be read here: run this on the server", key)
		}
	}
	d, closer, err := directories[c.Kind](name, c)
	if err != nil {
		return nil, err
	}
	defer closer()
	teller, can := d.(groupTeller)
	if !can {
		return nil, fmt.Errorf("a directory of kind %q cannot be asked", c.Kind)
	}
	return teller.AskGroups(ctx, groups)
}

// inFiles are the answers of the directories that are files, which need no asking. One
// that cannot be read has been told of, and says nothing.
func (i *Inspection) inFiles(ctx context.Context, uses []groupUse) hearsay {
	known := hearsay{}
	for name, c := range i.File.Directory {
		groups := groupsFor(uses, name)
		if !isFile(c) || len(groups) == 0 || i.File.Unreadable("directory."+name+".path") {
			continue
		}
		d, closer, err := directories[c.Kind](name, c)
		if err != nil {
			continue
		}
		if teller, can := d.(groupTeller); can {
			if heard, err := teller.AskGroups(ctx, groups); err == nil {
				known.hear(name, heard)
			}
		}
		closer()
	}
	return known
}

func (a hearsay) hear(name string, heard []directory.GroupAnswer) {
	for _, h := range heard {
		if a[name] == nil {
			a[name] = map[string]directory.GroupAnswer{}
		}
		a[name][strings.ToLower(h.Name)] = h
	}
}

// judgeGroups warns of each line whose group is known to none of its directories. Where
// one of them has not answered, nothing is said.
func (i *Inspection) judgeGroups(uses []groupUse, known hearsay) {
	for _, u := range uses {
		var near []string
		unknown := true
		for _, name := range u.asked {
			h, heard := known[name][strings.ToLower(u.group)]
			unknown = unknown && heard && !h.Known && h.Unsaid == ""
			for _, meant := range h.Near {
				if quoted := strconv.Quote(meant); !slices.Contains(near, quoted) {
					near = append(near, quoted)
				}
			}
		}
		// The placements of next term may be in groups that nobody is in today.
		if !unknown || !slices.ContainsFunc(u.asked, func(name string) bool { return i.File.Directory[name].Kind != "placements" }) {
			continue
		}
		p := i.File.Place(u.key, fmt.Sprintf("no directory %s knows group %q (%s): %s", u.of, u.group, strings.Join(u.asked, ", "), u.vain),
			"correct the name, or make the group in the directory")
		p.Meant = strings.Join(near, " or ")
		i.Warnings = append(i.Warnings, p)
	}
}
