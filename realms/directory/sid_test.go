package directory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"

	"causeway/realms"
	"causeway/realms/directory"
)

const (
	nurseSID     = "S-1-5-21-1004336348-1177238915-682003330-1104"
	escapedNurse = `(objectSid=\01\05\00\00\00\00\00\05\15\00\00\00\dc\f4\dc\3b\83\3d\2b\46\82\8b\a6\28\50\04\00\00)`
)

// nurseFilter is how the responder shows it.
var nurseFilter = func() string {
	p, err := ldap.CompileFilter(escapedNurse)
	if err != nil {
		panic(err)
	}
	text, err := ldap.DecompileFilter(p)
	if err != nil {
		panic(err)
	}
	return text
}()

// knowing answers searches with an identifier, and by name.
func knowing(nurse []string) *responder {
	ok := done(ldap.ApplicationSearchResultDone, result{})
	return &responder{search: func(filter string) []*ber.Packet {
		bySID := strings.Contains(filter, "objectSid=")
		right := strings.Contains(filter, nurseFilter)
		named := strings.Contains(filter, "sAMAccountName=nurse")
		nameless := !strings.Contains(filter, "sAMAccountName=") && !strings.Contains(filter, "dNSHostName=")
		if !strings.Contains(filter, "objectClass=group") && (bySID && right && (named || nameless) || !bySID && named) {
			return []*ber.Packet{found(nurseDN, nurse...), ok}
		}
		return []*ber.Packet{ok}
	}}
}

// An identifier finds its account, alone or together with a name, and a name that is
// another's is refused.
func TestLookupSID(t *testing.T) {
	disabled := slices.Clone(goodNurse)
	disabled[slices.Index(disabled, "userAccountControl")+1] = "514"
	for name, c := range map[string]struct {
		entry []string
		sid   string
		id    realms.Identity
		want  realms.Reason
	}{
		"alone":               {goodNurse, nurseSID, realms.Identity{}, ""},
		"with its name":       {goodNurse, nurseSID, person("nurse"), ""},
		"of another account":  {goodNurse, "S-1-5-21-1004336348-1177238915-682003330-500", person("nurse"), realms.ErrClientCertIdentity},
		"of nobody":           {goodNurse, "S-1-5-21-1-2-3-4", realms.Identity{}, realms.ErrUnknownUser},
		"of nobody, a name":   {goodNurse, "S-1-5-21-1-2-3-4", person("nobody"), realms.ErrUnknownUser},
		"disabled":            {disabled, nurseSID, person("nurse"), realms.ErrDisabled},
		"disabled, alone":     {disabled, nurseSID, realms.Identity{}, realms.ErrDisabled},
		"none":                {goodNurse, "S-1-5-21-1)(objectClass=*", person("nurse"), realms.ErrClientCertIdentity},
		"a computer's":        {goodNurse, nurseSID, realms.Identity{User: "host/pc01." + "northbridge.nhs.uk", Realm: "northbridge.nhs.uk"}, realms.ErrUnknownUser},
		"the name of another": {goodNurse, nurseSID, person("doctor"), realms.ErrUnknownUser},
	} {
		r := knowing(c.entry)
		account, err := adOf(t, r).LookupSID(t.Context(), c.sid, c.id)
		reason := realms.Reason("")
		errors.As(err, &reason)
		if reason != c.want || c.want == "" && account.Name != "nurse" || c.want != "" && account.Name != "" {
			t.Errorf("%s: %+v, %v", name, account, err)
		}
		if _, searches, _ := r.asked(); c.want == "" && !strings.Contains(searches[0], nurseFilter) {
			t.Errorf("%s: it asked %q", name, searches)
		}
	}
	if adOf(t, knowing(nil)).KnowsSIDs() == false {
		t.Error("Active Directory does")
	}
	cfg := configOf(t, knowing(nil).serve(t))
	if newLDAP(t, cfg).KnowsSIDs() {
		t.Error("OpenLDAP does not")
	}
	var _ realms.SIDLookup = (*directory.LDAP)(nil)
}
