package daemon

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"layeh.com/radius"

	"causeway/radiusd/daemon/config"
	"causeway/realms"
)

// An edge is told of those groups that its core's file names, and of which of them
// somebody is not in, if that is known; of all others it knows that it was not told.
func TestWhichGroupsAnEdgeIsToldOf(t *testing.T) {
	for name, c := range map[string]struct {
		is    realms.Account
		tells []string
		want  realms.Account
	}{
		"in one of two":       {realms.Account{Name: "n", Groups: []string{"Clinical", "Payroll"}}, []string{"clinical", "Quarantine"}, realms.Account{Name: "n", Groups: []string{"Clinical"}, GroupsUnknown: true, NotIn: []string{"Quarantine"}}},
		"in none":             {realms.Account{Groups: []string{"Payroll"}}, []string{"Clinical"}, realms.Account{Groups: []string{}, GroupsUnknown: true, NotIn: []string{"Clinical"}}},
		"in all":              {realms.Account{Groups: []string{"A", "B"}}, []string{"b", "a"}, realms.Account{Groups: []string{"A", "B"}, GroupsUnknown: true, NotIn: []string{}}},
		"the directory fails": {realms.Account{Groups: []string{"A"}, GroupsUnknown: true, NotIn: []string{"C"}}, []string{"A", "B"}, realms.Account{Groups: []string{"A"}, GroupsUnknown: true}},
		"told of nothing":     {realms.Account{Groups: []string{"A"}}, []string{}, realms.Account{Groups: []string{}, GroupsUnknown: true, NotIn: []string{}}},
	} {
		before := strings.Join(c.is.Groups, " ")
		if got := selected(c.is, c.tells); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if after := strings.Join(c.is.Groups, " "); after != before { // the directory's own list may be shared
			t.Errorf("%s: the account itself is changed: %s", name, after)
		}
	}
}

// factsIn reads what an edge is told.
func factsIn(t *testing.T, p *radius.Packet) (f realms.Facts) {
	t.Helper()
	for _, a := range p.Attributes {
		if a.Type != realms.FactsType {
			t.Errorf("an attribute %d", a.Type)
		} else if err := f.Take(a.Attribute); err != nil {
			t.Error(err)
		}
	}
	return f
}

// Only an edge is told who somebody is, and only of our own people who were proved.
func TestWhoIsToldOfWhom(t *testing.T) {
	trace := realms.Trace{Method: "peap", Identity: realms.Identity{User: "nurse", Realm: "northbridge.nhs.uk"}}
	account := realms.Account{Name: "nurse", Groups: []string{"Clinical", "Payroll"}}
	talk := func(change func(*conversation)) *conversation {
		c := &conversation{house: &house{file: &config.File{}}, home: &script{trace: trace}, route: realms.Route{Own: true}, seat: seat{place: place{edge: "edge1"}}}
		if change != nil {
			change(c)
		}
		return c
	}
	for name, c := range map[string]struct {
		change func(*conversation)
		want   realms.Facts
	}{
		"all of it":             {nil, realms.Facts{Trace: trace, Account: account}},
		"some groups":           {func(c *conversation) { c.house.file.Core.Tells = []string{"Clinical"} }, realms.Facts{Trace: trace, Account: realms.Account{Name: "nurse", Groups: []string{"Clinical"}, GroupsUnknown: true}}},
		"a controller":          {func(c *conversation) { c.seat.edge = "" }, realms.Facts{}},
		"of a visitor":          {func(c *conversation) { c.route.Own = false }, realms.Facts{}},
		"of who was not proved": {func(c *conversation) { c.home = nil }, realms.Facts{}},
	} {
		reply := radius.New(radius.CodeAccessAccept, nil)
		if err := talk(c.change).tell(reply, account); err != nil {
			t.Error(err)
		}
		if got := factsIn(t, reply); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	reply := radius.New(radius.CodeAccessAccept, nil)
	err := talk(nil).tell(reply, realms.Account{Name: strings.Repeat("n", 300)})
	if !errors.Is(err, realms.ErrTooLarge) || len(reply.Attributes) > 0 {
		t.Errorf("a name that is too long: %v, and %d attributes", err, len(reply.Attributes))
	}
	for edge, want := range map[string]realms.Facts{"edge1": {Reason: realms.ErrBadPassword}, "": {}} {
		reply := radius.New(radius.CodeAccessReject, nil)
		talk(func(c *conversation) { c.seat.edge = edge }).tellWhy(reply, realms.ErrBadPassword)
		if got := factsIn(t, reply); !reflect.DeepEqual(got, want) {
			t.Errorf("why, to edge %q: %+v", edge, got)
		}
	}
}

// Holds R4: what a core tells of somebody is believed of the realm that was asked for, of
// its subrealms and its computers, and of nobody else; a core that names nobody is not.
func TestWhatIsBelievedOfACore(t *testing.T) {
	table, err := realms.New(realms.Config{Own: []realms.OwnRealm{
		{Name: "northbridge.nhs.uk", Subrealms: []string{"students.northbridge.nhs.uk"}, Home: stand{}}, {Name: "hospice.org.uk", Home: stand{}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := &config.File{Server: config.Server{Mode: "edge"}, Realm: map[string]config.Realm{
		"Northbridge.nhs.uk": {Computers: []string{"ad.Northbridge.local"}}, "hospice.org.uk": {Computers: []string{"hospice.local"}},
	}}
	person := func(realm string) realms.Identity { return realms.Identity{User: "nurse", Realm: realm} }
	computer := func(domain string) realms.Identity {
		return realms.Identity{User: "host/pc01." + domain, Realm: domain}
	}
	for name, c := range map[string]struct {
		inside realms.Identity
		change func(*conversation)
		want   error
	}{
		"the realm":                        {person("northbridge.nhs.uk"), nil, nil},
		"a subrealm":                       {person("students.northbridge.nhs.uk"), nil, nil},
		"another realm of ours":            {person("hospice.org.uk"), nil, realms.ErrInnerRealm},
		"a realm of nobody":                {person("uni.ac.uk"), nil, realms.ErrInnerRealm},
		"nobody":                           {realms.Identity{}, nil, realms.ErrUpstreamReply},
		"a computer":                       {computer("ad.northbridge.local"), nil, nil},
		"a computer of another realm":      {computer("hospice.local"), nil, realms.ErrInnerRealm},
		"a person of the computers' realm": {person("ad.northbridge.local"), nil, realms.ErrInnerRealm},
		"a visitor's home":                 {person("uni.ac.uk"), func(c *conversation) { c.route.Own = false }, nil},
		"who is no edge":                   {person("uni.ac.uk"), func(c *conversation) { c.house.file = &config.File{} }, nil},
		"a listed device":                  {realms.Identity{}, func(c *conversation) { c.route = realms.Route{Own: true, Name: devicesRoute} }, nil},
		"a realm called like the devices":  {realms.Identity{}, func(c *conversation) { c.route.Name, c.route.Home = devicesRoute, stand{} }, realms.ErrUpstreamReply},
		"who has no home and is no device": {realms.Identity{}, func(c *conversation) { c.route.Home = nil }, realms.ErrUpstreamReply},
	} {
		talk := &conversation{
			house: &house{file: file, realms: table}, home: &script{trace: realms.Trace{Identity: c.inside}},
			route: realms.Route{Own: true, Name: coreRoute, Owner: "northbridge.nhs.uk", Realm: "northbridge.nhs.uk", Home: stand{}},
		}
		if c.change != nil {
			c.change(talk)
		}
		if err := talk.believe(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
