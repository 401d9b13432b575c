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
		if !w.admit(silent, false) {
			t.Fatal("refused before the bound")
		}
	}
	if w.admit(silent, false) {
		t.Error("one realm may have more than its bound")
	}
	for i := range mostAbroad - mostOfRealm {
		if !w.admit(realms.Route{Realm: fmt.Sprintf("r%d.ac.uk", i)}, false) {
			t.Fatal("the others are refused")
		}
	}
	if w.admit(realms.Route{Realm: "more.ac.uk"}, false) || !w.admit(realms.Route{Realm: "northbridge.nhs.uk", Own: true}, false) {
		t.Error("the rest of the world may have more than its bound, or our own are refused")
	}
	for range mostOfRealm {
		w.dismiss(silent, false)
	}
	for i := range mostAbroad - mostOfRealm {
		w.dismiss(realms.Route{Realm: fmt.Sprintf("r%d.ac.uk", i)}, false)
	}
	if w.all != 0 || len(w.realms) != 0 {
		t.Errorf("%d of %d realms are still counted", w.all, len(w.realms))
	}
}

// At an edge our own people wait for a core: a silent one leaves room for visitors, who
// do not need it, and they leave room for each other.
func TestWaitingAtAnEdge(t *testing.T) {
	w := waiting{realms: map[string]int{}}
	own := realms.Route{Realm: "northbridge.nhs.uk", Own: true}
	for range mostAtCore {
		if !w.admit(own, true) {
			t.Fatal("refused before the bound")
		}
	}
	if w.admit(own, true) || !w.admit(realms.Route{Realm: "uni.ac.uk"}, true) {
		t.Error("our own may have more than their bound, or visitors are refused")
	}
	for range mostAtCore {
		w.dismiss(own, true)
	}
	if !w.admit(own, true) || w.core != 1 {
		t.Errorf("%d are still counted", w.core)
	}
}
