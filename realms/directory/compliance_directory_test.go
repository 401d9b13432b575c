package directory_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"causeway/realms"
	"causeway/realms/directory"
)

// Holds F1 and F2 by the times that an admin gets without writing any: servers that
// swallow every packet are left for the next one within two seconds, and when they
// all do, the answer is there within five.
func TestF1F2TimesByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var mu sync.Mutex // a look at a server that is down dials beside us
		asked := map[string]time.Duration{}
		l, err := directory.NewLDAP(directory.LDAPConfig{
			Name: "trust", Base: base, Plain: true,
			Servers: []string{"ldap://one.example", "ldap://two.example", "ldap://three.example", "ldap://four.example"},
			Dial: func(ctx context.Context, address string) (net.Conn, error) {
				mu.Lock()
				if _, before := asked[address]; !before {
					asked[address] = time.Since(begin)
				}
				mu.Unlock()
				<-ctx.Done()
				return nil, ctx.Err()
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = l.CheckPassword(t.Context(), person("nurse"), "good")
		if took := time.Since(begin); !errors.Is(err, realms.ErrUnreachable) || took > 5*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if at, ok := asked["two.example:389"]; !ok || at > 2*time.Second {
			t.Errorf("the second server is asked after %v (%v)", at, ok)
		}
	})
}
