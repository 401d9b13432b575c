package daemon

import (
	"fmt"
	"testing"

	"causeway/realms"
)

// Holds F5: one silent realm leaves room for the others, all of them together
// leave room for our own, and what was let in is let out again.
func TestWaitingIsBounded(t *testing.T) {
	w := waiting{realms: map[string]int{}}
	silent := realms.Route{Realm: "silent.ac.uk"}
	for range mostOfRealm {
		if !w.admit(silent) {
			t.Fatal("refused before the bound")
		}
	}
	if w.admit(silent) {
		t.Error("one realm may have more than its bound")
	}
	for i := range mostAbroad - mostOfRealm {
		if !w.admit(realms.Route{Realm: fmt.Sprintf("r%d.ac.uk", i)}) {
			t.Fatal("the others are refused")
		}
	}
	if w.admit(realms.Route{Realm: "more.ac.uk"}) || !w.admit(realms.Route{Realm: "northbridge.nhs.uk", Own: true}) {
		t.Error("the rest of the world may have more than its bound, or our own are refused")
	}
	for range mostOfRealm {
		w.dismiss(silent)
	}
	for i := range mostAbroad - mostOfRealm {
		w.dismiss(realms.Route{Realm: fmt.Sprintf("r%d.ac.uk", i)})
	}
	if w.all != 0 || len(w.realms) != 0 {
		t.Errorf("%d of %d realms are still counted", w.all, len(w.realms))
	}
}
