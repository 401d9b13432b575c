package guard

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var testLimits = Limits{Rejects: 5, Within: time.Minute, First: 30 * time.Second, Longest: 5 * time.Minute}

// A weather is a table with a clock of the test's own.
type weather struct {
	*Storms
	clock time.Time
}

func newWeather() *weather {
	w := &weather{clock: time.Unix(1_790_000_000, 0)}
	w.Storms = NewStorms(func() time.Time { return w.clock })
	return w
}

// try is one log-in with a password that the home refuses, or takes; it says whether the
// home was asked.
func (w *weather) try(c Caller, good bool) (asked bool) {
	if _, held := w.Held(c, testLimits); held {
		return false
	}
	if good {
		w.Accepted(c)
	} else {
		w.Refused(c, testLimits, "upstream-rejected")
	}
	return true
}

var stubborn = Caller{"eduroam", "bob@uni.ac.uk", "02-00-5E-00-53-01", "royal-wlc"}

// Holds R28: of a device that asks every other second, its home sees a few tries and
// then one for each hold, which grow to five minutes and no further.
func TestR28HoldsGrowAndEnd(t *testing.T) {
	w := newWeather()
	start := w.clock
	var asked []time.Duration
	for w.clock.Sub(start) < 30*time.Minute {
		if w.try(stubborn, false) {
			asked = append(asked, w.clock.Sub(start))
		}
		w.clock = w.clock.Add(2 * time.Second)
	}
	want := []time.Duration{0, 2, 4, 6, 8, 38, 98, 218, 458, 758, 1058, 1358, 1658}
	for i := range want {
		want[i] *= time.Second
	}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("the home is asked after %v\nwant %v", asked, want)
	}
	hold, held := w.Held(stubborn, testLimits)
	if !held || hold.Rejects != len(want) || hold.Why != "upstream-rejected" || !hold.Until.Equal(start.Add(1958*time.Second)) {
		t.Errorf("%+v, %t", hold, held)
	}
}

// Holds R28: nobody else is held for it: not the user on another device, not another
// user on this one, not either at another home.
func TestR28UserAndDeviceTogether(t *testing.T) {
	w := newWeather()
	for range 20 {
		w.try(stubborn, false)
	}
	if w.try(stubborn, true) {
		t.Fatal("the storm itself is not held")
	}
	for _, c := range []Caller{
		{stubborn.Route, stubborn.User, "02-00-5E-00-53-02", stubborn.Client}, {stubborn.Route, "alice@uni.ac.uk", stubborn.MAC, stubborn.Client}, {"govroam", stubborn.User, stubborn.MAC, stubborn.Client},
		{stubborn.Route, stubborn.User, stubborn.MAC, "eastmoor-wlc"}, // somebody in another building who gives both names
	} {
		if !w.try(c, true) {
			t.Errorf("%v is held", c)
		}
	}
	hidden := Caller{stubborn.Route, stubborn.User, "", stubborn.Client}
	for range 100 {
		if !w.try(hidden, false) {
			t.Fatal("a device without an address is held by its user alone")
		}
	}
}

// Holds R28: who corrects the password gets in: at once where the device was silent
// while it was typed, and at the latest when the hold ends. Then all is forgotten.
func TestR28ACorrectedPassword(t *testing.T) {
	for _, storm := range []int{5, 50, 500} { // tries, a second apart
		w := newWeather()
		for range storm {
			w.try(stubborn, false)
			w.clock = w.clock.Add(time.Second)
		}
		w.clock = w.clock.Add(11 * time.Second)
		if !w.try(stubborn, true) {
			t.Errorf("after %d tries and twelve silent seconds the device is held", storm)
		}
		for n := range 4 {
			if !w.try(stubborn, false) {
				t.Errorf("after the Accept, try %d is held", n+1)
			}
		}

		w = newWeather()
		for range storm {
			w.try(stubborn, false)
			w.clock = w.clock.Add(time.Second)
		}
		waited := time.Duration(0) // as the device goes on by itself, and never rests
		for ; !w.try(stubborn, true); waited += time.Second {
			w.clock = w.clock.Add(time.Second)
		}
		if waited > testLimits.Longest {
			t.Errorf("after %d tries a good password waited for %s", storm, waited)
		}
	}
}

// Holds R28: a device that is refused now and then is no storm, however long it goes on.
func TestR28ACalmDevice(t *testing.T) {
	w := newWeather()
	for n := range 10_000 {
		if !w.try(stubborn, false) {
			t.Fatalf("try %d is held", n)
		}
		w.clock = w.clock.Add(testLimits.calm() + time.Duration(n%4)*time.Second)
	}
	w = newWeather()
	for range 12 {
		w.try(stubborn, false)
	}
	w.clock = w.clock.Add(10*time.Minute + time.Second) // the longest hold, and as long again
	for n := range testLimits.Rejects {
		if !w.try(stubborn, false) {
			t.Errorf("long after, try %d is held", n+1)
		}
	}
	if hold, held := w.Held(stubborn, testLimits); !held || hold.Until.Sub(w.clock) != testLimits.First {
		t.Errorf("then the next storm is held for %s", hold.Until.Sub(w.clock))
	}
}

// Holds R28: whatever callers do, nobody is ever held for longer than the longest hold
// at a time, or with fewer Rejects than the limit.
func TestR28NoLockOut(t *testing.T) {
	d := rand.New(rand.NewPCG(2, 8))
	for range 300 {
		w := newWeather()
		rejects, heldSince := 0, time.Time{}
		for range 400 {
			w.clock = w.clock.Add(time.Duration(d.IntN(1<<d.IntN(18))) * time.Millisecond)
			good := d.IntN(40) == 0
			switch asked := w.try(stubborn, good); {
			case !asked:
				if heldSince.IsZero() {
					heldSince = w.clock
				}
				if rejects < testLimits.Rejects || w.clock.Sub(heldSince) > testLimits.Longest {
					t.Fatalf("held after %d Rejects, for %s", rejects, w.clock.Sub(heldSince))
				}
			case good:
				rejects, heldSince = 0, time.Time{}
			default:
				rejects++
				heldSince = time.Time{}
			}
		}
	}
}

// The table has a bound, and who falls out is asked for at home again.
func TestStormsAreBounded(t *testing.T) {
	w := newWeather()
	w.max = 100
	caller := func(n int) Caller { return Caller{"eduroam", "bob@uni.ac.uk", fmt.Sprint(n), "royal-wlc"} }
	for n := range 1000 {
		for range 6 {
			w.try(caller(n), false)
		}
	}
	if len(w.rows) != 100 || w.recent.Len() != 100 {
		t.Errorf("%d rows, %d in order", len(w.rows), w.recent.Len())
	}
	if w.try(caller(999), false) || !w.try(caller(0), false) {
		t.Error("it is not the oldest who fell out")
	}
	off := Limits{}
	if _, held := w.Held(caller(999), off); held {
		t.Error("held where nobody is")
	}
	w.Refused(caller(5000), off, "")
	if w.rows[caller(5000)] != nil {
		t.Error("counted where nobody is")
	}
}
