package directory

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/placement"
)

// Holds S18 for placements: a name that nobody has costs what a wrong password of somebody
// does, of whatever state, with an NT hash or without. It is the work that is compared and
// not the time, which no test can.
func TestS18RefusalsOfPlacementsCostTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	cost := Cost{Memory: 256, Passes: 2, Threads: 1}
	now := time.Now()
	day := func(days int) placement.Day { return placement.DayOf(now.AddDate(0, 0, days)) }
	person := func(user string, from, until int) placement.Record {
		return placement.Record{
			User: user + "@a.uk", Name: "N", Sponsor: "S", ApprovedBy: "A", Purpose: "P", From: day(from), Until: day(until), Created: now.UTC(),
			Password: certs.Secret(cost.Hash("good")), NTHash: certs.Secret(fmt.Sprintf("%x", NTHash("good"))),
		}
	}
	people := []placement.Record{person("here", -9, 9), person("plain", -9, 9), person("over", -9, -1), person("ended", -9, 9), person("coming", 1, 9)}
	people[1].NTHash = ""
	people[3].Ended, people[3].EndedBy = now.UTC(), "somebody"
	err := placement.Change(path, "add", placement.Actor{Login: "test"}, now, func(b *placement.Book) error {
		b.Records = people
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenPlacements(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(user string, password certs.Secret) (work uint64, err error) {
		before := d.current().spent.Load()
		_, err = d.CheckPassword(t.Context(), realms.Identity{User: user, Realm: "a.uk"}, password)
		return d.current().spent.Load() - before, err
	}
	for range 3 { // none gets cheaper by being asked again
		for user, want := range map[string]realms.Reason{
			"here": realms.ErrBadPassword, "plain": realms.ErrBadPassword, "over": realms.ErrBadPassword, "ended": realms.ErrBadPassword, "coming": realms.ErrBadPassword,
			"nobody": realms.ErrUnknownUser, "HERE ": realms.ErrUnknownUser, "": realms.ErrUnknownUser,
		} {
			if work, err := ask(user, "wrong"); work != cost.work() || !errors.Is(err, want) {
				t.Errorf("%q: work of %d, want %d; %v, want %s", user, work, cost.work(), err, want)
			}
		}
	}
	for user, want := range map[string]error{"here": nil, "plain": nil, "over": realms.ErrPlacementEnded, "ended": realms.ErrPlacementEnded, "coming": realms.ErrPlacementNotYet} {
		if _, err := ask(user, "good"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", user, err, want)
		}
	}
	if work, err := ask("plain", "good"); work != 0 || err != nil {
		t.Errorf("a good password once more: work of %d, %v", work, err)
	}
	if work, err := ask("plain", "wrong"); work != cost.work() || !errors.Is(err, realms.ErrBadPassword) {
		t.Errorf("a wrong one after it: work of %d, %v", work, err)
	}
}
