package daemon

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/daemon/config"
	"causeway/radiusd/noc"
	"causeway/radiusd/probe"
)

// What the file takes for a method, the probe can do, and the reverse.
func TestTheFileTakesTheMethodsOfAProbe(t *testing.T) {
	file, can := slices.Sorted(slices.Values(config.ProbeMethods)), slices.Sorted(slices.Values(probe.Methods()))
	if !slices.Equal(file, can) {
		t.Errorf("the file takes %q, a probe can %q", file, can)
	}
}

func standingOf(server string, every time.Duration) *standing {
	return &standing{pool: "eduroam", every: every, Probe: probe.Probe{Account: probe.Account{User: "probe@home.example"}, Server: probe.Server{Name: server}}}
}

// Each server has its turn within seconds of the start, then every so often, a tenth
// more or less; never two at once, and none after it left the file.
func TestProbesTakeTurns(t *testing.T) {
	clock := newClock()
	var r rounds
	all := []*standing{standingOf("one", 10*time.Minute), standingOf("two", 10*time.Minute), standingOf("never", 0)}
	runs := map[string][]time.Time{}
	for range 3 * 3600 {
		if s := r.next(all, clock.now()); s != nil {
			runs[s.Server.Name] = append(runs[s.Server.Name], clock.now())
			r.found(s, probe.Result{Outcome: probe.Accept}, clock.now())
		}
		clock.advance(time.Second)
	}
	if names := slices.Sorted(maps.Keys(runs)); !slices.Equal(names, []string{"one", "two"}) {
		t.Fatalf("probes of %q", names)
	}
	for name, at := range runs {
		if first := at[0].Sub(newClock().now()); first > firstRound+time.Second {
			t.Errorf("%s: the first comes after %v", name, first)
		}
		if len(at) < 3*60/11 || len(at) > 3*60/9+1 {
			t.Errorf("%s: %d probes in three hours", name, len(at))
		}
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < 9*time.Minute || gap > 11*time.Minute+2*time.Second {
				t.Errorf("%s: %v between two", name, gap)
			}
		}
	}
	// A file that says "1m" is obeyed at once, and who left it is forgotten.
	all = []*standing{standingOf("one", time.Minute)}
	began := clock.now()
	for r.next(all, clock.now()) == nil {
		if clock.advance(time.Second); clock.now().Sub(began) > 80*time.Second {
			t.Fatal("the new time is not obeyed")
		}
	}
	if len(r.last) != 1 || len(r.due) != 1 {
		t.Errorf("it remembers %v", r.last)
	}
}

// probing is a town that probes its federation with the nurse's account.
const probing = `
[[federation.eduroam.probe]]
user = "nurse@northbridge.nhs.uk"
password = "correct-horse-battery"
ca = "file:ca.pem"
server_name = "radius.northbridge.nhs.uk"
every = "1h"
`

// answering is a server of others that lives, refuses everybody, and counts.
func answering(t *testing.T, asked chan<- radius.Code) string {
	return pretend(t, func(q *radius.Packet) *radius.Packet {
		select {
		case asked <- q.Code:
		default:
		}
		if q.Code == radius.CodeStatusServer {
			return q.Response(radius.CodeAccessAccept)
		}
		return q.Response(radius.CodeAccessReject)
	})
}

// Holds R9, R23 and R52 in serve: a probe is an event and a line with its reason,
// counted beside the others; one that fails kills no server, and our own people are
// no more sent upstream than before.
func TestServeProbes(t *testing.T) {
	asked := make(chan radius.Code, 1000)
	town := startTrust(t, strings.NewReplacer("[server]", "[log]\nfile = \"log.txt\"\n[server]", "UPSTREAM", answering(t, asked)).Replace(town)+probing)
	var e noc.Event
	select {
	case e = <-town.events:
	case <-time.After(20 * time.Second):
		t.Fatal("no probe in the first seconds")
	}
	if e.Kind != "probe" || e.Outcome != "reject" || e.Reason != "probe-no-route" || e.Route != "eduroam" || e.Rounds != 1 ||
		e.Inner != "nurse@northbridge.nhs.uk" || e.MAC != probe.Station || e.OperatorName != "northbridge.nhs.uk" || !strings.Contains(e.Detail, "knows no realm northbridge.nhs.uk") {
		t.Errorf("%+v", e)
	}
	town.lines(t, `PROBE   reject nurse@northbridge\.nhs\.uk .* probe-no-route \(theirs\)`, 1)
	town.lines(t, `WARNING a probe changed .*to=reject`, 1)
	if text := town.logText(t); strings.Contains(text, testPassword) || strings.Contains(text, "an upstream server changed") {
		t.Errorf("the log has a secret, or a server that died of a probe:\n%s", text)
	}
	status := town.Probes()
	if len(status) != 1 || status[0].Pool != "eduroam" || status[0].Last.Outcome != probe.Reject || status[0].Since.IsZero() {
		t.Errorf("status: %+v", status)
	}
	counted := false
	for _, c := range town.desk.Counts() {
		counted = counted || c.Kind == "probe" && c.Outcome == "reject" && c.Reason == "probe-no-route" && c.N == 1
	}
	if !counted {
		t.Errorf("it is not counted: %+v", town.desk.Counts())
	}

	// One account of ours has gone upstream, by our own hand. A user's does not.
	before := requests(asked)
	r := rogueAt(t, "127.0.0.1", town.address)
	if got := say(r.carry(t, town.peer(t, nil), nurseName, onEduroam, nil)); got != "accept 310" {
		t.Errorf("the nurse on eduroam: %s", got)
	}
	if before != 1 || requests(asked) != 0 {
		t.Errorf("%d requests of the probe, and some of the nurse's, went upstream", before)
	}

	// A reload without the account ends it.
	if err := town.rewrite(t, probing, ""); err != nil {
		t.Fatal(err)
	}
	town.skew.Store(int64(3 * time.Hour))
	eventually(t, "the probe is forgotten", func() bool { return len(town.Probes()) == 0 })
}

func requests(asked <-chan radius.Code) (n int) {
	for {
		select {
		case code := <-asked:
			if code == radius.CodeAccessRequest {
				n++
			}
		default:
			return n
		}
	}
}

// An account that the file cannot prove is a mistake of the file, at its place.
func TestABadAuthorityOfAProbeIsSaid(t *testing.T) {
	town := startTown(t, idleTown)
	err := town.rewrite(t, "[zone]", strings.Replace(probing, "ca.pem", "server.key", 1)+"[zone]")
	if err == nil || !strings.Contains(err.Error(), "causeway.toml:") || !strings.Contains(err.Error(), "server.key") {
		t.Errorf("the reload: %v", err)
	}
}

// What cannot be read here is said, and nothing is sent.
func TestAProbeWithoutItsSecretsIsNotMade(t *testing.T) {
	s := standingOf("one", 0)
	s.flaw = "the test account's password cannot be read here"
	s.Server.Dial = nil // it would panic
	if r := s.Run(context.Background()); r.Outcome != probe.Config || r.Words != s.flaw || r.Reason != probe.ErrMisconfigured {
		t.Errorf("%+v", r)
	}
}

// At a desk that cannot read the server's credentials, a probe says which and sends
// nothing; a user who is named at the command line takes what is missing from the
// file's account.
func TestAProbeAtADesk(t *testing.T) {
	asked := make(chan radius.Code, 1000)
	address := answering(t, asked)
	there := startTrust(t, strings.ReplaceAll(town, "UPSTREAM", address))
	account := strings.Replace(probing, `"correct-horse-battery"`, `"cred:probe"`, 1)
	there.write(t, "desk.toml", strings.ReplaceAll(town, "UPSTREAM", address)+account)
	i, err := Inspect(filepath.Join(there.folder, "desk.toml"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(o ProbeOrder) (r ProbeReport) {
		t.Helper()
		o.Pool = "eduroam"
		if err := i.Probe(context.Background(), o, func(one ProbeReport) { r = one }); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := ask(ProbeOrder{}); r.Result.Outcome != probe.Config || !strings.Contains(r.Result.Words, "password cannot be read here") || requests(asked) != 0 {
		t.Errorf("%+v", r)
	}
	r := ask(ProbeOrder{User: "jo@camford.ac.uk", Password: testPassword})
	if r.Result.Outcome != probe.Reject || r.Result.Reason != probe.ErrNoRoute || r.User != "jo@camford.ac.uk" || r.Address != address || requests(asked) != 1 {
		t.Errorf("%+v", r)
	}
	if err := i.Probe(context.Background(), ProbeOrder{Pool: "camford.ac.uk", User: "jo@camford.ac.uk", Password: testPassword}, nil); err == nil || !strings.Contains(err.Error(), "--ca and --server-name") {
		t.Errorf("without an authority: %v", err)
	}
	// Who asks all is told of those that cannot be.
	if got := i.Unprobed(); !slices.Equal(got, []string{`realm."camford.ac.uk"`}) {
		t.Errorf("without an account: %q", got)
	}
	if err := i.Probe(context.Background(), ProbeOrder{Pool: "camford.ac.uk"}, nil); err == nil || !strings.Contains(err.Error(), `add a [[realm."camford.ac.uk".probe]]`) {
		t.Errorf("without an account: %v", err)
	}
}
