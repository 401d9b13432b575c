package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// inside are addresses at which no server of another organisation can be, with the
// words for them. The first that fits counts. A stranger's zone that named one would
// make us connect to the inside of our own network, or to ourselves.
var inside = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared behind a carrier's NAT"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "kept for protocols"},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a relay of 6to4"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},

	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("64:ff9b::/96"), "NAT64"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "NAT64"},
	{netip.MustParsePrefix("2001::/32"), "Teredo"},
	{netip.MustParsePrefix("2001:db8::/32"), "for documentation"},
	{netip.MustParsePrefix("2002::/16"), "6to4"},
	{netip.MustParsePrefix("3fff::/20"), "for documentation"},
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// unicast is all of IPv6 that is given out (RFC 4291, section 2.4, and IANA).
var unicast = netip.MustParsePrefix("2000::/3")

// reachable judges an address that DNS gave. Our own is refused wherever it is; what
// the laboratory allows is taken otherwise.
func (r *Resolver) reachable(a netip.Addr) error {
	if a.Is4In6() {
		// Nobody has to write an IPv4 address so in a AAAA record, and rules for IPv4
		// would not see it (RFC 5156, section 2.2).
		return fmt.Errorf("%s is IPv4 in IPv6: %w", a, ErrAddress)
	}
	if slices.Contains(r.own, a) {
		return fmt.Errorf("%s: %w", a, ErrOwn)
	}
	if slices.ContainsFunc(r.allow, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return nil
	}
	for _, i := range inside {
		if i.prefix.Contains(a) {
			return fmt.Errorf("%s is %s: %w", a, i.what, ErrAddress)
		}
	}
	if a.Is6() && !unicast.Contains(a) {
		return fmt.Errorf("%s is reserved: %w", a, ErrAddress)
	}
	return nil
}

// OwnAddresses are those of this machine's interfaces, for Config.Own.
func OwnAddresses() (own []netip.Addr, err error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("the addresses of this server: %w", err)
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr().Unmap().WithZone(""))
		}
	}
	return own, nil
}
