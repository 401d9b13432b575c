package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Requests leave little behind and come fast, and a small heap would be collected
// hundreds of times a second. So the heap may grow to heapFloor before that, or to
// twice what is in use, whichever is more: megabytes for a fifth of the
// processor.
const (
	heapFloor  = 64 << 20
	leastGrown = 100 // per cent of what is in use
	mostGrown  = 1600
)

// keepHeap sets how far the heap may grow, after every collection anew. Whoever sets
// GOGC decides it.
func keepHeap() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(leastGrown)
	afterCollection(func() {
		inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(inUse)
		debug.SetGCPercent(heapGrowth(inUse[0].Value.Uint64()))
	})
}

// heapGrowth returns by how many per cent a heap may grow of which so many octets are
// in use.
func heapGrowth(inUse uint64) int {
	if inUse == 0 {
		return mostGrown
	}
	return int(min(max(heapFloor*100/inUse, 100+leastGrown)-100, mostGrown)) //nolint:gosec // at most 1600
}

// afterCollection calls do after each collection: something that nobody holds is made
// anew each time, and its end is the sign.
func afterCollection(do func()) {
	sign := new([16]byte)
	runtime.AddCleanup(sign, func(do func()) { do(); afterCollection(do) }, do)
}
