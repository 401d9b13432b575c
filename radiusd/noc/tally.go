package noc

import (
	"cmp"
	"slices"
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

// A tally counts events by their labels. The desk's lock guards it.
type tally struct{ counts map[labels]uint64 }

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
