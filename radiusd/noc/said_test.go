package noc

import (
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A line of the server itself is read as it was said, in both formats, whatever names
// are in it; and nothing that somebody puts into a name makes another line of it.
func TestReadSaid(t *testing.T) {
	for _, name := range append(hostile, "", "none", "agnes wlc", "  packets=7  address=1.2.3.4", `x\`, `"`) {
		record := slog.NewRecord(time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC), slog.LevelWarn, "an address that is no client of ours sends requests", 0)
		record.Add("address", "10.0.0.9", "says_it_is", name, "packets", uint64(3), "alive", true, "last", "2026-11-26T09:30:00Z")
		for kind, f := range formats {
			message, values, ok := ReadSaid(string(f.say(nil, record)))
			if !ok || message != record.Message || values["address"] != "10.0.0.9" || values["packets"] != "3" || values["alive"] != "true" || values["last"] != "2026-11-26T09:30:00Z" {
				t.Errorf("%s of %.40q: %q, %q, %v", kind, name, message, values, ok)
			}
			want := strings.ToValidUTF8(name, "\uFFFD")
			if got := values["says_it_is"]; len(name) < maxField && strings.Count(got, "\uFFFD") == 0 && got != want {
				t.Errorf("%s: %q is read as %q", kind, name, got)
			}
			event := hostileEvent(name)
			for _, began := range []bool{false, true} {
				if message, _, ok := ReadSaid(string(f.event(nil, record.Time, began, &event))); ok {
					t.Errorf("%s: an event of %.40q is read as %q", kind, name, message)
				}
			}
		}
	}
	for _, line := range []string{"", "{", "{}", `{"msg":3}`, "2026-11-26T09:30:00.000Z", "2026-11-26T09:30:00.000Z ACCEPT  nurse", "yesterday NOTICE  started", "2026-11-26T09:30:00.000Z NOTICE  started  server=\"x", "2026-11-26T09:30:00.000Z NOTICE  started  server"} {
		if message, values, ok := ReadSaid(line); ok {
			t.Errorf("%q is read as %q %q", line, message, values)
		}
	}
}

func FuzzReadSaid(f *testing.F) {
	record := slog.NewRecord(time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC), slog.LevelInfo, "started", 0)
	record.Add("server", "Northbridge NHS Trust", "sites", 3)
	for _, format := range formats {
		f.Add(string(format.say(nil, record)))
	}
	f.Add("2026-11-26T09:30:00.000Z NOTICE  started  a=\"\\")
	f.Fuzz(func(t *testing.T, line string) {
		message, values, ok := ReadSaid(line)
		if !ok && (message != "" && values != nil) {
			t.Errorf("%q: %q, %q", line, message, values)
		}
		if _, clash := values["msg"]; !ok || clash || strings.HasPrefix(line, "{") || !utf8.ValidString(line) {
			return
		}
		// What was read is written again, and read the same.
		again := slog.NewRecord(record.Time, slog.LevelInfo, message, 0)
		for name, value := range values {
			if len(name) > maxField || len(value) > maxField {
				return
			}
			again.Add(name, value)
		}
		said, same, ok := ReadSaid(string(formats["json"].say(nil, again)))
		if !ok || strings.ToValidUTF8(said, "\uFFFD") != said || len(same) < len(values) {
			t.Errorf("%q is read as %q %q, and then as %q %q", line, message, values, said, same)
		}
	})
}
