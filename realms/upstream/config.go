package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"causeway/certs"
	"causeway/realms"
)

// Defaults of a Config. The times fit a controller that repeats a request every
// five seconds and a supplicant that waits thirty.
const (
	DefaultPatience       = 10 * time.Second // RFC 5080 gives up in 5 to 30 s; a controller rarely waits longer than this
	DefaultFailOver       = 4 * time.Second  // the next server within one retry of a controller
	DefaultRetransmit     = 2 * time.Second  // IRT (RFC 5080, section 2.2.1)
	DefaultProbeTimeout   = time.Second      // a server one hop away; three losses in a row decide
	DefaultProbeInterval  = 6 * time.Second  // the shortest watchdog of RFC 3539, section 3.4.1
	DefaultIdle           = 30 * time.Second // Tw (RFC 3539, section 3.4.1)
	DefaultProbation      = 30 * time.Second // no server dies twice within it
	DefaultSockets        = 32               // 8,192 requests in flight to each server
	DefaultSessionTimeout = 86400            // seconds: nobody stays a guest for longer than a day
	DefaultProxyStates    = 8                // more proxies than this in front of us are a loop
)

// maxPatience is the end of the range in which a client gives up
// (RFC 5080, section 2.2.1; P33).
const maxPatience = 30 * time.Second

// A Server is one RADIUS server of a pool.
type Server struct {
	Name    string       // what the log calls it; its address when empty
	Address string       // host:port; without a port 1812 is meant
	Secret  certs.Secret // shared with this server alone

	// Connect opens a connection of TLS to the server, whose certificate it has judged
	// (RadSec, RFC 6614); nil: the server is asked over UDP. Address is then for the
	// log alone, and there is no Secret. RADIUS/1.1 is spoken where both sides have
	// agreed on it (RFC 9765).
	Connect func(ctx context.Context) (*tls.Conn, error)
	// Judge says of a connection that stands what is wrong with it by now; nil: nothing
	// ever is. See [Pool.Rejudge].
	Judge func(tls.ConnectionState) error

	// WithoutStatusServer says that the server ignores Status-Server
	// (RFC 5997). It is then judged by the silence that several users met, as is
	// one that answers without a Message-Authenticator (FreeRADIUS 3.2.1 does,
	// unless told to sign) and one that has not answered any yet.
	WithoutStatusServer bool
	// WithoutMessageAuthenticator takes replies without a Message-Authenticator
	// from a server that cannot be mended. Whoever sits between it and us can
	// then turn a Reject into an Accept (CVE-2024-3596).
	WithoutMessageAuthenticator bool
}

// A Config describes a federation's or a partner's servers.
type Config struct {
	Name    string   // of the federation or partner, for errors and the log
	Servers []Server // in order of preference

	// Dial opens a connected UDP socket. Every socket has its own source port.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	OperatorName  string            // our realm, sent as Operator-Name `1<realm>` (RFC 5580); empty: none is sent
	OperatorNames map[string]string // by site, where a site has a realm of its own
	WithoutCUI    bool              // do not ask for a Chargeable-User-Identity (RFC 4372)

	Patience       time.Duration // for one request, fail-over included
	FailOver       time.Duration // how long a server may take while there is another one
	Retransmit     time.Duration // the first interval; it doubles (RFC 5080, section 2.2.1)
	ProbeTimeout   time.Duration // until a Status-Server counts as unanswered
	ProbeInterval  time.Duration // between the Status-Servers sent to a dead server
	Idle           time.Duration // quiet for so long, a server is asked how it is; negative: never
	Probation      time.Duration // after a revival, in which the server cannot die again
	Sockets        int           // or connections, at most, to each server; 256 requests wait on each
	SessionTimeout uint32        // seconds; a longer one from upstream is cut to it
	ProxyStates    int           // how many a request may carry when it reaches us

	// Core says that the servers are our own and answer for our own people: what they
	// tell of somebody (realms.Facts) is believed. They have to be reached by RadSec.
	Core bool

	// LeastLoaded sends a new conversation to the server that has the fewest requests
	// under way, among those that are equally well; else the one that is named first
	// has them all.
	LeastLoaded bool

	// OnHome hears that a home organisation gives no answer though the server that
	// leads to it does, and that it gives one again. It must not wait.
	OnHome func(realm, server string, silent bool, why string)
	// OnChange hears of every change of a server's health, in order. It is
	// called between packets and must not wait.
	OnChange func(server, from, to, why string)

	Now   func() time.Time // nil: time.Now
	Ticks <-chan time.Time // moves retransmissions and health on; nil: ten times a second
}

// problems gathers [realms.Problems].
type problems struct{ found realms.Problems }

func (ps *problems) add(key, fix, format string, args ...any) {
	ps.found = append(ps.found, realms.Problem{Key: key, Text: fmt.Sprintf(format, args...), Fix: fix})
}

// complete fills in the defaults and checks the rest.
func (c *Config) complete() error {
	c.defaults()
	var found problems
	if c.Name == "" {
		found.add("name", "name the federation or partner", "the servers have no name to appear under")
	}
	if len(c.Servers) == 0 {
		found.add("servers", "add at least one address with its secret", "%s has no servers", c.Name)
	}
	c.completeServers(&found)
	c.checkOperators(&found)
	c.checkTimes(&found)
	if c.Dial == nil {
		found.add("dial", "give the pool a way to open sockets", "%s cannot open sockets", c.Name)
	}
	if found.found == nil {
		return nil
	}
	return found.found
}

func (c *Config) defaults() {
	setDefault(&c.Patience, DefaultPatience)
	setDefault(&c.FailOver, min(DefaultFailOver, c.Patience/2))
	setDefault(&c.Retransmit, DefaultRetransmit)
	setDefault(&c.ProbeTimeout, DefaultProbeTimeout)
	setDefault(&c.ProbeInterval, DefaultProbeInterval)
	setDefault(&c.Idle, DefaultIdle)
	setDefault(&c.Probation, DefaultProbation)
	setDefault(&c.Sockets, DefaultSockets)
	setDefault(&c.SessionTimeout, DefaultSessionTimeout)
	setDefault(&c.ProxyStates, DefaultProxyStates)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnHome == nil {
		c.OnHome = func(string, string, bool, string) {}
	}
	if c.OnChange == nil {
		c.OnChange = func(string, string, string, string) {}
	}
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func (c *Config) completeServers(found *problems) {
	c.Servers = append([]Server(nil), c.Servers...) // the caller keeps its own
	names, addresses := map[string]bool{}, map[string]bool{}
	for i := range c.Servers {
		s := &c.Servers[i]
		key := fmt.Sprintf("servers[%d]", i)
		if s.Name == "" {
			s.Name = s.Address
		}
		port := "1812"
		if s.Connect != nil {
			port, s.Secret = "2083", radSecSecret
		}
		address, err := withPort(s.Address, port)
		if err != nil {
			found.add(key+".address", `write it as "192.0.2.10:1812"`, "server %s of %s has no usable address: %v", s.Name, c.Name, err)
		}
		s.Address = address
		if c.Core && s.Connect == nil {
			found.add(key+".transport", "reach it by RadSec", "the core server %s would tell who people are without TLS", s.Name)
		}
		if s.Secret.Reveal() == "" {
			found.add(key+".secret", "give the secret agreed with its operator", "server %s of %s has no secret", s.Name, c.Name)
		}
		if names[s.Name] {
			found.add(key+".name", "give each server its own name", "%s names two servers %s", c.Name, s.Name)
		}
		if address != "" && addresses[address] {
			found.add(key+".address", "remove one of the two", "%s lists %s twice", c.Name, address)
		}
		names[s.Name], addresses[address] = true, true
	}
}

// withPort returns address with the port given when it has none.
func withPort(address, otherwise string) (string, error) {
	if address == "" {
		return "", errors.New("it is empty")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), otherwise
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", err
		}
	}
	if host == "" || strings.ContainsAny(host, " /@") {
		return "", fmt.Errorf("%q names no host", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%q is not a port", port)
	}
	return net.JoinHostPort(host, port), nil
}

func (c *Config) checkOperators(found *problems) {
	if c.OperatorName != "" && !realmLike(c.OperatorName) {
		found.add("operator_name", `write a realm, as "northbridge.nhs.uk"`, "%q is not a realm that Operator-Name can carry", c.OperatorName)
	}
	for site, name := range c.OperatorNames {
		if !realmLike(name) {
			found.add("operator_name", `write a realm, as "northbridge.nhs.uk"`, "%q, the operator at %s, is not a realm that Operator-Name can carry", name, site)
		}
	}
}

// realmLike says whether s can stand behind the "1" of an Operator-Name
// (RFC 5580, section 4.1): a domain name in letters, digits and hyphens.
func realmLike(s string) bool {
	if len(s) > 252 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, b := range []byte(label) {
			letter, digit := 'a' <= b|0x20 && b|0x20 <= 'z', '0' <= b && b <= '9'
			if !letter && !digit && b != '-' {
				return false
			}
		}
	}
	return true
}

func (c *Config) checkTimes(found *problems) {
	if c.Patience < 0 || c.Patience > maxPatience {
		found.add("patience", "use between 5 and 30 seconds", "%s may take %v to answer; every controller has given up by then", c.Name, c.Patience)
	}
	if c.FailOver < 0 || c.FailOver > c.Patience {
		found.add("fail_over", "use less than the patience", "%s moves to the next server after %v, but gives up after %v", c.Name, c.FailOver, c.Patience)
	}
	for key, d := range map[string]time.Duration{
		"retransmit": c.Retransmit, "probe_timeout": c.ProbeTimeout,
		"probe_interval": c.ProbeInterval, "probation": c.Probation,
	} {
		if d < 0 {
			found.add(key, "use a positive duration", "%s of %s is negative", key, c.Name)
		}
	}
	if c.ProbeInterval > c.Probation {
		found.add("probe_interval", "use less than the probation", "%s would ask a dead server only every %v, longer than its probation of %v", c.Name, c.ProbeInterval, c.Probation)
	}
	if c.Sockets < 0 || c.Sockets > 256 {
		found.add("sockets", "use between 1 and 256", "%s cannot use %d sockets to each server", c.Name, c.Sockets)
	}
	if c.ProxyStates < 0 {
		found.add("proxy_states", "use a positive number", "%s cannot allow %d Proxy-States", c.Name, c.ProxyStates)
	}
}
