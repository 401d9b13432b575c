package directory_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"causeway/certs"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

const (
	base            = "dc=northbridge,dc=nhs,dc=uk"
	serviceDN       = "cn=svc-radius," + base
	rootDN          = "cn=root," + base
	servicePassword = "service-canary"
	serverName      = "ldap.northbridge.nhs.uk"
)

// A slapd is a real OpenLDAP server with the suite's people in it, on loopback.
type slapd struct {
	plain, ldaps string // addresses
	process      *os.Process
	ended        chan struct{}
}

// ca issues the certificates of all test servers.
var ca = sync.OnceValues(func() (*certs.Authority, error) {
	return certs.NewAuthority("Northbridge test", time.Now(), certs.Options{})
})

func startSlapd(t testing.TB, extra ...string) *slapd {
	t.Helper()
	path, err := exec.LookPath("slapd")
	if err != nil {
		if path = "/usr/sbin/slapd"; !executable(path) {
			t.Skip("slapd is not installed: run make deps")
		}
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "slapd.conf")
	write(t, conf, slapdConf(t, dir))
	write(t, filepath.Join(dir, "data.ldif"), ldif()+strings.Join(extra, ""))
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	load := exec.Command(filepath.Join(filepath.Dir(path), "slapadd"), "-f", conf, "-l", filepath.Join(dir, "data.ldif"))
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	for range 5 { // a port may be taken between the choice and the start
		if s := launch(t, path, conf); s != nil {
			return s
		}
	}
	t.Fatal("slapd did not start")
	return nil
}

func launch(t testing.TB, path, conf string) *slapd {
	s := &slapd{plain: "ldap://" + freePort(t), ldaps: "ldaps://" + freePort(t), ended: make(chan struct{})}
	cmd := exec.Command(path, "-f", conf, "-h", s.plain+" "+s.ldaps, "-d", "0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = cmd.Process
	go func() {
		_ = cmd.Wait() // killed on purpose
		close(s.ended)
	}()
	t.Cleanup(s.kill)
	for range 1000 {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.ldaps, "ldaps://"), time.Second)
		if err == nil {
			_ = conn.Close()
			return s
		}
		select {
		case <-s.ended:
			t.Logf("slapd ended: %s", out.String())
			return nil
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// kill ends the server as a power cut does.
func (s *slapd) kill() {
	_ = s.process.Kill() // it may have ended
	<-s.ended
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func slapdConf(t testing.TB, dir string) string {
	t.Helper()
	authority, err := ca()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Server([]string{serverName}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cert.pem"), string(pair.CertPEM))
	write(t, filepath.Join(dir, "key.pem"), pair.KeyPEM.Reveal())
	write(t, filepath.Join(dir, "ca.pem"), string(authority.PEM()))
	return strings.ReplaceAll(`
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
attributetype ( 1.3.6.1.4.1.7165.2.1.25 NAME 'sambaNTPassword' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{32} SINGLE-VALUE )
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.99999.1 NAME 'wifiPerson' SUP top AUXILIARY MAY ( sambaNTPassword $ nsAccountLock ) )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile DIR/slapd.pid
TLSCertificateFile DIR/cert.pem
TLSCertificateKeyFile DIR/key.pem
TLSCACertificateFile DIR/ca.pem
database mdb
suffix "`+base+`"
rootdn "`+rootDN+`"
rootpw `+servicePassword+`
directory DIR/db
maxsize 16777216
index objectClass,uid,mail,member,uniqueMember,memberUid eq
overlay ppolicy
limits dn.exact="cn=svc-limited,`+base+`" size.hard=1 size.soft=1 size.unchecked=unlimited
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=people,`+base+`" attrs=entry,@extensibleObject by users read by * none
access to * by * read
`, "DIR", dir)
}

// ldif holds the suite's people, the groups of the suite, and some entries that
// only LDAP has.
func ldif() string {
	var b strings.Builder
	entry := func(dn string, lines ...string) {
		fmt.Fprintf(&b, "dn: %s\n%s\n\n", dn, strings.Join(lines, "\n"))
	}
	entry(base, "objectClass: domain", "dc: northbridge")
	entry("ou=people,"+base, "objectClass: organizationalUnit", "ou: people")
	entry("ou=groups,"+base, "objectClass: organizationalUnit", "ou: groups")
	for _, name := range []string{"svc-radius", "svc-limited"} {
		entry("cn="+name+","+base, "objectClass: organizationalRole", "objectClass: simpleSecurityObject", "cn: "+name, "userPassword: "+servicePassword)
	}
	for _, p := range directorytest.People() {
		lines := []string{
			"objectClass: inetOrgPerson", "objectClass: shadowAccount", "objectClass: wifiPerson", "cn: " + p.User, "sn: " + p.User,
			"uid: " + p.User, "mail: " + p.User + "@" + directorytest.Realm, "userPassword:: " + base64Of(p.Password.Reveal()),
		}
		if !p.NoHash {
			lines = append(lines, fmt.Sprintf("sambaNTPassword: %X", directory.NTHash(p.Password)))
		}
		switch p.State {
		case realms.ErrDisabled:
			lines = append(lines, "nsAccountLock: TRUE")
		case realms.ErrExpired:
			lines = append(lines, fmt.Sprintf("shadowExpire: %d", time.Now().Unix()/86400-1))
		}
		entry(personDN(p.User), lines...)
	}
	entry("uid=mallory,ou=people,"+base, "objectClass: inetOrgPerson", "cn: m", "sn: m", "uid: mallory", "userPassword: locked out", "pwdAccountLockedTime: 000001010000Z")
	entry("uid=twin,ou=people,"+base, "objectClass: inetOrgPerson", "cn: a", "sn: a", "uid: twin", "userPassword: same")
	entry("cn=other,ou=people,"+base, "objectClass: inetOrgPerson", "cn: other", "sn: b", "mail: twin@"+directorytest.Realm, "userPassword: same")
	entry("uid=clerk,ou=people,"+base, "objectClass: inetOrgPerson", "cn: c", "sn: c", "uid: clerk", "userPassword: ledger")

	entry("cn=cart7,ou=people,"+base, "objectClass: device", "objectClass: simpleSecurityObject", "cn: cart7", "userPassword: rolling")

	group := func(cn, class, attribute string, members ...string) {
		lines := []string{"objectClass: " + class, "cn: " + cn}
		for _, m := range members {
			lines = append(lines, attribute+": "+m)
		}
		entry("cn="+cn+",ou=groups,"+base, lines...)
	}
	group("Wifi-Clinical", "groupOfNames", "member", personDN("nurse"), personDN("o'neil(x)*"))
	group("Wifi-All", "groupOfUniqueNames", "uniqueMember", "cn=Wifi-Clinical,ou=groups,"+base, "cn=Everybody,ou=groups,"+base)
	group("Everybody", "groupOfNames", "member", "cn=Wifi-All,ou=groups,"+base, personDN("doctor"))
	entry("cn=Finance,ou=groups,"+base, "objectClass: posixGroup", "cn: Finance", "gidNumber: 500", "memberUid: clerk")
	group("Offices", "groupOfNames", "member", "cn=Finance,ou=groups,"+base)
	// A group of that name elsewhere must not count.
	entry("cn=Wifi-Clinical,ou=people,"+base, "objectClass: groupOfNames", "cn: Wifi-Clinical", "member: uid=clerk,ou=people,"+base)
	return b.String()
}

func personDN(user string) string {
	return "uid=" + ldap.EscapeDN(user) + ",ou=people," + base
}
