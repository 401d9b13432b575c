// Command radiusd is Causeway: the RADIUS server of a hospital whose access
// points carry its own staff, eduroam and govroam, and put each person on the
// network that is theirs.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// Exit codes, for scripts and for systemd.
const (
	exitGood        = 0
	exitFailed      = 1   // a check said no, or the server stopped on an error
	exitUsage       = 2   // the command line makes no sense
	exitUnasked     = 3   // nothing is wrong, and somebody could not be asked
	exitBadConfig   = 78  // EX_CONFIG of sysexits.h: nothing was started
	exitInterrupted = 130 // by Ctrl-C, before the work was done
)

// A command is one word of the command line.
type command struct {
	name  string
	usage string // what follows the name
	help  string
	run   func(args []string, out, errs io.Writer) int
}

// commands is the whole command line, in the order in which an admin meets it.
var commands = []command{
	{"demo", "[--once] [--json]", "run everything in one process on loopback, with pretend users and federations", runDemo},
	{"check", "FILE [--ask] [--json] [--proof PAGE.html]", "read and prove a configuration; print the zone table and the proof", runCheck},
	{"explain", "FILE --user U --ssid S --site P …", "say what one log-in would get, step by step", runExplain},
	{"test", "FILE", "run the [[test]] blocks of a configuration", runTest},
	{"agreements", "FILE [--on DATE] [--json|--csv]", "list the agreements under which other people's sites are served", runAgreements},
	{"diff", "OLD NEW", "say whose network changes from one configuration to another", runDiff},
	{"devices", "check|list FILE [--expiring 30d]", "judge or list a file of devices that are known by their MAC", runDevices},
	{"serve", "-c FILE", "run the server", runServe},
	{"reload", "--pid N [--move-zones]", "ask a running server to read its configuration again", runReload},
	{"unknown", "--pid N [-c FILE] | LOG [--json]", "list the controllers that speak to a running server and are not in its file", runUnknown},
	{"ad", "join|test …", "join an Active Directory domain; ask its domain controllers", runAD},
	{"probe", "[-c FILE] [NAME[/SERVER]] …", "log in through each server of a federation or a partner; say what came back", runProbe},
	{"cert", "init|server|client …", "make a private CA, server and client certificates", runCert},
	{"new", "controller VENDOR …", "print the block for a new controller, and the steps at the controller", runNew},
	{"placement", "add|import|list|end … -c FILE", "keep accounts of students and locums that end by themselves", runPlacement},
	{"hash", "[--nt]", "turn a password on standard input into a line for a users file", runHash},
	{"version", "", "print the version", runVersion},
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		usage(errs)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(out)
		return exitGood
	}
	if args[0] == "-v" || args[0] == "--version" {
		args[0] = "version"
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(args[1:], out, errs)
		}
	}
	fmt.Fprintf(errs, "radiusd: there is no command %q\n\n", args[0])
	usage(errs)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "radiusd: RADIUS for Wi-Fi that hospitals and universities share\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  radiusd %-48s %s\n", c.name+" "+c.usage, c.help)
	}
	fmt.Fprint(w, "\nExit codes: 0 good, 1 a check failed, 2 usage, 78 bad configuration,\nof check --ask 3 a directory could not be asked;\nof probe 0 accept, 1 reject, 2 timeout, 3 nothing could be asked.\n")
}

// document writes one JSON document, for people who read it as well.
func document(out io.Writer) *json.Encoder {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder
}

// flags makes the flag set of one command, whose errors end in exitUsage.
func flags(name string, errs io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("radiusd "+name, flag.ContinueOnError)
	f.SetOutput(errs)
	return f
}

// parse reads flags and words in any order, since people type the file first.
// It returns the words, and ok is false when the command should end with code.
func parse(f *flag.FlagSet, args []string) (words []string, code int, ok bool) {
	for {
		err := f.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return nil, exitGood, false
		}
		if err != nil {
			return nil, exitUsage, false
		}
		if f.NArg() == 0 {
			return words, exitGood, true
		}
		words = append(words, f.Arg(0))
		args = f.Args()[1:]
	}
}
