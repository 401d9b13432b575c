// Package realms decides who answers for a user.
//
// A user name names a realm; the realm and the SSID name a [Home]: our own EAP
// server for our own people, or the servers of a partner or a federation for
// everybody else. The realm is chosen before EAP begins, because a partner's EAP
// must pass through untouched.
package realms

import (
	"context"
	"time"

	"layeh.com/radius"

	"causeway/certs"
)

// A Home answers for the users of a realm: our own EAP server, or an upstream.
type Home interface {
	// Open begins a conversation. It allocates little and waits for nothing:
	// the work is done by Answer.
	Open(q Question) Conversation
}

// A Conversation is one authentication, from the first request of a supplicant
// to its Accept or Reject. Calls to Answer do not overlap: the ledger of
// conversations lets one request in at a time.
type Conversation interface {
	// Answer takes the next request and returns the answer to it.
	//
	// An error says why the outcome is a Reject; the Answer beside it then
	// carries what to send (an EAP-Failure that fits the conversation) or has
	// Code zero, and the caller makes the Reject. An error that is
	// [ErrDiscard] asks for silence: no reply, no change.
	Answer(ctx context.Context, req *radius.Packet) (Answer, error)
	// Trace says how far the conversation has come. It is read between
	// answers and after Close, for the event and for abandonment.
	Trace() Trace
	// Close frees what the conversation holds. It may be called more than once.
	Close()
}

// A Rememberer is a Conversation that writes something down once its Accept is
// certain, so that the next log-in of the same device is quicker.
type Rememberer interface {
	Remember(ctx context.Context)
}

// A Question is the first request of a conversation with what is known of its
// origin.
type Question struct {
	From   Identity       // the outer identity
	Packet *radius.Packet // the request, verified; its Secret is the client's
	SSID   string         // empty when a federation's proxy asks
	Site   string         // empty when a federation's proxy asks
}

// An Answer is what a home says to one request. It has no VLAN field: no home,
// ours or a partner's, can choose one.
type Answer struct {
	Code    radius.Code // Access-Accept, -Reject or -Challenge
	EAP     []byte      // one whole EAP packet, or nil when the request carried none
	State   []byte      // an upstream's State, passed on unmodified; nil from our own EAP server
	Keys    Keys        // only on an Accept
	Account Account     // only on our own Accept
	// TellsFailure says that a Challenge tells the supplicant of its failure, so
	// that the wait before a Reject belongs here (R27).
	TellsFailure   bool
	UserName       string   // for the Accept (RFC 3579, section 3.0); empty when unknown
	CUI            []byte   // Chargeable-User-Identity (RFC 4372) as the home gave it
	Class          [][]byte // Class attributes in order (RFC 2865, section 5.25)
	SessionTimeout uint32   // seconds; 0 when the home named none
}

// Keys are the MS-MPPE keys of RFC 2548, in the clear. The zero value means that
// the method made none.
type Keys struct {
	Recv []byte // MSK[0:32]
	Send []byte // MSK[32:64]
}

// An Account is what a directory knows of one person or device.
type Account struct {
	Name string // the name the directory itself uses
	// Entry is what an [AccountError] calls it: one for each account, however its name
	// was typed. Empty: the name as it was typed is the only one.
	Entry  string
	Groups []string // every group, nested ones included; names as an admin writes them in a rule
	// GroupsUnknown says that the list of groups may be incomplete. Policy
	// refuses to decide a rule on a group that it cannot see.
	GroupsUnknown bool
	// NotIn are groups that the account is surely not in where GroupsUnknown says that
	// the list may be incomplete.
	NotIn []string
	// PasswordSet changes whenever the password does, and is nothing else: a
	// session that began with another one is not resumed. Empty: unknown.
	PasswordSet string
	// Ends is when the account is surely over: no session lasts beyond it. Zero: nobody
	// has said.
	Ends      time.Time
	Placement Placement
}

// A Placement is why somebody is here for a while, for those who read the log. The zero
// value means that they are not.
type Placement struct {
	Sponsor string // who asked for the account
	Purpose string // what for
}

// A Certificate is what policy may know of a client certificate that was
// verified. The zero value means that there was none.
type Certificate struct {
	Authority string   // what the configuration calls the authority that vouched for it
	Policies  []string // certificatePolicies of the leaf, dotted (RFC 5280, section 4.2.1.4)
	// Unchecked says that nobody could say whether it was withdrawn, and that the
	// configuration lets its owner in all the same.
	Unchecked bool
}

// A Trace is what a conversation knows of itself.
type Trace struct {
	Method   string   // "tls", "ttls", "peap", "pap"; empty before it is agreed, and for a proxied conversation
	Inner    string   // "mschapv2", "pap"; empty without a tunnel
	Identity Identity // the inner identity, as far as it is known
	// Device is the computer that was proved by a credential of its own:
	// EAP-TLS as a computer, or the machine of a TEAP chain. Zero: none was.
	Device      Identity
	Certificate Certificate // the client's, once it was verified; of a TEAP chain the person's, if that has one
	TLS         string      // "1.2" or "1.3"; empty without TLS
	Resumed     bool
	Rounds      int    // requests answered
	Stage       string // the state's name in words, as "certificate sent"
	Server      string // the upstream or directory server that answered
	// Told is why the supplicant was told no inside its method, while the Reject
	// is still to come: many leave at that, and it is what they left for.
	Told error
	CUI  string
}

// A Directory holds the accounts of a realm.
//
// Both calls return [ErrUnknownUser] for nobody or for more than one entry, the
// account errors of this package where the directory says so, and
// [ErrUnreachable] when no server answered in time.
type Directory interface {
	// CheckPassword checks a password. An empty password, or one that holds a
	// NUL octet, is refused before anything is sent (RFC 4513, section 5.1.2).
	CheckPassword(ctx context.Context, id Identity, password certs.Secret) (Account, error)
	// Lookup finds the account without a password, for EAP-TLS and MSCHAPv2.
	Lookup(ctx context.Context, id Identity) (Account, error)
}

// An NTHasher is a Directory that can give the NT hash of a password
// (MD4 of its UTF-16LE form), so that MSCHAPv2 can be checked here. Beside
// [ErrPasswordExpired] and [ErrMustChange] it gives the hash too, so that only who
// knows the password is told that it has expired.
type NTHasher interface {
	NTHash(ctx context.Context, id Identity) ([16]byte, error)
}

// A Challenge is one MSCHAPv2 exchange to be judged by a directory that keeps
// its hashes to itself (RFC 2759).
type Challenge struct {
	UserName      string   // as the peer hashed it: the name without a Windows domain
	Authenticator [16]byte // our challenge
	Peer          [16]byte // the peer's challenge
	NTResponse    [24]byte
}

// A CHAPVerifier is a Directory that holds passwords in the clear and can judge
// CHAP (RFC 1994, section 4.1). The secret of the exchange never leaves it.
type CHAPVerifier interface {
	VerifyCHAP(ctx context.Context, id Identity, ident byte, challenge, response []byte) (Account, error)
}

// A SessionKey is what a ChallengeVerifier gives back to prove that it knew the
// password: MD4 of the NT hash.
type SessionKey [16]byte

// A ChallengeVerifier is a Directory that judges MSCHAPv2 itself, as a domain
// controller does.
type ChallengeVerifier interface {
	VerifyMSCHAPv2(ctx context.Context, id Identity, c Challenge) (Account, SessionKey, error)
}
