package noc

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A Count is how many events there were of one kind, outcome and reason. The
// labels are of closed lists, so that nobody outside can make a thousand
// counters; what is in no list is counted as "other".
type Count struct {
	Kind    string // "access", "accounting", "probe", "other"
	Outcome string // "accept", "reject", "abandoned", "error", "other"; for accounting "start", "stop", "interim-update"; for a probe also "timeout", "config"
	Reason  string // a code of the table, "" or "other"
	N       uint64
}

const otherLabel = "other"

var kindLabels = []string{"access", "accounting", "probe"}

var outcomeLabels = []string{
	"accept", "reject", "abandoned", "error", "timeout", "config",
	"start", "stop", "interim-update", "accounting-on", "accounting-off",
}

type labels struct{ kind, outcome, reason string }

// A Span is how long the log-ins of one outcome took, from the first packet to the last
// reply.
type Span struct {
	Outcome string
	Count   uint64
	Sum     time.Duration
	AtMost  []uint64 // how many took at most as long as each of SpanBounds
}

// SpanBounds are the steps in which log-ins are counted by how long they took: the first
// ones are this server's own work, the middle is radio and EAP's rounds, and from a few
// seconds on somebody waits for somebody who does not answer.
var SpanBounds = []time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// A tally counts events by their labels. The desk's lock guards it.
type tally struct {
	counts map[labels]uint64
	spans  map[string]*Span // of log-ins, by outcome
}

func (t *tally) add(e *Event) {
	if t.counts == nil {
		t.counts = make(map[labels]uint64)
	}
	l := labels{listed(kindLabels, e.Kind), listed(outcomeLabels, e.Outcome), e.Reason}
	if l.reason != "" {
		if r, known := Explain(l.reason); known {
			l.reason = r.Code // our own string, not one that keeps a packet in memory
		} else {
			l.reason = otherLabel
		}
	}
	t.counts[l]++
	if l.kind == "access" {
		t.took(l.outcome, e.Duration)
	}
}

func (t *tally) took(outcome string, d time.Duration) {
	s := t.spans[outcome]
	if s == nil {
		if t.spans == nil {
			t.spans = make(map[string]*Span)
		}
		s = &Span{Outcome: outcome, AtMost: make([]uint64, len(SpanBounds))}
		t.spans[outcome] = s
	}
	s.Count++
	s.Sum += d
	first, _ := slices.BinarySearch(SpanBounds, d)
	for i := first; i < len(s.AtMost); i++ {
		s.AtMost[i]++
	}
}

func (t *tally) listSpans() (list []Span) {
	for _, outcome := range slices.Sorted(maps.Keys(t.spans)) {
		s := *t.spans[outcome]
		s.AtMost = slices.Clone(s.AtMost)
		list = append(list, s)
	}
	return list
}

func (t *tally) list() []Count {
	list := make([]Count, 0, len(t.counts))
	for l, n := range t.counts {
		list = append(list, Count{l.kind, l.outcome, l.reason, n})
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

func listed(list []string, label string) string {
	for _, l := range list {
		if l == label {
			return l
		}
	}
	return otherLabel
}
