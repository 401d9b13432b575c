package transport

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"causeway/certs"
)

// MinSecret is the fewest octets of a shared secret that load without
// WeakSecret: a shorter one is guessed offline from a single captured packet
// (RFC 2865, section 3).
const MinSecret = 16

// RadSecSecret stands where RADIUS wants a secret and TLS has done its work (RFC 6614,
// section 2.3; P63).
const RadSecSecret certs.Secret = "radsec"

// A Client is a controller, or a proxy, that may ask: an address range and the
// secret it shares with us, or whose certificate it shows. It is read-only once
// NewClients has seen it.
type Client struct {
	Name   string
	Prefix netip.Prefix
	Secret certs.Secret
	// Peer is whose certificate a client shows that speaks RadSec; nil: it speaks UDP.
	// Its Secret is RadSecSecret, and its Prefix need not be there: one narrows from
	// where it may connect.
	Peer *certs.Peer
	// WeakSecret allows a secret shorter than MinSecret.
	WeakSecret bool
	// WithoutMessageAuthenticator is the exception of S1: Access-Requests
	// without the attribute are heard, unless they carry EAP (RFC 3579,
	// section 3.2) or, over UDP, Proxy-State (what the BlastRADIUS forgery needs).
	WithoutMessageAuthenticator bool
	// Source is where it writes the SSID and the access point's name.
	Source Source

	// Set by NewClients.
	key   *key // the secret, hashed ahead
	index int  // in the list
}

// Clients finds a client by address, or by the certificate that it shows; it is
// immutable, so a reload swaps it whole.
type Clients struct {
	lengths  []int // distinct prefix lengths as IPv6 bits, longest first
	byPrefix map[netip.Prefix]*Client
	peers    []*Client      // who speak RadSec
	issuers  *x509.CertPool // who may vouch for them, to be named in a handshake
	list     []*Client
}

// NewClients builds the table. Every mistake is reported, joined in one error,
// each naming its client and the fix; no error holds a secret.
func NewClients(list []Client) (*Clients, error) {
	c := &Clients{byPrefix: make(map[netip.Prefix]*Client, len(list)), issuers: x509.NewCertPool()}
	names := make(map[string]bool, len(list))
	var problems []error
	for i := range list {
		client := list[i]
		client.Prefix = unmapPrefix(client.Prefix)
		if err := client.problem(i); err != nil {
			problems = append(problems, err)
			continue
		}
		if names[client.Name] {
			problems = append(problems, fmt.Errorf("client %q is written twice: give each client its own name", client.Name))
			continue
		}
		names[client.Name] = true
		if client.Peer != nil {
			if err := c.addPeer(&client); err != nil {
				problems = append(problems, err)
			}
			continue
		}
		if other, taken := c.byPrefix[client.Prefix]; taken {
			problems = append(problems, fmt.Errorf("clients %q and %q both have the address %s: remove one, or narrow it", other.Name, client.Name, client.Prefix))
			continue
		}
		client.key = newKey(client.Secret)
		c.add(&client)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return c, nil
}

func (c *Client) problem(i int) error {
	switch n := len(c.Secret); {
	case c.Name == "":
		return fmt.Errorf("client number %d has no name: name it as the log should call it", i+1)
	case c.Peer != nil && c.Prefix == netip.Prefix{}:
		return nil
	case !c.Prefix.IsValid():
		return fmt.Errorf("client %q has no valid address: write one such as 10.20.0.5/32 or 2001:db8::/64", c.Name)
	case c.Prefix != c.Prefix.Masked():
		return fmt.Errorf("client %q: %s is a host inside a network: write %s for the whole network or %s for the host alone",
			c.Name, c.Prefix, c.Prefix.Masked(), netip.PrefixFrom(c.Prefix.Addr(), c.Prefix.Addr().BitLen()))
	case c.Peer != nil:
		return nil
	case n == 0:
		return fmt.Errorf("client %q has an empty secret: set the secret that the controller has", c.Name)
	case n < MinSecret && !c.WeakSecret:
		return fmt.Errorf("client %q has a secret of %d characters, fewer than %d: use a longer one, or say weak_secret = true for a device that cannot", c.Name, n, MinSecret)
	}
	return nil
}

func (c *Clients) add(client *Client) {
	c.enlist(client)
	c.byPrefix[client.Prefix] = client
	bits := longBits(client.Prefix)
	if i, found := slices.BinarySearchFunc(c.lengths, bits, func(a, b int) int { return b - a }); !found {
		c.lengths = slices.Insert(c.lengths, i, bits)
	}
}

// addPeer refuses a client that one certificate would fit as well as another: who
// somebody is must not hang on the order of the file.
func (c *Clients) addPeer(client *Client) error {
	for _, other := range c.peers {
		name, overlap := client.Peer.Overlaps(other.Peer)
		apart := client.Prefix.IsValid() && other.Prefix.IsValid() && !client.Prefix.Overlaps(other.Prefix)
		if overlap && !apart {
			return fmt.Errorf("clients %q and %q would both be whoever shows a certificate for %s: give each its own names, ca, policies or address", other.Name, client.Name, name)
		}
	}
	client.Secret = RadSecSecret
	client.key = newKey(client.Secret)
	for _, issuer := range client.Peer.Issuers() {
		c.issuers.AddCert(issuer)
	}
	c.enlist(client)
	c.peers = append(c.peers, client)
	return nil
}

func (c *Clients) enlist(client *Client) {
	client.index = len(c.list)
	c.list = append(c.list, client)
}

// peersAt are the clients that may speak RadSec from an address.
func (c *Clients) peersAt(a netip.Addr) []*Client {
	a = a.Unmap().WithZone("")
	var peers []*Client
	for _, client := range c.peers {
		if !client.Prefix.IsValid() || client.Prefix.Contains(a) {
			peers = append(peers, client)
		}
	}
	return peers
}

// findPeer returns the client that shows these certificates from an address. With an
// error it returns the one that the certificate comes nearest to, or nil.
func (c *Clients) findPeer(shown []*x509.Certificate, from netip.Addr, now time.Time) (*Client, error) {
	list := c.peersAt(from)
	peers := make([]*certs.Peer, len(list))
	for i, client := range list {
		peers[i] = client.Peer
	}
	i, err := certs.WhichPeer(peers, shown, x509.ExtKeyUsageClientAuth, now)
	if i < 0 {
		return nil, err
	}
	return list[i], err
}

// Still tells whether a client is one of these by the same right: a client that speaks
// RadSec by its name, another by the address from which it sent.
func (c *Clients) Still(client *Client, from netip.Addr) bool {
	if client.Peer != nil {
		return c != nil && slices.ContainsFunc(c.peers, func(p *Client) bool { return p.Name == client.Name })
	}
	now, ok := c.Find(from)
	return ok && now.Name == client.Name
}

// Find returns the client whose prefix holds a and is the longest to do so.
func (c *Clients) Find(a netip.Addr) (*Client, bool) {
	if c == nil {
		return nil, false
	}
	a = a.Unmap().WithZone("")
	v4 := 0
	if a.Is4() {
		v4 = 96
	}
	for _, bits := range c.lengths {
		if bits < v4 {
			break
		}
		prefix, err := a.Prefix(bits - v4)
		if err != nil {
			continue // longer than this family's addresses: cannot happen, and no match if it did
		}
		if client, ok := c.byPrefix[prefix]; ok {
			return client, true
		}
	}
	return nil, false
}

// All returns the clients in the order they were given.
func (c *Clients) All() []*Client {
	if c == nil {
		return nil
	}
	return slices.Clone(c.list)
}

// unmapPrefix writes ::ffff:10.0.0.0/104 as 10.0.0.0/8, as packets are looked up.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.IsValid() && p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// longBits counts an IPv4 prefix as if mapped into IPv6, so that one order of
// lengths serves both.
func longBits(p netip.Prefix) int {
	if p.Addr().Is4() {
		return p.Bits() + 96
	}
	return p.Bits()
}
