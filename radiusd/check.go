package main

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"causeway/radiusd/daemon"
)

// complain prints why a configuration, or a server, did not come up, and says
// with which code to exit.
func complain(errs io.Writer, command string, err error) int {
	if n := daemon.Mistakes(err); n > 0 {
		fmt.Fprintf(errs, "%v\n\nradiusd %s: %s\n", err, command, mistakes(n, command))
		return exitBadConfig
	}
	fmt.Fprintf(errs, "radiusd %s: %v\n", command, err)
	return exitFailed
}

func mistakes(n int, command string) string {
	words := fmt.Sprintf("%d mistakes", n)
	if n == 1 {
		words = "1 mistake"
	}
	if command == "serve" || command == "demo" {
		words += "; nothing was started"
	}
	return words
}

// inspect reads the one configuration that a command names.
func inspect(command string, words []string, errs io.Writer) (*daemon.Inspection, int) {
	if len(words) != 1 {
		fmt.Fprintf(errs, "radiusd %s: name one configuration file\n", command)
		return nil, exitUsage
	}
	i, err := daemon.Inspect(words[0], time.Now)
	if err != nil {
		return nil, complain(errs, command, err)
	}
	return i, exitGood
}

// runCheck proves a configuration and prints the zone table and the proof.
func runCheck(args []string, out, errs io.Writer) int {
	f := flags("check", errs)
	page := f.String("proof", "", "write the proof as a page for information governance into that `file`")
	ask := f.Bool("ask", false, "ask the directories whether they know the groups that the file names")
	asJSON := f.Bool("json", false, "as one JSON document, for a pipeline")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(words) != 1 {
		fmt.Fprintln(errs, "radiusd check: name one configuration file")
		return exitUsage
	}
	i, err := daemon.Inspect(words[0], time.Now)
	if err != nil {
		if *asJSON && daemon.Mistakes(err) > 0 {
			return writeFindings(out, errs, refusedFindings(words[0], err))
		}
		return complain(errs, "check", err)
	}
	c := check(words[0], i)
	if *ask {
		if c.asked, code = askDirectories(c.i); code != exitGood {
			return code
		}
	}
	if *page != "" && c.sound() {
		if err := newStatement(c.i, time.Now()).write(*page); err != nil {
			fmt.Fprintf(errs, "radiusd check: the proof was not written: %v\n", err)
			return exitFailed
		}
	}
	if *asJSON {
		return writeFindings(out, errs, c.findings())
	}
	c.print(out, *ask)
	if *page != "" && c.sound() {
		fmt.Fprintf(out, "\nThe proof is in %s", *page)
	}
	verdict, code := c.verdict()
	fmt.Fprintf(out, "\n%s\n", verdict)
	return code
}

// A checked is what came of checking a configuration that could be proved.
type checked struct {
	file  string
	i     *daemon.Inspection
	asked []daemon.Asking
	tests []daemon.TestResult
}

// check runs the file's own tests and looks into its files of users.
func check(file string, i *daemon.Inspection) checked {
	i.LookIntoFiles()
	return checked{file: file, i: i, tests: i.Test()}
}

func (c checked) failed() int { return failures(c.tests) }

// sound says that it does what it says, whatever directories answered.
func (c checked) sound() bool { return c.failed() == 0 && len(c.i.Faults) == 0 }

// verdict is the last word of a check, and its exit code.
func (c checked) verdict() (words string, code int) {
	unsaid := func(a daemon.Asking) bool { return !a.Whole() }
	switch failed := c.failed(); {
	case failed > 0:
		return fmt.Sprintf("%d of its own tests fail: %s is proved, and not what it says it wants", failed, c.file), exitFailed
	case len(c.i.Faults) > 0:
		return c.file + " is proved, and does not work: see the errors above", exitFailed
	case slices.ContainsFunc(c.asked, unsaid):
		return c.file + " is good, and not of every group it could be said whether a directory knows it: see above", exitUnasked
	}
	return c.file + " is good", exitGood
}

// print is the check for people, but for its last word.
func (c checked) print(out io.Writer, asking bool) {
	for _, w := range c.i.Warnings {
		fmt.Fprintf(out, "warning: %s\n", strings.ReplaceAll(w.Error(), "\n", "\n         "))
	}
	if len(c.i.Warnings) > 0 {
		fmt.Fprintln(out)
	}
	printAsked(out, asking, c.asked)
	for _, f := range c.i.Faults {
		fmt.Fprintf(out, "error: %s\n\n", strings.ReplaceAll(f.Error(), "\n", "\n       "))
	}
	fmt.Fprint(out, c.i.Proof())
	report(c.tests, io.Discard, out)
}

// askDirectories asks them for the groups of the file. It ends early when it is
// interrupted.
func askDirectories(i *daemon.Inspection) ([]daemon.Asking, int) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	asked := i.Ask(ctx)
	if ctx.Err() != nil {
		return nil, exitInterrupted
	}
	return asked, exitGood
}

func printAsked(out io.Writer, asking bool, asked []daemon.Asking) {
	if !asking {
		return
	}
	for _, a := range asked {
		fmt.Fprint(out, a)
	}
	if len(asked) == 0 {
		fmt.Fprintln(out, "There is no directory to ask: what a file of users knows is always looked at.")
	}
	fmt.Fprintln(out)
}

// runTest runs the [[test]] blocks of a configuration.
func runTest(args []string, out, errs io.Writer) int {
	f := flags("test", errs)
	everyRule := f.Bool("every-rule", false, "fail where some rule is reached by no test")
	asJSON := f.Bool("json", false, "as JSON")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	i, code := inspect("test", words, errs)
	if i == nil {
		return code
	}
	results := i.Test()
	covered := i.Coverage(results)
	failed := failures(results)
	if *asJSON {
		if err := document(out).Encode(map[string]any{"results": results, "coverage": covered}); err != nil {
			fmt.Fprintf(errs, "radiusd test: %v\n", err)
			return exitFailed
		}
	} else {
		report(results, out, out)
		fmt.Fprintf(out, "%d passed, %d failed\n%d of %d rules decide a test\n", len(results)-failed, failed, covered.Rules-len(covered.Missed), covered.Rules)
		for _, m := range covered.Missed {
			fmt.Fprintf(out, "untested  %s\n", m)
		}
	}
	if failed > 0 || *everyRule && len(covered.Missed) > 0 {
		return exitFailed
	}
	return exitGood
}

// failures counts the tests that failed.
func failures(results []daemon.TestResult) (n int) {
	for _, r := range results {
		if r.Failure != "" {
			n++
		}
	}
	return n
}

// report prints test results.
func report(results []daemon.TestResult, good, bad io.Writer) {
	for _, r := range results {
		if r.Failure == "" {
			fmt.Fprintf(good, "ok    %s: %s\n", r.Place, r.Given)
			continue
		}
		fmt.Fprintf(bad, "FAIL  %s: %s: %s\n", r.Place, r.Given, r.Failure)
	}
}

// inspectFor is inspect for explain, which works as well where the proof failed: how
// else would one see why?
func inspectFor(words []string, errs io.Writer) (*daemon.Inspection, int) {
	var why strings.Builder
	i, code := inspect("explain", words, &why)
	if i == nil && len(words) == 1 {
		if i = daemon.InspectUnproved(words[0], time.Now); i != nil {
			return i, exitGood
		}
	}
	fmt.Fprint(errs, why.String())
	return i, code
}

// runExplain says what one log-in would get, by the code that a live server runs.
func runExplain(args []string, out, errs io.Writer) int {
	f := flags("explain", errs)
	var q daemon.Query
	f.StringVar(&q.User, "user", "", "who logs in, as `user@realm`")
	f.StringVar(&q.SSID, "ssid", "", "the SSID, case and all")
	f.StringVar(&q.Site, "site", "", "the site's `name`")
	f.StringVar(&q.AP, "ap", "", "in place of --site: the name or MAC of the access `point`")
	f.StringVar(&q.Controller, "controller", "", "the `controller` that asks; without it the site's first")
	f.StringVar(&q.EAP, "eap", "", "the `method`: tls, ttls, peap, teap or pap")
	f.StringVar(&q.Proxy, "from-federation", "", "the `federation` whose proxy asks, for one of ours who is elsewhere")
	f.StringVar(&q.Device, "device", "", "whether the device proved itself: `verified` or unverified")
	f.StringVar(&q.Issuer, "issuer", "", "the `authority` of the certificate that was shown, or none")
	f.StringVar(&q.Operator, "operator", "", "with --from-federation: the `realm` of the organisation that is visited, as its Operator-Name has it")
	f.StringVar(&q.MAC, "mac", "", "the device's `address`, which chooses among the numbers of a pool; without --user, a listed device")
	f.StringVar(&q.List, "list", "", "in place of --user: a device of that `list`, known by its MAC")
	f.StringVar(&q.Lands, "listed-vlan", "", "with --list: the `vlan` that the device's line names")
	f.Func("group", "one group that the directory gives, commas and all; may be said again", func(name string) error {
		q.Groups = append(q.Groups, name)
		return nil
	})
	f.Func("on", "as it is on that `date`, as 2027-03-31: agreements, listed devices and accounts in files may begin or end", func(text string) (err error) {
		q.On, err = daemon.ParseDay(text)
		return err
	})
	groups := f.String("groups", "", "the groups that the directory gives, with commas between `them`")
	policies := f.String("policy", "", "the certificate's policies, with commas between `them`")
	asJSON := f.Bool("json", false, "as JSON")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if q.User == "" && q.MAC == "" && q.List == "" || (q.Proxy == "" && (q.SSID == "" || q.Site == "" && q.AP == "")) {
		fmt.Fprintln(errs, "radiusd explain: say --user (or --mac, or --list), --ssid and --site or --ap (or --user and --from-federation)")
		return exitUsage
	}
	if *groups != "" {
		q.Groups = append(q.Groups, strings.Split(*groups, ",")...)
	}
	if *policies != "" {
		q.Policies = strings.Split(*policies, ",")
	}
	i, code := inspectFor(words, errs)
	if i == nil {
		return code
	}
	if err := i.Understands(q); err != nil {
		fmt.Fprintf(errs, "radiusd explain: %v\n", err)
		return exitUsage
	}
	if _, known := i.File.Federation[q.Proxy]; q.Proxy != "" && !known {
		fmt.Fprintf(errs, "radiusd explain: %s has no federation %q\n", words[0], q.Proxy)
		return exitUsage
	}
	e := i.Explain(q)
	if *asJSON {
		if err := document(out).Encode(e); err != nil {
			fmt.Fprintf(errs, "radiusd explain: %v\n", err)
			return exitFailed
		}
		return exitGood
	}
	fmt.Fprint(out, e)
	if e.Own && (q.Proxy == "" || len(i.File.Roaming) > 0) {
		if len(q.Groups) == 0 {
			fmt.Fprintln(out, "        No groups were given: add --groups A,B to see what they change.")
		}
		if q.EAP == "" {
			fmt.Fprintln(out, "        No method was given: a real log-in has one; add --eap tls, ttls, peap or teap.")
		}
		switch e.Unsaid {
		case "operator":
			fmt.Fprintln(out, "        Nothing was said of the organisation: add --operator camford.ac.uk, as its Operator-Name has it.")
		case "device":
			fmt.Fprintln(out, "        Nothing was said of the device, and a real log-in tells: add --device verified or unverified.")
		case "issuer":
			fmt.Fprintf(out, "        Nothing was said of a certificate, and a real log-in tells: add --issuer %s.\n", strings.Join(append(i.File.EAP.Authorities(), "none"), " or "))
		}
	}
	return exitGood
}
