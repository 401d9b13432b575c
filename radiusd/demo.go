package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"causeway/radiusd/demo"
)

// runDemo runs the whole house on loopback.
func runDemo(args []string, out, errs io.Writer) int {
	f := flags("demo", errs)
	once := f.Bool("once", false, "end after the table; exit 1 when a row is not as expected")
	asJSON := f.Bool("json", false, "the table as JSON, a line for each row")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(words) > 0 {
		fmt.Fprintf(errs, "radiusd demo: what is %q?\n", words[0])
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	opts := demo.Options{Once: *once, JSON: *asJSON, Hangups: hangups}
	if !*once {
		opts.Log = os.Stderr
	}
	if !*asJSON {
		fmt.Fprintln(out, "Ten people log in at once. One home university is down on purpose: its row takes ten seconds.")
	}
	wrong, err := demo.Run(ctx, out, opts)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(errs, "radiusd demo: interrupted")
		return exitInterrupted
	}
	if err != nil {
		return complain(errs, "demo", err)
	}
	if wrong > 0 {
		fmt.Fprintf(errs, "radiusd demo: %d rows are not as expected\n", wrong)
		return exitFailed
	}
	return exitGood
}
