package upstream

import (
	"fmt"
	"testing"
	"time"

	"layeh.com/radius"
)

// Whoever makes realms up takes no more room than there is, and those that are used
// keep theirs.
func TestFiguresAreBounded(t *testing.T) {
	f := figures{most: 100}
	now := start
	for i := range 1000 {
		f.answered("camford.ac.uk", "roam1", true, false, now)
		f.unanswered(fmt.Sprintf("made-up-%d.example", i), "roam1", uint64(i), now)
		now = now.Add(time.Second)
	}
	p := Pool{}
	p.figures.realms, p.figures.others = f.realms, f.others
	all, others := p.Realms()
	if len(all) != 100 || others != 1000-99 {
		t.Errorf("%d realms, %d others", len(all), others)
	}
	now = now.Add(2 * time.Hour)
	f.answered("camford.ac.uk", "roam1", true, false, now.Add(-time.Minute))
	f.answered("new.example", "roam1", true, false, now)
	if f.realms["new.example"] == nil || f.realms["camford.ac.uk"].Accepted != 1001 || len(f.realms) != 2 {
		t.Errorf("%d realms later", len(f.realms))
	}
}

// New conversations go to the first server of the file, or where the fewest requests
// are under way; an unwell server is no better for being idle.
func TestLeastLoadedOrPrimary(t *testing.T) {
	for _, least := range []bool{false, true} {
		p := open(t, Config{Servers: at(onUDP(t, accepts), onUDP(t, accepts), onUDP(t, accepts)), LeastLoaded: least})
		p.servers[0].counters.inFlight.Store(5)
		p.servers[1].counters.inFlight.Store(3)
		want := p.servers[0]
		if least {
			want = p.servers[2]
			p.servers[2].judged(func(h *health) { h.become(Suspect, time.Now(), "test") })
			if s, another := p.choose(nil); s != p.servers[1] || !another {
				t.Error("an idle server that is suspect was chosen")
			}
			p.servers[2].judged(func(h *health) { h.become(Alive, time.Now(), "test") })
		}
		if s, another := p.choose(nil); s != want || !another {
			t.Errorf("least loaded %v: %s", least, s.config.Name)
		}
		if a, err := ask(p, papRequest(t, "s@camford.ac.uk", "pw")); err != nil || a.Code != radius.CodeAccessAccept {
			t.Errorf("%+v, %v", a, err)
		}
		if got := want.counters.inFlight.Load(); got != map[bool]int64{true: 0, false: 5}[least] {
			t.Errorf("%d are left under way", got)
		}
	}
}
