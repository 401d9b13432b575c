package daemon

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
	"causeway/radiusd/noc"
	"causeway/radiusd/transport"
	"causeway/realms"
)

// Holds R41: every stage that our EAP server and the upstreams can write in a Trace has a
// row of its own meaning: a new one is not passed over as "abandoned".
func TestEveryStageHasARow(t *testing.T) {
	found := slices.Concat(stagesIn(t, "../eap"), stagesIn(t, "../../realms/upstream"))
	if len(found) < 20 {
		t.Fatalf("only %d stages were found: have their names changed? %q", len(found), found)
	}
	for _, stage := range found {
		if !slices.ContainsFunc(stages, func(row struct {
			begins string
			method string
			reason realms.Reason
		}) bool {
			return strings.HasPrefix(stage, row.begins)
		}) {
			t.Errorf("the stage %q has no row in abandoned.go", stage)
		}
	}
	for _, row := range stages {
		if !slices.ContainsFunc(found, func(stage string) bool { return strings.HasPrefix(stage, row.begins) }) {
			t.Errorf("the row %q is of a stage that nobody writes", row.begins)
		}
	}
}

// stagesIn returns the stages that a room's source writes: what is assigned to a field
// called Stage or stage, given to a method called stage, and, since a tunnel may run
// inside another, the same behind "inner ". Of a stage that is put together, what it
// begins with.
func stagesIn(t *testing.T, room string) (stages []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(room, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	note := func(e ast.Expr, inner bool) {
		if stage, ok := begins(e); ok {
			stages = append(stages, stage)
			if inner {
				stages = append(stages, "inner "+stage)
			}
		}
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if isStage(to) && len(n.Rhs) == len(n.Lhs) {
						note(n.Rhs[i], false)
					}
				}
			case *ast.KeyValueExpr:
				if isStage(n.Key) {
					note(n.Value, false)
				}
			case *ast.CallExpr:
				if isStage(n.Fun) && len(n.Args) == 1 {
					note(n.Args[0], true)
				}
			}
			return true
		})
	}
	return stages
}

func isStage(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name == "Stage" || e.Sel.Name == "stage"
	case *ast.Ident:
		return e.Name == "Stage" || e.Name == "stage"
	}
	return false
}

// begins is what a text begins with, as far as it stands in the source.
func begins(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return begins(e.X)
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	}
	return "", false
}

// request is an EAP-Request of a size, with flags.
func eapRequest(kind packet.Type, octets int, flags byte) []byte {
	data := make([]byte, octets-packet.HeaderLength-1)
	data[0] = flags
	return packet.Packet{Code: packet.Request, ID: 5, Type: kind, Data: data}.Encode()
}

// Holds R41: where a device stopped says why, and the sizes and the times say more.
func TestWhyADeviceLeft(t *testing.T) {
	whole, part := eapRequest(packet.PEAP, 300, 0), eapRequest(packet.PEAP, 1020, packet.FlagMore|packet.FlagLength)
	for name, c := range map[string]struct {
		trace realms.Trace
		asked []byte
		took  time.Duration
		next  nextTry
		want  string // reason
		says  string // in the detail
	}{
		"no answer to the question who": {realms.Trace{Stage: "asked for the identity", Rounds: 1}, eapRequest(packet.Identity, 6, 0), 0, nextTry{}, "abandoned-before-identity", `after 1 answer, at the stage "asked for the identity"`},
		"a Nak that never comes":        {realms.Trace{Stage: "method tls offered", Rounds: 1}, eapRequest(packet.TLS, 6, packet.FlagStart), 0, nextTry{}, "abandoned-after-identity", ""},
		"after our certificate, whole":  {realms.Trace{Stage: "certificate sent", Method: "peap", Rounds: 4}, whole, 0, nextTry{}, "abandoned-after-certificate", "its last message has 300 octets, 380 with RADIUS; the longest that was answered had 64"},
		"in our certificate":            {realms.Trace{Stage: "certificate sent", Method: "peap", Rounds: 3}, part, 0, nextTry{}, "abandoned-after-fragment", "its last message has 1020 octets, 1100 with RADIUS; the longest that was answered had 64"},
		"in its own certificate":        {realms.Trace{Stage: "waiting for a fragment", Method: "tls", Rounds: 5}, eapRequest(packet.TLS, 6, 0), 0, nextTry{}, "abandoned-in-fragment", ""},
		"before it says who is inside":  {realms.Trace{Stage: "handshake done", Method: "peap", Rounds: 5}, whole, 0, nextTry{}, "abandoned-in-inner", ""},
		"at the last word of EAP-TLS":   {realms.Trace{Stage: "handshake done", Method: "tls", Rounds: 5}, whole, 0, nextTry{}, "abandoned-after-success", ""},
		"after the promise":             {realms.Trace{Stage: "success promised", Method: "tls", Rounds: 5}, whole, 0, nextTry{}, "abandoned-after-success", ""},
		"at the password":               {realms.Trace{Stage: "inner method", Method: "peap", Inner: "mschapv2", Rounds: 7}, whole, 0, nextTry{}, "abandoned-in-inner", ""},
		"in its certificate inside":     {realms.Trace{Stage: "inner waiting for a fragment", Method: "teap", Inner: "tls", Rounds: 7}, whole, 0, nextTry{}, "abandoned-in-fragment", ""},
		"at a certificate inside":       {realms.Trace{Stage: "inner certificate sent", Method: "peap", Inner: "tls", Rounds: 7}, whole, 0, nextTry{}, "abandoned-in-inner", ""},
		"at our proof of the password":  {realms.Trace{Stage: "inner success sent", Method: "peap", Inner: "mschapv2", Rounds: 8}, whole, 0, nextTry{}, "abandoned-after-success", ""},
		"between computer and person":   {realms.Trace{Stage: "inner success sent", Method: "teap", Inner: "mschapv2", Rounds: 8}, whole, 0, nextTry{}, "abandoned-in-inner", ""},
		"at the result of PEAP":         {realms.Trace{Stage: "inner result sent", Method: "peap", Rounds: 9}, whole, 0, nextTry{}, "abandoned-after-success", ""},
		"a stage that nobody knows":     {realms.Trace{Stage: "somewhere", Rounds: 9}, whole, 0, nextTry{}, "abandoned", ""},

		"told no": {realms.Trace{Stage: "inner failure sent", Told: realms.ErrBadPassword, Rounds: 8}, whole, 0, nextTry{}, "bad-password", "the device left after it was told"},
		"told no, and in when it tried again": {realms.Trace{Stage: "alert sent", Told: realms.ErrClientCertExpired, Rounds: 8}, whole, 0,
			nextTry{joined: true, after: time.Second}, "client-certificate-expired", ""},

		"at its own organisation":                 {realms.Trace{Stage: "waiting for the supplicant", Rounds: 3}, whole, 80 * time.Millisecond, nextTry{}, "abandoned-upstream", ""},
		"in the certificate of its organisation":  {realms.Trace{Stage: "waiting for the supplicant", Rounds: 3}, eapRequest(packet.TTLS, 1400, packet.FlagMore), 0, nextTry{}, "abandoned-after-fragment", "1400 octets, 1480 with RADIUS"},
		"after a late answer of its organisation": {realms.Trace{Stage: "waiting for the supplicant", Rounds: 3}, whole, 7 * time.Second, nextTry{}, "abandoned-upstream-silent", "it came after 7 s"},
		"after a late answer of ours":             {realms.Trace{Stage: "inner method", Method: "peap", Rounds: 7}, whole, 5 * time.Second, nextTry{}, "abandoned-in-inner", "it came after 5 s"},

		"and got in at once":    {realms.Trace{Stage: "certificate sent", Rounds: 3}, part, 0, nextTry{true, 9, time.Millisecond}, "abandoned-began-again", "it began again at once, and got in"},
		"and came further":      {realms.Trace{Stage: "certificate sent", Rounds: 3}, whole, 0, nextTry{false, 5, 4200 * time.Millisecond}, "abandoned-began-again", "it began again 4 s later, and came as far as 5 answers"},
		"and stopped there too": {realms.Trace{Stage: "certificate sent", Rounds: 3}, whole, 0, nextTry{false, 3, 2 * time.Second}, "abandoned-after-certificate", "it began again 2 s later, and came as far as 3 answers"},
	} {
		d := &Daemon{talks: newConversations(10, newClock().now)}
		talk := &conversation{home: &script{trace: c.trace}}
		talk.last = talk.last.asks(eapRequest(packet.Identity, 64, 0), 144, 0).asks(c.asked, len(c.asked)+80, c.took)
		if c.next.after != 0 {
			talk.try = try{tries: &tries{joined: c.next.joined, rounds: c.next.rounds}, again: talk.seen.Add(c.next.after)}
		}
		err := d.abandonedFor(talk)
		if reasonOf(err) != c.want || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v\nwant %s, %q", name, err, c.want, c.says)
		}
	}
	if err := (&Daemon{}).abandonedFor(&conversation{}); !errors.Is(err, errAbandoned) {
		t.Errorf("before anybody answered: %v", err)
	}
}

// giveUp lets half a minute pass, and returns how the n ended who were silent.
func (t *trust) giveUp(tb testing.TB, n int) (events []noc.Event) {
	tb.Helper()
	t.skew.Add(int64(idleLimit))
	for range n {
		e := t.event(tb)
		if e.Outcome != outcomeAbandoned || e.Stage == "" || e.Sent == 0 {
			tb.Errorf("%s, at %q with %d octets", e.Outcome, e.Stage, e.Sent)
		}
		events = append(events, e)
	}
	return events
}

// Holds R41 for a radio that flaps: a device that breaks off and gets in on its next try
// has not been stopped by where it broke off.
func TestR41AFlappingRadioIsNoMystery(t *testing.T) {
	town := startTown(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	if got := say(r.ask(t, r.identify(nurseName, onStaff, nurseName))); got != "challenge" { // and silence
		t.Fatal(got)
	}
	if got := say(r.carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
		t.Fatal(got)
	}
	if e := town.event(t); e.Outcome != outcomeAccept {
		t.Fatal(e.Outcome)
	}
	if e := town.giveUp(t, 1)[0]; e.Reason != "abandoned-began-again" || !strings.Contains(e.Detail, ", and got in") {
		t.Errorf("got in on the next try: %s, %s", e.Reason, e.Detail)
	}

	// Each try ends at the same place: it is the place, and not the radio.
	for range 3 {
		if got := say(r.ask(t, r.identify(nurseName, onStaff, nurseName))); got != "challenge" {
			t.Fatal(got)
		}
	}
	for _, e := range town.giveUp(t, 3) {
		if e.Reason != "abandoned-after-identity" {
			t.Errorf("the same end three times: %s, %s", e.Reason, e.Detail)
		}
	}

	// Another person's log-in on the same device, and another device's, say nothing.
	if got := say(r.ask(t, r.identify(studentName, onStaff, studentName))); got != "challenge" {
		t.Fatal(got)
	}
	if got := say(r.carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
		t.Fatal(got)
	}
	town.event(t)
	if e := town.giveUp(t, 1)[0]; e.Reason != "abandoned-after-identity" {
		t.Errorf("somebody else got in: %s, %s", e.Reason, e.Detail)
	}
	town.talks.mu.Lock()
	defer town.talks.mu.Unlock()
	if n := len(town.talks.callers); n != 0 {
		t.Errorf("%d are still waited for", n)
	}
}

// Holds R41 behind another organisation: what it sent in parts that nobody acknowledged is
// lost on the way, and is no matter of trust.
func TestR41AFragmentFromUpstreamIsLost(t *testing.T) {
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		reply := req.Response(radius.CodeAccessChallenge)
		reply.Add(24, radius.Attribute("state-of-home"))
		transport.AddEAP(reply, eapRequest(packet.PEAP, 1400, packet.FlagMore|packet.FlagLength))
		return reply
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	if got := say(r.ask(t, r.identify(visitorName, onEduroam, visitorName))); got != "challenge" {
		t.Fatal(got)
	}
	town.skew.Add(int64(idleLimit))
	if e := town.event(t); e.Reason != "abandoned-after-fragment" || e.Sent != 1400 || e.Rounds != 1 || e.Stage != "waiting for the supplicant" || e.Server == "" {
		t.Errorf("%+v", e)
	}
}
