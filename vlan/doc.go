// Package vlan decides which network a person is put on, writes the attributes
// that say so, and proves that it never says anything else.
//
// Rules name VLANs by name; every VLAN belongs to one zone; the numbers belong to
// the site. [New] reads a [Config], proves the guarantees over every combination
// of site, SSID, class of person, method, group, device, certificate and failure,
// and only then returns a [Policy]: a Policy exists only if the proof held.
//
//	place, err := policy.Assign(facts) // which network, or a Reason to refuse
//	err = place.Tag(accept)            // the attributes, in the controller's words
//	err = place.Verify(wire)           // the bytes about to leave say that and no more
//
// How rules are read: the first rule of the SSID whose conditions all hold wins;
// when none does the answer is Reject, [ErrNoRule]. Groups and user names are
// compared without regard to case, because Active Directory keeps the case that
// somebody once typed and OpenLDAP another; SSIDs, authorities and certificate
// policies are compared octet by octet.
//
// A device is verified when it proved itself by a credential of its own, beside or
// instead of the person who uses it. A rule about the device, or about the authority
// or a policy of the client certificate, is for our own people only: nobody else's are
// seen here. Two conditions on a certificate speak of the same one.
//
// Knowing less never gives more: a rule that turns on something which cannot be
// seen (a group when the directory gave a partial list, the method of a proxied
// conversation, a device of which nothing is known) refuses rather than lets a
// later rule speak. A guarantee for unverified devices speaks of those of which
// nothing is known as well, a visitor's among them.
//
// What the proof does not cover is printed with it: trunks, access lists and what
// a controller does by itself stay with those who run them.
package vlan
