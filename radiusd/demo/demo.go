// Package demo is the whole house in one process on loopback: the Trust's
// server with a directory of its own, a partner university, two federations'
// home servers (each a real RADIUS server) and a pretend wireless controller
// that logs people in with real EAP. It needs no set-up and no privileges.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"layeh.com/radius"

	"causeway/certs"
	"causeway/radiusd/noc"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
)

// Options say how to run.
type Options struct {
	Once bool // end after the table
	JSON bool // the table as JSON, a line for each row
	// Hangups asks for a reload of the Trust's server; nil: never.
	Hangups <-chan os.Signal
	Log     io.Writer // where the Trust's server logs what comes after the table; nil: nowhere
}

// A login is one row of the table: who tries what, and what must come of it.
type login struct {
	who, title      string
	ssid, method    string
	outer, password string
	device          bool // with a certificate of its own
	outcome, reason string
	route, zone     string
	vlan            uint16
}

// logins is the demo, in the order of its table.
var logins = []login{
	{title: "nurse, managed laptop", who: "nurse@" + trustRealm, ssid: "NHS-Staff", method: "tls", device: true,
		outcome: "accept", route: "trust", zone: "clinical", vlan: 110},
	{title: "nurse, own phone", who: "nurse@" + trustRealm, outer: "anonymous@" + trustRealm, ssid: "NHS-Staff", method: "peap-mschapv2",
		outcome: "accept", route: "trust", zone: "visitor", vlan: 140},
	{title: "doctor, own tablet", who: "doctor@" + trustRealm, outer: "@" + trustRealm, ssid: "NHS-Staff", method: "ttls-pap",
		outcome: "accept", route: "trust", zone: "visitor", vlan: 140},
	{title: "partner's student", who: "student@camford.ac.uk", ssid: "eduroam", method: "peap-mschapv2",
		outcome: "accept", route: "camford.ac.uk", zone: "academic", vlan: 1310},
	{title: "visitor on eduroam", who: "visitor@uni.example.ac.uk", outer: "anonymous@uni.example.ac.uk", ssid: "eduroam", method: "ttls-mschapv2",
		outcome: "accept", route: "eduroam", zone: "visitor", vlan: 320},
	{title: "visitor on govroam", who: "officer@council.example.gov.uk", ssid: "govroam", method: "peap-mschapv2",
		outcome: "accept", route: "govroam", zone: "visitor", vlan: 320},
	{title: "student tries staff SSID", who: "student@camford.ac.uk", ssid: "NHS-Staff", method: "peap-mschapv2",
		outcome: "reject", reason: "realm-not-on-ssid"},
	{title: "wrong password", who: "nurse@" + trustRealm, ssid: "NHS-Staff", method: "peap-mschapv2", password: "not-the-password",
		outcome: "reject", reason: "bad-password", route: "trust"},
	{title: "unknown realm", who: "somebody@nowhere.example", ssid: "eduroam", method: "ttls-pap",
		outcome: "reject", reason: "upstream-rejected", route: "eduroam"},
	{title: "home university down", who: "student@wessex.ac.uk", ssid: "eduroam", method: "peap-mschapv2",
		outcome: "reject", reason: "upstream-unreachable", route: "wessex.ac.uk"},
}

// A Row is what one log-in came to.
type Row struct {
	Title   string `json:"title"`
	Who     string `json:"who"`
	SSID    string `json:"ssid"`
	Site    string `json:"site"`
	Route   string `json:"route"`
	Method  string `json:"method"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	Zone    string `json:"zone,omitempty"`
	VLAN    string `json:"vlan,omitempty"` // as the controller read it on the wire
	Ms      int64  `json:"ms"`
	Wrong   string `json:"wrong,omitempty"` // empty: as it should be
}

// patience is how long the demo waits for one event of the server.
const patience = 20 * time.Second

// Run builds the town, logs everybody in, prints the table and, unless told
// once, keeps serving until ctx ends. It returns how many rows were not as they
// should be.
func Run(ctx context.Context, out io.Writer, opts Options) (wrong int, err error) {
	t, err := build(opts.Log)
	if err != nil {
		return 0, err
	}
	defer t.close()
	rows := t.everybody(ctx)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	for _, r := range rows {
		if r.Wrong != "" {
			wrong++
		}
	}
	if err := show(out, rows, opts.JSON); err != nil || opts.Once {
		return wrong, err
	}
	if err := t.invite(out); err != nil {
		return wrong, err
	}
	t.trust.OnSignals(ctx, opts.Hangups) // until somebody interrupts
	return wrong, nil
}

// everybody logs in at once, as they do at the change of a shift.
func (t *town) everybody(ctx context.Context) []Row {
	rows := make([]Row, len(logins))
	calling := make(map[string]int)
	var waiting sync.WaitGroup
	for n, l := range logins {
		mac := fmt.Sprintf("02-00-5E-00-53-%02X", n+1)
		calling[mac] = n
		rows[n] = Row{Title: l.title, Who: l.who, SSID: l.ssid, Site: royal, Method: l.method}
		waiting.Go(func() { t.attempt(ctx, l, mac, &rows[n]) })
	}
	seen := make(map[int]noc.Event)
	limit := time.After(patience)
	for len(seen) < len(logins) {
		select {
		case e := <-t.events:
			if n, ours := calling[e.MAC]; ours {
				seen[n] = e
			}
			continue
		case <-ctx.Done():
		case <-limit:
		}
		break
	}
	waiting.Wait()
	for n := range rows {
		rows[n].judge(logins[n], seen[n])
	}
	return rows
}

// attempt is one device, one controller, one log-in.
func (t *town) attempt(ctx context.Context, l login, mac string, row *Row) {
	config := supplicant.Config{
		Identity: l.outer, User: l.who, Method: l.method, Password: password,
		Roots: t.authority.Pool(), ServerName: serverName,
	}
	if l.password != "" {
		config.Password = certs.Secret(l.password)
	}
	if l.device {
		device, err := t.device(l.who)
		if err != nil {
			row.Wrong = err.Error()
			return
		}
		config.Certificate = device
	}
	peer, err := supplicant.New(config)
	if err != nil {
		row.Wrong = err.Error()
		return
	}
	conn, err := transport.DialUDP(ctx, t.auth.String())
	if err != nil {
		row.Wrong = err.Error()
		return
	}
	defer func() { _ = conn.Close() }()
	controller := supplicant.Controller{Conn: conn, Secret: secret, NASIdentifier: "royal-wlc", SSID: l.ssid, Calling: mac, Timeout: patience}
	result, err := controller.Login(ctx, peer)
	row.Ms = result.Duration.Milliseconds()
	row.VLAN = result.VLAN
	switch {
	case err != nil:
		row.Outcome, row.Wrong = "error", err.Error()
	case result.Accepted():
		row.Outcome = "accept"
	case result.Code == radius.CodeAccessAccept:
		row.Outcome, row.Wrong = "accept", "the device and the controller would encrypt with different keys"
	default:
		row.Outcome = "reject"
	}
}

// judge compares what the wire and the server's own event say with what had to
// come.
func (r *Row) judge(l login, e noc.Event) {
	r.Route, r.Zone, r.Reason = e.Route, e.Zone, e.Reason
	vlan := ""
	if l.vlan != 0 {
		vlan = fmt.Sprint(l.vlan)
	}
	if r.Wrong != "" {
		return
	}
	for _, c := range []struct{ what, got, want string }{
		{"outcome", r.Outcome, l.outcome}, {"event", e.Outcome, l.outcome}, {"reason", e.Reason, l.reason},
		{"route", e.Route, l.route}, {"zone", e.Zone, l.zone}, {"vlan", r.VLAN, vlan},
	} {
		if c.got != c.want {
			r.Wrong = fmt.Sprintf("%s is %q, and had to be %q", c.what, c.got, c.want)
			return
		}
	}
}

// show prints the table.
func show(out io.Writer, rows []Row, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		for _, r := range rows {
			if err := encoder.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHO\tSSID\tSITE\tROUTE\tMETHOD\tOUTCOME\tZONE\tVLAN\tMS\t")
	for _, r := range rows {
		outcome := strings.ToUpper(r.Outcome)
		if r.Reason != "" {
			outcome += " " + r.Reason
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n",
			r.Who, r.SSID, r.Site, dash(r.Route), r.Method, outcome, dash(r.Zone), dash(r.VLAN), r.Ms)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Wrong != "" {
			fmt.Fprintf(out, "NOT AS EXPECTED: %s on %s: %s\n", r.Who, r.SSID, r.Wrong)
		}
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// invite leaves files for eapol_test in the folder and prints how to use them.
func (t *town) invite(out io.Writer) error {
	conf := t.file("nurse-peap.conf")
	text := fmt.Sprintf(`network={
    ssid="NHS-Staff"
    key_mgmt=WPA-EAP
    eap=PEAP
    identity="nurse@%s"
    anonymous_identity="anonymous@%s"
    password="%s"
    ca_cert="%s"
    domain_match="%s"
    phase2="auth=MSCHAPV2"
}
`, trustRealm, trustRealm, password, t.file("ca.pem"), serverName)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, `
The server goes on until you interrupt it. To log in yourself (Debian: eapoltest):

  eapol_test -c %s -a %s -p %d -s %s -N 30:s:02-00-00-00-00-01:NHS-Staff

A controller on this machine: authentication %s, accounting %s, secret %s
Accounts: nurse@%s, doctor@%s; every password is %s
The configuration to read, change and reload (kill -HUP %d): %s
`, conf, t.auth.Addr(), t.auth.Port(), secret,
		t.auth, t.acct, secret, trustRealm, trustRealm, password, os.Getpid(), t.file("trust.toml"))
	return err
}
