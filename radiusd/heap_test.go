package main

import (
	"runtime"
	"testing"
)

func TestHeapGrowth(t *testing.T) {
	for inUse, want := range map[uint64]int{
		0: 1600, 1 << 20: 1600, 8 << 20: 700, 16 << 20: 300, 32 << 20: 100, 64 << 20: 100, 1 << 40: 100,
	} {
		if got := heapGrowth(inUse); got != want {
			t.Errorf("%d octets in use: %d per cent, want %d", inUse, got, want)
		}
	}
}

func TestAfterCollection(t *testing.T) {
	did := make(chan bool, 16)
	afterCollection(func() { did <- true })
	for range 3 {
		runtime.GC()
		<-did
	}
}
