package daemon

import (
	"strings"
	"testing"

	"layeh.com/radius"

	"causeway/radiusd/transport"
)

// Holds R10: whoever mistypes an organisation that we know is told from whoever has a
// wrong password, whether the name could not be read, is refused here, or was refused by
// a home somewhere that had never heard of it.
func TestR10NearMissesReachTheLog(t *testing.T) {
	town := startTown(t, pretend(t, func(req *radius.Packet) *radius.Packet {
		reply := req.Response(radius.CodeAccessReject)
		transport.AddEAP(reply, []byte{4, eapOf(req)[1], 0, 4})
		return reply
	}))
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, c := range []struct{ user, on, reason, meant string }{
		{"alice@camfrod.ac.uk", onEduroam, "upstream-rejected", "camford.ac.uk"},
		{"nurse@northbridge.nsh.uk", onEduroam, "upstream-rejected", "northbridge.nhs.uk"},
		{"nurse@northbrige.nhs.uk", onStaff, "realm-not-on-ssid", "northbridge.nhs.uk"},
		{"alice@camford.ac,uk", onEduroam, "realm-malformed", "camford.ac.uk"},
		{"alice@Camford.ac.uk ", onEduroam, "realm-malformed", "camford.ac.uk"},
		{"sam@student.northbridge.nhs.uk", onEduroam, "own-subrealm-unknown", "students.northbridge.nhs.uk"},
		{"alice smith@camford.ac.uk", onEduroam, "realm-malformed", ""}, // the realm is right
		{"alice@camford.ac.uk", onEduroam, "upstream-rejected", ""},
		{visitorName, onEduroam, "upstream-rejected", ""},
		{"@", onEduroam, "realm-missing", ""},
		{strings.Repeat("a", 253), onEduroam, "realm-missing", ""},
	} {
		r.ask(t, r.identify(c.user, c.on, c.user))
		e := town.event(t)
		_, said, _ := strings.Cut(e.Detail, "did the user mean ")
		if meant, _, _ := strings.Cut(said, "?"); e.Reason != c.reason || meant != c.meant || strings.Count(e.Detail, "did the user mean") > 1 {
			t.Errorf("%q: %s, %q", c.user, e.Reason, e.Detail)
		}
	}
}
