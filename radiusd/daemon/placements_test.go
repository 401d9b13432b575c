package daemon

import (
	"errors"
	"testing"
	"time"

	"causeway/realms"
)

// No session of a placement lasts beyond its last day, nor longer than a day.
func TestPlacementBoundsTheSession(t *testing.T) {
	now := time.Date(2027, 3, 5, 12, 0, 0, 0, time.UTC)
	d := &Daemon{now: func() time.Time { return now }}
	for _, c := range []struct {
		allowed uint32
		ends    time.Time
		want    uint32
		over    bool
	}{
		{0, time.Time{}, 0, false},
		{3600, time.Time{}, 3600, false},
		{0, now.Add(12 * time.Hour), 43200, false},
		{3600, now.Add(12 * time.Hour), 3600, false},
		{86400, now.Add(12 * time.Hour), 43200, false},
		{0, now.Add(30 * 24 * time.Hour), 86400, false},
		{0, now.Add(time.Second), 1, false},
		{0, now.Add(time.Second - 1), 0, true},
		{0, now.Add(-time.Hour), 0, true},
	} {
		got, err := d.untilEnded(c.allowed, c.ends)
		if got != c.want || errors.Is(err, realms.ErrPlacementEnded) != c.over {
			t.Errorf("%d until %s: %d, %v; want %d", c.allowed, c.ends, got, err, c.want)
		}
	}
}
