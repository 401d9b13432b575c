// Package vlan decides which network a person is put on, writes the attributes
// that say so, and proves that it never says anything else.
//
// Rules name VLANs by name; every VLAN belongs to one zone; the numbers belong to
// the site. [New] reads a [Config], proves the guarantees over every combination
// of site, SSID, class of person, method, group and failure, and only then
// returns a [Policy]: a Policy exists only if the proof held.
//
//	place, err := policy.Assign(facts) // which network, or a Reason to refuse
//	err = place.Tag(accept)            // the attributes, in the controller's words
//	err = place.Verify(wire)           // the bytes about to leave say that and no more
//
// How rules are read: the first rule of the SSID whose conditions all hold wins;
// when none does the answer is Reject, [ErrNoRule]. Groups and user names are
// compared without regard to case, because Active Directory keeps the case that
// somebody once typed and OpenLDAP another; SSIDs are compared octet by octet.
//
// Knowing less never gives more: a rule that turns on something which cannot be
// seen (a group when the directory gave a partial list, the method of a proxied
// conversation) refuses rather than lets a later rule speak.
//
// What the proof does not cover is printed with it: trunks, access lists and what
// a controller does by itself stay with those who run them.
package vlan
