package noc

import (
	"log/slog"
	"strconv"
	"time"
)

// A field is one name and value of an event's line. Exactly one of the functions
// is set.
type field struct {
	key    string
	text   func(*Event) string
	number func(*Event) int64
	flag   func(*Event) bool
	millis func(*Event) time.Duration
}

// fields are what a line says of an event, in the order of the line. The doc
// comment of this package explains each.
var fields = []field{
	{key: "kind", text: func(e *Event) string { return e.Kind }},
	{key: "id", text: func(e *Event) string { return e.ID }},
	{key: "outcome", text: func(e *Event) string { return e.Outcome }},
	{key: "reason", text: func(e *Event) string { return e.Reason }},
	{key: "fault", text: func(e *Event) string { return explain(e.Reason).Fault }},
	{key: "meaning", text: func(e *Event) string { return explain(e.Reason).Sentence }},
	{key: "detail", text: func(e *Event) string { return e.Detail }},
	{key: "outer", text: func(e *Event) string { return e.Outer }},
	{key: "inner", text: func(e *Event) string { return e.Inner }},
	{key: "realm", text: func(e *Event) string { return e.Realm }},
	{key: "route", text: func(e *Event) string { return e.Route }},
	{key: "server", text: func(e *Event) string { return e.Server }},
	{key: "nas", text: func(e *Event) string { return e.NAS }},
	{key: "client", text: func(e *Event) string { return e.Client }},
	{key: "site", text: func(e *Event) string { return e.Site }},
	{key: "ap", text: func(e *Event) string { return e.AP }},
	{key: "ssid", text: func(e *Event) string { return e.SSID }},
	{key: "mac", text: func(e *Event) string { return e.MAC }},
	{key: "mac_random", flag: func(e *Event) bool { return e.RandomMAC }},
	{key: "method", text: func(e *Event) string { return e.Method }},
	{key: "inner_method", text: func(e *Event) string { return e.InnerMethod }},
	{key: "tls", text: func(e *Event) string { return e.TLS }},
	{key: "resumed", flag: func(e *Event) bool { return e.Resumed }},
	{key: "device", text: func(e *Event) string { return e.Device }},
	{key: "list", text: func(e *Event) string { return e.List }},
	{key: "equipment", text: func(e *Event) string { return e.Equipment }},
	{key: "asset", text: func(e *Event) string { return e.Asset }},
	{key: "owner", text: func(e *Event) string { return e.Owner }},
	{key: "sponsor", text: func(e *Event) string { return e.Sponsor }},
	{key: "purpose", text: func(e *Event) string { return e.Purpose }},
	{key: "authority", text: func(e *Event) string { return e.Authority }},
	{key: "unchecked", flag: func(e *Event) bool { return e.Unchecked }},
	{key: "rounds", number: func(e *Event) int64 { return int64(e.Rounds) }},
	{key: "stage", text: func(e *Event) string { return e.Stage }},
	{key: "sent", number: func(e *Event) int64 { return int64(e.Sent) }},
	{key: "duration_ms", millis: func(e *Event) time.Duration { return e.Duration }},
	{key: "rule", text: func(e *Event) string { return e.Rule }},
	{key: "zone", text: func(e *Event) string { return e.Zone }},
	{key: "vlan", number: func(e *Event) int64 { return int64(e.VLAN) }},
	{key: "cui", text: func(e *Event) string { return e.CUI }},
	{key: "operator_name", text: func(e *Event) string { return e.OperatorName }},
}

// The beginning of each field in a JSON line, made once: `,"key":`.
var fieldStarts = func() []string {
	starts := make([]string, len(fields))
	for i, f := range fields {
		starts[i] = `,"` + f.key + `":`
	}
	return starts
}()

// appendFields writes the fields that an event has.
func appendFields(dst []byte, e *Event) []byte {
	for i := range fields {
		f := &fields[i]
		switch {
		case f.text != nil:
			if v := f.text(e); v != "" {
				dst = appendQuoted(append(dst, fieldStarts[i]...), v)
			}
		case f.number != nil:
			if v := f.number(e); v != 0 {
				dst = strconv.AppendInt(append(dst, fieldStarts[i]...), v, 10)
			}
		case f.flag != nil:
			if f.flag(e) {
				dst = append(append(dst, fieldStarts[i]...), "true"...)
			}
		case f.millis != nil:
			if v := f.millis(e); v != 0 {
				dst = appendMillis(append(dst, fieldStarts[i]...), v)
			}
		}
	}
	return dst
}

// LogValue gives the event to any slog handler, with the same names and values.
func (e Event) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, len(fields))
	for _, f := range fields {
		switch {
		case f.text != nil && f.text(&e) != "":
			attrs = append(attrs, slog.String(f.key, f.text(&e)))
		case f.number != nil && f.number(&e) != 0:
			attrs = append(attrs, slog.Int64(f.key, f.number(&e)))
		case f.flag != nil && f.flag(&e):
			attrs = append(attrs, slog.Bool(f.key, true))
		case f.millis != nil && f.millis(&e) != 0:
			attrs = append(attrs, slog.Float64(f.key, float64(f.millis(&e).Microseconds())/1000))
		}
	}
	return slog.GroupValue(attrs...)
}

// appendMillis writes a duration in milliseconds, to the microsecond.
func appendMillis(dst []byte, d time.Duration) []byte {
	us := d.Microseconds()
	if us < 0 {
		dst, us = append(dst, '-'), -us
	}
	dst = strconv.AppendInt(dst, us/1000, 10)
	if rest := us % 1000; rest != 0 {
		dst = append(dst, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}
