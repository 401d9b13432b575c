package main

import (
	"fmt"
	"io"
	"time"

	"causeway/radiusd/daemon"
)

// runDiff says whose placement a new configuration changes. It ends as diff(1) does:
// with 0 where nothing changes, and with 1 where something does.
func runDiff(args []string, out, errs io.Writer) int {
	f := flags("diff", errs)
	asJSON := f.Bool("json", false, "as JSON")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(words) != 2 {
		fmt.Fprintln(errs, "radiusd diff: name two configuration files, the old one first")
		return exitUsage
	}
	var files [2]*daemon.Inspection
	for i, path := range words {
		var err error
		if files[i], err = daemon.Inspect(path, time.Now); err != nil {
			return complain(errs, "diff", err)
		}
	}
	c, err := files[0].Diff(files[1])
	if err != nil {
		fmt.Fprintf(errs, "radiusd diff: %v\n", err)
		return exitFailed
	}
	if *asJSON {
		if err := document(out).Encode(c); err != nil {
			fmt.Fprintf(errs, "radiusd diff: %v\n", err)
			return exitFailed
		}
	} else {
		fmt.Fprint(out, c)
	}
	if c.Same() {
		if !*asJSON {
			fmt.Fprintf(out, "Nobody lands elsewhere: %s places everybody as %s does, at the sites that both have.\n", words[1], words[0])
		}
		return exitGood
	}
	return exitFailed
}
