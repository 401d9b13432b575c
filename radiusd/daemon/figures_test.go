package daemon

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/transport"
	"causeway/realms/upstream"
)

// A server that has never answered is told of before anybody needs it, once a day; one
// that has answered, is dead, or is not asked by Status-Server is not.
func TestServerThatNeverAnsweredIsToldOf(t *testing.T) {
	town := startTrust(t, strings.ReplaceAll(strings.Replace(town, "[server]", "[log]\nfile = \"log.txt\"\n[server]", 1), "UPSTREAM", acceptAll(t)))
	f := &figures{}
	silent := upstream.ServerStatus{Name: "roam2", Health: upstream.Alive, Probes: unheard, Dropped: upstream.Drops{Forged: 2}}
	answers, dead, early, quiet := silent, silent, silent, silent
	answers.LastAnswer, dead.Health, early.Probes, quiet.Probes = time.Now(), upstream.Dead, unheard-1, 0
	for _, s := range []upstream.ServerStatus{answers, dead, early, quiet, silent, silent} {
		town.reportMute(f, "eduroam", &s)
	}
	f.mute["eduroam roam2"] = f.mute["eduroam roam2"].Add(-lintEvery)
	town.reportMute(f, "eduroam", &silent)
	f.told = map[string]upstream.ServerStatus{"eduroam roam2": silent}
	town.reportFigures(f)
	if len(f.mute) != 0 || f.told["eduroam roam2"].Name != "" {
		t.Errorf("a server that the file does not have any more is remembered: %v, %v", f.mute, f.told)
	}
	town.desk.Notice("the end of the test")
	town.lines(t, "the end of the test", 1)
	told := town.lines(t, `WARNING.*an upstream server has never answered`, 2)
	if len(told) != 2 {
		t.Errorf("it is told of %d times, want 2", len(told))
	}
	for _, line := range told {
		if !strings.Contains(line, `pool=eduroam  server=roam2  status_servers=3  dropped_as=forged  fix=`) {
			t.Error(line)
		}
	}
}

// The log says once an hour what became of the requests to each server of others, and
// at once when something was lost there; a quiet server is not spoken of.
func TestR23FiguresOfOthers(t *testing.T) {
	var forged atomic.Bool
	town := startTrust(t, strings.ReplaceAll(strings.Replace(town, "[server]", "[log]\nfile = \"log.txt\"\n[server]", 1), "UPSTREAM", pretend(t, func(req *radius.Packet) *radius.Packet {
		if forged.CompareAndSwap(true, false) {
			req.Secret = []byte("another secret of theirs")
		}
		reply := req.Response(radius.CodeAccessAccept)
		eap, _ := transport.EAP(req)
		transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
		return reply
	})))
	r := rogueAt(t, "127.0.0.1", town.address)
	if reply := r.ask(t, r.identify(visitorName, onEduroam, visitorName)); say(reply) != "accept 320" {
		t.Fatal(say(reply))
	}
	marks := 0
	told := func(f *figures, text string, times int) {
		t.Helper()
		town.reportFigures(f)
		marks++
		mark := fmt.Sprintf("mark %d of the test", marks)
		town.desk.Notice(mark)
		eventually(t, "the log is written", func() bool { return strings.Contains(town.logText(t), mark) })
		if got := strings.Count(town.logText(t), text); got != times {
			t.Errorf("%q stands %d times in\n%s", text, got, town.logText(t))
		}
	}
	f := &figures{told: make(map[string]upstream.ServerStatus), all: town.now()}
	told(f, "figures of an upstream server", 0) // nothing lost, and the hour is not over
	f.all = town.now().Add(-time.Hour)
	told(f, "sent=1  answered=1", 1)
	f.all = town.now().Add(-time.Hour)
	told(f, "figures of an upstream server", 1) // nobody has asked since
	forged.Store(true)
	if reply := r.ask(t, r.identify("eve@uni.ac.uk", onEduroam, "eve@uni.ac.uk")); say(reply) != "accept 320" { // the repetition is answered
		t.Fatal(say(reply))
	}
	told(f, "figures of an upstream server", 2)
}
