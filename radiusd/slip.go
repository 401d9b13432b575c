package main

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	text "text/template"

	"causeway/realms/placement"
)

// A slip is what somebody is handed: the only place where the password is.
type slip struct {
	Organisation, Name, User, Password, SSID string
	From, Until                              string
	ServerName, Authority                    string
	PEAP                                     bool
	Sponsor, Helpdesk                        string
}

// slipOf gives a record a new password and makes its slip.
func (o *placementOrder) slipOf(r *placement.Record) slip {
	names, authority := o.inspection.Trust()
	s := slip{
		Organisation: o.inspection.File.Server.Name, Name: r.Name, User: r.User, Password: o.password(r).Reveal(), SSID: o.terms.SSID,
		From: r.From.String(), Until: r.Until.String(), Authority: authority, Sponsor: r.Sponsor, Helpdesk: o.terms.Helpdesk,
		PEAP: r.NTHash != "" && slices.Contains(o.inspection.File.EAP.Methods, "peap"),
	}
	if len(names) > 0 {
		s.ServerName = names[0]
	}
	if ssids := o.inspection.File.SSID; s.SSID == "" && len(ssids) == 1 {
		s.SSID = ssids[0].Name
	}
	return s
}

var (
	//go:embed slip.html
	slipHTML string
	//go:embed slip.txt
	slipText string

	slipPage  = template.Must(template.New("slip").Parse(slipHTML))
	slipPaper = text.Must(text.New("slip").Parse(slipText))
)

// printed writes the slips and then makes the change. Slips of a change that failed are
// taken away again.
func (o *placementOrder) printed(slips []slip, out io.Writer, change func() error) error {
	if slips[0].SSID == "" {
		return fmt.Errorf("the configuration has several SSIDs: write ssid = %q, or another, in [directory.%s] for the slips", "NHS-Staff", o.directory)
	}
	if o.slip == "" || o.slip == onScreen {
		if err := change(); err != nil {
			return err
		}
		return slipPaper.Execute(out, slips)
	}
	if err := o.write(slips); err != nil {
		return err
	}
	if err := change(); err != nil {
		return errors.Join(err, os.Remove(o.slip))
	}
	_, err := fmt.Fprintf(out, "%d made. The passwords, of %d bits each, are in %s and nowhere else: print it and delete it.\n", len(slips), placement.PasswordBits(), o.slip)
	return err
}

// onScreen is --slip - where somebody says what add does by itself.
const onScreen = "-"

// write makes a new file that only its owner reads, and has it on the disk.
func (o *placementOrder) write(slips []slip) (err error) {
	f, err := os.OpenFile(o.slip, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(o.slip)
		}
	}()
	if strings.EqualFold(filepath.Ext(o.slip), ".html") {
		err = slipPage.Execute(f, slips)
	} else {
		err = slipPaper.Execute(f, slips)
	}
	return errors.Join(err, f.Sync())
}
