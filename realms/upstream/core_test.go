package upstream

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/realms"
)

// A core of ours is believed in who somebody is; nobody else is, whatever they say.
func TestFactsOfACore(t *testing.T) {
	nurse := realms.Facts{
		Account: realms.Account{Name: "nurse", Groups: []string{"Wifi-Clinical"}},
		Trace:   realms.Trace{Method: "peap", Inner: "mschapv2", Identity: realms.Identity{User: "nurse", Realm: "northbridge.nhs.uk"}, TLS: "1.3"},
	}
	r := onTLS(t, nil, signedBy(func(in *radius.Packet) []byte {
		facts, out := nurse, reply(in, radius.CodeAccessAccept)
		switch rfc2865.UserName_GetString(in) {
		case "locked@northbridge.nhs.uk":
			facts, out = realms.Facts{Reason: realms.ErrLocked}, reply(in, radius.CodeAccessReject)
		case "newer@northbridge.nhs.uk":
			out.Add(realms.FactsType, []byte("z:a fact of tomorrow"))
		}
		all, err := facts.Attributes()
		if err != nil {
			t.Error(err)
		}
		for _, a := range all {
			out.Add(realms.FactsType, a)
		}
		return sign(out)
	}))
	for _, core := range []bool{true, false} {
		p := open(t, Config{Servers: []Server{r.server()}, Core: core})
		c := p.Open(realms.Question{})
		a, err := c.Answer(t.Context(), papRequest(t, "nurse@northbridge.nhs.uk", "pw"))
		want := realms.Facts{}
		if core {
			want = nurse
		}
		trace := c.Trace()
		trace.Rounds, trace.Stage, trace.Server = 0, "", ""
		if err != nil || a.Code != radius.CodeAccessAccept || !reflect.DeepEqual(a.Account, want.Account) || !reflect.DeepEqual(trace, want.Trace) {
			t.Errorf("core %v: %+v %+v, %v", core, a, trace, err)
		}
		_, err = p.Open(realms.Question{}).Answer(t.Context(), papRequest(t, "locked@northbridge.nhs.uk", "pw"))
		if wanted := map[bool]realms.Reason{true: realms.ErrLocked, false: realms.ErrUpstreamRejected}[core]; !errors.Is(err, wanted) {
			t.Errorf("core %v: %v", core, err)
		}
		a, err = p.Open(realms.Question{}).Answer(t.Context(), papRequest(t, "newer@northbridge.nhs.uk", "pw"))
		if refused := errors.Is(err, realms.ErrUpstreamReply) && a.Code == radius.CodeAccessReject; refused != core {
			t.Errorf("core %v, a fact that is not known: %+v, %v", core, a, err)
		}
	}
	_, err := New(Config{Name: "core", Core: true, Servers: at("127.0.0.1:1812"), Dial: dialUDP})
	if err == nil || !strings.Contains(err.Error(), "without TLS") {
		t.Errorf("a core over UDP: %v", err)
	}
}
