package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"causeway/radiusd/daemon"
)

// runAgreements lists the agreements of a configuration, the most urgent first. It fails
// when one has ended, so that a nightly job can tell somebody.
func runAgreements(args []string, out, errs io.Writer) int {
	f := flags("agreements", errs)
	on := f.String("on", "", "as they stand on that `date`, as 2027-03-31; without it today")
	asJSON := f.Bool("json", false, "as JSON")
	asCSV := f.Bool("csv", false, "as CSV, for a spreadsheet")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	day := time.Now()
	if *on != "" {
		var err error
		if day, err = daemon.ParseDay(*on); err != nil {
			fmt.Fprintf(errs, "radiusd agreements: %v\n", err)
			return exitUsage
		}
	}
	if *asJSON && *asCSV {
		fmt.Fprintln(errs, "radiusd agreements: say --json or --csv, and not both")
		return exitUsage
	}
	i, code := inspect("agreements", words, errs)
	if i == nil {
		return code
	}
	list := i.Agreements(day)
	write := printAgreements
	switch {
	case *asJSON:
		write = jsonAgreements
	case *asCSV:
		write = csvAgreements
	}
	if err := write(out, list); err != nil {
		fmt.Fprintf(errs, "radiusd agreements: %v\n", err)
		return exitFailed
	}
	for _, a := range list {
		if a.DaysLeft < 0 {
			return exitFailed
		}
	}
	return exitGood
}

func printAgreements(out io.Writer, list []daemon.Agreement) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "No site is served under an agreement.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAYS LEFT\tSTATE\tSITE\tREFERENCE\tOWNER\tAPPROVED BY\tFROM\tUNTIL")
	for _, a := range list {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.DaysLeft, a.State, a.Site, a.Reference, a.Owner, a.ApprovedBy, a.From, a.Until)
	}
	return w.Flush()
}

func jsonAgreements(out io.Writer, list []daemon.Agreement) error {
	return document(out).Encode(append([]daemon.Agreement{}, list...)) // [] and not null for none
}

func csvAgreements(out io.Writer, list []daemon.Agreement) error {
	w := csv.NewWriter(out)
	rows := [][]string{{"site", "reference", "owner", "approved_by", "from", "until", "days_left", "state"}}
	for _, a := range list {
		rows = append(rows, []string{a.Site, a.Reference, a.Owner, a.ApprovedBy, a.From, a.Until, strconv.Itoa(a.DaysLeft), a.State})
	}
	return w.WriteAll(rows) // quotes what needs it, and flushes
}
