package daemon

import (
	"context"
	"os"
	"strings"
	"testing"

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

	known := rogueAt(t, "127.0.0.1", region.address)
	known.ask(t, known.identify(nurseName, onStaff, nurseName))
	region.reportDay()
	line = region.lines(t, `WARNING.*have never sent a genuine packet`, 1)[0]
	if !strings.Contains(line, "eastmoor-wlc") || !strings.Contains(line, "nro") || strings.Contains(line, "royal-wlc") {
		t.Errorf("who was never heard: %s", line)
	}
}
