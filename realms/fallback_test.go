package realms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"layeh.com/radius"
)

// A scripted home answers each request of a conversation with the next of its errors.
type scripted struct {
	name   string
	errs   []error
	asked  Question
	opened int
	closed int
}

func (s *scripted) Open(q Question) Conversation {
	s.asked = q
	s.opened++
	return &said{s, 0}
}

type said struct {
	*scripted
	at int
}

func (s *said) Answer(context.Context, *radius.Packet) (Answer, error) {
	err := s.errs[s.at]
	s.at++
	return Answer{UserName: s.name}, err
}
func (s *said) Trace() Trace { return Trace{Server: s.name} }
func (s *said) Close()       { s.closed++ }

// A partner is reached directly; the federation is asked in its place only if the file
// says so, only while the partner has given no answer at all, and only before the
// conversation has begun.
func TestFallBackToTheFederation(t *testing.T) {
	down := fmt.Errorf("silent: %w", ErrUpstreamDown)
	for name, c := range map[string]struct {
		fallBack bool
		ssid     string
		partner  []error
		want     []string // who answered each request
	}{
		"the partner answers":                {true, "eduroam", []error{nil, nil}, []string{"partner", "partner"}},
		"it is down":                         {true, "eduroam", []error{down}, []string{"federation", "federation"}},
		"it is busy":                         {true, "eduroam", []error{ErrServerBusy}, []string{"federation", "federation"}},
		"it is down, and nothing is allowed": {false, "eduroam", []error{down, down}, []string{"partner", "partner"}},
		"no federation is on this SSID":      {true, "NHS-Staff", []error{down, down}, []string{"partner", "partner"}},
		"it goes down in mid-conversation":   {true, "eduroam", []error{nil, down}, []string{"partner", "partner"}},
		"it says no":                         {true, "eduroam", []error{ErrUpstreamRejected, nil}, []string{"partner", "partner"}},
		"its reply is nonsense":              {true, "eduroam", []error{ErrUpstreamReply, nil}, []string{"partner", "partner"}},
		"its people's home is silent":        {true, "eduroam", []error{ErrHomeDown, nil}, []string{"partner", "partner"}},
	} {
		partner, federation := &scripted{name: "partner", errs: c.partner}, &scripted{name: "federation", errs: []error{nil, nil}}
		table, err := New(Config{
			Partners:    []Partner{{Realm: "camford.ac.uk", SSIDs: []string{"eduroam", "NHS-Staff"}, FallBack: c.fallBack, Home: partner}},
			Federations: map[string]Home{"eduroam": federation}, SSIDs: map[string]string{"eduroam": "eduroam", "NHS-Staff": ""},
		})
		if err != nil {
			t.Fatal(err)
		}
		route, err := table.Home(Identity{User: "s", Realm: "camford.ac.uk"}, Origin{SSID: c.ssid})
		if err != nil || route.Name != "camford.ac.uk" || route.Own {
			t.Fatalf("%s: %+v, %v", name, route, err)
		}
		question := Question{From: Identity{User: "s", Realm: "camford.ac.uk"}, SSID: c.ssid, Site: "Royal Infirmary"}
		conversation := route.Home.Open(question)
		var got []string
		for i, who := range c.want {
			a, err := conversation.Answer(t.Context(), nil)
			got = append(got, a.UserName)
			if who == "partner" && !errors.Is(err, c.partner[i]) || who == "federation" && err != nil {
				t.Errorf("%s: request %d: %v", name, i, err)
			}
		}
		for _, home := range []*scripted{partner, federation} {
			if home.opened > 0 && home.asked != question {
				t.Errorf("%s: the %s was asked %+v", name, home.name, home.asked)
			}
		}
		if !slices.Equal(got, c.want) || conversation.Trace().Server != c.want[len(c.want)-1] {
			t.Errorf("%s: %q answered", name, got)
		}
		conversation.Close()
		if partner.opened != partner.closed || federation.opened != federation.closed {
			t.Errorf("%s: %d and %d opened, %d and %d closed", name, partner.opened, federation.opened, partner.closed, federation.closed)
		}
	}
	if errors.Is(ErrHomeDown, ErrUpstreamDown) {
		t.Error("a silent home is a dead partner")
	}
}
