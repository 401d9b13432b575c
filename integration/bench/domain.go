package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 2759, section 8.2
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oiweiwei/go-msrpc/dcerpc"
	"github.com/oiweiwei/go-msrpc/msrpc/dtyp"
	"github.com/oiweiwei/go-msrpc/msrpc/nrpc/logon/v1"
	"github.com/oiweiwei/go-msrpc/ssp"
	"github.com/oiweiwei/go-msrpc/ssp/credential"
	"github.com/oiweiwei/go-msrpc/ssp/gssapi"
	"github.com/oiweiwei/go-msrpc/ssp/netlogon"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

const (
	domainChannels = 8
	domainTime     = 6 * time.Second
	domainInFlight = 64
	domainComputer = "BENCH1"
)

// domainRates are log-ons a second at Debian's Samba domain controller, which shares
// the machine's cores with who asks it.
func domainRates() ([]row, error) {
	dc, err := directorytest.NewController()
	if errors.Is(err, directorytest.ErrNoController) {
		return []row{told("log-ons at a domain controller", err.Error())}, nil
	}
	if err != nil {
		return nil, err
	}
	defer dc.Close()
	secret := directory.NewComputerPassword()
	if err := dc.FillPeople(); err != nil {
		return nil, err
	}
	if err := dc.Fill(directorytest.Computer(domainComputer, secret)); err != nil {
		return nil, err
	}
	bare, err := bareLogons(dc, secret)
	if err != nil {
		return nil, err
	}
	ways, err := dc.Ways("127.0.0.1", 0)
	if err != nil {
		return nil, err
	}
	defer ways.Close()
	d, err := directory.NewAD(directory.ADConfig{
		Name: "bench", Domain: directorytest.Domain, Servers: []string{ways.URL()}, ServerName: directorytest.ServerName, Roots: dc.CA.Pool(),
		Computer: domainComputer, ComputerPassword: secret, Channels: domainChannels, NetlogonPort: ways.Netlogon.Port,
	})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	judged, err := logonRate(func(ctx context.Context, c realms.Challenge) error {
		_, err := d.LogOn(ctx, benchPerson.User, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	whole, err := logonRate(func(ctx context.Context, c realms.Challenge) error {
		_, _, err := d.VerifyMSCHAPv2(ctx, benchPerson.Identity(), c)
		return err
	})
	if err != nil {
		return nil, err
	}
	again, err := bareLogons(dc, secret)
	if err != nil {
		return nil, err
	}
	limit := min(bare, again)
	stalled, err := stalledChannel(d, ways)
	if err != nil {
		return nil, err
	}
	return []row{
		atLeast(fmt.Sprintf("Netlogon log-ons through %d channels (%d in flight)", domainChannels, domainInFlight), judged, min(700, limit), "/s"),
		told(fmt.Sprintf("the domain controller's own limit: %d bare channels of go-msrpc's", domainChannels), fmt.Sprintf("%.0f/s and %.0f/s", bare, again)),
		told("with the account and its groups by LDAP from the same controller", fmt.Sprintf("%.0f/s", whole)),
		stalled,
	}, nil
}

// benchPerson is who logs on, again and again.
var benchPerson = directorytest.People()[0]

// challengeOf is a new exchange of a supplicant that knows the password.
func challengeOf(name string, hash [16]byte) realms.Challenge {
	c := realms.Challenge{UserName: name}
	_, _ = rand.Read(c.Authenticator[:])
	_, _ = rand.Read(c.Peer[:])
	c.NTResponse = packet.NTResponse(c.Authenticator, c.Peer, name, hash)
	return c
}

// logonRate asks from many goroutines, for a while.
func logonRate(ask func(ctx context.Context, c realms.Challenge) error) (float64, error) {
	hash := packet.NTHash(benchPerson.Password.Reveal())
	if err := ask(context.Background(), challengeOf(benchPerson.User, hash)); err != nil { // opens what there is to open
		return 0, err
	}
	var done atomic.Int64
	var failed atomic.Pointer[error]
	begin := time.Now()
	var all sync.WaitGroup
	for range domainInFlight {
		all.Go(func() {
			for time.Since(begin) < domainTime && failed.Load() == nil {
				if err := ask(context.Background(), challengeOf(benchPerson.User, hash)); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(done.Load()) / time.Since(begin).Seconds(), nil
}

// stalledChannel has one of the eight fall silent under load, and counts whom that
// costs anything.
func stalledChannel(d *directory.AD, ways *directorytest.Ways) (row, error) {
	const long = time.Second
	hash := packet.NTHash(benchPerson.Password.Reveal())
	var slow, done atomic.Int64
	var failed atomic.Pointer[error]
	begin := time.Now()
	var all sync.WaitGroup
	for range domainInFlight {
		all.Go(func() {
			for time.Since(begin) < domainTime && failed.Load() == nil {
				began := time.Now()
				if _, err := d.LogOn(context.Background(), benchPerson.User, challengeOf(benchPerson.User, hash)); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
				if time.Since(began) > long {
					slow.Add(1)
				}
			}
		})
	}
	time.Sleep(domainTime / 3)
	if n := ways.Netlogon.Stall(1); n != 1 {
		return row{}, errors.New("there is no channel to stall")
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return row{}, *err
	}
	return atMost(fmt.Sprintf("log-ons held up by a channel that stalls, of %d; none refused", done.Load()), float64(slow.Load()), 1, ""), nil
}

// bareLogons is what the domain controller does for eight clients that do nothing
// else, each with a connection of go-msrpc's own.
func bareLogons(dc *directorytest.Controller, secret certs.Secret) (float64, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var clients []logon.LogonClient
	for range domainChannels {
		c, err := bareChannel(ctx, dc, secret)
		if err != nil {
			return 0, err
		}
		clients = append(clients, c)
	}
	hash := packet.NTHash(benchPerson.Password.Reveal())
	var done atomic.Int64
	var failed atomic.Pointer[error]
	begin := time.Now()
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			for time.Since(begin) < domainTime && failed.Load() == nil {
				if err := bareLogon(ctx, c, challengeOf(benchPerson.User, hash)); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(done.Load()) / time.Since(begin).Seconds(), nil
}

// A dialled is a connection that is there already.
type dialled struct{ net.Conn }

func (d dialled) DialContext(context.Context, string, string) (net.Conn, error) { return d.Conn, nil }

func bareChannel(ctx context.Context, dc *directorytest.Controller, secret certs.Secret) (logon.LogonClient, error) {
	conn, err := dc.DialPort(ctx, directorytest.PortNetlogon)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	who := credential.NewFromPassword(domainComputer+"$", secret.Reveal(), credential.Workstation(domainComputer), credential.Domain(directorytest.NetBIOS))
	ctx = gssapi.NewSecurityContext(ctx, gssapi.WithCredential(who), gssapi.WithMechanismFactory(ssp.Netlogon))
	transport, err := dcerpc.Dial(ctx, "127.0.0.1", dcerpc.WithDialer(dialled{conn}), dcerpc.WithEndpoint(fmt.Sprintf("ncacn_ip_tcp:127.0.0.1[%d]", directorytest.PortNetlogon)))
	if err != nil {
		return nil, err
	}
	client, err := logon.NewLogonClient(ctx, transport, dcerpc.WithInsecure())
	if err != nil {
		return nil, err
	}
	cfg := &netlogon.Config{Capabilities: netlogon.CapAES_SHA2 | netlogon.CapSecureRPC | netlogon.CapStrongKey, Credential: who, ClientChallenge: make([]byte, 8)}
	_, _ = rand.Read(cfg.ClientChallenge)
	challenge, err := client.RequestChallenge(ctx, &logon.RequestChallengeRequest{ComputerName: domainComputer, ClientChallenge: &logon.Credential{Data: cfg.ClientChallenge}})
	if err != nil {
		return nil, err
	}
	cfg.ServerChallenge = challenge.ServerChallenge.Data
	key, err := netlogon.NewSecureCredential(ctx, cfg)
	if err != nil {
		return nil, err
	}
	ours, err := key.Encrypt(ctx, cfg.ClientChallenge)
	if err != nil {
		return nil, err
	}
	_, err = client.Authenticate3(ctx, &logon.Authenticate3Request{
		AccountName: domainComputer + "$", SecureChannelType: logon.SecureChannelTypeWorkstationSecureChannel, ComputerName: domainComputer,
		ClientCredential: &logon.Credential{Data: ours}, NegotiateFlags: uint32(cfg.Capabilities),
	})
	if err != nil {
		return nil, err
	}
	return client, client.AlterContext(ctx, dcerpc.WithSeal(), dcerpc.WithSecurityConfig(cfg))
}

func bareLogon(ctx context.Context, client logon.LogonClient, c realms.Challenge) error {
	h := sha1.New() //nolint:gosec // see the import
	_, _ = h.Write(c.Peer[:])
	_, _ = h.Write(c.Authenticator[:])
	_, _ = h.Write([]byte(c.UserName))
	_, err := client.SAMLogonEx(ctx, &logon.SAMLogonExRequest{
		ComputerName: domainComputer, LogonLevel: logon.LogonInfoClassNetworkInformation, ValidationLevel: logon.ValidationInfoClassSAMInfo4,
		LogonInformation: &logon.Level{Value: &logon.Level_LogonNetwork{LogonNetwork: &logon.NetworkInfo{
			Identity: &logon.LogonIdentityInfo{
				LogonDomainName: &dtyp.UnicodeString{Buffer: directorytest.NetBIOS}, UserName: &dtyp.UnicodeString{Buffer: c.UserName},
				Workstation: &dtyp.UnicodeString{Buffer: domainComputer}, ParameterControl: logon.IdentityAllowNTLMv1,
			},
			LMChallenge: &logon.LMChallenge{Data: h.Sum(nil)[:8]}, NTChallengeResponse: &logon.String{Buffer: c.NTResponse[:]},
		}}},
	})
	return err
}
