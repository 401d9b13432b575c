package vlan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// hidden are the things that may be known of a log-in, and how each is lost. hide is false
// where there was nothing to lose.
var hidden = []struct {
	what string
	hide func(d dice, f *Facts) bool
}{
	{"some groups", func(d dice, f *Facts) bool {
		kept := slices.DeleteFunc(slices.Clone(f.Groups), func(string) bool { return d.IntN(2) == 0 })
		lost := len(kept) < len(f.Groups) || !f.GroupsUnknown
		f.Groups, f.GroupsUnknown = kept, true
		return lost
	}},
	{"that they are not in some", func(d dice, f *Facts) bool {
		kept := slices.DeleteFunc(slices.Clone(f.NotIn), func(string) bool { return d.IntN(2) == 0 })
		lost := len(kept) < len(f.NotIn)
		f.NotIn = kept
		return lost
	}},
	{"the method", lose(func(f *Facts) *string { return &f.Method })},
	{"the device", lose(func(f *Facts) *string { return &f.Device })},
	{"the certificate", func(_ dice, f *Facts) bool {
		lost := !f.CertificateUnknown
		f.CertificateUnknown, f.Issuer, f.Policies = true, "", nil
		return lost
	}},
	{"the organisation", lose(func(f *Facts) *string { return &f.Operator })},
	{"the SSID", lose(func(f *Facts) *string { return &f.SSID })},
	{"the site", lose(func(f *Facts) *string { return &f.Site })},
	{"the address", lose(func(f *Facts) *string { return &f.MAC })},
	{"the name", func(_ dice, f *Facts) bool {
		if !f.Own || strings.Contains(f.User, "@") { // with "@" it is none; a visitor's says nothing
			return false
		}
		lost := f.User != ""
		f.User, f.Account = "", "" // the daemon has no name where the directory tells none
		return lost
	}},
}

func contains(groups []string, group string) bool {
	return slices.ContainsFunc(groups, func(g string) bool { return strings.EqualFold(g, group) })
}

func lose(what func(*Facts) *string) func(dice, *Facts) bool {
	return func(_ dice, f *Facts) bool {
		lost := *what(f) != ""
		*what(f) = ""
		return lost
	}
}

// Holds the corollary of docs/architecture.md, and F3: whoever is known less of gets the
// same or nothing, whatever it is that is not known. A pool's number is chosen by the
// device's address: without it they are on another of the same VLAN.
//
// Two facts are no knowledge: which controller asks is known to whoever answers it, and a
// time that is not said is now.
func TestKnowingLessNeverGivesMore(t *testing.T) {
	var mu sync.Mutex
	same, refused := map[string]int{}, map[string]int{}
	inFiles(t, 31, cases()/20, func(d dice) error {
		cfg := d.config()
		p := read(cfg).policy
		for range 20 {
			full := d.facts()
			switch d.IntN(4) {
			case 0, 1:
				full.GroupsUnknown, full.NotIn = false, nil
			case 2: // the directory told of all that they are not in
				full.GroupsUnknown, full.NotIn = true, slices.DeleteFunc(slices.Clone(worldGroups), func(g string) bool { return contains(full.Groups, g) })
			}
			less := full
			var lost []string
			for range 1 + d.IntN(3) {
				if h := hidden[d.IntN(len(hidden))]; h.hide(d, &less) {
					lost = append(lost, h.what)
				}
			}
			a, failed := p.Assign(full)
			b, err := p.Assign(less)
			if err == nil && (failed != nil || a.Name() != b.Name() || a.Zone() != b.Zone() || a.site != b.site || a.state != b.state || full.MAC == less.MAC && a != b) {
				return fmt.Errorf("known %+v: %v (%w)\nwithout %q %+v: %v\nfile %+v", full, a, failed, lost, less, b, cfg)
			}
			if failed != nil || len(lost) != 1 {
				continue
			}
			mu.Lock()
			if err == nil {
				same[lost[0]]++
			} else {
				refused[lost[0]]++
			}
			mu.Unlock()
		}
		return nil
	})
	for _, h := range hidden {
		if h.what != "the SSID" && h.what != "the site" && same[h.what] < cases()/200_000 {
			t.Errorf("%d log-ins went on without %s: the cases are too tame", same[h.what], h.what)
		}
		if h.what != "the address" && refused[h.what] < cases()/200_000 {
			t.Errorf("%d log-ins were refused for want of %s: the cases are too tame", refused[h.what], h.what)
		}
	}
	t.Logf("the same without: %v\nrefused for want of: %v", same, refused)
}

// A time that is not said is the clock's.
func TestNoTimeIsNow(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(5, 5))}
	for range 2000 {
		cfg := d.config()
		p := read(cfg).policy
		f := d.facts()
		f.Time = time.Time{}
		a, err := p.Assign(f)
		f.Time = worldToday
		b, other := p.Assign(f)
		if a != b || (err == nil) != (other == nil) {
			t.Fatalf("%v and %v", err, other)
		}
	}
}
