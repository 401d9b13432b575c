package daemon

import (
	"math/rand/v2"
	"slices"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/transport"
)

// Holds R12 and S13 over the whole corridor, octet by octet: two log-ins that differ only
// in what the visitor's home adds to its answer end on the same network, or the second is
// refused. So it is at every make of controller, after a Challenge and without one; and a
// Challenge and a Reject say nothing of a network, whatever the home says in its own.
func TestAttackPairsOfUpstreamAnswers(t *testing.T) {
	pairs := 20_000
	if testing.Short() {
		pairs = 2000
	}
	home := &hostileHome{}
	town, seats := everyMake(t, pretend(t, home.answer))
	for i := range seats {
		seats[i].plain(t, town, home)
	}
	random := rand.New(rand.NewPCG(12, 13))
	seen := map[string]int{}
	for n := range pairs {
		seat := &seats[n%len(seats)]
		said := randomAnswer(random)
		for what := range seat.hear(t, town, home, said, random.IntN(4) == 0) {
			seen[what]++
		}
		if t.Failed() {
			t.Fatalf("pair %d, at %s: the home says %v", n, seat.make, said)
		}
	}
	for _, what := range []string{"accept", "reject of theirs", "reject of ours", "challenge", "moved", "limit", "class", "name"} {
		if seen[what] < pairs/100 {
			t.Errorf("%d of %d pairs came to %q: the answers are too tame", seen[what], pairs, what)
		}
	}
	t.Logf("%d pairs: %v", pairs, seen)
}

// plain learns what visitors are told where the home adds nothing. That the numbers are
// right is for the table of vendors and its own tests; that there is one is seen here.
func (s *seatOf) plain(tb testing.TB, town *trust, home *hostileHome) {
	tb.Helper()
	reply := home.accepts(tb, town, s.rogue)
	if reply == nil || reply.Code != radius.CodeAccessAccept {
		tb.Fatalf("%s: %s", s.make, say(reply))
	}
	if s.told = networkOf(reply); len(s.told) < 20 {
		tb.Fatalf("%s is told %q", s.make, s.told)
	}
}

// hear plays the second log-in of a pair and tells what it was an example of.
func (s *seatOf) hear(tb testing.TB, town *trust, home *hostileHome, said *says, challenged bool) (examples map[string]bool) {
	tb.Helper()
	examples = map[string]bool{}
	request := s.rogue.identify(visitorName, onEduroam, visitorName)
	if challenged {
		home.next.Store(&says{code: radius.CodeAccessChallenge, extra: said.extra, at: said.at})
		question := s.rogue.ask(tb, request)
		if say(question) == "challenge" {
			examples["challenge"] = true
			s.onlyEAP(tb, question, rfc2865.State_Type, rfc2865.SessionTimeout_Type)
			request = s.rogue.request(visitorName, onEduroam)
			transport.AddEAP(request, []byte{2, 2, 0, 6, 4, 0})
			request.Add(rfc2865.State_Type, question.Get(rfc2865.State_Type))
		} else { // it was refused, and the other log-in begins anew
			s.onlyEAP(tb, question)
			town.event(tb)
			request = s.rogue.identify(visitorName, onEduroam, visitorName)
		}
	}
	home.next.Store(said)
	reply := s.rogue.ask(tb, request)
	e := town.event(tb)
	switch {
	case reply == nil:
		tb.Error("silence")
	case reply.Code == radius.CodeAccessReject:
		examples[map[bool]string{true: "reject of theirs", false: "reject of ours"}[e.Reason == "upstream-rejected"]] = true
		s.onlyEAP(tb, reply)
	case said.code != radius.CodeAccessAccept:
		tb.Errorf("the home says %v, and we say %v", said.code, reply.Code)
	case networkOf(reply) != s.told:
		tb.Errorf("the network is %q, and without the home's attributes %q", networkOf(reply), s.told)
	default:
		examples["accept"] = true
		for _, a := range said.extra {
			examples["moved"] = examples["moved"] || a.Type == 26 || a.Type == 81 || a.Type == 11
		}
		examples["limit"] = rfc2865.SessionTimeout_Get(reply) != 7200
		examples["class"] = reply.Get(rfc2865.Class_Type) != nil
		examples["name"] = reply.Get(rfc2865.UserName_Type) != nil
		if n := rfc2865.SessionTimeout_Get(reply); n < 1 || n > 7200 {
			tb.Errorf("they stay for %d seconds", n)
		}
	}
	for what, is := range examples {
		if !is {
			delete(examples, what)
		}
	}
	return examples
}

// onlyEAP holds that a reply has EAP in it, and what else is named.
func (s *seatOf) onlyEAP(tb testing.TB, reply *radius.Packet, more ...radius.Type) {
	tb.Helper()
	for _, a := range reply.Attributes {
		if a.Type != 79 && a.Type != 80 && !slices.Contains(more, a.Type) {
			tb.Errorf("%v with attribute %d: %x", reply.Code, a.Type, []byte(a.Attribute))
		}
	}
}

// randomAnswer is an answer with up to twelve attributes more, in any order: those that
// move people, limits, names, classes, keys, any others, whole and broken.
func randomAnswer(random *rand.Rand) *says {
	s := &says{code: radius.CodeAccessAccept}
	if random.IntN(8) == 0 {
		s.code = radius.CodeAccessReject
	}
	octets := func(most int) []byte {
		b := make([]byte, random.IntN(most+1))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for range random.IntN(13) {
		var a *radius.AVP
		switch random.IntN(11) {
		case 0, 1, 2, 3:
			m := movers[random.IntN(len(movers))]
			value := [][]byte{[]byte("110"), []byte("clinical"), {0, 0, 0, 110}, {0, 0, 0, 13}, []byte("\x01110"), []byte("310"), octets(30)}[random.IntN(7)]
			a = vendorsOwn(m.vendor, m.code, value)
		case 4:
			a = &radius.AVP{Type: rfc2865.SessionTimeout_Type, Attribute: [][]byte{{0, 0, 0, 60}, {0, 0, 14, 16}, {255, 255, 255, 255}, {0, 0, 0, 0}, octets(5)}[random.IntN(5)]}
		case 5:
			a = &radius.AVP{Type: rfc2865.UserName_Type, Attribute: [][]byte{[]byte("bob@uni.ac.uk"), []byte("nurse@northbridge.nhs.uk"), octets(20)}[random.IntN(3)]}
		case 6:
			a = &radius.AVP{Type: rfc2865.Class_Type, Attribute: octets(40)}
		case 7:
			a = vendorsOwn(random.Uint32N(30000), byte(random.Uint32()), octets(20))
		case 8:
			a = &radius.AVP{Type: rfc2865.VendorSpecific_Type, Attribute: octets(30)} // broken, mostly
		case 9:
			if random.IntN(4) == 0 { // a key, and none that can be read
				a = vendorsOwn(311, 16+byte(random.IntN(2)), octets(50))
				break
			}
			fallthrough
		case 10:
			a = &radius.AVP{Type: radius.Type(random.IntN(256)), Attribute: octets(20)}
		}
		if theirs(a) {
			s.extra = append(s.extra, a)
		}
	}
	s.at = random.IntN(len(s.extra) + 1)
	return s
}

// theirs tells whether an attribute is one that a home may add. What makes the packet
// one, or the EAP another, is no addition: the reply would be no answer at all.
func theirs(a *radius.AVP) bool {
	return a.Type > 0 && a.Type != rfc2865.ProxyState_Type && a.Type != 79 && a.Type != 80
}

// The same with attributes of the fuzzer's own, as octets of a reply.
func FuzzUpstreamAnswer(f *testing.F) {
	f.Add([]byte("\x40\x06\x00\x00\x00\x0d\x41\x06\x00\x00\x00\x06\x51\x05110"), uint8(0))
	f.Add([]byte("\x1a\x0c\x00\x00\x39\xe7\x02\x06\x00\x00\x00\x6e"), uint8(3))
	f.Add([]byte("\x1b\x06\xff\xff\xff\xff\x01\x05a@b"), uint8(9))
	home := &hostileHome{}
	town, seats := everyMake(f, pretend(f, home.answer))
	for i := range seats {
		seats[i].plain(f, town, home)
	}
	f.Fuzz(func(t *testing.T, octets []byte, at uint8) {
		extra, err := radius.ParseAttributes(octets)
		if err != nil || len(octets) > 3500 || slices.ContainsFunc(extra, func(a *radius.AVP) bool { return !theirs(a) }) {
			return
		}
		seat := &seats[int(at)%len(seats)]
		seat.hear(t, town, home, &says{code: radius.CodeAccessAccept, extra: extra, at: int(at)}, at&64 != 0)
	})
}
