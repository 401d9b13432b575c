package config

import (
	"net/netip"
	"slices"
	"testing"

	"causeway/realms/discovery"
)

// What the file says of discovery makes a resolver.
func TestDiscoveryMakesAResolver(t *testing.T) {
	f, err := Load("testdata/good/every-key.toml", SecretsOptional)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Federation["eduroam"].Discovery.Config()
	if !slices.Equal(c.Realms, []string{"camford.example.edu", "*.ac.uk"}) || !slices.Equal(c.Services, []string{"x-eduroam:radius.tls"}) ||
		!slices.Equal(c.Resolvers, []string{"192.0.2.53", "[2001:db8::53]:53"}) || !slices.Equal(c.Allow, []netip.Prefix{netip.MustParsePrefix("10.99.0.0/24")}) {
		t.Errorf("%+v", c)
	}
	r, err := discovery.New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	one := Discovery{Realms: []string{"camford.ac.uk"}, Laboratory: []string{"127.0.0.1"}}
	if c := one.Config(); c.Services != nil || c.Resolvers != nil || !slices.Equal(c.Allow, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}) {
		t.Errorf("%+v", c)
	}
}
