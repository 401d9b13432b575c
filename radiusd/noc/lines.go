package noc

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// A format writes lines; each ends in the one newline that it has.
type format struct {
	event func(dst []byte, at time.Time, began bool, e *Event) []byte
	// say writes a line of the server itself.
	say func(dst []byte, r slog.Record) []byte
}

var formats = map[string]format{
	"text": {textEvent, textSay},
	"json": {jsonEvent, jsonSay},
}

// levelAlarm is above slog's ERROR: somebody must look at once.
const levelAlarm = slog.LevelError + 4

// level grades an event by whose fault it is.
func level(e *Event) string {
	switch explain(e.Reason).Fault {
	case Ours:
		return "ERROR"
	case Theirs, Network:
		return "WARN"
	}
	return "INFO"
}

func jsonEvent(dst []byte, at time.Time, began bool, e *Event) []byte {
	dst = appendTime(append(dst, `{"time":"`...), at)
	dst = append(dst, `","level":"`...)
	dst = append(dst, level(e)...)
	if began {
		dst = append(dst, `","msg":"began"`...)
	} else {
		dst = append(dst, `","msg":"ended"`...)
	}
	return append(appendFields(dst, e), "}\n"...)
}

func jsonSay(dst []byte, r slog.Record) []byte {
	dst = appendTime(append(dst, `{"time":"`...), r.Time)
	dst = append(dst, `","level":"`...)
	if r.Level == levelAlarm {
		dst = append(dst, "ERROR\",\"alarm\":true"...)
	} else {
		dst = append(append(dst, r.Level.String()...), '"')
	}
	dst = appendQuoted(append(dst, `,"msg":`...), r.Message)
	r.Attrs(func(a slog.Attr) bool {
		dst = append(dst, ',')
		dst = appendQuoted(dst, a.Key)
		dst = append(dst, ':')
		switch v := a.Value.Resolve(); v.Kind() {
		case slog.KindInt64:
			dst = strconv.AppendInt(dst, v.Int64(), 10)
		case slog.KindUint64:
			dst = strconv.AppendUint(dst, v.Uint64(), 10)
		case slog.KindBool:
			dst = strconv.AppendBool(dst, v.Bool())
		default:
			dst = appendLong(dst, said(v))
		}
		return true
	})
	return append(dst, "}\n"...)
}

func textSay(dst []byte, r slog.Record) []byte {
	dst = appendTime(dst, r.Time)
	switch {
	case r.Level >= levelAlarm:
		dst = append(dst, " ALARM   "...)
	case r.Level >= slog.LevelWarn:
		dst = append(dst, " WARNING "...)
	default:
		dst = append(dst, " NOTICE  "...)
	}
	dst = appendEscaped(dst, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		dst = append(dst, ' ', ' ')
		dst = appendWord(dst, a.Key)
		dst = append(dst, '=')
		v := said(a.Value.Resolve())
		if len(v) > maxField {
			dst = appendLong(dst, v)
		} else {
			dst = appendWord(dst, v)
		}
		return true
	})
	return append(dst, '\n')
}

// said turns a value of a server line into words. Octets are not shown: nobody
// here can know that they are no key (S17).
func said(v slog.Value) string {
	if v.Kind() != slog.KindAny {
		return v.String()
	}
	switch x := v.Any().(type) {
	case nil:
		return "none"
	case error:
		return x.Error()
	case []byte:
		return fmt.Sprintf("[%d octets]", len(x))
	case []string:
		return strings.Join(x, " ")
	}
	return fmt.Sprint(v.Any())
}

// maxLong is the longest value of a server line: a stack is longer than a name.
const maxLong = 16 * maxField

// appendLong writes a quoted string that may be longer than a name.
func appendLong(dst []byte, s string) []byte {
	whole := s
	s = s[:cut(s, maxLong)]
	dst = append(dst, '"')
	for len(s) > maxField {
		n := cut(s, maxField)
		dst, s = appendEscaped(dst, s[:n]), s[n:]
	}
	dst = appendEscaped(dst, s)
	if len(whole) > maxLong {
		dst = append(dst, "…"...)
	}
	return append(dst, '"')
}

// words is how an outcome stands at the head of a line, padded so that the names
// after it stand below each other.
var words = map[string]string{
	"accept":    "ACCEPT  ",
	"reject":    "REJECT  ",
	"abandoned": "GAVE UP ",
	"error":     "ERROR   ",
}

// textEvent writes a line that can be read at a glance: when, what, who, where,
// how, which network and how long; then why; then what an engineer looks for.
func textEvent(dst []byte, at time.Time, began bool, e *Event) []byte {
	dst = append(appendTime(dst, at), ' ')
	switch word, known := words[e.Outcome]; {
	case began:
		dst = append(dst, "BEGAN   "...)
	case e.Kind == "accounting":
		dst = append(dst, "USAGE   "...)
		dst = appendWord(dst, e.Outcome)
		dst = append(dst, ' ')
	case e.Kind == "probe":
		dst = append(dst, "PROBE   "...)
		dst = appendWord(dst, e.Outcome)
		dst = append(dst, ' ')
	case known:
		dst = append(dst, word...)
	default:
		dst = appendWord(dst, e.Outcome)
		dst = append(dst, ' ')
	}
	dst = appendWord(dst, who(e))
	dst = appendPart(dst, "  on ", e.SSID)
	dst = appendPart(dst, " at ", e.Site)
	if e.Method != "" {
		dst = appendPart(dst, "  ", e.Method)
		dst = appendPart(dst, "/", e.InnerMethod)
		if e.Resumed {
			dst = append(dst, " resumed"...)
		}
	}
	dst = appendPart(dst, " by ", e.Route)
	if e.VLAN != 0 {
		dst = append(dst, "  -> "...)
		if e.Zone != "" {
			dst = append(appendWord(dst, e.Zone), ' ')
		}
		dst = strconv.AppendUint(append(dst, "vlan "...), uint64(e.VLAN), 10)
	}
	if !began && e.Kind != "accounting" {
		dst = append(dst, ' ', ' ')
		dst = strconv.AppendInt(dst, e.Duration.Milliseconds(), 10)
		dst = append(dst, " ms"...)
	}
	dst = appendReason(dst, e)
	return append(appendRest(dst, e), '\n')
}

func who(e *Event) string {
	if e.Inner != "" {
		return e.Inner
	}
	return e.Outer
}

func appendReason(dst []byte, e *Event) []byte {
	if e.Reason == "" {
		return dst
	}
	dst = append(dst, "  "...)
	dst = appendWord(dst, e.Reason)
	r := explain(e.Reason)
	if r.Fault != "" {
		dst = append(dst, " ("...)
		dst = append(dst, r.Fault...)
		dst = append(dst, "): "...)
		dst = append(dst, r.Sentence...)
	}
	return dst
}

// appendRest writes what the glance does not need, as key=value with the names
// that the JSON lines have.
func appendRest(dst []byte, e *Event) []byte {
	dst = appendPart(dst, "  mac=", e.MAC)
	if e.RandomMAC {
		dst = append(dst, " mac_random=true"...)
	}
	if e.Outer != who(e) {
		dst = appendPart(dst, " outer=", e.Outer)
	}
	dst = appendPart(dst, " ap=", e.AP)
	dst = appendPart(dst, " nas=", e.NAS)
	if e.Client != e.NAS {
		dst = appendPart(dst, " client=", e.Client)
	}
	dst = appendPart(dst, " server=", e.Server)
	dst = appendPart(dst, " device=", e.Device)
	dst = appendPart(dst, " list=", e.List)
	dst = appendPart(dst, " equipment=", e.Equipment)
	dst = appendPart(dst, " asset=", e.Asset)
	dst = appendPart(dst, " owner=", e.Owner)
	dst = appendPart(dst, " sponsor=", e.Sponsor)
	dst = appendPart(dst, " purpose=", e.Purpose)
	dst = appendPart(dst, " authority=", e.Authority)
	if e.Unchecked {
		dst = append(dst, " unchecked=true"...)
	}
	dst = appendPart(dst, " tls=", e.TLS)
	if e.Rounds > 0 {
		dst = strconv.AppendInt(append(dst, " rounds="...), int64(e.Rounds), 10)
	}
	dst = appendPart(dst, " stage=", e.Stage)
	if e.Sent > 0 {
		dst = strconv.AppendInt(append(dst, " sent="...), int64(e.Sent), 10)
	}
	dst = appendPart(dst, " rule=", e.Rule)
	dst = appendPart(dst, " cui=", e.CUI)
	dst = appendPart(dst, " operator_name=", e.OperatorName)
	dst = appendPart(dst, " id=", e.ID)
	return appendPart(dst, " detail=", e.Detail)
}

func appendPart(dst []byte, before, value string) []byte {
	if value == "" {
		return dst
	}
	return appendWord(append(dst, before...), value)
}

// appendTime writes UTC to the millisecond: 2026-06-01T09:00:00.000Z. By hand,
// since it is in every line.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	dst = appendDigits(append(dst, '.'), t.Nanosecond()/1_000_000, 3)
	return append(dst, 'Z')
}

func appendDigits(dst []byte, n, width int) []byte {
	start := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := start + width - 1; i >= start; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}
