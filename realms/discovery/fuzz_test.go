package discovery

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// packed is a message on the wire, as a seed.
func packed(f *testing.F, name string, kind uint16, records ...string) []byte {
	q := new(dns.Msg)
	q.SetQuestion(name, kind)
	m := new(dns.Msg)
	m.SetReply(q)
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	p, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	return p
}

// Holds S6 and R33: whatever the octets, an answer is one to our question within its
// bounds, or an error.
func FuzzMessage(f *testing.F) {
	f.Add(packed(f, "camford.ac.uk.", dns.TypeNAPTR, camford[0]), true)
	f.Add(packed(f, "camford.ac.uk.", dns.TypeNAPTR, "camford.ac.uk. 60 IN CNAME x.", "x. 60 IN CNAME camford.ac.uk."), true)
	f.Add(packed(f, "camford.ac.uk.", dns.TypeA, "camford.ac.uk. 60 IN A 192.0.2.1"), false)
	f.Fuzz(func(t *testing.T, p []byte, naptr bool) {
		kind := dns.TypeA
		if naptr {
			kind = dns.TypeNAPTR
		}
		q := new(dns.Msg)
		q.SetQuestion("camford.ac.uk.", kind)
		if len(p) > 3 {
			binary.BigEndian.PutUint16(p, q.Id) // whoever sees the question
		}
		m, err := readMessage(p, q)
		if (m == nil) == (err == nil) {
			t.Fatalf("message %v, error %v", m != nil, err)
		}
		if err != nil || m.Truncated {
			return
		}
		records, names, ttl, err := readChain(m, kind, []string{"camford.ac.uk."})
		until, _ := nothingUntil(m, names[len(names)-1])
		if ttl < 0 || ttl > ceilingTTL || until < 0 || len(names) > mostAliases+1 {
			t.Fatalf("%s, %s, %d names", ttl, until, len(names))
		}
		if err != nil {
			return
		}
		if sorted := slices.Sorted(slices.Values(names)); len(slices.Compact(sorted)) != len(names) {
			t.Fatalf("a loop: %v", names)
		}
		for _, rr := range records {
			if h := rr.Header(); h.Rrtype != kind || dns.CanonicalName(h.Name) != names[len(names)-1] {
				t.Fatalf("%v is none of %v", rr, names)
			}
			if n, is := rr.(*dns.NAPTR); is {
				if p, err := readPointer(n); err == nil && (n.Regexp != "" || !labels(strings.TrimSuffix(p.name, "."), p.srv)) {
					t.Fatalf("%v is taken", n)
				}
			}
		}
	})
}

// Holds S6 and R33: whatever a hostile zone answers to a whole lookup, it ends, and its
// targets are few, on the Internet, not ours, and called by names of hosts.
func FuzzWalk(f *testing.F) {
	var whole []byte
	put := func(name string, kind uint16, records ...string) {
		bare := len(packed(f, name, kind))
		part := append([]byte{byte(len(records))}, packed(f, name, kind, records...)[bare:]...)
		whole = append(binary.BigEndian.AppendUint16(whole, uint16(len(part))), part...)
	}
	put("camford.ac.uk.", dns.TypeNAPTR, camford[0])
	put("_radsec._tcp.roam.example.net.", dns.TypeSRV, camford[1], camford[2])
	put("roam1.example.net.", dns.TypeA, camford[3])
	put("roam1.example.net.", dns.TypeAAAA, camford[4])
	put("roam2.example.net.", dns.TypeA, camford[5])
	f.Add(whole)
	own := netip.MustParseAddr("9.9.9.9")
	f.Fuzz(func(t *testing.T, said []byte) {
		honest := bytes.Equal(said, whole)
		r, err := New(Config{Realms: []string{"*.ac.uk"}, Resolvers: []string{"127.0.0.1"}, Own: []netip.Addr{own}, Allow: documentation, Rand: func(n int) int { return n / 2 }})
		if err != nil {
			t.Fatal(err)
		}
		questions := 0
		r.ask = func(_ context.Context, name string, kind uint16) (*dns.Msg, error) {
			questions++
			q := new(dns.Msg)
			q.SetQuestion(name, kind)
			reply := new(dns.Msg)
			reply.SetReply(q)
			p, err := reply.Pack()
			if err != nil {
				t.Fatalf("a question for %q: %v", name, err)
			}
			// The fuzzer's octets follow a head and a question that fit; its first says how
			// many records they are.
			if len(said) > 3 {
				n := min(int(binary.BigEndian.Uint16(said)), len(said)-2)
				part := said[2 : 2+n]
				said = said[2+n:]
				if len(part) > 0 {
					p[7] = part[0] % 16
					p = append(p, part[1:]...)
				}
			}
			return readMessage(p, q)
		}
		a, hold, err := r.walk(context.Background(), "camford.ac.uk")
		switch {
		case errors.Is(err, errFault):
			t.Fatal(err)
		case questions > mostQuestions, len(a.Targets) > mostTargets, len(a.Refused) > mostReasons, (err == nil) != (len(a.Targets) > 0):
			t.Fatalf("%d questions, %d targets, %d reasons, %v", questions, len(a.Targets), len(a.Refused), err)
		case honest && len(a.Targets) != 3:
			t.Fatalf("an honest zone gives %v, %v", a.Targets, err)
		case hold < time.Minute || hold > ceilingTTL:
			t.Fatalf("it holds for %s", hold)
		}
		for _, target := range a.Targets {
			if err := r.reachable(target.Address.Addr()); err != nil || target.Address.Port() == 0 || !hostName(target.Host) || target.Host != strings.ToLower(target.Host) {
				t.Fatalf("%+v: %v", target, err)
			}
		}
	})
}

// Holds S6 and R33: only what is below a pattern, or is one, is on the list.
func FuzzList(f *testing.F) {
	f.Add("*.ac.uk", "camford.ac.uk")
	f.Add("camford.ac.uk", "camford.ac.uk")
	f.Add("*.uk", "a.b.uk")
	f.Fuzz(func(t *testing.T, pattern, realm string) {
		l, err := newAllowList([]string{pattern})
		if err != nil {
			return
		}
		realm = strings.ToLower(realm)
		parent, wild := strings.CutPrefix(strings.ToLower(pattern), "*.")
		if want := realm == parent && !wild || wild && strings.HasSuffix(realm, "."+parent); l.has(realm) != want {
			t.Fatalf("%q has %q: %v", pattern, realm, !want)
		}
	})
}
