package transport

import (
	"net/netip"
	"strings"
	"testing"

	"causeway/certs"
)

func TestS19BadClientsAreRefused(t *testing.T) {
	const good = certs.Secret("sixteen-chars-ok")
	at := netip.MustParsePrefix
	tests := []struct {
		name string
		list []Client
		want []string // all in the error, which names the client and the fix
	}{
		{"duplicate", []Client{{Name: "a", Prefix: at("10.0.0.0/8"), Secret: good}, {Name: "b", Prefix: at("10.0.0.0/8"), Secret: good}}, []string{`"a" and "b"`, "10.0.0.0/8", "remove one"}},
		{"duplicate when mapped", []Client{{Name: "a", Prefix: at("10.0.0.0/8"), Secret: good}, {Name: "b", Prefix: at("::ffff:10.0.0.0/104"), Secret: good}}, []string{`"a" and "b"`}},
		{"one name twice", []Client{{Name: "a", Prefix: at("10.0.0.1/32"), Secret: good}, {Name: "a", Prefix: at("10.0.0.2/32"), Secret: good}}, []string{`"a" is written twice`}},
		{"short secret", []Client{{Name: "a", Prefix: at("10.0.0.1/32"), Secret: good[:15]}}, []string{`"a"`, "15 characters", "weak_secret"}},
		{"empty secret", []Client{{Name: "a", Prefix: at("10.0.0.1/32")}}, []string{`"a"`, "empty"}},
		{"empty secret called weak", []Client{{Name: "a", Prefix: at("10.0.0.1/32"), WeakSecret: true}}, []string{`"a"`, "empty"}},
		{"no address", []Client{{Name: "a", Secret: good}}, []string{`"a"`, "10.20.0.5/32"}},
		{"a host in a network", []Client{{Name: "a", Prefix: at("10.1.2.3/24"), Secret: good}}, []string{`"a"`, "10.1.2.0/24", "10.1.2.3/32"}},
		{"no name", []Client{{Prefix: at("10.0.0.1/32"), Secret: good}}, []string{"number 1", "name it"}},
		{"all are reported", []Client{{Name: "a", Prefix: at("10.0.0.1/32")}, {Name: "b", Prefix: at("10.0.0.2/32"), Secret: "short"}}, []string{`"a"`, `"b"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewClients(test.list)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			for _, client := range test.list {
				if s := client.Secret.Reveal(); s != "" && strings.Contains(err.Error(), s) {
					t.Errorf("%q holds a secret", err)
				}
			}
		})
	}
}

func TestS19TheLongestPrefixWins(t *testing.T) {
	var list []Client
	for _, prefix := range []string{"0.0.0.0/0", "10.0.0.0/8", "10.20.0.0/16", "10.20.0.5/32", "2001:db8::/32", "2001:db8:1::/48", "fe80::/10", "::ffff:192.0.2.0/120"} {
		list = append(list, Client{Name: prefix, Prefix: netip.MustParsePrefix(prefix), Secret: "weak", WeakSecret: true})
	}
	clients := mustClients(t, list...)
	for address, want := range map[string]string{
		"10.20.0.5": "10.20.0.5/32", "10.20.0.6": "10.20.0.0/16", "10.21.0.5": "10.0.0.0/8", "11.0.0.1": "0.0.0.0/0",
		"::ffff:10.20.0.5": "10.20.0.5/32", "192.0.2.9": "::ffff:192.0.2.0/120",
		"2001:db8:1::7": "2001:db8:1::/48", "2001:db8:2::7": "2001:db8::/32", "fe80::1%eth0": "fe80::/10", "2a00::1": "",
	} {
		client, ok := clients.Find(netip.MustParseAddr(address))
		if ok != (want != "") || ok && client.Name != want {
			t.Errorf("%s found %v %v, want %q", address, client, ok, want)
		}
	}
	if _, ok := clients.Find(netip.Addr{}); ok {
		t.Error("no address found a client")
	}
	if _, ok := (*Clients)(nil).Find(netip.MustParseAddr("10.0.0.1")); ok {
		t.Error("no table found a client")
	}
}
