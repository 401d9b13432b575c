package directory_test

import (
	"errors"
	"strings"
	"testing"

	"causeway/realms"
	"causeway/realms/directory"
)

func TestADConfigMistakes(t *testing.T) {
	_, err := directory.NewAD(directory.ADConfig{
		Name: "trust", Domain: "NORTHBRIDGE", NetBIOS: "north.bridge", Computer: "RADIUS-OF-THE-WHOLE-TRUST$", Channels: 100, NetlogonPort: 70000,
		Servers: []string{"http://dc1", "ldap://dc2", "dc3"}, GroupBase: "nowhere", Bind: "svc",
	})
	var problems realms.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("NewAD: %v", err)
	}
	for _, want := range []string{
		`directory.trust.domain: "northbridge" is not the name of a domain in DNS; write it as "northbridge.nhs.uk"`,
		`directory.trust.computer: "RADIUS-OF-THE-WHOLE-TRUST" is not the name of a computer; write at most 15`,
		`directory.trust.computer_password: the computer account has no password`,
		`directory.trust.netbios: "north.bridge" is not the short name`,
		`directory.trust.channels: 100 secure channels; write 1 to 64`,
		`directory.trust.netlogon_port: 70000 is not a port`,
		`directory.trust.servers[0]: "http://dc1" is not the address`,
		`directory.trust.servers[1]: ldap://dc2 would carry passwords in the clear`,
		`directory.trust.group_base: "nowhere" is not the name of an entry`,
		`directory.trust.password: bind has no password`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no problem says %q in:\n%v", want, err)
		}
	}
	if len(problems) != 11 { // bind is no name either
		t.Errorf("%d problems:\n%v", len(problems), err)
	}
	// What was made of other keys is not complained about.
	if _, err := directory.NewAD(directory.ADConfig{Name: "trust"}); strings.Contains(err.Error(), ".base") || strings.Contains(err.Error(), ".bind") {
		t.Errorf("of nothing: %v", err)
	}
}
