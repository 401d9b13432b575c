package realms

import (
	"errors"
	"strings"
	"testing"
)

func TestR15IdentitiesThatAreGood(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	tests := []struct {
		name string
		want Identity
	}{
		{"nurse@northbridge.nhs.uk", Identity{"nurse", "northbridge.nhs.uk"}},
		{"Nurse.Joy@NorthBridge.NHS.uk", Identity{"Nurse.Joy", "northbridge.nhs.uk"}},
		{"@camford.ac.uk", Identity{"", "camford.ac.uk"}},
		{"anonymous@wizards.academy", Identity{"anonymous", "wizards.academy"}},
		{"a@b." + label63, Identity{"a", "b." + label63}},
		{"a@" + label63 + ".uk", Identity{"a", label63 + ".uk"}},
		{"a@xn--bcher-kva.example", Identity{"a", "xn--bcher-kva.example"}},
		{"a@4.example", Identity{"a", "4.example"}},
		{"zoë@uni.example", Identity{"zoë", "uni.example"}},
		{`TRUST\nurse@northbridge.nhs.uk`, Identity{`TRUST\nurse`, "northbridge.nhs.uk"}},
		{"o'neil+wifi%1@uni.example", Identity{"o'neil+wifi%1", "uni.example"}},
		{"a@AZaz09-x.example", Identity{"a", "azaz09-x.example"}},
		{"a@" + strings.Repeat("b.", 124) + "org", Identity{"a", strings.Repeat("b.", 124) + "org"}}, // 253 octets
	}
	for _, tt := range tests {
		got, err := ParseIdentity(tt.name)
		if err != nil {
			t.Errorf("ParseIdentity(%q): %v", tt.name, err)
		} else if got != tt.want {
			t.Errorf("ParseIdentity(%q) = %#v, want %#v", tt.name, got, tt.want)
		}
	}
}

func TestR15IdentitiesThatAreRefused(t *testing.T) {
	tests := []struct {
		name string
		want Reason
		says string
	}{
		{"", ErrRealmMissing, "empty"},
		{"nurse", ErrRealmMissing, "no @"},
		{"northbridge.nhs.uk", ErrRealmMissing, "no @"},
		{`TRUST\nurse`, ErrRealmMissing, "no @"},
		{"nurse@", ErrRealmMissing, "nothing follows"},
		{"@", ErrRealmMissing, "nothing follows"},
		{"a@b.uk@c.uk", ErrRealmMalformed, "more than one @"},
		{"a@@c.uk", ErrRealmMalformed, "more than one @"},
		{"a@camford", ErrRealmMalformed, "no dot"},
		{"a@.camford.ac.uk", ErrRealmMalformed, "begins with a dot"},
		{"a@camford.ac.uk.", ErrRealmMalformed, "ends with a dot"},
		{"a@.", ErrRealmMalformed, "dot"},
		{"a@camford..uk", ErrRealmMalformed, "two dots"},
		{"a..b@camford.uk", ErrRealmMalformed, "two dots"},
		{"a@camford.ac.uk ", ErrRealmMalformed, "space"},
		{" a@camford.ac.uk", ErrRealmMalformed, "space"},
		{"a b@camford.ac.uk", ErrRealmMalformed, "space"},
		{"a\u00a0b@camford.ac.uk", ErrRealmMalformed, "space"},
		{"a@camford.ac.uk\n", ErrRealmMalformed, "control"},
		{"a\x00@camford.ac.uk", ErrRealmMalformed, "control"},
		{"a\x1b[2J@camford.ac.uk", ErrRealmMalformed, "control"},
		{"a\u0085@camford.ac.uk", ErrRealmMalformed, "control"},
		{"a\xff@camford.ac.uk", ErrRealmMalformed, "UTF-8"},
		{"a@cam_ford.ac.uk", ErrRealmMalformed, "letters a-z"},
		{"a@bücher.example", ErrRealmMalformed, "letters a-z"},
		{"a@\u212Aamford.ac.uk", ErrRealmMalformed, "letters a-z"}, // the Kelvin sign, whose lower case is k
		{"a@camford.ac.u*", ErrRealmMalformed, "letters a-z"},
		{"a@-camford.uk", ErrRealmMalformed, "hyphen"},
		{"a@camford-.uk", ErrRealmMalformed, "hyphen"},
		{"a@uk." + strings.Repeat("c", 64), ErrRealmMalformed, "64"},
		{"a@" + strings.Repeat("c", 64) + ".uk", ErrRealmMalformed, "64"},
		{strings.Repeat("a", 249) + "@b.uk", ErrRealmMalformed, "254 octets"},
		{"host/pc01", ErrRealmMissing, "domain"},
		{"host/", ErrRealmMissing, "domain"},
		{"host/.camford.uk", ErrRealmMissing, "domain"},
		{"host/pc01.local", ErrRealmMalformed, "no dot"},
		{"host/pc01.cam_ford.uk", ErrRealmMalformed, "letters a-z"},
	}
	for _, tt := range tests {
		got, err := ParseIdentity(tt.name)
		if err == nil {
			t.Errorf("ParseIdentity(%q) = %#v, want an error", tt.name, got)
			continue
		}
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("ParseIdentity(%q): %v; want %q in it and reason %s", tt.name, err, tt.says, tt.want)
		}
		if got != (Identity{}) {
			t.Errorf("ParseIdentity(%q) gave %#v beside its error", tt.name, got)
		}
	}
}

// Holds R16: the names of computers.
func TestR16MachineIdentities(t *testing.T) {
	tests := []struct {
		name, realm, text string
		machine           bool
	}{
		{"host/PC01.Northbridge.nhs.uk", "northbridge.nhs.uk", "host/PC01.Northbridge.nhs.uk", true},
		{"HOST/pc01.northbridge.nhs.uk", "northbridge.nhs.uk", "HOST/pc01.northbridge.nhs.uk", true},
		{"host/x.northbridge.nhs.uk", "northbridge.nhs.uk", "host/x.northbridge.nhs.uk", true},
		{"host/pc01@northbridge.nhs.uk", "northbridge.nhs.uk", "host/pc01@northbridge.nhs.uk", true},
		{"ghost/pc01@northbridge.nhs.uk", "northbridge.nhs.uk", "ghost/pc01@northbridge.nhs.uk", false},
		{"host@northbridge.nhs.uk", "northbridge.nhs.uk", "host@northbridge.nhs.uk", false},
	}
	for _, tt := range tests {
		id, err := ParseIdentity(tt.name)
		if err != nil {
			t.Errorf("ParseIdentity(%q): %v", tt.name, err)
			continue
		}
		if id.Realm != tt.realm || id.Machine() != tt.machine || id.String() != tt.text {
			t.Errorf("ParseIdentity(%q) = %#v, machine %v, text %q", tt.name, id, id.Machine(), id)
		}
	}
}

// What is accepted is stable: its text gives the same identity, and its realm is
// fit for DNS and for a log.
func FuzzParseIdentity(f *testing.F) {
	for _, seed := range []string{"", "@", "nurse@northbridge.nhs.uk", "@a.b", "a@b@c.d", "host/pc.a.b", "host/pc.a.b@a.b", "host/x@a.b",
		"a@A.B", "a@xn--bcher-kva.example", "a@b..c", "a@.b.c", "a@b.c.", " a@b.c", "a\x00@b.c", "\xff@b.c", "a@b.-c", "HOST/.a.b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		id, err := ParseIdentity(name)
		if err != nil {
			var reason Reason
			if !errors.As(err, &reason) || reason != ErrRealmMissing && reason != ErrRealmMalformed {
				t.Fatalf("%q: error without its reason: %v", name, err)
			}
			return
		}
		if len(id.Realm) > 253 || checkRealm(id.Realm) != nil || id.Realm != strings.ToLower(id.Realm) {
			t.Fatalf("%q: realm %q passed", name, id.Realm)
		}
		if !strings.EqualFold(id.String(), name) && !id.Machine() {
			t.Fatalf("%q became %q", name, id)
		}
		again, err := ParseIdentity(id.String())
		if err != nil || again != id {
			t.Fatalf("%q: %#v, and from its own text %#v (%v)", name, id, again, err)
		}
	})
}

func BenchmarkParseIdentity(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseIdentity("nurse.joy@northbridge.nhs.uk"); err != nil {
			b.Fatal(err)
		}
	}
}
