package directory_test

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

// response answers a challenge by CHAP (RFC 1994, section 4.1).
func response(ident byte, password string, challenge []byte) []byte {
	sum := md5.Sum(append(append([]byte{ident}, password...), challenge...))
	return sum[:]
}

func TestCHAP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.toml")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("leaver\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	users := fmt.Sprintf("[user.\"nurse@%[1]s\"]\nclear_password = \"nurse\"\n[user.\"leaver@%[1]s\"]\nclear_password = \"file:%[2]s\"\ndisabled = true\n[user.\"porter@%[1]s\"]\n",
		directorytest.Realm, secret)
	if err := os.WriteFile(path, []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := directory.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg := configOf(t, startSlapd(t).plain)
	cfg.ClearPasswordAttribute = "sn" // everybody's name is in it, too
	for name, d := range map[string]realms.CHAPVerifier{"file": file, "LDAP": newLDAP(t, cfg)} {
		for _, x := range []struct {
			user, password string
			want           realms.Reason
		}{
			{"nurse", "nurse", ""},
			{"nurse", "doctor", realms.ErrBadPassword},
			{"nurse", "", realms.ErrBadPassword},
			{"nobody", "nobody", realms.ErrUnknownUser},
			{"leaver", "leaver", realms.ErrDisabled},
			{"leaver", "wrong", realms.ErrBadPassword},
		} {
			challenge := []byte("sixteen octets..")
			account, err := d.VerifyCHAP(context.Background(), person(x.user), 7, challenge, response(7, x.password, challenge))
			var got realms.Reason
			errors.As(err, &got)
			if got != x.want || err == nil && account.Name == "" {
				t.Errorf("%s: %s with %q: %v, %+v", name, x.user, x.password, err, account)
			}
		}
		if _, err := d.VerifyCHAP(context.Background(), person("nurse"), 8, []byte("x"), response(7, "nurse", []byte("x"))); !errors.Is(err, realms.ErrBadPassword) {
			t.Errorf("%s: another identifier: %v", name, err)
		}
	}
	if _, err := file.VerifyCHAP(context.Background(), person("porter"), 7, nil, response(7, "", nil)); !errors.Is(err, realms.ErrNoHash) {
		t.Errorf("a person without a password in the clear: %v", err)
	}
	without := newLDAP(t, configOf(t, "ldap://127.0.0.1:1"))
	if _, err := without.VerifyCHAP(context.Background(), person("nurse"), 7, nil, nil); !errors.Is(err, realms.ErrNoHash) {
		t.Errorf("without an attribute: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v", file, file, file); strings.Contains(text, "leaver\n") {
		t.Error("a password is printed")
	}
}
