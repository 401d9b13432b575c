package realms

import (
	"errors"
	"fmt"
	"strings"

	"layeh.com/radius"
)

// FactsType is the attribute in which a core tells its edges who somebody is. The
// numbers from 224 to 240 are an implementation's own (RFC 3575, section 2.1); it never
// travels but within TLS, between servers that know each other by certificate.
const FactsType radius.Type = 224

// Facts are what a core, which has the directory, tells an edge, which has the rules:
// who was proved and by what. They name no network, and cannot: an edge places
// everybody by its own rules.
//
// Each fact is an attribute of its own: one letter, a colon and the value.
type Facts struct {
	Account Account // without PasswordSet, which stays with the core
	Trace   Trace   // Method, Inner, Identity, Device, Certificate, TLS and Resumed
	Reason  Reason  // of a Reject
}

// The letters of facts. A new kind is a new letter; an edge passes over those that it
// does not know only where that cannot let anybody in, which is nowhere yet.
const (
	factMethod     = 'm'
	factInner      = 'i'
	factIdentity   = 'u'
	factDevice     = 'd'
	factAuthority  = 'a'
	factPolicy     = 'p'
	factUnchecked  = 'x'
	factTLS        = 't'
	factResumed    = 'r'
	factAccount    = 'n'
	factGroup      = 'g'
	factGroupsLack = 'l' // there are more groups than are told
	factNotIn      = 'w' // a group that they are not in, where not all is told
	factReason     = 'e'
)

const (
	mostFact  = 251  // octets of a value: what an attribute holds behind the letter
	mostFacts = 2500 // of all attributes together: an Accept has room for an EAP packet and keys beside them
)

var errFacts = errors.New("the facts of the core cannot be read")

// Attributes writes the facts down. Groups for which there is no room are left out, and
// then the list says that it is not whole: no rule decides on a group that may be
// missing. Of what else does not fit the error says so.
func (f *Facts) Attributes() (all []radius.Attribute, err error) {
	room := mostFacts
	add := func(kind byte, value string) bool {
		if value == "" {
			return true
		}
		if len(value) > mostFact || len(value)+4 > room {
			return false
		}
		room -= len(value) + 4
		all = append(all, append(radius.Attribute{kind, ':'}, value...))
		return true
	}
	whole := true
	for _, one := range []struct {
		kind  byte
		value string
	}{
		{factMethod, f.Trace.Method}, {factInner, f.Trace.Inner}, {factTLS, f.Trace.TLS}, {factReason, string(f.Reason)},
		{factIdentity, f.Trace.Identity.fact()}, {factDevice, f.Trace.Device.fact()}, {factAccount, f.Account.Name},
		{factAuthority, f.Trace.Certificate.Authority}, {factUnchecked, yes(f.Trace.Certificate.Unchecked)}, {factResumed, yes(f.Trace.Resumed)},
	} {
		whole = add(one.kind, one.value) && whole
	}
	for _, policy := range f.Trace.Certificate.Policies {
		whole = add(factPolicy, policy) && whole
	}
	if !whole {
		return nil, fmt.Errorf("a name or a policy is too long to be told: %w", ErrTooLarge)
	}
	room -= len("l:yes") + 2
	lack := f.Account.GroupsUnknown
	for _, group := range f.Account.Groups {
		lack = !add(factGroup, group) || lack
	}
	for _, group := range f.Account.NotIn {
		add(factNotIn, group) // of one that does not fit nothing is known
	}
	if lack {
		all = append(all, append(radius.Attribute{factGroupsLack, ':'}, yes(true)...))
	}
	return all, nil
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func (id Identity) fact() string {
	if id == (Identity{}) {
		return ""
	}
	return id.String()
}

// Take reads one attribute. What makes no sense is an error that is
// [ErrUpstreamReply]: half of the facts are none.
func (f *Facts) Take(value []byte) error {
	if len(value) < 3 || value[1] != ':' || !shown(string(value[2:])) {
		return fmt.Errorf("%w: %w", errFacts, ErrUpstreamReply)
	}
	text := string(value[2:])
	single := func(into *string) error {
		if *into != "" {
			return fmt.Errorf("%w: %c stands there twice: %w", errFacts, value[0], ErrUpstreamReply)
		}
		*into = text
		return nil
	}
	flag := func(into *bool) error {
		*into = true
		if text != yes(true) {
			return fmt.Errorf("%w: %w", errFacts, ErrUpstreamReply)
		}
		return nil
	}
	name := func(into *Identity) error {
		id, err := ParseIdentity(text)
		if err != nil || *into != (Identity{}) {
			return fmt.Errorf("%w: the name %q: %w", errFacts, text, ErrUpstreamReply)
		}
		*into = id
		return nil
	}
	switch value[0] {
	case factMethod:
		return single(&f.Trace.Method)
	case factInner:
		return single(&f.Trace.Inner)
	case factIdentity:
		return name(&f.Trace.Identity)
	case factDevice:
		return name(&f.Trace.Device)
	case factAuthority:
		return single(&f.Trace.Certificate.Authority)
	case factTLS:
		return single(&f.Trace.TLS)
	case factAccount:
		return single(&f.Account.Name)
	case factReason:
		if strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(text) > 40 {
			return fmt.Errorf("%w: the reason %q: %w", errFacts, text, ErrUpstreamReply)
		}
		return single((*string)(&f.Reason))
	case factPolicy:
		f.Trace.Certificate.Policies = append(f.Trace.Certificate.Policies, text)
	case factGroup:
		f.Account.Groups = append(f.Account.Groups, text)
	case factNotIn:
		f.Account.NotIn = append(f.Account.NotIn, text)
	case factUnchecked:
		return flag(&f.Trace.Certificate.Unchecked)
	case factResumed:
		return flag(&f.Trace.Resumed)
	case factGroupsLack:
		return flag(&f.Account.GroupsUnknown)
	default:
		return fmt.Errorf("%w: %c is not known here; the core may be newer than its edge: %w", errFacts, value[0], ErrUpstreamReply)
	}
	return nil
}

// shown says whether a text is fit to be read by people: UTF-8 without control
// characters.
func shown(text string) bool {
	return strings.ToValidUTF8(text, "") == text && !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
