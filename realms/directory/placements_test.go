package directory_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
	"causeway/realms/placement"
)

// asSuite is a directory of placements in the words of the suite: whoever has ended has
// expired there, and whoever was ended was disabled.
type asSuite struct{ *directory.Placements }

func inSuite(err error) error {
	switch {
	case errors.Is(err, realms.ErrPlacementEnded) && strings.Contains(err.Error(), "was ended at"):
		return realms.ErrDisabled
	case errors.Is(err, realms.ErrPlacementEnded):
		return realms.ErrExpired
	}
	return err
}

func (s asSuite) CheckPassword(ctx context.Context, id realms.Identity, password certs.Secret) (realms.Account, error) {
	a, err := s.Placements.CheckPassword(ctx, id, password)
	return a, inSuite(err)
}

func (s asSuite) Lookup(ctx context.Context, id realms.Identity) (realms.Account, error) {
	a, err := s.Placements.Lookup(ctx, id)
	return a, inSuite(err)
}

func (s asSuite) NTHash(ctx context.Context, id realms.Identity) ([16]byte, error) {
	h, err := s.Placements.NTHash(ctx, id)
	return h, inSuite(err)
}

// placed is a record of somebody in the suite, in force today.
func placed(user string, password certs.Secret, nt bool) placement.Record {
	now := time.Now()
	r := placement.Record{
		User: user, Name: "N", Sponsor: "S", ApprovedBy: "A", Purpose: "P", From: placement.DayOf(now.AddDate(0, 0, -9)), Until: placement.DayOf(now.AddDate(0, 0, 9)),
		Created: now.UTC(), Password: certs.Secret(cheap.Hash(password)),
	}
	if nt {
		r.NTHash = certs.Secret(fmt.Sprintf("%x", directory.NTHash(password)))
	}
	return r
}

func keep(t testing.TB, path string, edit func(b *placement.Book) error) {
	t.Helper()
	if err := placement.Change(path, "add", placement.Actor{Login: "test"}, time.Now(), edit); err != nil {
		t.Fatal(err)
	}
}

func openPlacements(t testing.TB, path string, now func() time.Time) *directory.Placements {
	t.Helper()
	d, err := directory.OpenPlacements(path, now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPlacementsConform(t *testing.T) {
	directorytest.Run(t, func(t *testing.T) realms.Directory {
		path := filepath.Join(t.TempDir(), "p")
		keep(t, path, func(b *placement.Book) error {
			for _, p := range directorytest.People() {
				r := placed(p.Identity().String(), p.Password, !p.NoHash)
				r.Groups = p.Groups
				switch p.State {
				case realms.ErrExpired:
					r.Until = placement.DayOf(time.Now().AddDate(0, 0, -1))
				case realms.ErrDisabled:
					r.Ended, r.EndedBy = time.Now().UTC(), "somebody"
				}
				b.Records = append(b.Records, r)
			}
			return nil
		})
		return asSuite{openPlacements(t, path, time.Now)}
	})
}

// Day by day, and each refusal in words of its own; a wrong password is that first.
func TestPlacementsBeginAndEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	keep(t, path, func(b *placement.Book) error {
		b.Records = append(b.Records, placed(nurse().String(), "good", true))
		return nil
	})
	for days, want := range map[int]realms.Reason{-10: realms.ErrPlacementNotYet, -9: "", 9: "", 10: realms.ErrPlacementEnded} {
		now := time.Now().AddDate(0, 0, days)
		d := openPlacements(t, path, func() time.Time { return now })
		account, err := d.CheckPassword(t.Context(), nurse(), "good")
		_, looked := d.Lookup(t.Context(), nurse())
		_, hashed := d.NTHash(t.Context(), nurse())
		for _, got := range []error{err, looked, hashed} {
			if want == "" && got != nil || want != "" && !errors.Is(got, want) {
				t.Errorf("after %d days: %v, want %q", days, got, want)
			}
		}
		var guest *realms.PlacementError
		switch at := (realms.Placement{Sponsor: "S", Purpose: "P"}); {
		case want == "" && account.Placement != at:
			t.Errorf("after %d days whose guest: %+v", days, account.Placement)
		case want != "" && (!errors.As(looked, &guest) || guest.Placement != at):
			t.Errorf("after %d days the refusal does not say whose guest: %v", days, looked)
		}
		if want == "" && !account.Ends.Equal(placement.DayOf(time.Now().AddDate(0, 0, 9)).Ends(time.Local)) {
			t.Errorf("ends %s", account.Ends)
		}
		if _, err := d.CheckPassword(t.Context(), nurse(), "wrong"); !errors.Is(err, realms.ErrBadPassword) {
			t.Errorf("after %d days a wrong password: %v", days, err)
		}
	}
}

// The file is read again as soon as it is another; what is damaged keeps nobody else out.
func TestPlacementsFollowTheirFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	d := openPlacements(t, path, time.Now)
	d.TellPasswords([]byte("key"))
	ask := func() (realms.Account, error) { return d.CheckPassword(t.Context(), nurse(), "good") }
	if _, err := ask(); !errors.Is(err, realms.ErrUnknownUser) {
		t.Fatalf("before the file is there: %v", err)
	}
	keep(t, path, func(b *placement.Book) error {
		b.Records = append(b.Records, placed(nurse().String(), "good", false), placed("b@"+directorytest.Realm, "good", false))
		return nil
	})
	first, err := ask()
	if err != nil || first.PasswordSet == "" {
		t.Fatalf("added: %+v, %v", first, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), `{"user":"b@`, `{"user":b@`, 1)), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err != nil {
		t.Errorf("beside a damaged line: %v", err)
	}
	if p := d.Problems(); len(p) != 2 || !strings.Contains(p.Error(), path+", line 3") || !strings.Contains(p.Error(), "chmod 600") || strings.Contains(p.Error(), "argon2id") {
		t.Errorf("problems: %v", p)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	keep(t, path, func(b *placement.Book) error {
		b.Records[0].Password = certs.Secret(cheap.Hash("other"))
		return nil
	})
	if _, err := ask(); !errors.Is(err, realms.ErrBadPassword) {
		t.Errorf("the old password after a reset: %v", err)
	}
	if again, err := d.Lookup(t.Context(), nurse()); err != nil || again.PasswordSet == first.PasswordSet {
		t.Errorf("a session with the old password would be resumed: %+v, %v", again, err)
	}
	keep(t, path, func(b *placement.Book) error {
		b.Records[0].Ended, b.Records[0].EndedBy = time.Now().UTC(), "ann as root"
		return nil
	})
	if _, err := d.Lookup(t.Context(), nurse()); !errors.Is(err, realms.ErrPlacementEnded) || !strings.Contains(err.Error(), "ann as root") {
		t.Errorf("ended: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); !errors.Is(err, realms.ErrUnknownUser) {
		t.Errorf("without the file: %v", err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); !errors.Is(err, realms.ErrUnreachable) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}
