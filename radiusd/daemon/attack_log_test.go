package daemon

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"

	"causeway/radiusd/transport"
	"causeway/realms"
)

// Holds S14 in the daemon's own log, in both formats: every attribute of both
// kinds of request, with all that could end a line, a string or a page in it.
func TestAttackLogInjection(t *testing.T) {
	const evil = "x\r\n2026-01-01T00:00:00.000Z ACCEPT  admin\x1b[2J\x00\u2028\u0085\u202e<script>\"}{\"a\":\"b\xff\xfe =,"
	for _, format := range []string{"json", "text"} {
		named := strings.Replace(town, "[server]", "[log]\nfile = \"log.txt\"\nformat = \""+format+"\"\n[server]", 1)
		town := startTrust(t, strings.ReplaceAll(named, "UPSTREAM", idleTown))
		_, acct := town.Addrs()
		r, usage := rogueAt(t, "127.0.0.1", town.address), rogueAt(t, "127.0.0.1", acct[0].String())
		for kind := radius.Type(1); kind < 255; kind++ {
			p := radius.New(radius.CodeAccountingRequest, r.secret)
			_ = rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_Stop)
			set(p, kind, evil)
			if kind != 80 && usage.ask(t, p) == nil {
				t.Errorf("attribute %d: an accounting request without an answer", kind)
			}
			p = r.identify(nurseName, onStaff, "porter@northbridge.nhs.uk") // refused: each has an event
			set(p, kind, evil)
			if kind == 79 {
				set(p, kind, "\x02\x01\x00\x04")
			}
			if kind != 80 && r.ask(t, p) == nil {
				t.Errorf("attribute %d: an access request without an answer", kind)
			}
		}
		eventually(t, "the log is written", func() bool { return strings.Count(town.logText(t), "\n") > 2*253 })
		for line := range strings.Lines(town.logText(t)) {
			line = strings.TrimSuffix(line, "\n")
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %q", line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.HasPrefix(line, "2026-01-01T") {
				t.Errorf("a line that is not ours, or obeyed and not seen: %q", line)
			}
		}
	}
}

func (t *trust) logText(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(t.folder, "log.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// A bomb is a home that answers as a test tells it to.
type bomb func() (realms.Answer, error)

func (b bomb) Open(realms.Question) realms.Conversation                      { return b }
func (b bomb) Answer(context.Context, *radius.Packet) (realms.Answer, error) { return b() }
func (b bomb) Trace() realms.Trace                                           { return realms.Trace{} }
func (b bomb) Close()                                                        {}

// moveIn lets another home answer for our realm, until the next reload.
func (t *trust) moveIn(tb testing.TB, home realms.Home) {
	tb.Helper()
	old := t.house.Load()
	next, problems := compose(old.file, t.now)
	if problems != nil {
		tb.Fatal(problems)
	}
	err := t.furnish(next)
	if err != nil {
		tb.Fatal(err)
	}
	next.realms, err = realms.New(realms.Config{
		Own:   []realms.OwnRealm{{Name: "northbridge.nhs.uk", Home: home}},
		SSIDs: map[string]string{"NHS-Staff": ""},
	})
	if err != nil {
		tb.Fatal(err)
	}
	t.house.Store(next)
	old.leave()
}

// Holds S5, S17 and R3: a panic in a home is one Reject with EAP-Failure; what was
// thrown is not logged, and the next log-in is as good as any.
func TestAttackPanic(t *testing.T) {
	named := strings.Replace(town, "[server]", "[log]\nfile = \"log.txt\"\n[server]", 1)
	town := startTrust(t, strings.ReplaceAll(named, "UPSTREAM", idleTown))
	town.moveIn(t, bomb(func() (realms.Answer, error) { panic("canary of a password") }))
	r := rogueAt(t, "127.0.0.1", town.address)
	reply := r.ask(t, r.identify(nurseName, onStaff, nurseName))
	if failure, _ := transport.EAP(reply); say(reply) != "reject" || len(failure) != 4 || failure[0] != 4 || failure[1] != 1 {
		t.Errorf("a panic: %s, EAP % x", say(reply), failure)
	}
	if e := town.event(t); e.Reason != "internal-error" {
		t.Errorf("a panic is logged as %s", e.Reason)
	}
	town.restsWith(t, "a panic")
	if err := town.Reload(); err != nil {
		t.Fatal(err)
	}
	if reply := r.carry(t, town.peer(t, nil), nurseName, onStaff, nil); say(reply) != "accept 110" {
		t.Errorf("the next log-in: %s", say(reply))
	}
	eventually(t, "the alarm is in the log", func() bool { return strings.Contains(town.logText(t), "panic") })
	if strings.Contains(town.logText(t), "canary") {
		t.Error("the log holds what was thrown")
	}
}
