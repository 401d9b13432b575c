package wallclock

import (
	"time"
	"unsafe"
)

// Stepped is a moment as it would have been read had the clock on the wall been set on by
// so many whole seconds meanwhile: its monotonic reading stays. It is for tests of one
// room, which give that room a clock.
func Stepped(t time.Time, by time.Duration) time.Time {
	const hasMonotonic, belowSeconds = 1 << 63, 30
	wall := (*uint64)(unsafe.Pointer(&t)) //nolint:gosec // there is no other way to have such a clock
	if *wall&hasMonotonic == 0 {
		panic("no monotonic reading")
	}
	*wall += uint64(by/time.Second) << belowSeconds //nolint:gosec // it wraps round, as it should
	return t
}
