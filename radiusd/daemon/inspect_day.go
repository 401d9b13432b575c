package daemon

import (
	"errors"
	"fmt"
	"time"

	"causeway/realms"
)

// ParseDay reads a day as people write it, 2027-03-31, for a Query.
func ParseDay(text string) (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no date: write it as 2027-03-31", text)
	}
	return noon(day), nil
}

// noon is the middle of a day: what begins with the day, and what ends with it, holds. No
// day, no noon.
func noon(day time.Time) time.Time {
	if day.IsZero() {
		return day
	}
	y, m, d := day.Date()
	return time.Date(y, m, d, 12, 0, 0, 0, day.Location())
}

// at is the time of a query: now, unless it asks for another day.
func (i *Inspection) at(q Query) time.Time {
	if q.On.IsZero() {
		return i.now()
	}
	return q.On
}

// accountOn holds an account to its days where a query names one and the account stands
// in a file. Else the home's consent is taken for granted.
func (i *Inspection) accountOn(q Query, e *Explanation, id realms.Identity) error {
	c, known := i.File.Directory[e.Route]
	if q.On.IsZero() || !e.Own || !known || !isFile(c) {
		return nil
	}
	d, closer, err := directories[c.Kind](e.Route, c)
	if err != nil {
		return fmt.Errorf("directory %s: %w: %w", e.Route, err, realms.ErrUnreachable)
	}
	defer closer()
	dated, can := d.(interface {
		LookupAt(at time.Time, id realms.Identity) (realms.Account, error)
	})
	if !can {
		return nil
	}
	_, err = dated.LookupAt(q.On, id)
	switch {
	case errors.Is(err, realms.ErrUnknownUser):
		e.step("account: directory %s has none of that name; taken for one that is good", e.Route)
	case err != nil:
		return fmt.Errorf("directory %s: %w", e.Route, err)
	default:
		e.step("account: good on that day, in directory %s", e.Route)
	}
	return nil
}
