package daemon

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/daemon/config"
	"causeway/radiusd/noc/metrics"
)

// hosting is a Trust that shows its figures, and an SSID for eduroam's visitors, whose
// homes accept whatever they are asked.
func hosting(tb testing.TB) *trust {
	return startTrust(tb, strings.NewReplacer(
		`acct = "127.0.0.1:0"`, `acct = "127.0.0.1:0", metrics = "127.0.0.1:0"`,
		"[zone]", fmt.Sprintf("[federation.eduroam]\nservers = [{ name = \"roam1\", address = %q, secret = %q }]\n[zone]\nvisitor = {}", acceptAll(tb), testSecret),
		"[vlan]", "[vlan]\nvisitor = { id = 320, zone = \"visitor\" }",
		"[[ssid.rule]]", "federation = \"eduroam\"\n[[ssid.rule]]\nwho = \"visitor\"\nvlan = \"visitor\"\n[[ssid.rule]]",
	).Replace(small))
}

// asksPAP is a log-in by PAP, past the sockets.
func (t *trust) asksPAP(tb testing.TB, user, password string) {
	tb.Helper()
	p := radius.New(radius.CodeAccessRequest, []byte(testSecret))
	_ = rfc2865.UserName_SetString(p, user)
	_ = rfc2865.UserPassword_SetString(p, password)
	_ = rfc2865.CalledStationID_SetString(p, "02-00-00-00-00-01:NHS-Staff")
	_ = rfc2865.CallingStationID_SetString(p, "02-00-5E-00-53-01")
	if wireOf(tb, t.access(context.Background(), t.asksFrom(tb, "127.0.0.1", p))) == nil {
		tb.Fatalf("%s met silence", user)
	}
}

// shown is what Prometheus gets at an address.
func shown(tb testing.TB, at net.Addr) string {
	tb.Helper()
	reply, err := http.Get("http://" + at.String() + "/metrics")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		tb.Fatalf("%s, %v\n%s", reply.Status, err, text)
	}
	return string(text)
}

// Holds R23 and R40 on the side of figures: what happened to people and to the servers
// of others is to be seen, and says nothing of who they are.
func TestFiguresOfANight(t *testing.T) {
	house := hosting(t)
	for _, c := range []struct{ user, password string }{
		{"student@camford.ac.uk", testPassword}, {"student@camford.ac.uk", testPassword},
		{"nurse@northbridge.nhs.uk", testPassword}, {"nurse@northbridge.nhs.uk", "another-night"},
	} {
		house.asksPAP(t, c.user, c.password)
	}
	if err := house.controller(t).Status(context.Background()); err != nil {
		t.Fatal(err)
	}
	_ = os.WriteFile(house.folder+"/causeway.toml", []byte("version = 1\n[nonsense]\n"), 0o600)
	_ = house.Reload()

	text := shown(t, house.MetricsAddrs()[0])
	for _, row := range []string{
		`causeway_log_ins_total{fault="",outcome="accept",reason=""} 3`,
		`causeway_log_ins_total{fault="user",outcome="reject",reason="bad-password"} 1`,
		`causeway_log_in_seconds_count{outcome="accept"} 3`,
		`causeway_log_in_seconds_bucket{outcome="accept",le="+Inf"} 3`,
		`causeway_log_in_seconds_bucket{outcome="reject",le="30"} 1`,
		`causeway_upstream_health{pool="eduroam",server="roam1",state="alive"} 1`,
		`causeway_upstream_health{pool="eduroam",server="roam1",state="dead"} 0`,
		`causeway_upstream_requests_total{pool="eduroam",server="roam1"} 2`,
		`causeway_upstream_answer_seconds_count{pool="eduroam",server="roam1"} 2`,
		`causeway_realm_answers_total{answer="accept",pool="eduroam",realm="camford.ac.uk"} 2`,
		`causeway_realm_silent{pool="eduroam",realm="camford.ac.uk"} 0`,
		`causeway_packets_received_total 1`,
		`causeway_status_server_answered_total 1`,
		`causeway_packets_silent_total{cause="unknown-client"} 0`,
		`causeway_reloads_refused_total 1`,
		`causeway_sessions 1`, // one device, of four people
	} {
		if !strings.Contains("\n"+text, "\n"+row+"\n") {
			name, _, _ := strings.Cut(row, "{")
			t.Errorf("%s is not shown; of its kind there are\n%s", row, strings.Join(regexp.MustCompile("(?m)^"+name+".*$").FindAllString(text, -1), "\n"))
		}
	}
	for _, secret := range []string{"student", "nurse", testPassword, "another-night", testSecret, "02-00-5E", "127.0.0.1"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is to be read in the figures", secret)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "causeway_") {
			t.Errorf("Prometheus would have it otherwise: %s: %s", p.Metric, p.Text)
		}
	}
}

// The log says where the figures are to be had, and a start that finds an address taken
// what to do.
func TestWhereTheServerListensIsSaid(t *testing.T) {
	house := hosting(t)
	if words, want := house.sockets(), ", metrics "+house.MetricsAddrs()[0].String(); !strings.HasSuffix(words, want) {
		t.Errorf("it listens on %s, and nothing says%s", words, want)
	}
	there := house.folder + "/causeway.toml"
	text, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	for address, says := range map[string]string{
		house.address:    "address already in use. Another program has it, or this server runs already",
		"192.0.2.7:1812": "It is none of this machine's",
	} {
		second := house.folder + "/second.toml"
		if err := os.WriteFile(second, []byte(strings.Replace(string(text), `auth = "127.0.0.1:0"`, fmt.Sprintf("auth = %q", address), 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Start(second, Options{Log: io.Discard}); err == nil || !strings.Contains(err.Error(), "auth address "+address) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Every figure stands in docs/metrics.md, as its code has it, and none that there is not.
func TestFiguresAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, f := range families {
		labels := strings.Join(f.Labels, "`, `")
		if labels != "" {
			labels = "`" + labels + "`"
		}
		row := fmt.Sprintf("| `%s` | %s | %s | %s |", f.Name, f.Kind, labels, f.Help)
		if rows[f.Name] = true; !strings.Contains(string(page), row+"\n") {
			t.Errorf("docs/metrics.md lacks\n%s", row)
		}
	}
	for _, name := range regexp.MustCompile(`causeway_[a-z0-9_]+`).FindAllString(string(page), -1) {
		if !rows[name] && !rows[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("docs/metrics.md has %s, and the server does not", name)
		}
	}
}

// Whoever makes up organisations makes no rows of them beyond the bound.
func TestFiguresAreBounded(t *testing.T) {
	house := hosting(t)
	for i := range mostRealmsShown + 50 {
		house.asksPAP(t, fmt.Sprintf("somebody@made-up-%d.example", i), testPassword)
	}
	house.asksPAP(t, "somebody@made-up-99.example", testPassword) // the busiest, and by name the last
	text := shown(t, house.MetricsAddrs()[0])
	if n := strings.Count(text, "\ncauseway_realm_silent{"); n != mostRealmsShown {
		t.Errorf("%d organisations are shown, want %d", n, mostRealmsShown)
	}
	if !strings.Contains(text, `realm="made-up-99.example"`) {
		t.Error("the one that was asked most is not among them")
	}
}

// A figure that is asked for when the server has ended is no reason to wait for ever.
func TestFiguresAfterTheEnd(t *testing.T) {
	house := hosting(t)
	other, err := Start(house.path, Options{Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := other.Serve(ctx); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", other.MetricsAddrs()[0].String()); err == nil {
		_ = conn.Close()
		t.Error("somebody still listens")
	}
	late, err := metrics.Listen(ctx, metrics.Config{Addresses: []string{"127.0.0.1:0"}, Families: families, Collect: other.figures})
	if err != nil {
		t.Fatal(err)
	}
	late.Serve()
	defer late.Close()
	if text := shown(t, late.Addrs()[0]); !strings.Contains(text, "causeway_conversations 0") || strings.Contains(text, "causeway_upstream_health{") {
		t.Errorf("of the end is shown\n%s", text)
	}
}

// Where everybody may read the figures, there is a warning.
func TestFiguresForEverybody(t *testing.T) {
	house := hosting(t)
	for _, address := range []string{":9812", "[::%lo]:9812"} {
		house.write(t, "causeway.toml", strings.ReplaceAll(small, `acct = "127.0.0.1:0"`, `acct = "127.0.0.1:0", metrics = "`+address+`"`))
		file, err := config.Load(house.path, config.SecretsRequired)
		if err != nil || !strings.Contains(fmt.Sprint(file.Warnings), "metrics listens on every address") {
			t.Errorf("%s: %v, %+v", address, err, file.Warnings)
		}
	}
}
