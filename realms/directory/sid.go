package directory

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"causeway/realms"
)

var (
	_ realms.SIDLookup = (*LDAP)(nil)
	_ realms.SIDLookup = (*AD)(nil)
)

// KnowsSIDs is [realms.SIDLookup]'s.
func (l *LDAP) KnowsSIDs() bool { return l.cfg.Schema == "ad" }

// anyAccount is a person or a computer.
const anyAccount = "(|(objectCategory=person)(objectCategory=computer))"

// LookupSID is [realms.SIDLookup]'s. One search asks for the name and the identifier
// together; only when it finds nobody a second one tells why.
func (l *LDAP) LookupSID(ctx context.Context, sid string, id realms.Identity) (realms.Account, error) {
	octets, ok := parseSID(sid)
	if !ok {
		return realms.Account{}, fmt.Errorf("directory %s: %q is no security identifier: %w", l.cfg.Name, sid, realms.ErrClientCertIdentity)
	}
	ctx, cancel := l.patience(ctx)
	defer cancel()
	filter := anyAccount
	switch {
	case id.Machine():
		filter = l.machine.fill(id)
	case id != (realms.Identity{}):
		filter = l.user.fill(id)
	}
	found, err := l.search(ctx, l.cfg.Base, "(&"+filter+"(objectSid="+escapeOctets(octets)+"))", mostMatches, l.attributes())
	switch {
	case err != nil:
		return realms.Account{}, err
	case len(found.entries) > 1:
		return realms.Account{}, fmt.Errorf("directory %s: more than one entry has %s: %w", l.cfg.Name, sid, realms.ErrAmbiguousUser)
	case found.limited:
		return realms.Account{}, fmt.Errorf("directory %s: the search for %s was cut short: %w", l.cfg.Name, sid, realms.ErrUnreachable)
	case len(found.entries) == 0:
		return realms.Account{}, l.notOf(ctx, sid, id)
	}
	entry := found.entries[0]
	standing := l.schema.standing(entry, l.cfg.Now())
	if err := first(standing.account, standing.lock); err != nil {
		return realms.Account{}, l.about(entry, err)
	}
	return l.account(ctx, entry), nil
}

// notOf says why nobody has a name and an identifier together.
func (l *LDAP) notOf(ctx context.Context, sid string, id realms.Identity) error {
	if id == (realms.Identity{}) {
		return fmt.Errorf("directory %s: nobody has %s below %s: %w", l.cfg.Name, sid, l.cfg.Base, realms.ErrUnknownUser)
	}
	entry, err := l.find(ctx, id)
	if err != nil {
		return err
	}
	return l.about(entry, fmt.Errorf("it is called %s, and its security identifier is not %s, which the certificate has: %w", id, sid, realms.ErrClientCertIdentity))
}

// parseSID reads "S-1-5-21-…" and returns objectSid (MS-DTYP, section 2.4.2.2): revision,
// number of parts, authority in six octets with the highest first, and each part
// in four octets with the lowest first.
func parseSID(text string) (octets []byte, ok bool) {
	rest, is := strings.CutPrefix(text, "S-1-")
	words := strings.Split(rest, "-")
	const mostParts = 15
	if !is || len(words) < 2 || len(words) > 1+mostParts {
		return nil, false
	}
	authority, err := parseDecimal(words[0], 48)
	if err != nil {
		return nil, false
	}
	octets = append(octets, 1, byte(len(words)-1))
	octets = append(octets, binary.BigEndian.AppendUint64(nil, authority)[2:]...)
	for _, word := range words[1:] {
		part, err := parseDecimal(word, 32)
		if err != nil {
			return nil, false
		}
		octets = binary.LittleEndian.AppendUint32(octets, uint32(part))
	}
	return octets, true
}

// parseDecimal takes a number in the one form in which Windows writes it.
func parseDecimal(word string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(word, 10, bits)
	if err == nil && strconv.FormatUint(n, 10) != word {
		err = strconv.ErrSyntax
	}
	return n, err
}

// escapeOctets writes octets as a filter has them (RFC 4515, section 3).
func escapeOctets(octets []byte) string {
	var b strings.Builder
	for _, o := range octets {
		fmt.Fprintf(&b, `\%02x`, o)
	}
	return b.String()
}
