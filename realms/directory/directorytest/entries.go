package directorytest

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
	"unicode/utf16"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
)

// Never is how Active Directory writes that something does not happen.
const Never = "-9223372036854775808"

// An Entry is somebody or something in the domain.
type Entry struct {
	DN         string
	Password   certs.Secret
	Attributes map[string][]string
}

// With adds a value to an attribute, or replaces the kind of account.
func (e Entry) With(attribute string, values ...string) Entry {
	e.Attributes[attribute] = values
	return e
}

// UserDN, GroupDN and ComputerDN are where the entries of these names are.
func UserDN(name string) string     { return "CN=" + ldap.EscapeDN(name) + ",CN=Users," + DomainBase }
func GroupDN(name string) string    { return UserDN(name) }
func ComputerDN(name string) string { return "CN=" + name + ",CN=Computers," + DomainBase }

// User is an ordinary account, known as name and as name@Domain.
func User(name string, password certs.Secret) Entry {
	return Entry{DN: UserDN(name), Password: password, Attributes: map[string][]string{
		"objectClass": {"user"}, "sAMAccountName": {name}, "userPrincipalName": {name + "@" + Domain}, "userAccountControl": {"512"},
	}}
}

// Computer is a member of the domain.
func Computer(name string, password certs.Secret) Entry {
	return Entry{DN: ComputerDN(name), Password: password, Attributes: map[string][]string{
		"objectClass": {"computer"}, "sAMAccountName": {name + "$"}, "userAccountControl": {"4096"}, "dNSHostName": {name + "." + Domain},
	}}
}

// Group holds the entries of these names.
func Group(name string, members ...string) Entry {
	e := Entry{DN: GroupDN(name), Attributes: map[string][]string{"objectClass": {"group"}, "sAMAccountName": {name}}}
	if len(members) > 0 {
		e.Attributes["member"] = members
	}
	return e
}

// Policy is a password policy of its own for some accounts (MS-ADTS, section 3.1.1.4.7).
func Policy(name string, lockout int, lasts time.Duration, accounts ...string) Entry {
	age := Never
	if lasts > 0 {
		age = strconv.FormatInt(-int64(lasts/100), 10)
	}
	return Entry{DN: "CN=" + name + ",CN=Password Settings Container,CN=System," + DomainBase, Attributes: map[string][]string{
		"objectClass": {"msDS-PasswordSettings"}, "msDS-PasswordSettingsPrecedence": {"10"}, "msDS-PSOAppliesTo": accounts,
		"msDS-PasswordReversibleEncryptionEnabled": {"FALSE"}, "msDS-PasswordComplexityEnabled": {"FALSE"},
		"msDS-PasswordHistoryLength": {"0"}, "msDS-MinimumPasswordLength": {"1"}, "msDS-MinimumPasswordAge": {"0"}, "msDS-MaximumPasswordAge": {age},
		"msDS-LockoutThreshold": {strconv.Itoa(lockout)}, "msDS-LockoutObservationWindow": {"-18000000000"}, "msDS-LockoutDuration": {"-18000000000"},
	}}
}

// Fill adds entries, in this order, in place of those that are there.
func (c *Controller) Fill(entries ...Entry) error {
	admin, err := c.Admin()
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	for _, e := range entries {
		req := ldap.NewAddRequest(e.DN, nil)
		for attribute, values := range e.Attributes {
			req.Attribute(attribute, values)
		}
		if e.Password != "" {
			req.Attribute("unicodePwd", []string{Quoted(e.Password)})
		}
		err := admin.Add(req)
		if ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
			if err = admin.Del(ldap.NewDelRequest(e.DN, withBelow)); err == nil {
				err = admin.Add(req)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.DN, err)
		}
	}
	return nil
}

// withBelow deletes what is below an entry too (MS-ADTS, section 3.1.1.3.4.1.15).
var withBelow = []ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.805", true, "")}

// Remove takes entries away that are there.
func (c *Controller) Remove(dns ...string) error {
	admin, err := c.Admin()
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	for _, dn := range dns {
		if err := admin.Del(ldap.NewDelRequest(dn, withBelow)); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			return fmt.Errorf("%s: %w", dn, err)
		}
	}
	return nil
}

// Change replaces values of an entry; changes come as attribute, value.
func (c *Controller) Change(dn string, changes ...string) error {
	admin, err := c.Admin()
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	req := ldap.NewModifyRequest(dn, nil)
	for i := 0; i+1 < len(changes); i += 2 {
		req.Replace(changes[i], []string{changes[i+1]})
	}
	return admin.Modify(req)
}

// SetPassword gives an account another password.
func (c *Controller) SetPassword(dn string, password certs.Secret) error {
	return c.Change(dn, "unicodePwd", Quoted(password))
}

//go:embed age.py
var age []byte

// AgePassword says that an account's password was set so long ago.
func (c *Controller) AgePassword(dn string, ago time.Duration) error {
	script := filepath.Join(c.dir, "age.py")
	if err := os.WriteFile(script, age, 0o600); err != nil {
		return err
	}
	out, err := exec.Command(python, script, filepath.Join(c.dir, "etc", "smb.conf"), dn, FileTime(time.Now().Add(-ago))).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// Read reads an attribute; empty: it has none.
func (c *Controller) Read(dn, attribute string) (string, error) {
	admin, err := c.Admin()
	if err != nil {
		return "", err
	}
	defer func() { _ = admin.Close() }()
	res, err := admin.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{attribute}, nil))
	if err != nil || len(res.Entries) != 1 {
		return "", fmt.Errorf("%s: %w", dn, err)
	}
	return res.Entries[0].GetAttributeValue(attribute), nil
}

// Quoted is how a password is written to unicodePwd (MS-ADTS, section 3.1.1.3.1.5).
func Quoted(password certs.Secret) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(`"` + password.Reveal() + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// FillPeople adds the suite's People, in a domain that takes their passwords.
func (c *Controller) FillPeople() error {
	entries := []Entry{Group("Wifi-Clinical"), Group("Everybody"), Group("Wifi-All", GroupDN("Wifi-Clinical"), GroupDN("Everybody"))}
	inside := [][2]string{{"Everybody", GroupDN("Wifi-All")}} // a loop
	for _, p := range People() {
		name := p.User
		if p.User == "o'neil(x)*" {
			name = "oneil" // a sAMAccountName holds no such letters
		}
		e := User(name, p.Password).With("userPrincipalName", p.Identity().String())
		switch p.State {
		case realms.ErrDisabled:
			e = e.With("userAccountControl", "514")
		case realms.ErrExpired:
			e = e.With("accountExpires", FileTime(time.Now().AddDate(0, 0, -1)))
		}
		entries = append(entries, e)
		if len(p.Groups) > 0 {
			inside = append(inside, [2]string{p.Groups[0], e.DN})
		}
	}
	err := c.Change(DomainBase, "pwdProperties", "0", "minPwdLength", "0", "pwdHistoryLength", "0", "minPwdAge", "0", "maxPwdAge", Never, "lockoutThreshold", "0")
	if err != nil {
		return err
	}
	if err := c.Fill(entries...); err != nil {
		return err
	}
	for _, in := range inside {
		if err := c.Join(in[0], in[1]); err != nil {
			return err
		}
	}
	return nil
}

// Join puts an entry into a group.
func (c *Controller) Join(group, member string) error {
	admin, err := c.Admin()
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	req := ldap.NewModifyRequest(GroupDN(group), nil)
	req.Add("member", []string{member})
	return admin.Modify(req)
}

// FileTime is Windows' count of 100 ns since 1601.
func FileTime(t time.Time) string {
	return strconv.FormatInt((t.Unix()+11_644_473_600)*1e7, 10)
}
