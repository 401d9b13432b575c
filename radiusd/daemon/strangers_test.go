package daemon

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"layeh.com/radius/rfc2865"
)

// Holds P1: who is not in the file is told of once, in words that it cannot forge a line
// with, listed when somebody asks, and never answered; and who is in the file and silent
// is told of, too.
func TestUnknownControllersAreListed(t *testing.T) {
	region := startRegion(t)
	stranger := rogueAt(t, "127.0.0.9", region.address)
	stranger.patient = 1
	for range 3 {
		p := stranger.request(nurseName, onStaff)
		set(p, rfc2865.NASIdentifier_Type, "agnes\nALARM forged")
		if reply := stranger.ask(t, p); reply != nil {
			t.Fatal("it was answered")
		}
	}
	eventually(t, "three packets", func() bool {
		all, _ := region.net.Strangers()
		return len(all) == 1 && all[0].Packets == 3
	})
	told := map[string]uint64{}
	region.reportOnce(told)
	line := region.lines(t, `WARNING.*an address that is no client of ours sends requests`, 1)[0]
	for _, word := range []string{"address=127.0.0.9", "packets=3", "agnes", "first=20", "last=20"} {
		if !strings.Contains(line, word) {
			t.Errorf("no %s in %s", word, line)
		}
	}
	region.lines(t, `WARNING packets met silence  cause=unknown-client  `, 1) // as the figures call it
	region.reportOnce(told)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	signals := make(chan os.Signal)
	go region.OnSignals(ctx, signals)
	signals <- unix.SIGUSR1
	region.lines(t, `figures of an address that is no client of ours.*127\.0\.0\.9.*packets=3`, 1)
	region.lines(t, `figures of addresses that are no clients of ours.*addresses=1.*forgotten=0`, 1)
	if text := region.logText(t); strings.Count(text, "an address that is no client of ours sends") != 1 || strings.Contains(text, "\nALARM forged") {
		t.Errorf("told again, or forged:\n%s", text)
	}

	// The list is read back as it is, by the command that asks for it.
	heard := NewStrangerLog()
	for line := range strings.Lines(region.logText(t)) {
		heard.Hear(line)
	}
	all, _ := region.net.Strangers()
	if got := heard.All(); !heard.Whole() || len(got) != 1 || got[0].Address != "127.0.0.9" || got[0].Packets != 3 || got[0].SaysItIs != all[0].Says || got[0].Last != all[0].Last.UTC().Format(time.RFC3339) {
		t.Errorf("read back: %+v", got)
	}

	known := rogueAt(t, "127.0.0.1", region.address)
	known.ask(t, known.identify(nurseName, onStaff, nurseName))
	region.reportDay()
	line = region.lines(t, `WARNING.*have never sent a genuine packet`, 1)[0]
	if !strings.Contains(line, "eastmoor-wlc") || !strings.Contains(line, "nro") || strings.Contains(line, "royal-wlc") {
		t.Errorf("who was never heard: %s", line)
	}
}

// The hour's figures are told while somebody has asked for all: neither stands in the
// middle of the other, or the list that was asked for is never whole.
func TestListsOfStrangersAreNotMixed(t *testing.T) {
	region := startRegion(t)
	const many = 12
	for n := range many {
		stranger := rogueAt(t, fmt.Sprintf("127.0.1.%d", n+1), region.address)
		stranger.patient = 1
		stranger.ask(t, stranger.request(nurseName, onStaff))
	}
	eventually(t, "all were heard", func() bool { all, _ := region.net.Strangers(); return len(all) == many })
	const times = 100
	var told sync.WaitGroup
	for _, most := range []int{math.MaxInt, 3} {
		told.Go(func() {
			for range times {
				region.tellStrangers(most)
			}
		})
	}
	told.Wait()
	lines := region.lines(t, `figures of (an address that is no client|addresses that are no clients) of ours`, times*(many+1+3+1))
	for len(lines) > 0 {
		_, value, _ := strings.Cut(lines[0], "listed=")
		listed, err := strconv.Atoi(value)
		if err != nil || len(lines) <= listed {
			t.Fatalf("%q begins no list, %d lines follow", lines[0], len(lines)-1)
		}
		lines = lines[1+listed:]
	}
}

// A list is whole when its last line is there; what was heard of before a start is another
// server's, and nobody's name makes a line of it.
func TestStrangersAreReadFromALog(t *testing.T) {
	const at = "2026-11-26T09:30:00.000Z "
	one := func(address, packets, says string) string {
		return at + "NOTICE  figures of an address that is no client of ours  address=" + address + "  says_it_is=" + says + "  packets=" + packets + "  first=2026-11-26T09:00:00Z  last=2026-11-26T09:29:00Z"
	}
	some := func(addresses, listed string) string {
		return at + "NOTICE  figures of addresses that are no clients of ours  addresses=" + addresses + "  forgotten=2  packets=9  listed=" + listed
	}
	l := NewStrangerLog()
	for _, step := range []struct {
		line  string
		whole bool
		all   string
	}{
		{at + "WARNING an address that is no client of ours sends requests  address=10.0.0.1  says_it_is=none  packets=1  first=2026-11-26T09:00:00Z  last=2026-11-26T09:29:00Z", false, "10.0.0.1/1"},
		{at + "NOTICE  started  server=\"figures of addresses that are no clients of ours  addresses=0  listed=0\"", false, ""},
		{at + "WARNING an address that is no client of ours sends requests  address=10.0.0.2  says_it_is=\"  packets=99\"  packets=1  first=2026-11-26T09:00:00Z  last=2026-11-26T09:29:00Z", false, "10.0.0.2/1"},
		{some("21", "20"), false, "10.0.0.2/1"}, // an hour's figures
		{one("10.0.0.3", "5", "wlc"), false, "10.0.0.3/5 10.0.0.2/1"},
		{some("2", "2"), false, ""},
		{one("10.0.0.2", "3", "wlc"), false, "10.0.0.2/3"},
		{at + "ACCEPT  figures of an address that is no client of ours  address=10.0.0.9  packets=7", false, "10.0.0.2/3"},
		{one("10.0.0.9", "many", "wlc"), true, "10.0.0.2/3"},
		{some("no", "number"), true, "10.0.0.2/3"},
		{some("0", "0"), true, ""},
		{one(`"\u001b[2J"`, "4", "wlc"), true, ""},
		{one("fe80::1%eth\u202e0", "4", "wlc"), true, ""},
		{one("fe80::1%eth0", "4", "wlc"), true, "fe80::1%eth0/4"},
		{some("0", "0"), true, ""},
		{strings.Replace(one("10.0.0.9", "4", "wlc"), "first=2026", `first="\u001b[2J`, 1) + `"`, true, ""},
		{`{"time":"2026-11-26T09:30:00.000Z","level":"INFO","msg":"figures of an address that is no client of ours","address":"2001:db8::1","says_it_is":"agnes","packets":4,"first":"2026-11-26T09:00:00Z","last":"2026-11-26T09:29:00Z"}`, true, "2001:db8::1/4"},
	} {
		l.Hear(step.line)
		var all []string
		for _, u := range l.All() {
			all = append(all, fmt.Sprintf("%s/%d", u.Address, u.Packets))
		}
		if got := strings.Join(all, " "); got != step.all || l.Whole() != step.whole {
			t.Errorf("after %s: %q, whole %v", step.line, got, l.Whole())
		}
	}
}
