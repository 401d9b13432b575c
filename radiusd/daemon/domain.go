package daemon

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/eap/packet"
	"causeway/realms"
	"causeway/realms/directory"
)

// Domains returns the directories of kind "ad" of a configuration, by name. Its error
// is [config.Problems].
func Domains(path string) ([]directory.ADConfig, error) {
	file, err := config.Load(path, config.SecretsRequired)
	if err != nil {
		return nil, err
	}
	var domains []directory.ADConfig
	var problems config.Problems
	for _, name := range slices.Sorted(maps.Keys(file.Directory)) {
		c := file.Directory[name]
		if c.Kind != "ad" {
			continue
		}
		d, err := domainOf(name, c)
		if err != nil {
			problems = append(problems, locate(file, "directory."+name, err)...)
			continue
		}
		domains = append(domains, d)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return domains, nil
}

// A Trial is one password judged in both ways that a domain has.
type Trial struct {
	Account  realms.Account // of a good one
	Bind     error          // as TTLS-PAP is judged
	MSCHAPv2 error          // as PEAP is
}

// TryPassword has a domain judge a password. It counts at the domain as two log-ins.
func TryPassword(ctx context.Context, d *directory.AD, id realms.Identity, password certs.Secret) (t Trial) {
	t.Account, t.Bind = d.CheckPassword(ctx, id, password)
	c := realms.Challenge{UserName: id.String()}
	_, _ = rand.Read(c.Authenticator[:]) // it never fails (crypto/rand)
	_, _ = rand.Read(c.Peer[:])
	hash := packet.NTHash(password.Reveal())
	c.NTResponse = packet.NTResponse(c.Authenticator, c.Peer, c.UserName, hash)
	account, key, err := d.VerifyMSCHAPv2(ctx, id, c)
	switch t.MSCHAPv2 = err; {
	case err == nil && key != packet.HashNTHash(hash):
		t.MSCHAPv2 = realms.ErrInternal
	case err == nil:
		t.Account = account
	}
	return t
}
