package daemon

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc3576"

	"causeway/certs"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/vlan"
)

// Holds R5 and S8: policy judges the realm that was proved inside, and not the one
// that a student writes outside.
func TestAttackSubrealmInside(t *testing.T) {
	town := startTown(t, idleTown)
	student, err := town.authority.Client(studentName, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	nurse, err := town.authority.Client(nurseName, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, method := range []string{"peap-mschapv2", "ttls-pap", "tls"} {
		for _, c := range []struct{ outer, inner, want string }{
			{"@northbridge.nhs.uk", studentName, "accept 310"},
			{"anonymous@northbridge.nhs.uk", studentName, "accept 310"},
			{"@students.northbridge.nhs.uk", studentName, "accept 310"},
			{"@northbridge.nhs.uk", nurseName, "accept 110"},
			{"@students.northbridge.nhs.uk", nurseName, "reject"},
		} {
			peer := town.peer(t, func(s *supplicant.Config) {
				s.Identity, s.User, s.Method = c.outer, c.inner, method
				if s.Certificate = &student.Certificate; c.inner == nurseName {
					s.Certificate = &nurse.Certificate
				}
			})
			got := say(r.carry(t, peer, c.outer, onStaff, nil))
			if e := town.event(t); got != c.want {
				t.Errorf("%s, %s in %s: %s, %s by %s", method, c.inner, c.outer, got, e.Reason, e.Rule)
			}
		}
	}
}

// A script is a home whose conversations do as they are told.
type script struct {
	open   func()
	answer func(ctx context.Context, p *radius.Packet) (realms.Answer, error)
	trace  realms.Trace
}

func (s *script) Open(realms.Question) realms.Conversation {
	if s.open != nil {
		s.open()
	}
	return s
}

func (s *script) Answer(ctx context.Context, p *radius.Packet) (realms.Answer, error) {
	return s.answer(ctx, p)
}
func (s *script) Trace() realms.Trace { return s.trace }
func (s *script) Close()              {}

// play has each conversation of our own people follow what next holds then.
func (t *trust) play(tb testing.TB) (next *atomic.Pointer[script]) {
	tb.Helper()
	next = new(atomic.Pointer[script])
	table, err := realms.New(realms.Config{
		Own:   []realms.OwnRealm{{Name: "northbridge.nhs.uk", RouteName: "trust", Home: stage{next}, Roaming: true}},
		SSIDs: map[string]string{"NHS-Staff": "", "eduroam": ""},
	})
	if err != nil {
		tb.Fatal(err)
	}
	t.route(table)
	return next
}

// route has conversations from now on answered as another table says.
func (t *trust) route(table *realms.Table) {
	was := t.house.Load()
	h := &house{file: was.file, clients: was.clients, places: was.places, realms: table, vlan: was.vlan, keeper: was.keeper, shut: was.shut}
	h.holds.Store(1)
	t.house.Store(h)
}

type stage struct{ next *atomic.Pointer[script] }

func (s stage) Open(q realms.Question) realms.Conversation { return s.next.Load().Open(q) }

// Holds R18: a rule for one person fits by whatever name the directory finds them,
// and refuses when it cannot know.
func TestAttackAliases(t *testing.T) {
	town := startTown(t, idleTown)
	if err := town.rewrite(t, "[[ssid.rule]]\nwho  = \"@northbridge.nhs.uk\"",
		"[[ssid.rule]]\nwho = \"agency@northbridge.nhs.uk\"\nvlan = \"visitor\"\n[[ssid.rule]]\nwho  = \"@northbridge.nhs.uk\""); err != nil {
		t.Fatal(err)
	}
	policy := town.house.Load().vlan
	for _, c := range []struct {
		typed, account string
		vlan           uint16
		reason         error
	}{
		{"agency", "agency", 320, nil},
		{"AGENCY", "Agency", 320, nil},
		{"a.gency", "agency", 320, nil},
		{"a.gency", "AGENCY@northbridge.nhs.uk", 320, nil},
		{"a.gency", "agency@corp.local", 320, nil},
		{"agency", "a.gency", 320, nil},
		{"nurse", "nurse", 110, nil},
		{"a.gency", "uid=agency,dc=northbridge,dc=nhs,dc=uk", 0, vlan.ErrUserUnknown},
		{"nurse", "cn=nurse", 0, vlan.ErrUserUnknown},
		{"nurse", "", 0, vlan.ErrUserUnknown},
		{"nurse", "@northbridge.nhs.uk", 0, vlan.ErrUserUnknown},
	} {
		id := realms.Identity{User: c.typed, Realm: "northbridge.nhs.uk"}
		talk := &conversation{
			home:  &script{trace: realms.Trace{Identity: id, Method: "ttls", Inner: "pap"}},
			route: realms.Route{Name: "trust", Realm: id.Realm, Own: true},
			seat:  seat{place: place{site: "Royal Infirmary", controller: "royal-wlc"}, ssid: "NHS-Staff"},
		}
		at, err := policy.Assign(talk.facts(realms.Account{Name: c.account}))
		if at.VLAN() != c.vlan || (err == nil) != (c.reason == nil) || err != nil && reasonOf(err) != reasonOf(c.reason) {
			t.Errorf("%s, in the directory %q: %d, %v", c.typed, c.account, at.VLAN(), err)
		}
	}
}

// swapNumbers makes the clinical number academic.
var swapNumbers = []string{"id = 110, zone", "id = 111, zone", "id = 310, zone", "id = 110, zone"}

// moveController puts the controller at 127.0.0.1 with its name into the other
// site, whose clinical number is academic here.
var moveController = []string{
	"name = \"Eastmoor\"\n", "name = \"Eastmoor\"\nvlan = { clinical = 111, academic = 110 }\n",
	"royal-wlc", "eastmoor-wlc", "eastmoor-wlc", "royal-wlc",
	"\"127.0.0.1\"", "\"127.0.0.2\"", "\"127.0.0.2\"", "\"127.0.0.1\"",
}

// Holds R51 and F11: a reload in mid-conversation lets nobody in who would land
// elsewhere than the new configuration says of that VLAN.
func TestAttackReloadInMidConversation(t *testing.T) {
	for name, c := range map[string]struct {
		pairs  []string
		reason string
	}{
		"a number changes its zone": {swapNumbers, "configuration-changed"},
		"its zone is another": {[]string{"clinical = { trusted = true }", "clinical = { trusted = true }\nward = {trusted = true}",
			"id = 110, zone = \"clinical\"", "id = 110, zone = \"ward\""}, "configuration-changed"},
		"the controller is at another site": {moveController, "configuration-changed"},
		"the site has another name":         {[]string{"Royal Infirmary", "Royal"}, "configuration-changed"},
		"the controller is a proxy now": {[]string{
			`name         = "royal-wlc"`, `name = "other-wlc"`, `address      = "127.0.0.1"`, `address = "127.0.0.9"`,
			`name = "nro", address = "127.0.0.3"`, `name = "royal-wlc", address = "127.0.0.1"`,
		}, "configuration-changed"},
		"another VLAN changes its number":   {[]string{"id = 320", "id = 321"}, ""},
		"a log file of another kind":        {[]string{"conversations = 50", "conversations = 60"}, ""},
		"a guarantee more":                  {[]string{"[[guarantee]]", "[[guarantee]]\nwho = \"visitor\"\nnever = { zone = \"clinical\" }\n[[guarantee]]"}, ""},
		"another controller is at no place": {[]string{"127.0.0.2", "127.0.0.8"}, ""},
	} {
		town := startTown(t, idleTown)
		r := rogueAt(t, "127.0.0.1", town.address)
		old := town.house.Load()
		got := say(r.carry(t, town.peer(t, nil), nurseName, onStaff, func(round int, _ *radius.Packet) {
			if round != 3 {
				return
			}
			if err := town.rewrite(t, c.pairs...); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}))
		want, rows := "accept 110", 1
		if c.reason != "" {
			want, rows = "reject", 0
		}
		if e := town.event(t); got != want || e.Reason != c.reason || town.seated() != rows {
			t.Errorf("%s: %s, %s, %s, %d rows", name, got, e.Reason, e.Detail, town.seated())
		}
		eventually(t, "the old configuration closes: "+name, func() bool { return old.holds.Load() == 0 })
	}
}

// seated counts the devices that are somewhere.
func (t *trust) seated() int {
	t.sessions.mu.Lock()
	defer t.sessions.mu.Unlock()
	return len(t.sessions.rows)
}

// tell sends one accounting request.
func (t *trust) tell(tb testing.TB, status rfc2866.AcctStatusType, lasted rfc2866.AcctSessionTime) {
	tb.Helper()
	_, acct := t.Addrs()
	r := rogueAt(tb, "127.0.0.1", acct[0].String())
	p := radius.New(radius.CodeAccountingRequest, r.secret)
	_ = rfc2866.AcctStatusType_Set(p, status)
	p.Add(rfc2865.CallingStationID_Type, radius.Attribute("02-00-5E-00-53-01"))
	_ = rfc2866.AcctSessionTime_Set(p, lasted)
	if r.ask(tb, p) == nil {
		tb.Fatal("accounting is not answered")
	}
}

// Holds F11: no way round the rule that no VLAN changes its zone under somebody.
func TestAttackFollows(t *testing.T) {
	nothing := func(*trust) {}
	for name, c := range map[string]struct {
		before  func(*trust)
		pairs   []string
		refused bool
	}{
		"plainly":                       {nothing, swapNumbers, true},
		"with the controller elsewhere": {nothing, moveController, true},
		"with the site renamed":         {nothing, append([]string{"Royal Infirmary", "Royal"}, swapNumbers...), true},
		"after a late Stop":             {func(town *trust) { town.tell(t, rfc2866.AcctStatusType_Value_Stop, 36000) }, swapNumbers, true},
		"after the Stop":                {func(town *trust) { town.tell(t, rfc2866.AcctStatusType_Value_Stop, 0) }, swapNumbers, false},
		"after a restart":               {func(town *trust) { town.tell(t, rfc2866.AcctStatusType_Value_AccountingOn, 0) }, swapNumbers, false},
	} {
		town := startTown(t, idleTown)
		if got := say(rogueAt(t, "127.0.0.1", town.address).carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
			t.Fatal(got)
		}
		c.before(town)
		if err := town.rewrite(t, c.pairs...); (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A range of access points is one client: the restart of one ends nobody's session
// on another.
func TestAttackRestartInARange(t *testing.T) {
	town := startTown(t, idleTown)
	if err := town.rewrite(t, `address      = "127.0.0.2"`, `address = "127.0.5.0/24"`); err != nil {
		t.Fatal(err)
	}
	if got := say(rogueAt(t, "127.0.5.7", town.address).carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
		t.Fatal(got)
	}
	_, acct := town.Addrs()
	for _, c := range []struct {
		from string
		left int
	}{{"127.0.5.8", 1}, {"127.0.5.7", 0}} {
		p := radius.New(radius.CodeAccountingRequest, []byte(testSecret))
		_ = rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_AccountingOn)
		if rogueAt(t, c.from, acct[0].String()).ask(t, p) == nil || town.seated() != c.left {
			t.Errorf("after %s restarted there are %d rows, want %d", c.from, town.seated(), c.left)
		}
	}
}

// Holds R12: a visitor's home names its own people or nobody in the Accept.
func TestAttackNamesFromUpstream(t *testing.T) {
	var says atomic.Value
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		reply := req.Response(radius.CodeAccessAccept)
		eap, _ := transport.EAP(req)
		transport.AddEAP(reply, []byte{3, eap[1], 0, 4})
		reply.Add(rfc2865.UserName_Type, radius.Attribute(says.Load().(string)))
		return reply
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	for name, passes := range map[string]bool{
		visitorName: true, "BOB@UNI.AC.UK": true, "@uni.ac.uk": true, "somebody@uni.ac.uk": true,
		nurseName: false, "nurse": false, "bob@camford.ac.uk": false, "nurse@northbridge.nhs.uk@uni.ac.uk": false,
		"bob@uni.ac.uk.": false, "host/pc.northbridge.nhs.uk": false, "bob @uni.ac.uk": false, "bob\xff@uni.ac.uk": false,
	} {
		says.Store(name)
		reply := r.ask(t, r.identify(visitorName, onEduroam, visitorName))
		want := ""
		if passes {
			want = name
		}
		if got := userName(reply); say(reply) != "accept 320" || got != want {
			t.Errorf("%q: %s with the name %q", name, say(reply), got)
		}
	}
}

// Holds R3, and RFC 3579, section 2.2: a federation's proxy is told of a packet that
// deserves silence, and its supplicant goes on; a controller is not.
func TestAttackDiscards(t *testing.T) {
	town := startTown(t, idleTown)
	proxy, controller := rogueAt(t, "127.0.0.3", town.address), rogueAt(t, "127.0.0.1", town.address)
	controller.patient = 300 * time.Millisecond
	for name, eap := range map[string][]byte{"code 9": {9, 1, 0, 5, 1}, "a success": {3, 1, 0, 4}, "code 0": {0, 1}} {
		p := proxy.request(nurseName, "")
		transport.AddEAP(p, eap)
		reply := proxy.ask(t, p)
		if failure, _ := transport.EAP(reply); say(reply) != "reject" || len(failure) != 4 || failure[0] != 4 || failure[1] != 1 {
			t.Errorf("%s first, from a proxy: %s, % x", name, say(reply), failure)
		} else if e := town.event(t); e.Reason != "eap-malformed" {
			t.Errorf("%s first, from a proxy: %s", name, e.Reason)
		}
		p = controller.request(nurseName, onStaff)
		transport.AddEAP(p, eap)
		if got := say(controller.ask(t, p)); got != "silence" {
			t.Errorf("%s first, from a controller: %s", name, got)
		}
	}
	for _, r := range []*rogue{proxy, controller} {
		var spoilt int
		reply := r.carry(t, town.peer(t, nil), nurseName, onStaff, func(round int, p *radius.Packet) {
			state := p.Get(rfc2865.State_Type)
			if state == nil {
				return
			}
			good, _ := transport.EAP(p)
			for name, eap := range map[string][]byte{
				"code 9": {9, good[1], 0, 5, 1}, "another identifier": append([]byte{2, good[1] + 9}, good[2:]...), "short": {2, good[1]},
				"another type": {2, good[1], 0, 6, 4, 0}, "EAP-Start": {},
			} {
				q := r.request(nurseName, onStaff)
				if transport.AddEAP(q, eap); len(eap) == 0 {
					q.Add(79, radius.Attribute{})
				}
				q.Add(rfc2865.State_Type, state)
				got := r.ask(t, q)
				if r == controller {
					if got != nil {
						t.Errorf("%s in round %d, from a controller: %s", name, round, say(got))
					}
					continue
				}
				question, _ := transport.EAP(got)
				if say(got) != "challenge" || rfc3576.ErrorCause_Get(got) != 202 || len(question) < 5 || question[0] != 1 ||
					question[1] != good[1] || string(got.Get(rfc2865.State_Type)) != string(state) {
					t.Errorf("%s in round %d, from a proxy: %s, % x", name, round, say(got), question[:min(6, len(question))])
				}
				spoilt++
			}
		})
		if got := say(reply); r == proxy && (got != "accept nowhere" || spoilt < 20) || r == controller && got != "accept 110" {
			t.Errorf("after all that: %s, %d", got, spoilt)
		}
		town.event(t)
	}
}

// Holds R10: the SSID is chosen once, too.
func TestAttackSSIDChangesInMidConversation(t *testing.T) {
	town := startTown(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, c := range []struct{ first, then, want, reason string }{
		{onStaff, onEduroam, "reject", "ssid-changed"},
		{onEduroam, onStaff, "reject", "ssid-changed"},
		{onStaff, "02-00-00-00-00-01:nhs-staff", "reject", "ssid-changed"},
		{onStaff, "02-00-00-00-00-02:NHS-Staff", "accept 110", ""}, // it roams
		{onStaff, "02-00-00-00-00-01", "accept 110", ""},           // it is not said again
	} {
		got := say(r.carry(t, town.peer(t, nil), nurseName, c.first, func(round int, p *radius.Packet) {
			if round > 2 {
				set(p, rfc2865.CalledStationID_Type, c.then)
			}
		}))
		if e := town.event(t); got != c.want || e.Reason != c.reason {
			t.Errorf("%s, then %s: %s, %s", c.first, c.then, got, e.Reason)
		}
	}
}

//go:noinline
func burst(key [16]byte, name string) { panic(name + string(key[:])) }

// Holds S5 and S17: our own faults are answered and let go of everything, and the
// log has where and no argument.
func TestAttackOurOwnFaults(t *testing.T) {
	town := startLogged(t)
	next := town.play(t)
	r := rogueAt(t, "127.0.0.1", town.address)
	says := func(a realms.Answer) *script {
		return &script{answer: func(context.Context, *radius.Packet) (realms.Answer, error) { return a, nil }}
	}
	for name, s := range map[string]*script{
		"a panic in Open": {open: func() { panic("CANARY") }},
		"a panic in Answer": {answer: func(context.Context, *radius.Packet) (realms.Answer, error) {
			burst([16]byte([]byte("CANARYCANARYCANA")), "CANARYNAME")
			return realms.Answer{}, nil
		}},
		"a runtime error": {answer: func(context.Context, *radius.Packet) (realms.Answer, error) {
			return realms.Answer{EAP: []byte("CANARY")[len(next.Load().trace.Server)+7:]}, nil
		}},
		"code 0": says(realms.Answer{}), "code 5": says(realms.Answer{Code: 5}),
		"a State that is too long": says(realms.Answer{Code: radius.CodeAccessChallenge, State: make([]byte, 300)}),
	} {
		next.Store(s)
		reply := r.ask(t, r.identify(nurseName, onStaff, nurseName))
		e := town.event(t)
		if failure, _ := transport.EAP(reply); say(reply) != "reject" || len(failure) != 4 || e.Reason != "internal-error" {
			t.Errorf("%s: %s, %s", name, say(reply), e.Reason)
		}
		town.restsWith(t, name)
	}
	for _, line := range town.lines(t, `ended in a panic`, 3) {
		if strings.Contains(line, "CANARY") || strings.Contains(line, "4e4143") || strings.Contains(line, "0x43") || strings.Contains(line, "goroutine") {
			t.Errorf("an argument is in the log: %s", line)
		}
		if !strings.Contains(line, "attack_fixed_test.go:") {
			t.Errorf("nobody knows where: %s", line)
		}
	}
}

// A panic in an upstream's conversation gives its place back.
func TestAttackAdmissionIsBalanced(t *testing.T) {
	town := startTown(t, idleTown)
	s := &script{answer: func(context.Context, *radius.Packet) (realms.Answer, error) { panic("x") }}
	table, err := realms.New(realms.Config{
		Partners: []realms.Partner{{Realm: "Camford.ac.uk", Home: s, SSIDs: []string{"eduroam"}}},
		SSIDs:    map[string]string{"eduroam": ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	town.route(table)
	r := rogueAt(t, "127.0.0.1", town.address)
	for range 5 {
		if got := say(r.ask(t, r.identify("x@camford.ac.uk", onEduroam, "x@camford.ac.uk"))); got != "reject" {
			t.Error(got)
		}
		town.event(t)
	}
	eventually(t, "nobody waits", func() bool {
		town.abroad.mu.Lock()
		defer town.abroad.mu.Unlock()
		return town.abroad.all == 0 && len(town.abroad.realms) == 0
	})
}

// Holds R41: a conversation that began has an event, whatever makes room for whom.
func TestAttackIgnoredAfterEviction(t *testing.T) {
	for name, from := range map[string]string{"a controller": "127.0.0.1", "a proxy": "127.0.0.3"} {
		town := startTown(t, idleTown)
		next := town.play(t)
		entered, leave := make(chan struct{}), make(chan struct{})
		next.Store(&script{answer: func(_ context.Context, p *radius.Packet) (realms.Answer, error) {
			if p.Get(rfc2865.State_Type) == nil {
				return realms.Answer{Code: radius.CodeAccessChallenge, EAP: []byte{1, 2, 0, 5, 1}}, nil
			}
			entered <- struct{}{}
			<-leave
			return realms.Answer{}, realms.ErrDiscard
		}})
		r := rogueAt(t, from, town.address)
		reply := r.ask(t, r.identify(nurseName, onStaff, nurseName))
		p := r.identify(nurseName, onStaff, nurseName)
		p.Add(rfc2865.State_Type, reply.Get(rfc2865.State_Type))
		go func() {
			<-entered
			for _, gone := range town.talks.all() {
				go town.abandon(gone, realms.ErrServerBusy)
			}
			time.Sleep(20 * time.Millisecond)
			close(leave)
		}()
		r.patient = 300 * time.Millisecond
		r.ask(t, p)
		if e := town.event(t); e.Outcome != outcomeAbandoned || e.Reason != "server-busy" {
			t.Errorf("%s: %s, %s", name, e.Outcome, e.Reason)
		}
		town.restsWith(t, name)
	}
}
