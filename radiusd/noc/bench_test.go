package noc

import (
	"io"
	"log/slog"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// night is an event with every field that a proxied or tunnelled log-in has.
func night() Event {
	return Event{
		Time: time.Date(2026, 6, 1, 2, 13, 7, 123_000_000, time.UTC), Duration: 34_567 * time.Microsecond,
		ID: "9f86d081884c", Kind: "access", NAS: "royal-wlc-a", Client: "royal-wlc", Site: "Royal Infirmary", AP: "00-10-A4-23-19-C0",
		SSID: "NHS-Staff", MAC: "02-11-22-AA-BB-CC", RandomMAC: true, Outer: "anonymous@northbridge.nhs.uk", Inner: "nurse@northbridge.nhs.uk",
		Realm: "northbridge.nhs.uk", Route: "trust", Server: "ldaps://dc1.northbridge.nhs.uk", Method: "peap", InnerMethod: "mschapv2",
		TLS: "1.3", Rounds: 9, Outcome: "reject", Reason: "bad-password", Detail: "directory dc1: 52e: bad-password",
		Rule: "NHS-Staff 2", Zone: "visitor", VLAN: 140, CUI: "c3ab8ff13720e8ad9047dd39466b3c89", OperatorName: "northbridge.nhs.uk",
	}
}

// The cost of an event from End to the writer, formatting included, on the
// caller's and the writer's side together: run it with -cpu 1.
func BenchmarkDesk(b *testing.B) {
	for _, format := range []string{"json", "text"} {
		b.Run(format, func(b *testing.B) {
			d := New(Config{Format: format, Writer: io.Discard, Queue: 1 << 16})
			e := night()
			b.ReportAllocs()
			start, n := cpuTime(b), 0
			for b.Loop() {
				d.End(e)
				if n++; n%64 == 0 {
					runtime.Gosched() // as a server does, between packets
				}
			}
			d.Close()
			b.ReportMetric(float64(cpuTime(b)-start)/float64(n), "cpu-ns/op")
			b.ReportMetric(float64(d.Dropped())/float64(b.N), "dropped/op")
		})
	}
}

// cpuTime is what the process has used: the clock on the wall also counts what
// the neighbours use.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Formatting alone, and what slog's own handler takes for the same line.
func BenchmarkFormat(b *testing.B) {
	e := night()
	for _, format := range []string{"json", "text"} {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = formats[format].event(buf[:0], e.Time, false, &e)
			}
			b.SetBytes(int64(len(buf)))
		})
	}
	b.Run("slog-json", func(b *testing.B) {
		b.ReportAllocs()
		log := slog.New(slog.NewJSONHandler(io.Discard, nil))
		for b.Loop() {
			log.LogAttrs(b.Context(), slog.LevelInfo, "ended", e.LogValue().Group()...)
		}
	})
}

func BenchmarkMAC(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		MAC("0211.22aa.bbcc")
	}
}
