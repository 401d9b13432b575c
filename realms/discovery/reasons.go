package discovery

import "strings"

// A Reason says why a realm has no servers by discovery, or why a part of what DNS said
// was left out. docs/discovery.md has them all, in these words.
type Reason string //nolint:errname // it is the words of a table first

// Error returns the words.
func (r Reason) Error() string { return string(r) }

// Reasons for which nothing was asked.
const (
	ErrRealm     Reason = "it is no realm in its DNS form"
	ErrNotListed Reason = "it is not among the realms that may be looked up in DNS"
	ErrBusy      Reason = "too many realms are being looked up"
	ErrClosed    Reason = "discovery has ended"
)

// ErrNone says that DNS has nothing of the realm for the services that are taken. It is
// an answer, and for most realms the usual one.
const ErrNone Reason = "DNS names no server for it"

// ErrSilent says that no resolver gave an answer.
const ErrSilent Reason = "no resolver answered"

// Reasons for which an answer, or a part of it, is refused.
const (
	ErrRegexp      Reason = "a NAPTR record with a regular expression"
	ErrFlag        Reason = "a NAPTR record that does not end at SRV or an address (flag s or a)"
	ErrReplacement Reason = "a NAPTR record that leads to no DNS name"
	ErrHost        Reason = "an SRV record that names no host"
	ErrPort        Reason = "an SRV record with port 0"
	ErrAddress     Reason = "an address that is not on the Internet"
	ErrOwn         Reason = "an address of our own: a loop"
	ErrLoop        Reason = "CNAME records in a loop"
	ErrChain       Reason = "too many CNAME records one after the other"
	ErrAlias       Reason = "a CNAME record beside others of its name"
	ErrForeign     Reason = "records that were not asked for"
	ErrMany        Reason = "too many records"
	ErrQuestions   Reason = "too many questions for one realm"
)

const errFault Reason = "a fault of the server"

// together are several errors on one line of a log.
type together []error //nolint:errname // it is a list of them

func (t together) Error() string {
	words := make([]string, len(t))
	for i, err := range t {
		words[i] = err.Error()
	}
	return strings.Join(words, "; ")
}

func (t together) Unwrap() []error { return t }
