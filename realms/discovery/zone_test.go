package discovery

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A zone is a resolver on loopback that knows what a test tells it.
type zone struct {
	t       *testing.T
	address string

	mu      sync.Mutex
	records map[string][]dns.RR // by "name TYPE"
	odd     map[string]func(w dns.ResponseWriter, q *dns.Msg)
	asked   map[string]int // over UDP by "name TYPE", over TCP by "name TYPE tcp"
	lazy    bool           // follows no CNAME
	soa     dns.RR         // of negative answers
}

func newZone(t *testing.T, records ...string) *zone {
	t.Helper()
	z := &zone{t: t, records: map[string][]dns.RR{}, odd: map[string]func(dns.ResponseWriter, *dns.Msg){}, asked: map[string]int{}}
	z.add(records...)
	// The same free port for UDP and TCP.
	var packets net.PacketConn
	var streams net.Listener
	for range 20 {
		var err error
		if packets, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if streams, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			break
		}
		_ = packets.Close()
	}
	if streams == nil {
		t.Fatal("no port is free for UDP and TCP")
	}
	z.address = packets.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: z}, {Listener: streams, Handler: z}} {
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		ended := make(chan error, 1)
		go func() { ended <- s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() {
			if err := s.Shutdown(); err != nil {
				t.Error(err)
			}
			<-ended
		})
	}
	return z
}

func record(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil || rr == nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rr
}

func (z *zone) add(records ...string) {
	z.t.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, text := range records {
		rr := record(z.t, text)
		key := rr.Header().Name + " " + dns.TypeToString[rr.Header().Rrtype]
		z.records[key] = append(z.records[key], rr)
	}
}

// behave sets how negative answers end and whether aliases are followed.
func (z *zone) behave(soa string, lazy bool) {
	z.t.Helper()
	var rr dns.RR
	if soa != "" {
		rr = record(z.t, soa)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.soa, z.lazy = rr, lazy
}

// clear forgets the records of a name and kind.
func (z *zone) clear(key string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.records, key)
}

// on has a question answered by a function, which need not answer.
func (z *zone) on(key string, f func(w dns.ResponseWriter, q *dns.Msg)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.odd[key] = f
}

func (z *zone) count(key string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[key]
}

func (z *zone) total() (n int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, times := range z.asked {
		n += times
	}
	return n
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	name, kind := q.Question[0].Name, dns.TypeToString[q.Question[0].Qtype]
	key := name + " " + kind
	z.mu.Lock()
	f := z.odd[key]
	if _, tcp := w.LocalAddr().(*net.TCPAddr); tcp {
		z.asked[key+" tcp"]++
	} else {
		z.asked[key]++
	}
	z.mu.Unlock()
	if f != nil {
		f(w, q)
		return
	}
	z.say(w, z.reply(q))
}

// reply is the answer of an honest resolver.
func (z *zone) reply(q *dns.Msg) *dns.Msg {
	z.mu.Lock()
	defer z.mu.Unlock()
	m := new(dns.Msg)
	m.SetReply(q)
	name, kind := q.Question[0].Name, dns.TypeToString[q.Question[0].Qtype]
	passed := map[string]bool{}
	for !passed[name] {
		passed[name] = true
		if list := z.records[name+" "+kind]; len(list) > 0 {
			m.Answer = append(m.Answer, list...)
			return m
		}
		alias := z.records[name+" CNAME"]
		if len(alias) == 0 {
			break
		}
		m.Answer = append(m.Answer, alias...)
		if name = alias[0].(*dns.CNAME).Target; z.lazy {
			return m
		}
	}
	known := false
	for k := range z.records {
		known = known || strings.HasPrefix(k, name+" ")
	}
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	if z.soa != nil {
		m.Ns = append(m.Ns, z.soa)
	}
	return m
}

// say sends a message, cut if it does not fit a datagram.
func (z *zone) say(w dns.ResponseWriter, m *dns.Msg) {
	if _, udp := w.LocalAddr().(*net.UDPAddr); udp && m.Len() > udpSize {
		m.Truncate(udpSize)
	}
	if err := w.WriteMsg(m); err != nil {
		z.t.Errorf("the test's resolver: %v", err)
	}
}

// A clock stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// documentation is where the servers of the tests are: nobody connects to them.
var documentation = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"),
}

// resolver asks the zone alone, about realms below ac.uk, on a clock that stands still.
func (z *zone) resolver(change ...func(*Config)) (*Resolver, *clock) {
	z.t.Helper()
	c := &clock{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	config := Config{
		Realms: []string{"*.ac.uk"}, Resolvers: []string{z.address}, Allow: documentation, Now: c.now,
		Rand: func(int) int { return 0 }, Timeout: 10 * time.Second, Patience: time.Minute, // a slow machine proves nothing
	}
	for _, f := range change {
		f(&config)
	}
	r, err := New(config)
	if err != nil {
		z.t.Fatal(err)
	}
	z.t.Cleanup(r.Close)
	return r, c
}

// find is Find for a test that has time.
func find(r *Resolver, realm string) (Answer, error) { return r.Find(context.Background(), realm) }

// places are "host address" of targets in their order.
func places(a Answer) string {
	var list []string
	for _, t := range a.Targets {
		list = append(list, t.Host+" "+t.Address.String())
	}
	return strings.Join(list, ", ")
}

// camford is a realm as eduroam's members publish theirs.
var camford = []string{
	`camford.ac.uk. 3600 IN NAPTR 100 10 "s" "x-eduroam:radius.tls" "" _radsec._tcp.roam.example.net.`,
	`_radsec._tcp.roam.example.net. 1800 IN SRV 10 0 2083 roam1.example.net.`,
	`_radsec._tcp.roam.example.net. 1800 IN SRV 20 0 12083 roam2.example.net.`,
	`roam1.example.net. 900 IN A 198.51.100.11`,
	`roam1.example.net. 900 IN AAAA 2001:db8::11`,
	`roam2.example.net. 900 IN A 198.51.100.12`,
}
