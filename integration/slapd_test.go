package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// sambaSchema is as much of Samba's schema as tells an NT hash, a disabled
// account and an expired one.
const sambaSchema = `
attributetype ( 1.3.6.1.4.1.7165.2.1.25 NAME 'sambaNTPassword' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{32} SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.7165.2.1.26 NAME 'sambaAcctFlags' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{16} SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.7165.2.1.32 NAME 'sambaKickoffTime' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.7165.2.2.6 NAME 'sambaSamAccount' SUP top AUXILIARY MAY ( sambaNTPassword $ sambaAcctFlags $ sambaKickoffTime ) )
`

// slapd is OpenLDAP with the people of a file of the folder, over TLS with the
// story's own certificate.
func slapd(s *stage, p peer) *process {
	port := s.freeTCP()
	db := filepath.Join(s.dir, p.Name+"-db")
	s.must(os.Mkdir(db, 0o700))
	conf := filepath.Join(s.dir, p.Name+".conf")
	s.must(os.WriteFile(conf, []byte(fmt.Sprintf(`
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
%[4]s
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile %[1]s/%[2]s.pid
TLSCertificateFile %[1]s/server.pem
TLSCertificateKeyFile %[1]s/server.key
database mdb
suffix "dc=northbridge,dc=nhs,dc=uk"
rootdn "cn=svc-radius,dc=northbridge,dc=nhs,dc=uk"
rootpw service-password
directory %[3]s
`, s.dir, p.Name, db, sambaSchema)), 0o600))
	add, err := findProgram("slapadd")
	s.must(err)
	if out, err := exec.Command(add, "-f", conf, "-l", s.fill(p.With["people"])).CombinedOutput(); err != nil {
		s.Fatalf("slapadd: %v\n%s", err, out)
	}
	s.know[p.Name] = fmt.Sprintf("ldaps://127.0.0.1:%d", port)
	// {{.servers}} are all of them, in the order in which the story starts them.
	servers := strconv.Quote(fmt.Sprint(s.know[p.Name]))
	if before, ok := s.know["servers"]; ok {
		servers = fmt.Sprint(before, ", ", servers)
	}
	s.know["servers"] = servers
	return &process{
		program: "slapd",
		args:    []string{"-f", conf, "-h", fmt.Sprintf("ldaps://127.0.0.1:%d", port), "-d", "stats"},
		ready:   answersTCP(port),
	}
}
