package realms

// An Identity is a user name taken apart at its one "@".
type Identity struct {
	User  string // may be empty: "@realm" hides the user (RFC 4282, section 2.1)
	Realm string // lower case
}

// String returns user@realm.
func (id Identity) String() string { return id.User + "@" + id.Realm }
