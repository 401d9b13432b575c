package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"causeway/realms/directory"
)

// runDevices judges and lists a file of devices that are known by their MAC. Which VLANs
// its lines may name, only a whole configuration knows: radiusd check says.
func runDevices(args []string, out, errs io.Writer) int {
	f := flags("devices", errs)
	owner := f.String("owner", "", "who has the devices whose line names `nobody`, as owner in [devices.NAME]")
	expiring := f.String("expiring", "", "with list: only those that end within so many days, as `30d`, or have ended")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(words) != 2 || words[0] != "check" && words[0] != "list" {
		fmt.Fprintln(errs, "radiusd devices: say check FILE or list FILE")
		return exitUsage
	}
	days, err := expiringDays(*expiring)
	if err != nil || *expiring != "" && words[0] == "check" {
		fmt.Fprintln(errs, "radiusd devices: write --expiring 30d, with list")
		return exitUsage
	}
	text, err := os.ReadFile(words[1])
	if err != nil {
		fmt.Fprintf(errs, "radiusd devices: %v\n", err)
		return exitFailed
	}
	named := *owner
	if named == "" {
		named = "(as the configuration says)"
	}
	list, problems := directory.ParseDevices(text, named, nil)
	for _, p := range problems {
		fmt.Fprintf(errs, "%s:%s: %s\n  fix: %s\n", words[1], p.Key, p.Text, p.Fix)
	}
	if len(problems) > 0 {
		return exitFailed
	}
	if words[0] == "check" {
		fmt.Fprintf(out, "%s is good: %d devices\n", words[1], len(list))
		return exitGood
	}
	if err := printDevices(out, list, days, time.Now()); err != nil {
		fmt.Fprintf(errs, "radiusd devices: %v\n", err)
		return exitFailed
	}
	return exitGood
}

// expiringDays reads "30d"; -1 is no limit.
func expiringDays(text string) (int, error) {
	if text == "" {
		return -1, nil
	}
	digits, is := strings.CutSuffix(text, "d")
	n, err := strconv.Atoi(digits)
	if !is || err != nil || n < 0 {
		return 0, errors.New("no number of days")
	}
	return n, nil
}

func printDevices(out io.Writer, list []directory.Device, days int, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MAC\tUNTIL\tWHAT\tOWNER\tVLAN\tASSET\tAPPROVED BY")
	for _, d := range list {
		if days >= 0 && d.Until.After(now.AddDate(0, 0, days)) {
			continue
		}
		until := d.Until.Format(time.DateOnly)
		if !now.Before(d.Ends()) {
			until += " (ended)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.MAC, until, d.What, d.Owner, d.VLAN, d.Asset, d.ApprovedBy)
	}
	return w.Flush()
}
