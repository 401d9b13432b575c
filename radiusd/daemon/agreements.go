package daemon

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"causeway/radiusd/daemon/config"
	"causeway/vlan"
)

// An Agreement is that of one site, on one day.
type Agreement struct {
	Site       string `json:"site"`
	Reference  string `json:"reference"`
	Owner      string `json:"owner"`
	ApprovedBy string `json:"approved_by"`
	From       string `json:"from"`      // the first day, as 2026-04-01
	Until      string `json:"until"`     // the last
	DaysLeft   int    `json:"days_left"` // 0 on the last day, negative after it
	State      string `json:"state"`     // of the four below
}

// The states of an agreement.
const (
	agreementEnded  = "ended"
	agreementEnding = "ends soon" // within 30 days
	agreementHolds  = "in force"
	agreementToCome = "not yet"
)

// reminders are on how many days before the last one somebody is told.
var reminders = []int{30, 14, 3}

// agreements are those of a file as they stand on a day, the most urgent first.
func agreements(file *config.File, on time.Time) []Agreement {
	var list []Agreement
	for _, s := range file.Site {
		a := s.Agreement
		if a == nil {
			continue
		}
		left := daysBetween(on, a.Until)
		state := agreementHolds
		switch {
		case left < 0:
			state = agreementEnded
		case daysBetween(on, a.From) > 0:
			state = agreementToCome
		case left <= reminders[0]:
			state = agreementEnding
		}
		list = append(list, Agreement{
			Site: s.Name, Reference: a.Reference, Owner: a.Owner, ApprovedBy: a.ApprovedBy,
			From: a.From.Format(time.DateOnly), Until: a.Until.Format(time.DateOnly), DaysLeft: left, State: state,
		})
	}
	slices.SortStableFunc(list, func(a, b Agreement) int {
		return cmp.Or(cmp.Compare(a.DaysLeft, b.DaysLeft), cmp.Compare(a.Site, b.Site))
	})
	return list
}

// daysBetween counts calendar days, whatever the clocks did between.
func daysBetween(from, to time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(to).Sub(day(from)) / (24 * time.Hour))
}

// Agreements are those of the file as they stand on a day, the most urgent first.
func (i *Inspection) Agreements(on time.Time) []Agreement { return agreements(i.File, on) }

// reminded remembers what was told of each agreement, so that it is told once for each
// of its steps.
type reminded struct {
	mu    sync.Mutex
	day   string // when it was looked at last
	steps map[Agreement]int
}

// step is which reminder an agreement has reached: 0 for none, and one more than there
// are when it has ended.
func (a Agreement) step() int {
	if a.State == agreementToCome {
		return 0
	}
	step := 0
	for _, days := range reminders {
		if a.DaysLeft <= days {
			step++
		}
	}
	if a.DaysLeft < 0 {
		step++
	}
	return step
}

// remindOfAgreements raises an alarm for agreements that end soon or have ended: all of
// them at a start and a reload, and in between each when it reaches its next step, in
// the first minute of the day.
func (d *Daemon) remindOfAgreements(all bool) {
	h := d.open()
	defer h.leave()
	r := &d.reminded
	r.mu.Lock()
	defer r.mu.Unlock()
	now := d.now()
	today := now.Format(time.DateOnly)
	if !all && today == r.day {
		return
	}
	told := r.steps
	r.day, r.steps = today, make(map[Agreement]int)
	for _, a := range agreements(h.file, now) {
		same := a // tomorrow it is the same agreement
		same.DaysLeft, same.State = 0, ""
		step := a.step()
		r.steps[same] = step
		if step == 0 || !all && step <= told[same] {
			continue
		}
		about := []any{"site", a.Site, "reference", a.Reference, "owner", a.Owner, "approved_by", a.ApprovedBy, "until", a.Until, "days_left", a.DaysLeft}
		if a.State == agreementEnded {
			d.desk.Alarm("an agreement has ended: everybody at its site is refused", about...)
		} else {
			d.desk.Alarm("an agreement ends soon: after its last day everybody at its site is refused", about...)
		}
	}
}

// longestUnderAgreement is how long a session may last, in seconds, at a site that is
// served under an agreement: within a day of its end, or of its being taken out of the
// file, nobody is there without having been asked for again.
const longestUnderAgreement = 24 * 60 * 60

// stay is the Session-Timeout of an Accept, in seconds: what the home allows, and at a
// site under an agreement no later than the end of its last day. 0 is no limit. The
// error says that the day ended while the log-in did.
func (d *Daemon) stay(allowed uint32, place vlan.Assignment) (uint32, error) {
	if place.Ends(time.UTC).IsZero() { // most sites are nobody else's, and need no clock
		return allowed, nil
	}
	now := d.now()
	ends := place.Ends(now.Location())
	left := ends.Sub(now)
	if left < time.Second {
		return 0, vlan.ErrAgreementExpired
	}
	limit := uint32(min(left/time.Second, longestUnderAgreement))
	if allowed == 0 {
		return limit, nil
	}
	return min(allowed, limit), nil
}
