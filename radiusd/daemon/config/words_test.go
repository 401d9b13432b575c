package config

import "testing"

func TestNearest(t *testing.T) {
	vlans := []string{"clinical", "staff-byod", "academic", "visitor", "a"}
	for word, want := range map[string]string{
		"clincal": "clinical", "Clinical": "clinical", "clinicla": "clinical", "staff_byod": "staff-byod", "staffbyod": "staff-byod",
		"acad": "", "vsitors": "visitor", "x": "", "": "", "guests": "", "clinical": "",
	} {
		if got := nearest(word, vlans); got != want {
			t.Errorf("%q: %q, expected %q", word, got, want)
		}
	}
	if nearest("controler", []string{"name", "vlan", "agreement", "controller"}) != "controller" {
		t.Error("controler")
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"vlan", "vlna", 1}, {"secret", "secert", 1}, {"kitten", "sitting", 3}, {"Zürich", "Zurich", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, expected %d", c.a, c.b, got, c.want)
		}
	}
}
