package directory

import (
	"context"
	"slices"
	"strings"

	ldap "github.com/go-ldap/ldap/v3"
)

// Bounds of a walk through nested groups. Beyond any of them the groups count as
// unknown: a rule on a group is then not decided.
const (
	deepestGroup  = 10
	mostGroups    = 1000
	groupsAtOnce  = 25 // names in one filter
	inChainMember = "member:1.2.840.113556.1.4.1941:="
)

// chainGroups lets Active Directory walk the nesting itself
// (LDAP_MATCHING_RULE_IN_CHAIN). The primary group, Domain Users by default, is
// not among the results.
func chainGroups(ctx context.Context, l *LDAP, entry *ldap.Entry) (names []string, complete bool) {
	filter := "(&" + l.cfg.GroupFilter + "(" + inChainMember + ldap.EscapeFilter(entry.DN) + "))"
	found, err := l.search(ctx, l.cfg.GroupBase, filter, 0, []string{l.cfg.GroupName})
	if err != nil {
		return nil, false
	}
	w := walk{complete: found.whole(), attribute: l.cfg.GroupName}
	for _, group := range found.entries {
		w.add(group)
	}
	return w.names, w.complete
}

// walkGroups asks for the groups of the entry, then for the groups of those, and
// so on. A group is visited once, so loops end.
func walkGroups(ctx context.Context, l *LDAP, entry *ldap.Entry) (names []string, complete bool) {
	w := walk{complete: true, attribute: l.cfg.GroupName, seen: map[string]bool{canonical(entry.DN): true}}
	level := []string{entry.DN}
	if l.cfg.MemberOf {
		level = append(level, w.memberOf(l, entry)...)
	}
	uid := value(entry, "uid")
	for range deepestGroup {
		if len(level) == 0 || !w.complete {
			return w.names, w.complete
		}
		level = w.parents(ctx, l, level, uid)
		uid = "" // posixGroup names people only (RFC 2307, section 5.3)
	}
	return w.names, w.complete && len(level) == 0
}

// A walk is the groups found so far.
type walk struct {
	names     []string
	complete  bool
	attribute string
	seen      map[string]bool // canonical names of entries
}

// parents adds the groups that have one of these members, and returns those that
// are new.
func (w *walk) parents(ctx context.Context, l *LDAP, members []string, uid string) (found []string) {
	for chunk := range slices.Chunk(members, groupsAtOnce) {
		var b strings.Builder
		b.WriteString("(&" + l.cfg.GroupFilter + "(|")
		for _, dn := range chunk {
			escaped := ldap.EscapeFilter(dn)
			b.WriteString("(member=" + escaped + ")(uniqueMember=" + escaped + ")")
		}
		if uid != "" {
			b.WriteString("(memberUid=" + ldap.EscapeFilter(uid) + ")")
		}
		b.WriteString("))")
		groups, err := l.search(ctx, l.cfg.GroupBase, b.String(), mostGroups, []string{w.attribute})
		if err != nil {
			w.complete = false
			return nil
		}
		w.complete = w.complete && groups.whole()
		for _, group := range groups.entries {
			if w.visit(group.DN) {
				w.add(group)
				found = append(found, group.DN)
			}
		}
	}
	return found
}

// memberOf adds the groups that the entry itself names. Their names are read
// from the groups, and those outside the base do not count.
func (w *walk) memberOf(l *LDAP, entry *ldap.Entry) (found []string) {
	base, err := ldap.ParseDN(l.cfg.GroupBase)
	if err != nil {
		return nil
	}
	for _, text := range entry.GetEqualFoldAttributeValues("memberOf") {
		dn, err := ldap.ParseDN(text)
		if err != nil || len(dn.RDNs) == 0 || !base.AncestorOfFold(dn) {
			continue
		}
		for _, part := range dn.RDNs[0].Attributes {
			if strings.EqualFold(part.Type, w.attribute) && w.visit(text) {
				w.names = append(w.names, part.Value)
				found = append(found, text)
			}
		}
	}
	return found
}

// visit says whether an entry is new.
func (w *walk) visit(dn string) bool {
	key := canonical(dn)
	if w.seen[key] {
		return false
	}
	w.seen[key] = true
	if len(w.seen) > mostGroups {
		w.complete = false
	}
	return true
}

// add notes the name of a group. One without a readable name might be the one
// that a rule asks for.
func (w *walk) add(group *ldap.Entry) {
	name := value(group, w.attribute)
	if name == "" {
		w.complete = false
		return
	}
	if !slices.Contains(w.names, name) {
		w.names = append(w.names, name)
	}
}

// canonical is a form of an entry's name that does not change with case and
// spaces.
func canonical(dn string) string {
	if parsed, err := ldap.ParseDN(dn); err == nil {
		dn = parsed.String()
	}
	return strings.ToLower(dn)
}
