package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/radiusd/daemon/config"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/placement"
)

// A placementCommand is one word after radiusd placement.
type placementCommand struct {
	name, usage, help string
	run               func(o *placementOrder, out, errs io.Writer) error
}

var placementCommands = []placementCommand{
	{"add", "--user U --name N --sponsor S --approved-by A --purpose P --until DATE", "make an account and its slip", addPlacement},
	{"import", "FILE.csv --slips FILE", "make the accounts of a CSV file and their slips: all of them or none", importPlacements},
	{"list", "[--ending DAYS] [--all] [--json|--csv]", "list who is here, the first to end first", listPlacements},
	{"extend", "--user U --until DATE --approved-by A", "move the last day", extendPlacement},
	{"end", "--user U", "end an account at once", endPlacement},
	{"reset", "--user U", "give an account a new password and a new slip", resetPlacement},
	{"purge", "", "forget those that ended keep_days ago; the audit keeps their names", purgePlacements},
	{"audit", "", "print the audit, and say whether it was tampered with", auditPlacements},
}

// A placementOrder is one command as it was given.
type placementOrder struct {
	record            placement.Record
	from, until, slip string
	groups            list
	noNT, dryRun, all bool
	asJSON, asCSV     bool
	ending            int
	given             map[string]bool
	words             []string
	book              string // the path of the file
	terms             config.Directory
	inspection        *daemon.Inspection
	directory         string
	actor             placement.Actor
	now               time.Time
}

// A list is a flag that may be given several times.
type list []string

func (l *list) String() string         { return strings.Join(*l, ", ") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

// errFound is for what was told already.
var errFound = errors.New("")

// runPlacement keeps the accounts of students on a placement, locums and others who are
// here for a while.
func runPlacement(args []string, out, errs io.Writer) int {
	i := -1
	if len(args) > 0 {
		i = slices.IndexFunc(placementCommands, func(c placementCommand) bool { return c.name == args[0] })
	}
	if i < 0 {
		fmt.Fprint(errs, "radiusd placement: accounts for people who are here for a while\n\n")
		for _, c := range placementCommands {
			fmt.Fprintf(errs, "  radiusd placement %-6s -c CONFIG %s\n      %s\n", c.name, c.usage, c.help)
		}
		return exitUsage
	}
	c := placementCommands[i]
	o := &placementOrder{given: map[string]bool{}, actor: placement.Whoever(), now: time.Now()}
	f := flags("placement "+c.name, errs)
	path := o.flags(f)
	words, code, ok := parse(f, args[1:])
	if !ok {
		return code
	}
	f.Visit(func(one *flag.Flag) { o.given[one.Name] = true })
	o.words = words
	if *path == "" || len(words) > 0 && c.name != "import" {
		fmt.Fprintf(errs, "radiusd placement %s: write it as radiusd placement %s -c CONFIG %s\n", c.name, c.name, c.usage)
		return exitUsage
	}
	inspection, code := inspect("placement", []string{*path}, errs)
	if inspection == nil {
		return code
	}
	o.inspection = inspection
	err := o.find()
	if err == nil {
		err = c.run(o, out, errs)
	}
	if err != nil {
		if !errors.Is(err, errFound) {
			fmt.Fprintf(errs, "radiusd placement %s: %s\n", c.name, strings.ReplaceAll(err.Error(), "\n", "\n  "))
		}
		return exitFailed
	}
	return exitGood
}

func (o *placementOrder) flags(f *flag.FlagSet) (path *string) {
	path = f.String("c", "", "the server's configuration `FILE`")
	f.StringVar(&o.directory, "directory", "", "which directory of kind \"placements\", where there are several")
	f.StringVar(&o.record.User, "user", "", "the whole name that they type, as a.okafor@northbridge.nhs.uk")
	f.StringVar(&o.record.Name, "name", "", "who it is")
	f.StringVar(&o.record.Sponsor, "sponsor", "", "who asks for the account")
	f.StringVar(&o.record.ApprovedBy, "approved-by", "", "who approves it: somebody else")
	f.StringVar(&o.record.Purpose, "purpose", "", "what for, as \"nursing placement, Ward 7\"")
	f.StringVar(&o.from, "from", "", "the first `date`, as 2027-01-11; without it today")
	f.StringVar(&o.until, "until", "", "the last `date`")
	f.Var(&o.groups, "group", "a group for the rules; may be given several times")
	f.BoolVar(&o.noNT, "no-nt", false, "no NT hash: they log in by TTLS with PAP and not by PEAP")
	f.StringVar(&o.slip, "slip", "", "write the slip to that new `FILE`; one that ends in .html is for a printer, and - is the screen")
	f.StringVar(&o.slip, "slips", "", "the same, for several")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what is wrong and change nothing")
	f.BoolVar(&o.all, "all", false, "those that have ended, too")
	f.IntVar(&o.ending, "ending", 0, "only those whose last day is within so many `days`")
	f.BoolVar(&o.asJSON, "json", false, "as JSON")
	f.BoolVar(&o.asCSV, "csv", false, "as CSV, for a spreadsheet")
	return path
}

// find finds the directory that is meant.
func (o *placementOrder) find() error {
	var names []string
	for name, d := range o.inspection.File.Directory {
		if d.Kind == "placements" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return errors.New(`the configuration has no directory of kind "placements": docs/placements.md shows one`)
	case o.directory == "" && len(names) > 1:
		return fmt.Errorf("say which with --directory: %s", strings.Join(names, ", "))
	case o.directory == "":
		o.directory = names[0]
	case !slices.Contains(names, o.directory):
		return fmt.Errorf("there is no directory of placements %q: %s", o.directory, strings.Join(names, ", "))
	}
	o.terms = o.inspection.File.Directory[o.directory]
	o.book = o.terms.Path
	return nil
}

// needs refuses a command that lacks a flag.
func (o *placementOrder) needs(names ...string) error {
	var missing []string
	for _, name := range names {
		if !o.given[name] {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("say %s, too", strings.Join(missing, ", "))
	}
	return nil
}

func addPlacement(o *placementOrder, out, _ io.Writer) (err error) {
	if err := o.needs("user", "name", "sponsor", "approved-by", "purpose", "until"); err != nil {
		return err
	}
	r := o.record
	r.Groups, r.From = o.groups, placement.DayOf(o.now)
	if o.from != "" {
		if r.From, err = placement.ParseDay(o.from); err != nil {
			return fmt.Errorf("--from: %w", err)
		}
	}
	if r.Until, err = placement.ParseDay(o.until); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	return o.make("add", []placement.Record{r}, out)
}

func importPlacements(o *placementOrder, out, _ io.Writer) error {
	if len(o.words) != 1 {
		return errors.New("name one CSV file")
	}
	text, err := os.ReadFile(o.words[0])
	if err != nil {
		return err
	}
	records, err := placement.ReadCSV(text, placement.DayOf(o.now))
	if err != nil {
		return fmt.Errorf("nothing was imported:\n%w", err)
	}
	if o.slip == "" && !o.dryRun {
		return errors.New("say where the slips go, with --slips: the passwords are nowhere else")
	}
	return o.make("import", records, out)
}

// make admits new people, or none of them, and prints their slips. The slips are on the
// disk first: of an account whose slip was lost nobody knows the password.
func (o *placementOrder) make(what string, records []placement.Record, out io.Writer) error {
	book, err := placement.Read(o.book, o.now)
	if err == nil {
		err = o.admit(book, records)
	}
	if err != nil {
		return err
	}
	if o.dryRun {
		_, err := fmt.Fprintf(out, "Good: %d would be made; nothing was changed.\n", len(records))
		return err
	}
	slips := make([]slip, len(records))
	for i := range records {
		records[i].Created = o.now.UTC().Truncate(time.Second)
		slips[i] = o.slipOf(&records[i])
	}
	return o.printed(slips, out, func() error {
		return placement.Change(o.book, what, o.actor, o.now, func(b *placement.Book) error {
			if err := o.admit(b, records); err != nil { // somebody else may have been quicker
				return err
			}
			for _, r := range records {
				if i := b.Find(r.User); i >= 0 {
					b.Records[i] = r
				} else {
					b.Records = append(b.Records, r)
				}
			}
			return nil
		})
	})
}

// admit says why people cannot be let in, all at once, each with their row when they come
// from a file with rows.
func (o *placementOrder) admit(b *placement.Book, records []placement.Record) error {
	var wrong []error
	for _, r := range records {
		if err := o.allowed(b, r); err != nil {
			if r.Line > 0 {
				err = fmt.Errorf("row %d: %w", r.Line, err)
			}
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

func (o *placementOrder) allowed(b *placement.Book, r placement.Record) error {
	if err := r.Check(); err != nil {
		return err
	}
	if err := o.typeable(r.User); err != nil {
		return err
	}
	if i := b.Find(r.User); i >= 0 && b.Records[i].State(o.now) != placement.Over {
		return fmt.Errorf("%s has a placement until %s: extend it, reset it or end it", b.Records[i].User, b.Records[i].Until)
	}
	return o.short(r)
}

// typeable refuses names that somebody could not type at a telephone, and realms that
// another directory answers for.
func (o *placementOrder) typeable(user string) error {
	id, err := realms.ParseIdentity(user)
	if err != nil {
		return err
	}
	if id.User == "" || strings.Trim(id.User, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_'") != "" {
		return fmt.Errorf("%q: the part before the @ is letters, digits, dots, hyphens, underscores and apostrophes", user)
	}
	var served []string
	for name, r := range o.inspection.File.Realm {
		if r.Directory == o.directory {
			served = append(append(served, strings.ToLower(name)), r.Subrealms...)
		}
	}
	slices.Sort(served)
	if len(served) == 0 {
		return fmt.Errorf("no realm has directory = %q: nobody of it could log in", o.directory)
	}
	if !slices.Contains(served, id.Realm) {
		return fmt.Errorf("%s: the directory %s answers for %s", user, o.directory, strings.Join(served, ", "))
	}
	return nil
}

// short refuses a placement that is too long, or over.
func (o *placementOrder) short(r placement.Record) error {
	today := placement.DayOf(o.now)
	first := r.From
	if first.DaysTo(today) > 0 {
		first = today
	}
	switch {
	case today.DaysTo(r.Until) < 0:
		return fmt.Errorf("%s: the last day, %s, is over", r.User, r.Until)
	case first.DaysTo(r.Until) >= o.terms.MaxDays:
		return fmt.Errorf("%s: until %s it is longer than the %d days that max_days allows", r.User, r.Until, o.terms.MaxDays)
	}
	return nil
}

// password gives a record a new one.
func (o *placementOrder) password(r *placement.Record) certs.Secret {
	password := placement.NewPassword()
	r.Password = certs.Secret(directory.HashPassword(password))
	r.NTHash = ""
	if o.withNT() {
		hash := directory.NTHash(password)
		r.NTHash = certs.Secret(fmt.Sprintf("%x", hash[:]))
	}
	return password
}

// withNT says whether an NT hash is worth its danger: where something that we offer asks
// for it.
func (o *placementOrder) withNT() bool {
	eap := o.inspection.File.EAP
	inner := eap.Inner == nil || slices.Contains(eap.Inner, "mschapv2") || slices.Contains(eap.Inner, "mschap")
	return !o.noNT && inner && (slices.Contains(eap.Methods, "peap") || slices.Contains(eap.Methods, "ttls") || slices.Contains(eap.Methods, "teap"))
}

func extendPlacement(o *placementOrder, out, _ io.Writer) error {
	if err := o.needs("user", "until", "approved-by"); err != nil {
		return err
	}
	until, err := placement.ParseDay(o.until)
	if err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	return o.change("extend", out, func(r *placement.Record) (string, error) {
		if !r.Ended.IsZero() {
			return "", fmt.Errorf("%s was ended by %s: make it anew with add", r.User, r.EndedBy)
		}
		r.Until, r.ApprovedBy = until, o.record.ApprovedBy
		if err := r.Check(); err != nil {
			return "", err
		}
		return fmt.Sprintf("%s may log in until the end of %s.\n", r.User, until), o.short(*r)
	})
}

func endPlacement(o *placementOrder, out, _ io.Writer) error {
	if err := o.needs("user"); err != nil {
		return err
	}
	return o.change("end", out, func(r *placement.Record) (string, error) {
		if !r.Ended.IsZero() {
			return "", fmt.Errorf("%s was ended at %s by %s", r.User, r.Ended.Format(time.RFC3339), r.EndedBy)
		}
		r.Ended, r.EndedBy = o.now.UTC().Truncate(time.Second), o.actor.String()
		return fmt.Sprintf("%s is refused from now on. Who is connected stays for a day at most: disconnect them at the controller.\n", r.User), nil
	})
}

// change changes one person and says so.
func (o *placementOrder) change(what string, out io.Writer, change func(*placement.Record) (string, error)) error {
	said := ""
	err := placement.Change(o.book, what, o.actor, o.now, func(b *placement.Book) (err error) {
		i := b.Find(o.record.User)
		if i < 0 {
			return fmt.Errorf("there is no placement of %q", o.record.User)
		}
		said, err = change(&b.Records[i])
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, said)
	return err
}

func resetPlacement(o *placementOrder, out, _ io.Writer) error {
	if err := o.needs("user"); err != nil {
		return err
	}
	book, err := placement.Read(o.book, o.now)
	if err != nil {
		return err
	}
	i := book.Find(o.record.User)
	if i < 0 {
		return fmt.Errorf("there is no placement of %q", o.record.User)
	}
	fresh := book.Records[i]
	if fresh.State(o.now) == placement.Over {
		return fmt.Errorf("the placement of %s has ended: extend it first, or make it anew with add", fresh.User)
	}
	made := o.slipOf(&fresh)
	return o.printed([]slip{made}, out, func() error {
		return o.change("reset", io.Discard, func(r *placement.Record) (string, error) {
			if r.State(o.now) == placement.Over {
				return "", fmt.Errorf("the placement of %s has ended", r.User)
			}
			r.Password, r.NTHash = fresh.Password, fresh.NTHash
			return "", nil
		})
	})
}

func purgePlacements(o *placementOrder, out, _ io.Writer) error {
	gone := 0
	err := placement.Change(o.book, "purge", o.actor, o.now, func(b *placement.Book) error {
		today := placement.DayOf(o.now)
		b.Records = slices.DeleteFunc(b.Records, func(r placement.Record) bool {
			last := r.Until
			if !r.Ended.IsZero() {
				last = placement.DayOf(r.Ended.In(o.now.Location()))
			}
			old := r.State(o.now) == placement.Over && last.DaysTo(today) > o.terms.KeepDays
			if old {
				gone++
			}
			return old
		})
		return nil
	})
	if err == nil {
		_, err = fmt.Fprintf(out, "%d that ended more than %d days ago were taken out.\n", gone, o.terms.KeepDays)
	}
	return err
}

// A placementRow is one person in a list. It has no room for a hash.
type placementRow struct {
	State string `json:"state"`
	placement.Record
	DaysLeft int `json:"days_left"`
}

func listPlacements(o *placementOrder, out, _ io.Writer) error {
	book, err := placement.Read(o.book, o.now)
	if err != nil {
		return err
	}
	today := placement.DayOf(o.now)
	rows := []placementRow{}
	for _, r := range book.Records {
		row := placementRow{r.State(o.now), r, today.DaysTo(r.Until)}
		if row.State == placement.Over && !o.all || o.given["ending"] && row.DaysLeft > o.ending {
			continue
		}
		row.Password, row.NTHash = "", ""
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b placementRow) int { return a.DaysLeft - b.DaysLeft })
	switch {
	case o.asJSON:
		return document(out).Encode(rows)
	case o.asCSV:
		w := csv.NewWriter(out)
		_ = w.Write(append(slices.Clone(placement.Columns), "state", "ended_by")) // Error says it
		for _, r := range rows {
			cells := []string{r.User, r.Name, strings.Join(r.Groups, "|"), r.Sponsor, r.ApprovedBy, r.Purpose, r.From.String(), r.Until.String(), r.State, r.EndedBy}
			for i := range cells {
				cells[i] = placement.Cell(cells[i])
			}
			_ = w.Write(cells)
		}
		w.Flush()
		return w.Error()
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, "Nobody.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAYS LEFT\tSTATE\tUSER\tNAME\tSPONSOR\tAPPROVED BY\tPURPOSE\tFROM\tUNTIL\tGROUPS")
	for _, r := range rows {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.DaysLeft, r.State, r.User, r.Name, r.Sponsor, r.ApprovedBy, r.Purpose, r.From, r.Until, strings.Join(r.Groups, ", "))
	}
	return w.Flush()
}

// auditPlacements fails when the audit does not hold, so that a nightly job can tell
// somebody.
func auditPlacements(o *placementOrder, out, errs io.Writer) error {
	entries, found, err := placement.Verify(o.book)
	if err != nil {
		return err
	}
	for _, e := range entries {
		users := make([]string, 0, len(e.Changes))
		for _, c := range e.Changes {
			users = append(users, c.User)
		}
		shown := strings.Join(users, " ")
		if len(users) > 5 {
			shown = fmt.Sprintf("%s and %d more", strings.Join(users[:5], " "), len(users)-5)
		}
		if o.asJSON {
			line, err := json.Marshal(e)
			if err != nil {
				return err
			}
			shown = string(line)
		} else {
			shown = fmt.Sprintf("%d  %s  %s  %s  %s", e.Number, e.Time.Format(time.RFC3339), e.What, e.By, shown)
		}
		if _, err := fmt.Fprintln(out, shown); err != nil {
			return err
		}
	}
	for _, f := range found {
		fmt.Fprintln(errs, "radiusd placement audit:", f)
	}
	if len(found) > 0 {
		return errFound
	}
	fmt.Fprintf(errs, "The chain of %d lines holds, and the file is as the last one left it.\n", len(entries))
	return nil
}
