package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/supplicant"
	"causeway/realms"
)

// Why a probe let nobody in, besides the reasons that users meet as well.
const (
	ErrMisconfigured = realms.Reason("probe-misconfigured") // the test account in the file cannot log in
	ErrNoRoute       = realms.Reason("probe-no-route")      // the proxy itself said no, before anybody spoke EAP
	ErrRefused       = realms.Reason("probe-refused")       // the home organisation spoke EAP and said no
	ErrHomeSilent    = realms.Reason("probe-home-silent")   // the proxy lives and nobody behind it answers
	ErrCertificate   = realms.Reason("probe-certificate")   // who answered did not prove to be the home organisation
)

func (r *Result) say(o Outcome, why realms.Reason, format string, args ...any) {
	r.Outcome, r.Reason, r.Words = o, why, fmt.Sprintf(format, args...)
}

// unreached explains a server to which no socket could be opened.
func (r *Result) unreached(s Server, err error) {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		r.say(Timeout, realms.ErrUpstreamDown, "the name of %s leads nowhere: %v", s.Name, err)
		return
	}
	r.say(Timeout, realms.ErrUpstreamDown, "nothing could be sent to %s: %v", s.Name, err)
}

// explain says what came of the log-in. What this side refused comes first: the
// Reject, or the silence, that followed is its echo.
func (l *login) explain(ctx context.Context) {
	switch own := l.peer.Err(); {
	case errors.Is(own, supplicant.ErrUntrusted):
		l.untrusted(own)
	case l.silent():
		l.silence(ctx)
	case own != nil || l.err != nil:
		l.broken(errors.Join(l.err, own))
	case l.said.Code == radius.CodeAccessAccept:
		l.accepted()
	default:
		l.rejected()
	}
}

func (l *login) silent() bool {
	return l.said.Code == 0 && (errors.Is(l.err, supplicant.ErrNoAnswer) ||
		errors.Is(l.err, context.DeadlineExceeded) || errors.Is(l.err, context.Canceled))
}

func (l *login) accepted() {
	r := l.result
	if !l.said.Accepted() {
		r.say(Reject, realms.ErrUpstreamReply, "%s answered Accept, but the keys in it are not those of the log-in: no device could use the network", l.server())
		return
	}
	r.say(Accept, "", "%s let %s in after %s", l.home(), l.probe.Account.User, l.trips())
	if c := r.Certificate; c != nil {
		const soon = 30 * 24 * time.Hour
		if left := c.NotAfter.Sub(r.Began); left < soon {
			r.Words += fmt.Sprintf("; its certificate ends on %s, which is soon", c.NotAfter.UTC().Format(time.DateOnly))
		}
	}
}

// rejected explains a Reject by how far the log-in had come: before EAP it is the
// proxy's, inside the tunnel it is the home organisation's.
func (l *login) rejected() {
	switch {
	case l.said.Refusal != "":
		l.result.say(Reject, ErrRefused, "%s refused %s inside the tunnel: %s%s", l.home(), l.probe.Account.User, refusal(l.said.Refusal), l.message())
	case l.result.Certificate != nil:
		l.result.say(Reject, ErrRefused, "%s refused %s after %s, once its certificate had been shown: a wrong password, a closed account or a method that it does not offer%s",
			l.home(), l.probe.Account.User, l.trips(), l.message())
	case l.result.Rounds > 1:
		l.result.say(Reject, ErrRefused, "%s began EAP and answered Reject after %s, before it showed a certificate: it does not offer %s, or could not go on%s",
			l.home(), l.trips(), l.probe.Account.Method, l.message())
	default:
		l.result.say(Reject, ErrNoRoute, "%s answered Reject after %s: it knows no realm %s, refuses what comes from us, or could not reach that organisation%s",
			l.server(), l.trips(), l.probe.Account.Realm(), l.message())
	}
}

// refusal puts an MSCHAPv2 error code into words (RFC 2759, section 6).
func refusal(said string) string {
	for code, words := range map[string]string{
		"E=646": "the account may not log on at this hour",
		"E=647": "the account is disabled",
		"E=648": "the password has expired",
		"E=649": "the account has no permission to dial in",
		"E=691": "the name or the password is wrong",
	} {
		if strings.HasPrefix(said, code) {
			return words + " (" + code + ")"
		}
	}
	return strconv.Quote(said[:min(len(said), mostMessage)])
}

// untrusted explains why who answered was not believed.
func (l *login) untrusted(err error) {
	var (
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		who     = "the certificate inside the tunnel"
	)
	if c := l.result.Certificate; c != nil {
		who = fmt.Sprintf("the certificate of %q", Subject(c))
	}
	switch {
	case errors.As(err, &name):
		l.result.say(Reject, ErrCertificate, "%s does not carry the name %s: correct server_name, or somebody else answers for %s", who, l.probe.Account.ServerName, l.probe.Account.Realm())
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		l.result.say(Reject, ErrCertificate, "%s is outside its time: %s. Nobody of %s gets in anywhere", who, invalid.Detail, l.probe.Account.Realm())
	case errors.As(err, &unknown):
		l.result.say(Reject, ErrCertificate, "%s is not from an authority of ours: correct ca, or somebody else answers for %s", who, l.probe.Account.Realm())
	default:
		l.result.say(Reject, ErrCertificate, "%s was not believed: %v", who, err)
	}
	l.result.Words += ". No password was sent"
}

// silence explains who it is that does not answer: the server, or the organisation
// behind it.
func (l *login) silence(ctx context.Context) {
	r, s := l.result, l.server()
	switch {
	case ctx.Err() != nil:
		r.say(Timeout, realms.ErrServerStopped, "the probe was broken off after %s", l.trips())
		return
	case supplicant.WrongSecret(l.err):
		r.say(Timeout, realms.ErrUpstreamReply, "%s answers, and signs with another shared secret than ours: compare the two", s)
		return
	case supplicant.Unsigned(l.err):
		r.say(Timeout, realms.ErrUpstreamReply, "%s answers without Message-Authenticator, so its answers were dropped: have its operator sign them, or write without_message_authenticator = true", s)
		return
	case errors.Is(l.err, syscall.ECONNREFUSED):
		r.say(Timeout, realms.ErrUpstreamDown, "nothing listens at %s: its host is up and says so", s)
		return
	}
	asked := !l.probe.Server.WithoutStatusServer
	lives := asked && l.alive(ctx)
	switch {
	case lives && r.Rounds == 0:
		r.say(Timeout, ErrHomeSilent, "%s answered Status-Server but %s never answered: the proxy lives, the home is silent", s, l.home())
	case lives:
		r.say(Timeout, ErrHomeSilent, "%s fell silent %s; %s answers Status-Server: the proxy lives, the home or the way to it does not", l.home(), l.where(), s)
	case r.Rounds > 0:
		r.say(Timeout, realms.ErrUpstreamDown, "%s fell silent %s", s, l.where())
	case asked:
		r.say(Timeout, realms.ErrUpstreamDown, "%s answered nothing, Status-Server neither: it is down, a firewall is between us, it does not know our address, or our shared secrets differ", s)
	default:
		r.say(Timeout, realms.ErrUpstreamDown, "%s answered nothing, and knows no Status-Server: it is down, a firewall is between us, our shared secrets differ, or %s is silent", s, l.home())
	}
}

// where says at which step of the log-in nothing came any more.
func (l *login) where() string {
	switch after := "after " + l.trips(); {
	case l.result.Certificate == nil:
		return after + ", before its certificate had come whole: large packets may be lost on the way"
	case l.peer.Stage() == supplicant.StageDone:
		return after + ", when only its Accept was missing"
	default:
		return after + ", after its certificate"
	}
}

// broken explains what no server should do.
func (l *login) broken(err error) {
	switch {
	case l.said.Code == 0 && l.result.Rounds == 0:
		l.result.say(Timeout, realms.ErrUpstreamDown, "nothing could be exchanged with %s: %v", l.server(), err)
	default:
		l.result.say(Reject, realms.ErrUpstreamReply, "%s or %s broke the protocol after %s: %v", l.server(), l.home(), l.trips(), err)
	}
}

func (l *login) server() string { return l.probe.Server.Name }

func (l *login) home() string { return "the home organisation " + l.probe.Account.Realm() }

func (l *login) trips() string {
	if l.result.Rounds == 1 {
		return "1 round trip"
	}
	return fmt.Sprintf("%d round trips", l.result.Rounds)
}

// message is the server's own words, quoted: they are a stranger's.
func (l *login) message() string {
	if l.result.Message == "" {
		return ""
	}
	return fmt.Sprintf("; it says %q", l.result.Message)
}

// Subject is whom a certificate is for: its first name in DNS, else its subject.
func Subject(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case c.Subject.CommonName != "":
		return c.Subject.CommonName
	}
	return c.Subject.String()
}
