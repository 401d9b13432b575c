package directory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/directory"
)

// Holds S4 and S21 here: an account tells when its password has become another,
// whether the password was good, wrong or not asked for.
func TestLDAPTellsWhenThePasswordChanges(t *testing.T) {
	s := startSlapd(t, "dn: uid=ward,ou=people,"+base+"\nobjectClass: inetOrgPerson\ncn: w\nsn: w\nuid: ward\nuserPassword: old\npwdChangedTime: 20200101000000Z\n\n")
	l := newLDAP(t, configOf(t, s.plain))
	told := func(password certs.Secret) (bound, unbound string) {
		t.Helper()
		account, err := l.CheckPassword(t.Context(), person("ward"), password)
		if err != nil {
			t.Fatal(err)
		}
		looked, err := l.Lookup(t.Context(), person("ward"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.CheckPassword(t.Context(), person("ward"), "wrong")
		var of *realms.AccountError
		if !errors.As(err, &of) || of.PasswordSet != account.PasswordSet {
			t.Errorf("a wrong password: %v", err)
		}
		return account.PasswordSet, looked.PasswordSet
	}
	bound, unbound := told("old")
	if bound != "20200101000000Z" || unbound != bound {
		t.Errorf("with the old password %q, and %q without", bound, unbound)
	}
	setPassword(t, s.plain, "uid=ward,ou=people,"+base, "new")
	if again, looked := told("new"); again == bound || again == "" || looked != again {
		t.Errorf("with the new one %q, and %q without", again, looked)
	}
	// Somebody whose entry tells nothing has nothing told.
	if account, err := l.CheckPassword(t.Context(), person("clerk"), "ledger"); err != nil || account.PasswordSet != "" {
		t.Errorf("clerk: %+v, %v", account, err)
	}
}

// setPassword has somebody set a new password.
func setPassword(t *testing.T, url, dn, password string) {
	t.Helper()
	conn, err := ldap.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(rootDN, servicePassword); err != nil {
		t.Fatal(err)
	}
	change := ldap.NewModifyRequest(dn, nil)
	change.Replace("userPassword", []string{password})
	if err := conn.Modify(change); err != nil {
		t.Fatal(err)
	}
}

// What each kind of server calls it.
func TestPasswordSetByKindOfServer(t *testing.T) {
	for _, tt := range []struct {
		schema     string
		attributes []string
		want       string
	}{
		{"ad", goodNurse, "133500000000000000"},
		{"openldap", []string{"uid", "nurse", "sambaPwdLastSet", "1700000000"}, "1700000000"},
		{"openldap", []string{"uid", "nurse", "krbLastPwdChange", "20250101000000Z"}, "20250101000000Z"},
		{"openldap", []string{"uid", "nurse", "PWDCHANGEDTIME", "20250101000000Z", "sambaPwdLastSet", "7"}, "20250101000000Z 7"},
	} {
		r := activeDirectory(tt.attributes)
		r.search = func(string) []*ber.Packet {
			return []*ber.Packet{found(nurseDN, tt.attributes...), done(ldap.ApplicationSearchResultDone, result{})}
		}
		cfg := configOf(t, r.serve(t))
		cfg.Schema, cfg.GroupBase, cfg.NTHashAttribute = tt.schema, "", ""
		if account, err := newLDAP(t, cfg).Lookup(t.Context(), person("nurse")); err != nil || account.PasswordSet != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.schema, account.PasswordSet, err, tt.want)
		}
	}
}

// Holds S4 here: what the file tells of a password changes with it alone, says the
// same on every server that has the key, and cannot be compared without it.
func TestFileTellsWhenThePasswordChanges(t *testing.T) {
	tell := func(key, name string, u directory.FileUser) string {
		t.Helper()
		u.Name = name
		f, err := directory.NewFile([]directory.FileUser{u})
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			f.TellPasswords([]byte(key))
		}
		id, _ := realms.ParseIdentity(name)
		account, err := f.Lookup(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return account.PasswordSet
	}
	hash := certs.Secret(fmt.Sprintf("%x", directory.NTHash("good")))
	old := directory.FileUser{NTHash: hash}
	first := tell("key", "nurse@a.uk", old)
	if first == "" || strings.Contains(first, hash.Reveal()) || tell("", "nurse@a.uk", old) != "" {
		t.Fatalf("it tells %q", first)
	}
	old.Groups = []string{"Wifi-Clinical"}
	if tell("key", "nurse@a.uk", old) != first || tell("key", "NURSE@a.uk", old) != first {
		t.Error("it changes with what is no password")
	}
	salted := certs.Secret(cheap.Hash("good"))
	for what, got := range map[string]string{
		"another password": tell("key", "nurse@a.uk", directory.FileUser{NTHash: certs.Secret(fmt.Sprintf("%x", directory.NTHash("other")))}),
		"one more hash":    tell("key", "nurse@a.uk", directory.FileUser{NTHash: hash, Password: salted}),
		"a hash alone":     tell("key", "nurse@a.uk", directory.FileUser{Password: salted}),
		"a new salt":       tell("key", "nurse@a.uk", directory.FileUser{Password: certs.Secret(cheap.Hash("good"))}),
		"in the clear":     tell("key", "nurse@a.uk", directory.FileUser{NTHash: hash, Clear: "good"}),
		"somebody else":    tell("key", "doctor@a.uk", directory.FileUser{NTHash: hash}),
		"another key":      tell("yek", "nurse@a.uk", directory.FileUser{NTHash: hash}),
	} {
		if got == first || got == "" {
			t.Errorf("%s: it tells the same", what)
		}
	}
}
