package daemon

import "causeway/vlan"

// Diff says whose placement changes when next takes the place of i, and what else of the
// policy differs. The error says that too much differs to look at all of it.
func (i *Inspection) Diff(next *Inspection) (*vlan.Comparison, error) {
	return i.house.vlan.Compare(next.house.vlan)
}
