package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"layeh.com/radius"

	"causeway/radiusd/daemon/config"
	"causeway/realms"
)

// coreRoute is what an edge's log calls the way to its core.
const coreRoute = "core"

// ofCore is the core as a federation of its own, which is how it is reached.
func ofCore(file *config.File) config.Federation {
	return config.Federation{Transport: overTLS, Servers: file.Core.Servers, Balance: file.Core.Balance, WithoutCUI: true}
}

// ours makes who answers for a realm of ours: our EAP server, or our core.
func (h *homes) ours(key, name string, r config.Realm) realms.Home {
	if !r.Core {
		return h.own(key, name, r)
	}
	if h == nil {
		return stand{}
	}
	if h.core == nil {
		h.core = h.pool("core", coreRoute, ofCore(h.file), 0)
	}
	return h.core
}

// tell adds to an Accept, or to a Reject, for an edge who it is and why not. Nobody else
// is told. Whoever was not proved is nobody to tell of.
func (t *conversation) tell(reply *radius.Packet, account realms.Account) error {
	if t.seat.edge == "" || !t.route.Own || t.home == nil {
		return nil
	}
	facts := realms.Facts{Account: account, Trace: t.home.Trace()}
	if tells := t.house.file.Core.Tells; tells != nil {
		facts.Account = selected(account, tells)
	}
	return add(reply, facts)
}

// selected is an account with those of its groups that edges are told of. An edge whose
// rules turn on another group has to know that it was not told of it: else it would take
// everybody for no member, and pass over the rule that keeps some of them out.
func selected(a realms.Account, tells []string) realms.Account {
	among := func(list []string) func(string) bool {
		return func(group string) bool {
			return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, group) })
		}
	}
	isTold, isTheirs, whole := among(tells), among(a.Groups), !a.GroupsUnknown
	a.Groups = slices.DeleteFunc(slices.Clone(a.Groups), func(group string) bool { return !isTold(group) })
	a.GroupsUnknown, a.NotIn = true, nil
	if whole {
		a.NotIn = slices.DeleteFunc(slices.Clone(tells), isTheirs)
	}
	return a
}

// tellWhy adds to a Reject for an edge why it is one.
func (t *conversation) tellWhy(reply *radius.Packet, why error) {
	if t.seat.edge != "" {
		_ = add(reply, realms.Facts{Reason: realms.Reason(reasonOf(why))}) // a reason is short
	}
}

var errNobody = errors.New("the core let somebody in without saying whom")

// believe judges what a core has told in its Accept: it was asked for the people of one
// realm, and may run that realm with others which this edge keeps apart, by their SSIDs
// or by whether they roam. Our own EAP server does the same (R4).
func (t *conversation) believe() error {
	if !t.route.Own || t.house.file.Server.Mode != "edge" || t.route.Name == devicesRoute && t.route.Home == nil {
		return nil
	}
	id := t.home.Trace().Identity
	switch {
	case id == realms.Identity{}:
		return fmt.Errorf("%w: %w", errNobody, realms.ErrUpstreamReply)
	case t.house.realms.Owner(id.Realm) == t.route.Owner:
		return nil
	case id.Machine() && t.house.hasComputers(t.route.Owner, id.Realm):
		return nil
	}
	return fmt.Errorf("realm %q inside, %q outside: %w", id.Realm, t.route.Realm, realms.ErrInnerRealm)
}

// hasComputers says whether the computers of a domain belong to a realm of ours.
func (h *house) hasComputers(owner, domain string) bool {
	for name, r := range h.file.Realm {
		if strings.EqualFold(name, owner) && slices.Contains(lower(r.Computers), domain) {
			return true
		}
	}
	return false
}

func add(reply *radius.Packet, facts realms.Facts) error {
	all, err := facts.Attributes()
	if err != nil {
		return fmt.Errorf("what the edge is to be told: %w", err)
	}
	for _, fact := range all {
		reply.Add(realms.FactsType, fact)
	}
	return nil
}
