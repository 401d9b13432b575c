package realms

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func told(t *testing.T, f Facts) Facts {
	t.Helper()
	all, err := f.Attributes()
	if err != nil {
		t.Fatal(err)
	}
	var got Facts
	for _, a := range all {
		if len(a) > 253 {
			t.Fatalf("an attribute of %d octets", len(a))
		}
		if err := got.Take(a); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// What a core tells arrives as it was, and what is not told stays with the core.
func TestFactsArriveAsTheyWere(t *testing.T) {
	nurse := Identity{User: "nurse", Realm: "northbridge.nhs.uk"}
	computer, err := ParseIdentity("host/pc01.northbridge.nhs.uk")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Facts{
		{},
		{Reason: ErrBadPassword},
		{Account: Account{Name: "nurse", Groups: []string{"Wifi-Clinical", "Ärzte: alle"}}, Trace: Trace{Method: "peap", Inner: "mschapv2", Identity: nurse, TLS: "1.3", Resumed: true}},
		{Account: Account{Name: "PC01$", GroupsUnknown: true, NotIn: []string{"Wifi-Clinical"}}, Trace: Trace{
			Method: "teap", Identity: nurse, Device: computer,
			Certificate: Certificate{Authority: "devices", Policies: []string{"1.2.3", "1.2.4"}, Unchecked: true},
		}},
	} {
		if got := told(t, f); !reflect.DeepEqual(got, f) {
			t.Errorf("%+v arrived as %+v", f, got)
		}
	}
	if got := told(t, Facts{Account: Account{Name: "nurse", PasswordSet: "2026"}}); got.Account.PasswordSet != "" {
		t.Error("when the password was set left the core")
	}
}

// Holds F3 between core and edge: groups that do not fit are not forgotten in silence.
func TestF3GroupsThatDoNotFit(t *testing.T) {
	many := Facts{Account: Account{Name: "nurse"}}
	for i := range 500 {
		many.Account.Groups = append(many.Account.Groups, fmt.Sprintf("Group-%03d", i))
	}
	got := told(t, many)
	if n := len(got.Account.Groups); !got.Account.GroupsUnknown || n < 100 || n >= 500 {
		t.Errorf("%d groups, unknown %v", n, got.Account.GroupsUnknown)
	}
	long := Facts{Account: Account{Groups: []string{strings.Repeat("g", 252), "Wifi-Clinical"}}}
	if got := told(t, long); !got.Account.GroupsUnknown || len(got.Account.Groups) != 1 {
		t.Errorf("%+v", got.Account)
	}
	if _, err := (&Facts{Account: Account{Name: strings.Repeat("n", 300)}}).Attributes(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a name that does not fit: %v", err)
	}
}

// Half of the facts are none: what cannot be read refuses.
func TestFactsThatMakeNoSense(t *testing.T) {
	for _, bad := range []string{"", "m", "m:", "mx", "z:new", "u:not a name", "u:nurse", "d:x@y..z", "r:no", "x:", "l:maybe", "g:a\nb", "e:Bad password", "g:\xff"} {
		var f Facts
		if err := f.Take([]byte(bad)); !errors.Is(err, ErrUpstreamReply) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, twice := range []string{"m:tls", "u:a@b.example", "n:nurse"} {
		var f Facts
		if err := f.Take([]byte(twice)); err != nil {
			t.Fatal(err)
		}
		if err := f.Take([]byte(twice)); !errors.Is(err, ErrUpstreamReply) {
			t.Errorf("%q twice: %v", twice, err)
		}
	}
}

func FuzzFacts(f *testing.F) {
	f.Add([]byte("g:Wifi-Clinical"))
	f.Add([]byte("w:Wifi-Clinical"))
	f.Add([]byte("u:nurse@northbridge.nhs.uk"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var facts Facts
		if facts.Take(b) != nil || len(b) > 253 {
			return
		}
		all, err := facts.Attributes()
		if err != nil {
			t.Fatal(err)
		}
		var again Facts
		for _, a := range all {
			if err := again.Take(a); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(facts, again) {
			t.Errorf("%+v became %+v", facts, again)
		}
	})
}
