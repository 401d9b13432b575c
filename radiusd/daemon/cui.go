package daemon

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"layeh.com/radius"
	"layeh.com/radius/rfc4372"
	"layeh.com/radius/rfc5580"

	"causeway/realms"
)

// operatorOf is the realm of a request's Operator-Name in small letters, as rules have
// it; empty when it names none, one of another namespace (RFC 5580, section 4.1: "1" is
// a realm), or what could be no realm.
func operatorOf(p *radius.Packet) string {
	name, isRealm := strings.CutPrefix(rfc5580.OperatorName_GetString(p), "1")
	if !isRealm {
		return ""
	}
	id, err := realms.ParseIdentity("operator@" + name)
	if err != nil {
		return ""
	}
	return id.Realm
}

// chargeable is the Chargeable-User-Identity of one of our own people for the
// organisation that asks (RFC 4372, section 2.1), or nil: to whom it is given is
// decided here and nowhere else (R6). It is the same for one account at one
// organisation, whatever name stands outside the tunnel, and tells two organisations
// nothing that they could compare.
func (t *conversation) chargeable(p *radius.Packet, account realms.Account) []byte {
	key := t.house.file.Server.CUIKey.Reveal()
	_, asked := p.Lookup(rfc4372.ChargeableUserIdentity_Type)
	if !t.route.Own || t.seat.proxy == "" || !asked || t.operator == "" || key == "" || account.Name == "" {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(key))
	for _, part := range []string{"causeway cui 1", t.operator, t.known(), strings.ToLower(account.Name)} {
		_, _ = mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) //nolint:gosec // names are short
		_, _ = mac.Write([]byte(part))
	}
	return hex.AppendEncode(nil, mac.Sum(nil))
}

// known says by whom an account is known under its name: the directory, or at an edge,
// which does not hear of directories, the core and the realm. Two people of one name in
// two directories of a core must not have one identity.
func (t *conversation) known() string {
	if t.house.file.Server.Mode == "edge" {
		return t.route.Name + " " + t.route.Owner
	}
	return t.route.Name
}

// cuiOf is the Chargeable-User-Identity of a request for the log; empty for none and
// for the question that one NUL octet is.
func cuiOf(p *radius.Packet) string {
	value := p.Get(rfc4372.ChargeableUserIdentity_Type)
	if bytes.Equal(value, []byte{0}) {
		return ""
	}
	if bytes.ContainsFunc(value, func(r rune) bool { return r < '!' || r > '~' }) {
		return fmt.Sprintf("0x%x", []byte(value)) // most are text
	}
	return string(value)
}
