package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"causeway/radiusd/daemon/config"
	"causeway/vlan"
)

// runNew prints the beginning of something that an admin adds to the file. What would not
// load is not printed.
func runNew(args []string, out, errs io.Writer) int {
	f := flags("new", errs)
	name := f.String("name", "", "what the log will call it")
	address := f.String("address", "", "the `address` or range from which it asks")
	site := f.String("site", "", "the site's `name`")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(words) == 0 || len(words) == 1 && words[0] == "controller" {
		listNew(out)
		return exitGood
	}
	if len(words) != 2 || words[0] != "controller" {
		fmt.Fprintln(errs, "radiusd new: say controller and its vendor; radiusd new alone lists them")
		return exitUsage
	}
	steps, known := stepsOf[words[1]]
	if !known {
		fmt.Fprintf(errs, "radiusd new: there is no vendor %q: write one of %s\n", words[1], strings.Join(vlan.Vendors(), ", "))
		return exitUsage
	}
	block := controllerBlock(words[1], *name, *address)
	if _, err := config.LoadBytes("the block", []byte("version = 1\n[[site]]\nname = \"a site\"\n"+block), nil, config.SecretsOptional); err != nil {
		fmt.Fprintf(errs, "radiusd new: %v\n", err)
		return exitUsage
	}
	if *site != "" {
		fmt.Fprintf(out, "# Behind the other lines of the [[site]] whose name is %q:\n", *site)
	} else {
		fmt.Fprintln(out, "# Behind the other lines of its [[site]]:")
	}
	fmt.Fprint(out, block)
	fmt.Fprintf(out, "\nAt the controller:\n")
	for i, s := range append(steps, afterwards...) {
		fmt.Fprintf(out, "%3d  %s\n", i+1, s)
	}
	return exitGood
}

func listNew(out io.Writer) {
	fmt.Fprint(out, "radiusd new controller VENDOR [--name N] [--address A] [--site S] prints the block for the file and the steps at the controller.\n\n")
	for _, row := range vlan.Table() {
		fmt.Fprintf(out, "  %-13s VLAN by %s; filter in %s; role: %s; hears CoA on %s\n", row[0], row[1], row[3], row[4], row[7])
	}
}

// controllerBlock is the part of the file for one controller.
func controllerBlock(vendor, name, address string) string {
	if name == "" {
		name = vendor + "-1"
	}
	if address == "" {
		address = "192.0.2.10" // for documentation (RFC 5737): to be written over
	}
	return fmt.Sprintf(`[[site.controller]]
name         = %s
vendor       = %s
address      = %s
secret       = %s
without_vlan = "reject"    # only if it does so: see the steps, and try it
`, strconv.Quote(name), strconv.Quote(vendor), strconv.Quote(address), strconv.Quote("cred:"+name))
}
