package directory

import (
	"errors"
	"fmt"

	"causeway/realms"
)

// An ntstatus is how Windows says how something went (MS-ERREF, section 2.3).
type ntstatus uint32

// judgements are the statuses by which a domain controller judges an account
// (MS-NRPC, section 3.5.4.5; MS-ERREF).
var judgements = []struct {
	status ntstatus
	reason realms.Reason
	text   string
}{
	{0xC0000064, realms.ErrUnknownUser, "the domain controller does not know the account"},
	{0xC000006A, realms.ErrBadPassword, "wrong password"},
	{0xC000006D, realms.ErrBadPassword, "wrong password"},
	{0xC000006C, realms.ErrBadPassword, "wrong password"},
	{0xC000006F, realms.ErrLogonHours, "outside the account's logon hours"},
	{0xC0000070, realms.ErrWorkstation, "the account may log on at named computers only"},
	{0xC0000071, realms.ErrPasswordExpired, "its password has expired"},
	{0xC0000072, realms.ErrDisabled, "disabled"},
	{0xC0000193, realms.ErrExpired, "expired"},
	{0xC0000224, realms.ErrMustChange, "must change the password"},
	{0xC0000234, realms.ErrLocked, "locked after wrong passwords"},
	{0xC000006E, realms.ErrRestricted, "the domain controller restricts the account, as it does with members of Protected Users"},
	{0xC0000413, realms.ErrRestricted, "an authentication policy keeps the account from logging on here"},
	{0xC000015B, realms.ErrRestricted, "the account has not been granted this type of logon"},
	{0xC0000198, realms.ErrRestricted, "a trust between domains may not log on"},
	{0xC0000199, realms.ErrRestricted, "the domain controller lets no computers log on"},
	{0xC000019A, realms.ErrRestricted, "the domain controller lets no domain controllers log on"},
	{0xC0000418, realms.ErrMisconfigured, `NTLM is blocked at the domain controller ("Restrict NTLM"): make an exception for this server`},
}

// refusals are the statuses by which it refuses us, in words that an admin can act
// on.
var refusals = []struct {
	status ntstatus
	text   string
}{
	{0xC0000022, "the domain controller refuses the password of %s: join again, or set it anew in the domain and here"},
	{0xC000006A, "the domain controller refuses the password of %s: join again, or set it anew in the domain and here"},
	{0xC000018A, "the domain controller has no password for %s: join again"},
	{0xC000018B, "the domain has no computer account %s: join, or correct its name"},
	{0xC0000064, "the domain has no computer account %s: join, or correct its name"},
	{0xC000018C, "the domain controller and %s have lost the trust in each other: join again"},
	{0xC000018D, "the domain controller and %s have lost the trust in each other: join again"},
	{0xC0000122, "the computer account %s has another name in the domain"},
	{0xC0000072, "the computer account %s is disabled"},
	{0xC0000133, "the clocks of the domain controller and of this server differ too much, says the domain controller to %s: correct them"},
	{0xC0000388, "the domain controller wants a weaker channel than %s takes: update it"},
}

func (s ntstatus) String() string { return fmt.Sprintf("0x%08X", uint32(s)) }

// judgement is the error of a log-on: about the account, about the channel, which
// then is not used again, or a fault of the domain controller.
func (s ntstatus) judgement(as computer) error {
	for _, j := range judgements {
		if j.status == s {
			return fmt.Errorf("%s (%s): %w", j.text, s, j.reason)
		}
	}
	if text := s.refusalText(as); text != "" {
		return fmt.Errorf("the channel is not accepted any more: %s", text)
	}
	return s.trouble()
}

// refusal is the fault of a domain controller that opens no channel for us.
func (s ntstatus) refusal(as computer) error {
	if text := s.refusalText(as); text != "" {
		return &fault{error: errors.New(text), misconfigured: true}
	}
	return s.trouble()
}

func (s ntstatus) refusalText(as computer) string {
	for _, r := range refusals {
		if r.status == s {
			return fmt.Sprintf(r.text+" (%s)", as.account(), s)
		}
	}
	return ""
}

// trouble is a fault of its own: the next domain controller may be better off.
func (s ntstatus) trouble() error {
	return &fault{error: fmt.Errorf("the domain controller answers NTSTATUS %s", s)}
}
