package vlan

// A choice is what rules leave open once all is known of a person but their groups: in
// order, the first rule for each group that could decide, and last, if there is one,
// the first that asks for no group, which takes all others. Whoever is in some groups
// gets the first of those that is for one of them. So one walk through the rules
// answers for every set of groups.
type choice struct {
	rules   []*rule
	matched []int // how many of the first n rules match; the others turn on what cannot be seen
	rank    []int // by group: the place in rules from 1, or 0; rank[0] is of the last one
}

func (p *Policy) newChoice() *choice { return &choice{rank: make([]int, len(p.markAt))} }

// narrow leaves the rules that could decide for a person, who is here in every group.
func (c *choice) narrow(rules []*rule, s *subject) {
	for _, r := range c.rules {
		c.rank[r.group] = 0
	}
	c.rules, c.matched = c.rules[:0], append(c.matched[:0], 0)
	for _, r := range rules {
		if r.group != 0 && c.rank[r.group] != 0 {
			continue
		}
		v := r.judge(s)
		if v != matches && v < userHidden {
			continue
		}
		n := c.matched[len(c.rules)]
		if v == matches {
			n++
		}
		c.rules, c.matched = append(c.rules, r), append(c.matched, n)
		c.rank[r.group] = len(c.rules)
		if r.group == 0 {
			return
		}
	}
}

// of is the rank of the rule that decides for those in one group, 0 for none of them;
// it is 0 when no rule does.
func (c *choice) of(group int) int {
	if n := c.rank[group]; n != 0 {
		return n
	}
	return c.rank[0]
}

// before counts the rules in front of a rank; all of them where it is no rule's.
func (c *choice) before(rank int) int {
	if rank == 0 {
		return len(c.rules)
	}
	return rank - 1
}

func (c *choice) matches(rank int) bool { return c.matched[rank] > c.matched[rank-1] }

// An ending counts cases by how they end.
type ending struct{ placed, noRule, unseen int }

func (e *ending) add(c *choice, rank, times int) {
	switch {
	case rank == 0:
		e.noRule += times
	case c.matches(rank):
		e.placed += times
	default:
		e.unseen += times
	}
}

// known counts how every set of groups ends where they are all that there are.
func (c *choice) known(a *groupsAsked) (e ending) {
	e.add(c, c.of(0), 1)
	for _, n := range a.named {
		e.add(c, c.of(n), 1)
	}
	for _, h := range a.promised {
		rank := c.of(h)
		front := c.before(rank) // each with h
		e.placed += c.matched[front]
		e.unseen += front - c.matched[front]
		e.add(c, rank, a.beside(h)-front)
	}
	return e
}

// unknown counts how they end where there may be more: the first rule that could
// decide does, or nothing can be said.
func (c *choice) unknown(a *groupsAsked) (e ending) {
	all := a.sets(0)
	if len(c.rules) == 0 {
		e.noRule = all
		return e
	}
	in := all
	if group := c.rules[0].group; group != 0 {
		in = a.sets(group)
	}
	e.add(c, 1, in)
	e.unseen += all - in
	return e
}
