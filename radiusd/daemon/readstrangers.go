package daemon

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"causeway/radiusd/noc"
)

// An Unknown is an address that is no client of a server and sends requests, as its log
// has it.
type Unknown struct {
	Address  string `json:"address"`
	Packets  uint64 `json:"packets"`
	First    string `json:"first"` // RFC 3339, UTC
	Last     string `json:"last"`
	SaysItIs string `json:"says_it_is"` // its NAS-Identifier, which nobody proved; "none": it said nothing
}

// A StrangerLog reads what a server's log says of strangers, line by line.
type StrangerLog struct {
	byAddress map[string]Unknown
	listed    int // that a list of all promises; -1: none has begun
	heard     int // of those
	started   bool
	Forgotten uint64
}

// NewStrangerLog has read nothing yet.
func NewStrangerLog() *StrangerLog {
	return &StrangerLog{byAddress: map[string]Unknown{}, listed: -1}
}

// Hear takes one line. A line that speaks of something else, in whatever words a stranger
// may have put into it, says nothing.
func (l *StrangerLog) Hear(line string) {
	message, values, ok := noc.ReadSaid(line)
	if !ok {
		return
	}
	switch message {
	case "started": // what was before was another process
		*l = *NewStrangerLog()
		l.started = true
	case saidOfStrangers:
		listed, err := strconv.Atoi(values["listed"])
		all, notAll := strconv.Atoi(values["addresses"])
		if err != nil || notAll != nil {
			return
		}
		l.Forgotten, _ = strconv.ParseUint(values["forgotten"], 10, 64)
		l.listed, l.heard = -1, 0
		if listed == all { // whoever is not in it was forgotten
			l.listed = listed
			clear(l.byAddress)
		}
	case saidOfStranger:
		l.heard++
		l.note(values)
	case saidOfNewStranger:
		l.note(values)
	}
}

// note takes what a server writes, and nothing that a terminal would obey.
func (l *StrangerLog) note(values map[string]string) {
	packets, err := strconv.ParseUint(values["packets"], 10, 64)
	address, none := netip.ParseAddr(values["address"])
	first, noFirst := time.Parse(time.RFC3339, values["first"])
	last, noLast := time.Parse(time.RFC3339, values["last"])
	if err != nil || none != nil || noFirst != nil || noLast != nil || strings.ContainsFunc(address.Zone(), func(r rune) bool { return !unicode.IsPrint(r) }) {
		return
	}
	l.byAddress[address.String()] = Unknown{address.String(), packets, first.Format(time.RFC3339), last.Format(time.RFC3339), values["says_it_is"]}
}

// Begun says that a list of all has begun, whole or not.
func (l *StrangerLog) Begun() bool { return l.listed >= 0 }

// Tells says whether silence means that nobody is there: the log has a list of all, or
// everything since the server started.
func (l *StrangerLog) Tells() bool { return l.started || l.Begun() || len(l.byAddress) > 0 }

// Whole says that a list of all has begun and that every line of it was read.
func (l *StrangerLog) Whole() bool { return l.listed >= 0 && l.heard >= l.listed }

// All lists them, the most insistent first.
func (l *StrangerLog) All() []Unknown {
	return slices.SortedFunc(maps.Values(l.byAddress), func(a, b Unknown) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.Address, b.Address))
	})
}
