package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// to is a realm whose SRV record leads to r.camford.ac.uk.
var to = []string{
	`camford.ac.uk. 3600 IN NAPTR 1 1 "s" "x-eduroam:radius.tls" "" _r._tcp.camford.ac.uk.`,
	`_r._tcp.camford.ac.uk. 3600 IN SRV 1 1 2083 r.camford.ac.uk.`,
}

func chain(n int) (list []string) {
	list = slices.Clone(to)
	name := "r.camford.ac.uk."
	for i := range n {
		next := fmt.Sprintf("c%d.example.net.", i)
		list = append(list, name+" 3600 IN CNAME "+next)
		name = next
	}
	return append(list, name+" 3600 IN A 192.0.2.1")
}

func many(n int, format string) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}

// Holds R33: each thing that a hostile or a careless zone says has a reason of its own,
// and what is good beside it is taken.
func TestR33WhatAZoneMayNotSay(t *testing.T) {
	const naptr = "camford.ac.uk. 3600 IN NAPTR "
	for _, tt := range []struct {
		name    string
		records []string
		lazy    bool
		want    string // targets
		reasons []Reason
		words   string // of one of the reasons
		once    string // what is asked for exactly once
	}{
		{name: "by flag a straight to addresses", records: []string{naptr + `1 1 "a" "x-eduroam:radius.tls" "" r.camford.ac.uk.`, "r.camford.ac.uk. 60 IN A 192.0.2.1"}, want: "r.camford.ac.uk 192.0.2.1:2083"},
		{name: "flags and services in capitals", records: []string{naptr + `1 1 "A" "AAA+auth:RADIUS.tls.tcp" "" R.Camford.AC.uk.`, "r.camford.ac.uk. 60 IN A 192.0.2.1"}, want: "r.camford.ac.uk 192.0.2.1:2083"},
		{name: "order before preference", records: []string{
			naptr + `2 1 "a" "x-eduroam:radius.tls" "" c.camford.ac.uk.`, naptr + `1 2 "a" "x-eduroam:radius.tls" "" b.camford.ac.uk.`, naptr + `1 1 "a" "x-eduroam:radius.tls" "" a.camford.ac.uk.`,
			"a.camford.ac.uk. 60 IN A 192.0.2.1", "b.camford.ac.uk. 60 IN A 192.0.2.2", "c.camford.ac.uk. 60 IN A 192.0.2.3",
		}, want: "a.camford.ac.uk 192.0.2.1:2083, b.camford.ac.uk 192.0.2.2:2083, c.camford.ac.uk 192.0.2.3:2083"},
		{name: "two services at one place", once: "_radsec._tcp.roam.example.net. SRV", records: append(slices.Clone(camford), naptr+`100 20 "s" "aaa+auth:radius.tls.tcp" "" _radsec._tcp.roam.example.net.`),
			want: "roam1.example.net 198.51.100.11:2083, roam1.example.net [2001:db8::11]:2083, roam2.example.net 198.51.100.12:12083"},
		{name: "services that nobody asked for", records: append(slices.Clone(camford),
			naptr+`1 1 "s" "aaa+acct:radius.tls.tcp" "" _evil._tcp.example.net.`, naptr+`1 1 "u" "E2U+sip" "!^.*$!sip:x@example.net!" .`),
			want: "roam1.example.net 198.51.100.11:2083, roam1.example.net [2001:db8::11]:2083, roam2.example.net 198.51.100.12:12083"},

		{name: "a regular expression", records: []string{naptr + `1 1 "s" "x-eduroam:radius.tls" "!^.*$!_r._tcp.camford.ac.uk!" .`}, reasons: []Reason{ErrRegexp}},
		{name: "a regular expression beside a name", records: append(slices.Clone(camford), naptr+`1 1 "s" "x-eduroam:radius.tls" "!a!b!" _r._tcp.camford.ac.uk.`), reasons: []Reason{ErrRegexp},
			want: "roam1.example.net 198.51.100.11:2083, roam1.example.net [2001:db8::11]:2083, roam2.example.net 198.51.100.12:12083"},
		{name: "a pointer to more pointers", records: []string{naptr + `1 1 "" "x-eduroam:radius.tls" "" camford.ac.uk.`}, reasons: []Reason{ErrFlag}, words: `its flag is ""`},
		{name: "flag u", records: []string{naptr + `1 1 "u" "x-eduroam:radius.tls" "" r.camford.ac.uk.`}, reasons: []Reason{ErrFlag}},
		{name: "two flags", records: []string{naptr + `1 1 "sa" "x-eduroam:radius.tls" "" r.camford.ac.uk.`}, reasons: []Reason{ErrFlag}},
		{name: "to the root", records: []string{naptr + `1 1 "s" "x-eduroam:radius.tls" "" .`}, reasons: []Reason{ErrReplacement}},
		{name: "to no host name", records: []string{naptr + `1 1 "a" "x-eduroam:radius.tls" "" _r._tcp.camford.ac.uk.`}, reasons: []Reason{ErrReplacement}},
		{name: "to a name with odd octets", records: []string{naptr + `1 1 "s" "x-eduroam:radius.tls" "" a\032b\.c.camford.ac.uk.`}, reasons: []Reason{ErrReplacement}},
		{name: "too many pointers", records: append(many(20, naptr+`1 %[1]d "s" "x-eduroam:radius.tls" "" _n%[1]d._tcp.camford.ac.uk.`),
			"_n7._tcp.camford.ac.uk. 60 IN SRV 1 1 2083 r.camford.ac.uk.", "_n8._tcp.camford.ac.uk. 60 IN SRV 1 1 12083 r.camford.ac.uk.", "r.camford.ac.uk. 60 IN A 192.0.2.1"),
			want: "r.camford.ac.uk 192.0.2.1:2083", reasons: []Reason{ErrMany}},
		{name: "more mistakes than anybody reads", records: append(many(16, "_r._tcp.camford.ac.uk. 60 IN SRV %d 1 0 r.camford.ac.uk."), to[0],
			naptr+`2 1 "a" "x-eduroam:radius.tls" "" r.camford.ac.uk.`, "r.camford.ac.uk. 60 IN A 192.0.2.1"), want: "r.camford.ac.uk 192.0.2.1:2083", reasons: []Reason{ErrPort}},

		{name: "port 0", records: []string{to[0], "_r._tcp.camford.ac.uk. 60 IN SRV 1 1 0 r.camford.ac.uk.", "r.camford.ac.uk. 60 IN A 192.0.2.1"}, reasons: []Reason{ErrPort}},
		{name: "port 0 beside a good one", records: append(slices.Clone(camford), "_radsec._tcp.roam.example.net. 1800 IN SRV 1 1 0 roam1.example.net."), reasons: []Reason{ErrPort},
			want: "roam1.example.net 198.51.100.11:2083, roam1.example.net [2001:db8::11]:2083, roam2.example.net 198.51.100.12:12083"},
		{name: "an SRV record to no host name", records: []string{to[0], "_r._tcp.camford.ac.uk. 60 IN SRV 1 1 2083 _r._tcp.camford.ac.uk."}, reasons: []Reason{ErrHost}},
		{name: "too many servers", records: append(many(17, "_r._tcp.camford.ac.uk. 60 IN SRV 1 1 2083 r%d.camford.ac.uk."), to[0]), reasons: []Reason{ErrMany}},
		{name: "too many questions", records: slices.Concat(
			many(8, naptr+`1 %[1]d "s" "x-eduroam:radius.tls" "" _n%[1]d._tcp.camford.ac.uk.`), many(8, "_n0._tcp.camford.ac.uk. 60 IN SRV 1 1 2083 a%d.camford.ac.uk."),
			many(8, "_n1._tcp.camford.ac.uk. 60 IN SRV 1 1 2083 b%d.camford.ac.uk."), many(8, "_n2._tcp.camford.ac.uk. 60 IN SRV 1 1 2083 c%d.camford.ac.uk.")), reasons: []Reason{ErrQuestions}},
		{name: "too many addresses", records: append(many(9, "r.camford.ac.uk. 60 IN A 192.0.2.%d"), to...), reasons: []Reason{ErrMany},
			want: "r.camford.ac.uk 192.0.2.0:2083, r.camford.ac.uk 192.0.2.1:2083, r.camford.ac.uk 192.0.2.2:2083, r.camford.ac.uk 192.0.2.3:2083"},

		{name: "a private address", records: append([]string{"r.camford.ac.uk. 60 IN A 10.1.2.3"}, to...), reasons: []Reason{ErrAddress}, words: "r.camford.ac.uk: 10.1.2.3 is private: an address that is not on the Internet"},
		{name: "a private address beside a good one", records: append([]string{"r.camford.ac.uk. 60 IN A 10.1.2.3", "r.camford.ac.uk. 60 IN A 192.0.2.1"}, to...), reasons: []Reason{ErrAddress}, want: "r.camford.ac.uk 192.0.2.1:2083"},
		{name: "IPv4 in IPv6", records: append([]string{"r.camford.ac.uk. 60 IN AAAA ::ffff:192.0.2.1"}, to...), reasons: []Reason{ErrAddress}, words: "is IPv4 in IPv6"},
		{name: "our own address", records: append([]string{"r.camford.ac.uk. 60 IN A 192.0.2.1", "r.camford.ac.uk. 60 IN A 203.0.113.9"}, to...), reasons: []Reason{ErrOwn}},
		{name: "our own address in IPv6", records: append([]string{"r.camford.ac.uk. 60 IN AAAA 2001:db8::9"}, to...), reasons: []Reason{ErrOwn}},

		{name: "an alias", records: chain(1), want: "r.camford.ac.uk 192.0.2.1:2083"},
		{name: "an alias of the realm itself", records: append([]string{"camford.ac.uk. 60 IN CNAME oxbridge.ac.uk.", `oxbridge.ac.uk. 60 IN NAPTR 1 1 "a" "x-eduroam:radius.tls" "" r.oxbridge.ac.uk.`}, "r.oxbridge.ac.uk. 60 IN A 192.0.2.1"), want: "r.oxbridge.ac.uk 192.0.2.1:2083"},
		{name: "eight aliases", records: chain(mostAliases), want: "r.camford.ac.uk 192.0.2.1:2083"},
		{name: "eight aliases, one by one", lazy: true, records: chain(mostAliases), want: "r.camford.ac.uk 192.0.2.1:2083"},
		{name: "nine aliases", records: chain(mostAliases + 1), reasons: []Reason{ErrChain}},
		{name: "nine aliases, one by one", lazy: true, records: chain(mostAliases + 1), reasons: []Reason{ErrChain}},
		{name: "a loop", records: append([]string{"r.camford.ac.uk. 60 IN CNAME a.example.net.", "a.example.net. 60 IN CNAME R.camford.ac.uk."}, to...), reasons: []Reason{ErrLoop}},
		{name: "a loop, one by one", lazy: true, records: append([]string{"r.camford.ac.uk. 60 IN CNAME a.example.net.", "a.example.net. 60 IN CNAME r.camford.ac.uk."}, to...), reasons: []Reason{ErrLoop}},
		{name: "an alias of itself", records: append([]string{"r.camford.ac.uk. 60 IN CNAME r.camford.ac.uk."}, to...), reasons: []Reason{ErrLoop}},
		{name: "a realm that is an alias of itself", records: []string{"camford.ac.uk. 60 IN CNAME camford.ac.uk."}, reasons: []Reason{ErrLoop}},
		{name: "two aliases of one name", records: append([]string{"r.camford.ac.uk. 60 IN CNAME a.example.net.", "r.camford.ac.uk. 60 IN CNAME b.example.net."}, to...), reasons: []Reason{ErrAlias}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := newZone(t, tt.records...)
			z.behave("", tt.lazy)
			r, _ := z.resolver(func(c *Config) {
				c.Own = []netip.Addr{netip.MustParseAddr("::ffff:203.0.113.9"), netip.MustParseAddr("2001:db8::9")}
			})
			a, err := find(r, "camford.ac.uk")
			if got := places(a); got != tt.want || (err == nil) != (tt.want != "") {
				t.Fatalf("%s; %v", got, err)
			}
			said := errors.Join(append(a.Refused, err)...)
			for _, reason := range tt.reasons {
				if !errors.Is(said, reason) {
					t.Errorf("%v, and not for %q", said, reason)
				}
			}
			if len(tt.reasons) == 0 && said != nil {
				t.Errorf("refused: %v", said)
			}
			if tt.words != "" && !strings.Contains(said.Error(), tt.words) {
				t.Errorf("%v does not say %q", said, tt.words)
			}
			if tt.once != "" && z.count(tt.once) != 1 {
				t.Errorf("%s is asked for %d times", tt.once, z.count(tt.once))
			}
			if strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("%q takes several lines of a log", err)
			}
			if len(a.Refused) > mostReasons || z.total() > 2*mostQuestions {
				t.Errorf("%d reasons, %d questions", len(a.Refused), z.total())
			}
		})
	}
}

// Holds R33: every kind of address that is not another organisation's is refused, by
// its words, and one that the laboratory allows is taken, our own excepted.
func TestR33AddressesOfNobodyElse(t *testing.T) {
	own := netip.MustParseAddr("127.0.0.7")
	r, err := New(Config{Realms: []string{"*.uk"}, Resolvers: []string{"127.0.0.1"}, Own: []netip.Addr{own}})
	if err != nil {
		t.Fatal(err)
	}
	lab, err := New(Config{Realms: []string{"*.uk"}, Resolvers: []string{"127.0.0.1"}, Own: []netip.Addr{own}, Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}})
	if err != nil {
		t.Fatal(err)
	}
	for address, words := range map[string]string{
		"0.0.0.0": "unspecified", "0.1.2.3": "unspecified", "10.0.0.1": "private", "10.255.255.255": "private", "100.64.0.1": "carrier", "100.127.255.255": "carrier",
		"127.0.0.1": "loopback", "127.255.0.1": "loopback", "169.254.169.254": "link-local", "172.16.0.1": "private", "172.31.255.255": "private",
		"192.0.0.170": "protocols", "192.0.2.1": "documentation", "192.88.99.1": "6to4", "192.168.1.1": "private", "198.18.0.1": "benchmarks", "198.19.255.255": "benchmarks",
		"198.51.100.1": "documentation", "203.0.113.1": "documentation", "224.0.0.1": "multicast", "239.255.255.255": "multicast", "240.0.0.1": "reserved", "255.255.255.255": "reserved",
		"::": "unspecified", "::1": "loopback", "::7f00:1": "reserved", "64:ff9b::a00:1": "NAT64", "64:ff9b:1::1": "NAT64", "100::1": "reserved", "2001::1": "Teredo", "2001:db8::1": "documentation",
		"2002:a00:1::1": "6to4", "3fff::1": "documentation", "fc00::1": "private", "fd12:3456::1": "private", "fe80::1": "link-local", "fec0::1": "site-local", "ff02::1": "multicast",
		"4000::1": "reserved", "::1:2:3": "reserved",
	} {
		a := netip.MustParseAddr(address)
		if err := r.reachable(a); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", address, err)
		}
		if err := lab.reachable(a); err != nil {
			t.Errorf("%s in a laboratory: %v", address, err)
		}
	}
	for _, address := range []string{"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.167.0.1", "223.255.255.255", "2001:1::1", "2620:fe::fe", "2a00::1", "2003::1"} {
		if err := r.reachable(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%v", err)
		}
	}
	for _, x := range []*Resolver{r, lab} {
		if err := x.reachable(own); !errors.Is(err, ErrOwn) {
			t.Errorf("our own: %v", err)
		}
		for _, mapped := range []string{"::ffff:127.0.0.1", "::ffff:9.9.9.9", "::ffff:127.0.0.7"} {
			if err := x.reachable(netip.MustParseAddr(mapped)); !errors.Is(err, ErrAddress) {
				t.Errorf("%s: %v", mapped, err)
			}
		}
	}
	// On loopback, as integration tests need it.
	z := newZone(t, append([]string{"r.camford.ac.uk. 60 IN A 127.0.0.1"}, to...)...)
	allowing, _ := z.resolver(func(c *Config) { c.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	if a, err := find(allowing, "camford.ac.uk"); places(a) != "r.camford.ac.uk 127.0.0.1:2083" {
		t.Errorf("%s, %v", places(a), err)
	}
	refusing, _ := z.resolver()
	if _, err := find(refusing, "camford.ac.uk"); !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
	if list, err := OwnAddresses(); err != nil || !slices.Contains(list, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("our own addresses are %v, %v", list, err)
	}
}

// Holds R33 for messages: what a resolver's answer may not hold beside what was asked.
func TestR33WhatAMessageMayNotHold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(m *dns.Msg)
		want   Reason // empty: found all the same
	}{
		{"nothing odd", func(*dns.Msg) {}, ""},
		{"a record of another name", func(m *dns.Msg) { m.Answer = append(m.Answer, record(t, "evil.example.net. 60 IN A 192.0.2.66")) }, ErrForeign},
		{"only records of another name", func(m *dns.Msg) { m.Answer = []dns.RR{record(t, "evil.example.net. 60 IN A 192.0.2.66")} }, ErrForeign},
		{"a record of another kind", func(m *dns.Msg) { m.Answer = append(m.Answer, record(t, "r.camford.ac.uk. 60 IN TXT x")) }, ErrForeign},
		{"a record of another class", func(m *dns.Msg) { m.Answer = append(m.Answer, record(t, "r.camford.ac.uk. 60 CH A 192.0.2.66")) }, ErrForeign},
		{"an alias beside the address", func(m *dns.Msg) {
			m.Answer = append(m.Answer, record(t, "r.camford.ac.uk. 60 IN CNAME evil.example.net."))
		}, ErrAlias},
		{"an alias of nobody", func(m *dns.Msg) {
			m.Answer = append(m.Answer, record(t, "evil.example.net. 60 IN CNAME evil2.example.net."))
		}, ErrForeign},
		{"a DNAME record and the alias that it means", func(m *dns.Msg) {
			m.Answer = []dns.RR{record(t, "camford.ac.uk. 60 IN DNAME oxbridge.ac.uk."), record(t, "r.camford.ac.uk. 60 IN CNAME r.oxbridge.ac.uk."), record(t, "r.oxbridge.ac.uk. 60 IN A 192.0.2.1")}
		}, ""},
		{"records besides, which nobody reads", func(m *dns.Msg) {
			m.Extra = append(m.Extra, record(t, "r.camford.ac.uk. 60 IN A 192.0.2.66"))
			m.Ns = append(m.Ns, record(t, "ac.uk. 60 IN NS evil.example.net."))
		}, ""},
		{"thousands of records", func(m *dns.Msg) {
			for i := range 3000 {
				m.Answer = append(m.Answer, record(t, fmt.Sprintf("r.camford.ac.uk. 60 IN A 192.0.%d.%d", i/250, i%250)))
			}
		}, ErrMany},
		{"thousands of records besides", func(m *dns.Msg) {
			for range 3000 {
				m.Extra = append(m.Extra, record(t, "r.camford.ac.uk. 60 IN A 192.0.2.66"))
			}
		}, ErrMany},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := newZone(t, append([]string{"r.camford.ac.uk. 60 IN A 192.0.2.1"}, to...)...)
			z.on("r.camford.ac.uk. A", func(w dns.ResponseWriter, q *dns.Msg) {
				m := z.reply(q)
				m.Compress = true
				tt.change(m)
				z.say(w, m)
			})
			r, _ := z.resolver()
			a, err := find(r, "camford.ac.uk")
			if tt.want == "" && places(a) != "r.camford.ac.uk 192.0.2.1:2083" || tt.want != "" && (!errors.Is(err, tt.want) || errors.Is(err, ErrSilent)) {
				t.Errorf("%s, %v", places(a), err)
			}
		})
	}
}

// A forger who does not see the question gains nothing, and does not keep the answer
// away either, unless there is no end to it.
func TestStraysArePassedOver(t *testing.T) {
	z := newZone(t, append([]string{"r.camford.ac.uk. 60 IN A 192.0.2.1"}, to...)...)
	evil := func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Answer = []dns.RR{record(t, "r.camford.ac.uk. 60 IN A 192.0.2.66")}
		return m
	}
	strays := []func(m *dns.Msg){
		func(m *dns.Msg) { m.Id++ },
		func(m *dns.Msg) { m.Response = false },
		func(m *dns.Msg) { m.Question[0].Name = "x.camford.ac.uk." },
		func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		func(m *dns.Msg) { m.Question = nil },
		func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
	}
	z.on("r.camford.ac.uk. A", func(w dns.ResponseWriter, q *dns.Msg) {
		for _, change := range strays {
			m := evil(q.Copy())
			change(m)
			z.say(w, m)
		}
		for _, p := range [][]byte{{1}, make([]byte, 11), make([]byte, 12)} {
			if _, err := w.Write(p); err != nil {
				t.Error(err)
			}
		}
		z.say(w, z.reply(q))
	})
	r, clock := z.resolver()
	if a, err := find(r, "camford.ac.uk"); places(a) != "r.camford.ac.uk 192.0.2.1:2083" || len(a.Refused) != 0 {
		t.Errorf("%s, %v, %v", places(a), a.Refused, err)
	}
	if c := r.Counts(); c.Strays != uint64(len(strays))+3 {
		t.Errorf("%d strays", c.Strays)
	}
	z.on("r.camford.ac.uk. A", func(w dns.ResponseWriter, q *dns.Msg) {
		for range mostStrays {
			m := evil(q.Copy())
			m.Id++
			z.say(w, m)
		}
		z.say(w, z.reply(q))
	})
	clock.pass(time.Hour)
	if _, err := find(r, "camford.ac.uk"); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "32 times an answer to another question") {
		t.Errorf("no end of strays: %v", err)
	}
}

// What does not fit a datagram is asked for over TCP.
func TestTruncatedIsRepeatedOverTCP(t *testing.T) {
	z := newZone(t, camford...)
	cut := func(w dns.ResponseWriter, q *dns.Msg) {
		m := z.reply(q)
		if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
			m.Truncated, m.Answer = true, m.Answer[:1]
		}
		z.say(w, m)
	}
	z.on("_radsec._tcp.roam.example.net. SRV", cut)
	r, clock := z.resolver()
	if a, err := find(r, "camford.ac.uk"); err != nil || len(a.Targets) != 3 {
		t.Errorf("%s, %v", places(a), err)
	}
	if c := r.Counts(); c.Truncated != 1 || z.count("_radsec._tcp.roam.example.net. SRV tcp") != 1 || z.count("_radsec._tcp.roam.example.net. SRV") != 1 {
		t.Errorf("%+v", c)
	}
	// Cut in the middle of a record.
	z.on("_radsec._tcp.roam.example.net. SRV", func(w dns.ResponseWriter, q *dns.Msg) {
		m := z.reply(q)
		if _, udp := w.LocalAddr().(*net.UDPAddr); !udp {
			z.say(w, m)
			return
		}
		m.Truncated = true
		p, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		if _, err := w.Write(p[:len(p)-5]); err != nil {
			t.Error(err)
		}
	})
	clock.pass(time.Hour)
	if a, err := find(r, "camford.ac.uk"); err != nil || len(a.Targets) != 3 {
		t.Errorf("cut in the middle: %s, %v", places(a), err)
	}
	z.on("_radsec._tcp.roam.example.net. SRV", func(w dns.ResponseWriter, q *dns.Msg) {
		m := z.reply(q)
		m.Truncated = true
		z.say(w, m)
	})
	clock.pass(time.Hour)
	if _, err := find(r, "camford.ac.uk"); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "over TCP too") {
		t.Errorf("cut over TCP too: %v", err)
	}
}

// An answer that cannot be read is no answer, and the next resolver is asked. So it is
// when the first says SERVFAIL, is not there, or loses a datagram.
func TestTheNextResolver(t *testing.T) {
	fail := func(code int) func(z *zone) func(dns.ResponseWriter, *dns.Msg) {
		return func(z *zone) func(dns.ResponseWriter, *dns.Msg) {
			return func(w dns.ResponseWriter, q *dns.Msg) { z.say(w, new(dns.Msg).SetRcode(q, code)) }
		}
	}
	for name, first := range map[string]func(z *zone) func(dns.ResponseWriter, *dns.Msg){
		"SERVFAIL": fail(dns.RcodeServerFailure), "REFUSED": fail(dns.RcodeRefused),
		"garbled": func(z *zone) func(dns.ResponseWriter, *dns.Msg) {
			return func(w dns.ResponseWriter, q *dns.Msg) {
				p, err := z.reply(q).Pack()
				if err != nil {
					t.Error(err)
				}
				p[7], p = 1, append(p, 0xff) // a record of one octet
				if _, err := w.Write(p); err != nil {
					t.Error(err)
				}
			}
		},
		"fewer records than it says": func(z *zone) func(dns.ResponseWriter, *dns.Msg) {
			return func(w dns.ResponseWriter, q *dns.Msg) {
				p, err := z.reply(q).Pack()
				if err != nil {
					t.Error(err)
				}
				p[7] = 9
				if _, err := w.Write(p); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		bad, good := newZone(t), newZone(t, camford...)
		bad.on("camford.ac.uk. NAPTR", first(bad))
		for _, key := range []string{"_radsec._tcp.roam.example.net. SRV", "roam1.example.net. A", "roam1.example.net. AAAA", "roam2.example.net. A", "roam2.example.net. AAAA"} {
			bad.on(key, fail(dns.RcodeServerFailure)(bad))
		}
		r, _ := good.resolver(func(c *Config) { c.Resolvers = []string{bad.address, good.address} })
		if a, err := find(r, "camford.ac.uk"); err != nil || len(a.Targets) != 3 || bad.count("camford.ac.uk. NAPTR") != 1 {
			t.Errorf("%s: %v, %v", name, places(a), err)
		}
		alone, _ := bad.resolver()
		if _, err := find(alone, "camford.ac.uk"); !errors.Is(err, ErrSilent) || bad.count("camford.ac.uk. NAPTR") != 2 {
			t.Errorf("%s alone: %v", name, err)
		}
	}

	// Nobody is at the first.
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := free.LocalAddr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	good := newZone(t, camford...)
	r, _ := good.resolver(func(c *Config) { c.Resolvers = []string{gone, good.address} })
	if a, err := find(r, "camford.ac.uk"); err != nil || len(a.Targets) != 3 {
		t.Errorf("nobody there: %v, %v", places(a), err)
	}

	// A datagram is lost.
	var lost atomic.Bool
	good.on("camford.ac.uk. NAPTR", func(w dns.ResponseWriter, q *dns.Msg) {
		if lost.Swap(true) {
			good.say(w, good.reply(q))
		}
	})
	r, _ = good.resolver(func(c *Config) { c.Timeout = time.Second })
	if a, err := find(r, "camford.ac.uk"); err != nil || len(a.Targets) != 3 || good.count("camford.ac.uk. NAPTR") != 3 {
		t.Errorf("a datagram lost: %v, %v", places(a), err)
	}
}

// One of the realm's servers could not be asked for: the others are good, and it is
// asked for again soon.
func TestAPartOfTheAnswer(t *testing.T) {
	z := newZone(t, camford...)
	z.on("roam2.example.net. A", func(w dns.ResponseWriter, q *dns.Msg) {
		z.say(w, new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
	})
	r, clock := z.resolver()
	a, err := find(r, "camford.ac.uk")
	if err != nil || len(a.Targets) != 2 || len(a.Refused) != 1 || !errors.Is(a.Refused[0], ErrSilent) || a.Until.Sub(clock.now()) != time.Minute {
		t.Errorf("%v, refused %v, for %s, %v", places(a), a.Refused, a.Until.Sub(clock.now()), err)
	}
	if c := r.Counts(); c.Partial != 1 || c.Found != 1 {
		t.Errorf("%+v", c)
	}
}

// A lookup ends when its patience does, whatever the resolver does.
func TestPatience(t *testing.T) {
	z := newZone(t)
	z.on("camford.ac.uk. NAPTR", func(dns.ResponseWriter, *dns.Msg) {})
	r, _ := z.resolver(func(c *Config) { c.Timeout, c.Patience = time.Hour, 20*time.Millisecond })
	if _, err := find(r, "camford.ac.uk"); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
	if c := r.Counts(); c.Silent != 1 || c.Pending != 0 {
		t.Errorf("%+v", c)
	}
}

// A mistake of ours costs one lookup.
func TestAPanicEndsOneLookup(t *testing.T) {
	z := newZone(t, camford...)
	r, _ := z.resolver(func(c *Config) { c.Rand = func(int) int { panic("a mistake") } })
	if _, err := find(r, "camford.ac.uk"); !errors.Is(err, errFault) {
		t.Error(err)
	}
	if c := r.Counts(); c.Faults != 1 || c.Pending != 0 {
		t.Errorf("%+v", c)
	}
}

// Servers of one priority are drawn by their weights (RFC 2782).
func TestWeights(t *testing.T) {
	var list []*dns.SRV
	for _, text := range []string{
		"_r._tcp.x. 60 IN SRV 2 9 1 last.x.", "_r._tcp.x. 60 IN SRV 1 3 1 three.x.", "_r._tcp.x. 60 IN SRV 1 0 1 zero.x.", "_r._tcp.x. 60 IN SRV 1 1 1 one.x.",
	} {
		list = append(list, record(t, text).(*dns.SRV))
	}
	first := map[string]int{}
	for lot := range 5 {
		begun := false
		w := &walk{Resolver: &Resolver{rand: func(n int) int {
			if begun {
				return n - 1
			}
			if begun = true; n != 5 {
				t.Errorf("a lot of %d", n)
			}
			return lot
		}}}
		sorted := w.inOrder(list)
		if len(sorted) != 4 || sorted[3].Target != "last.x." {
			t.Fatalf("lot %d: %v", lot, sorted)
		}
		first[sorted[0].Target]++
	}
	if first["zero.x."] != 1 || first["one.x."] != 1 || first["three.x."] != 3 {
		t.Errorf("of five lots: %v", first)
	}
}
