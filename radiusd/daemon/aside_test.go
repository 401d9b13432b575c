package daemon

import (
	"runtime"
	"testing"
)

// A reload has a processor beside the one that answers, and what was set comes back, also
// when the reading panics.
func TestAReloadReadsAside(t *testing.T) {
	for _, c := range []struct {
		has, during int
		env         string
	}{{1, 2, "1"}, {2, 2, "2"}, {3, 3, "3"}} {
		t.Setenv("GOMAXPROCS", c.env)
		was := runtime.GOMAXPROCS(c.has)
		during := 0
		func() {
			defer func() { _ = recover() }()
			aside(func() { during = runtime.GOMAXPROCS(0); panic("a bad file") })
		}()
		if after := runtime.GOMAXPROCS(was); during != c.during || after != c.has {
			t.Errorf("%d processors: %d during, %d after", c.has, during, after)
		}
	}
	// Where nobody set a number, Go's own comes back, and goes on following the container.
	t.Setenv("GOMAXPROCS", "")
	runtime.SetDefaultGOMAXPROCS()
	own := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	aside(func() {})
	if after := runtime.GOMAXPROCS(0); after != own {
		t.Errorf("%d after, and Go's own number is %d", after, own)
	}
}
