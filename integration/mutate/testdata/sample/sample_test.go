package sample

import (
	"errors"
	"testing"
)

func TestEnter(t *testing.T) {
	d := NewDoor(18)
	for _, c := range []struct {
		age  int
		kind string
		want bool
	}{{17, "", false}, {18, "", true}, {121, "", false}, {5, "staff", true}, {30, "cat", false}} {
		if got, err := d.Enter(c.age, c.kind); got != c.want || err != nil {
			t.Errorf("%+v: %t, %v", c, got, err)
		}
	}
	d.shut = true
	if _, err := d.Enter(30, ""); !errors.Is(err, ErrShut) {
		t.Error(err)
	}
}

func TestClimb(t *testing.T) {
	for most, want := range map[int]int{0: 0, 1: 1, 6: 1, 7: 10, 12: 12} {
		if got := Climb(most); got != want {
			t.Errorf("%d: %d, want %d", most, got, want)
		}
	}
}
