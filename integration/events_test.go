package integration

import (
	"sync"
	"testing"
	"time"

	"causeway/radiusd/noc"
)

// events are what the house made of log-ins, by device.
type events struct {
	mu    sync.Mutex
	byMAC map[string][]noc.Event
	news  chan struct{} // closed and replaced when one comes
	alone []string      // devices that logged in once
	hooks map[string]func()
}

func newEvents() *events {
	return &events{byMAC: make(map[string][]noc.Event), news: make(chan struct{}), hooks: make(map[string]func())}
}

// add is the house's Watch.
func (e *events) add(event noc.Event) {
	switch event.Kind {
	case "probe": // by its server: the device is always the same
		event.MAC = "probe of " + event.Server
	case "access":
	default:
		return
	}
	e.mu.Lock()
	do := e.hooks[event.MAC]
	delete(e.hooks, event.MAC)
	e.mu.Unlock()
	if do != nil { // the reply has not left yet: the device knows nothing of its end
		do()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.byMAC[event.MAC] = append(e.byMAC[event.MAC], event)
	close(e.news)
	e.news = make(chan struct{})
}

// then has something done when a device's next log-in ends, before it is told.
func (e *events) then(mac string, do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hooks[mac] = do
}

// of waits for the first event of one device.
func (e *events) of(t *testing.T, mac string) noc.Event {
	t.Helper()
	return e.nth(t, mac, 1)
}

// nth waits for the nth event of one device, counted from 1.
func (e *events) nth(t *testing.T, mac string, n int) noc.Event {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		e.mu.Lock()
		all, news := e.byMAC[mac], e.news
		e.mu.Unlock()
		if len(all) >= n {
			return all[n-1]
		}
		select {
		case <-news:
		case <-limit:
			t.Fatalf("no event %d for %s", n, mac)
		}
	}
}

// many is how many events of one device there are by now.
func (e *events) many(mac string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.byMAC[mac])
}

// onlyOne says that a device logged in once.
func (e *events) onlyOne(mac string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.alone = append(e.alone, mac)
}

// once demands that who logged in once has one event.
func (e *events) once(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, mac := range e.alone {
		if all := e.byMAC[mac]; len(all) != 1 {
			t.Errorf("%s logged in once and has %d events: %+v", mac, len(all), all)
		}
	}
}
