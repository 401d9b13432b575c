package realms

import "context"

// A SIDLookup is a Directory that may know its accounts by their security
// identifiers, as Active Directory does. A certificate that carries one belongs to
// that account and to no other, whatever names stand beside it.
type SIDLookup interface {
	// KnowsSIDs says whether this directory does.
	KnowsSIDs() bool
	// LookupSID is Lookup of the account whose objectSid is "S-1-5-21-…". A name,
	// unless it is zero, has to be a name of that account: the error wraps
	// [ErrClientCertIdentity] when it is another's.
	LookupSID(ctx context.Context, sid string, id Identity) (Account, error)
}
