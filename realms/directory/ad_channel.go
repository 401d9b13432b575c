package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 2759, section 8.2
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/oiweiwei/go-msrpc/msrpc/dcetypes"
	"github.com/oiweiwei/go-msrpc/msrpc/dtyp"
	"github.com/oiweiwei/go-msrpc/msrpc/epm/epm/v3"
	"github.com/oiweiwei/go-msrpc/msrpc/nrpc/logon/v1"
	"github.com/oiweiwei/go-msrpc/ssp/credential"
	"github.com/oiweiwei/go-msrpc/ssp/netlogon"

	"causeway/certs"
	"causeway/realms"
)

// A computer is the account by which we are a member of the domain.
type computer struct {
	name     string // NetBIOS: RADIUS1
	domain   string // NetBIOS: NORTHBRIDGE
	password certs.Secret
}

// account is the name of the account.
func (c computer) account() string { return c.name + "$" }

// Operations (C706, appendix O; MS-NRPC, section 3.5.4).
const (
	opMap              = 3
	opRequestChallenge = 4
	opAuthenticate3    = 26
	opLogonEx          = 39
)

// What we ask of a domain controller, and what it must grant (MS-NRPC, section
// 3.1.4.2): AES, and nothing older. We open several channels and take the newest form
// of answers.
const (
	capMust = netlogon.CapAES_SHA2 | netlogon.CapSecureRPC
	capAsk  = capMust | netlogon.CapStrongKey | netlogon.CapConcurrentRPC | netlogon.CapNotReqValidationLevel2 |
		netlogon.CapTransitiveTrust | netlogon.CapCrossForestTrust
)

// logonControl lets MSCHAPv2 in where NTLMv1 is refused (MSV1_0_ALLOW_MSVCHAPV2), and
// computers as well as people (MS-NRPC, section 2.2.1.4.15).
const logonControl = logon.IdentityAllowNTLMv1 | logon.IdentityAllowWorkstationTrustAccount | logon.IdentityAllowServerTrustAccount

// A channel is one Netlogon secure channel (MS-NRPC, section 3.1): a connection that
// the domain controller and we have sealed with the password of our computer account.
// One call at a time.
type channel struct {
	rpc      *rpc
	as       computer
	answered time.Time // when it last did
	fresh    bool      // it has just been dialled: neither used nor idle since
}

// openChannel makes a connection to Netlogon into a secure channel. Where the domain
// controller refuses us, the error is a fault that says why.
func openChannel(ctx context.Context, conn net.Conn, as computer) (*channel, error) {
	c := &channel{rpc: &rpc{conn: conn}, as: as, fresh: true}
	if err := c.rpc.bind(syntaxNetlogon); err != nil {
		return nil, fmt.Errorf("open Netlogon: %w", err)
	}
	auth, err := c.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.rpc.secure(ctx, syntaxNetlogon, auth); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return c, nil
}

// authenticate agrees on a session key (MS-NRPC, section 3.1.4.1). The server proves
// that it knows our password, as we do.
func (c *channel) authenticate(ctx context.Context) (*netlogon.Authentifier, error) {
	cfg := &netlogon.Config{
		Capabilities:    capAsk,
		Credential:      credential.NewFromPassword(c.as.account(), c.as.password.Reveal(), credential.Workstation(c.as.name), credential.Domain(c.as.domain)),
		ClientChallenge: make([]byte, 8),
	}
	_, _ = rand.Read(cfg.ClientChallenge) // it never fails (crypto/rand)
	challenge := new(logon.RequestChallengeResponse)
	err := c.rpc.call(ctx, opRequestChallenge, &logon.RequestChallengeRequest{
		ComputerName: c.as.name, ClientChallenge: &logon.Credential{Data: cfg.ClientChallenge},
	}, challenge)
	if err = outcome(err, challenge.Return, c.as); err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	if challenge.ServerChallenge == nil || len(challenge.ServerChallenge.Data) != 8 {
		return nil, fmt.Errorf("challenge: %w", errRPC)
	}
	if cfg.ServerChallenge = challenge.ServerChallenge.Data; weak(cfg.ServerChallenge) {
		return nil, fmt.Errorf("challenge: %w: it is %x", errRPC, cfg.ServerChallenge)
	}
	key, err := netlogon.NewSecureCredential(ctx, cfg)
	if err != nil {
		return nil, err
	}
	ours, err := key.Encrypt(ctx, cfg.ClientChallenge)
	if err != nil {
		return nil, err
	}
	theirs, err := key.Encrypt(ctx, cfg.ServerChallenge)
	if err != nil {
		return nil, err
	}
	granted := new(logon.Authenticate3Response)
	err = c.rpc.call(ctx, opAuthenticate3, &logon.Authenticate3Request{
		AccountName: c.as.account(), SecureChannelType: logon.SecureChannelTypeWorkstationSecureChannel,
		ComputerName: c.as.name, ClientCredential: &logon.Credential{Data: ours}, NegotiateFlags: capAsk,
	}, granted)
	if err = outcome(err, granted.Return, c.as); err != nil {
		return nil, fmt.Errorf("computer account %s: %w", c.as.account(), err)
	}
	switch {
	case granted.NegotiateFlags&capMust != capMust:
		return nil, &fault{error: fmt.Errorf("the domain controller offers no AES (flags %08x), and nothing weaker is used", granted.NegotiateFlags), misconfigured: true}
	case granted.ServerCredential == nil || subtle.ConstantTimeCompare(granted.ServerCredential.Data, theirs) != 1:
		return nil, &fault{error: fmt.Errorf("whoever answers does not know the password of %s: it is no domain controller of ours, or has another password for it", c.as.account()), misconfigured: true}
	}
	return &netlogon.Authentifier{Config: cfg}, nil
}

// weak says that a challenge is one which somebody without the password answers once in
// 256 times (CVE-2020-1472), as servers have to say of ours (MS-NRPC, section 3.1.4.1).
func weak(challenge []byte) bool {
	for _, octet := range challenge[:5] {
		if octet != challenge[0] {
			return false
		}
	}
	return true
}

// outcome is the error of a call that answers with an NTSTATUS.
func outcome(err error, status int32, as computer) error {
	if err == nil && status != 0 {
		return ntstatus(uint32(status)).refusal(as)
	}
	return err
}

// An attempt is one person's log-on by MSCHAPv2.
type attempt struct {
	user string // sAMAccountName
	realms.Challenge
}

// challenge is the octets that the response was made of (RFC 2759, section 8.2).
func (a attempt) challenge() []byte {
	h := sha1.New() //nolint:gosec // see the import
	_, _ = h.Write(a.Peer[:])
	_, _ = h.Write(a.Authenticator[:])
	_, _ = h.Write([]byte(a.UserName)) // a hash takes all octets
	return h.Sum(nil)[:8]
}

// logOn has the domain controller judge one attempt (MS-NRPC, section 3.5.4.5.1). Its
// error wraps a [realms.Reason] where the account is why, and is a fault otherwise.
func (c *channel) logOn(ctx context.Context, a attempt) (key realms.SessionKey, err error) {
	c.fresh = false
	out := new(logon.SAMLogonExResponse)
	err = c.rpc.call(ctx, opLogonEx, &logon.SAMLogonExRequest{
		ComputerName: c.as.name,
		LogonLevel:   logon.LogonInfoClassNetworkInformation,
		LogonInformation: &logon.Level{Value: &logon.Level_LogonNetwork{LogonNetwork: &logon.NetworkInfo{
			Identity: &logon.LogonIdentityInfo{
				LogonDomainName:  &dtyp.UnicodeString{Buffer: c.as.domain},
				ParameterControl: logonControl,
				UserName:         &dtyp.UnicodeString{Buffer: a.user},
				Workstation:      &dtyp.UnicodeString{Buffer: c.as.name},
			},
			LMChallenge:         &logon.LMChallenge{Data: a.challenge()},
			NTChallengeResponse: &logon.String{Buffer: a.NTResponse[:]},
		}}},
		// Of this form the session key is not encrypted a second time, with a key
		// that the newest of our channels would have.
		ValidationLevel: logon.ValidationInfoClassSAMInfo4,
	}, out)
	if err != nil {
		return key, err
	}
	c.answered = time.Now()
	if out.Return != 0 {
		return key, ntstatus(uint32(out.Return)).judgement(c.as)
	}
	// A good log-on without a key is none: the key is what proves it.
	info, ok := out.ValidationInformation.GetValue().(*logon.ValidationSAMInfo4)
	if !ok || info == nil || info.UserSessionKey == nil {
		return key, fmt.Errorf("%w: a log-on without its key", errRPC)
	}
	var octets []byte
	for _, part := range info.UserSessionKey.Data {
		if part != nil {
			octets = append(octets, part.Data...)
		}
	}
	if len(octets) != len(key) {
		return key, fmt.Errorf("%w: a session key of %d octets", errRPC, len(octets))
	}
	if !slices.ContainsFunc(octets, func(octet byte) bool { return octet != 0 }) {
		// Anybody could make the keys that come of it.
		return key, &fault{error: errors.New("the domain controller gives a session key of zeros"), misconfigured: true}
	}
	const asGuest = 0x1 // LOGON_GUEST, of UserFlags: nobody's password was judged
	if info.UserFlags&asGuest != 0 {
		return key, &fault{error: errors.New("the domain controller lets anybody in as a guest"), misconfigured: true}
	}
	copy(key[:], octets)
	return key, nil
}

// kill ends the channel.
func (c *channel) kill() { _ = c.rpc.conn.Close() } // nothing is left to be lost

// mapNetlogon asks an endpoint mapper for the port of Netlogon (C706, appendix O).
func mapNetlogon(ctx context.Context, conn net.Conn) (port string, err error) {
	r := &rpc{conn: conn}
	if err := r.bind(syntaxMapper); err != nil {
		return "", err
	}
	out := new(epm.MapResponse)
	err = r.call(ctx, opMap, &epm.MapRequest{
		MapTower: &dcetypes.Tower{TowerOctetString: towerOf(syntaxNetlogon)}, EntryHandle: new(epm.LookupHandle), MaxTowers: 4,
	}, out)
	if err != nil {
		return "", err
	}
	for _, tower := range out.Towers {
		if port := tcpPort(tower); port != 0 {
			return strconv.Itoa(int(port)), nil
		}
	}
	return "", fmt.Errorf("it knows of no Netlogon over TCP (0x%08x)", out.Status)
}

// towerOf asks for an interface over TCP, at any port (C706, appendix L).
func towerOf(syntax [20]byte) []byte {
	tower := []byte{5, 0}
	for _, s := range [][20]byte{syntax, syntaxNDR} {
		tower = append(tower, 19, 0, byte(dcetypes.ProtocolUUID))
		tower = append(append(tower, s[:18]...), 2, 0, s[18], s[19])
	}
	return append(tower,
		1, 0, byte(dcetypes.ProtocolRPC_CO), 2, 0, 0, 0,
		1, 0, byte(dcetypes.ProtocolTCP), 2, 0, 0, 0,
		1, 0, byte(dcetypes.ProtocolIP), 4, 0, 0, 0, 0, 0)
}

// tcpPort finds the port in a tower; 0: it has none.
func tcpPort(tower *dcetypes.Tower) uint16 {
	if tower == nil || len(tower.TowerOctetString) < 2 {
		return 0
	}
	b := tower.TowerOctetString
	floors := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	for range floors {
		var sides [2][]byte
		for i := range sides {
			if len(b) < 2 || len(b)-2 < int(binary.LittleEndian.Uint16(b)) {
				return 0
			}
			length := int(binary.LittleEndian.Uint16(b))
			sides[i], b = b[2:2+length], b[2+length:]
		}
		if left, right := sides[0], sides[1]; len(left) == 1 && int(left[0]) == dcetypes.ProtocolTCP && len(right) == 2 {
			return binary.BigEndian.Uint16(right)
		}
	}
	return 0
}
