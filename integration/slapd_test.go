package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

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
`, s.dir, p.Name, db)), 0o600))
	add, err := findProgram("slapadd")
	s.must(err)
	if out, err := exec.Command(add, "-f", conf, "-l", s.fill(p.With["people"])).CombinedOutput(); err != nil {
		s.Fatalf("slapadd: %v\n%s", err, out)
	}
	s.know[p.Name] = fmt.Sprintf("ldaps://127.0.0.1:%d", port)
	return &process{
		program: "slapd",
		args:    []string{"-f", conf, "-h", fmt.Sprintf("ldaps://127.0.0.1:%d", port), "-d", "stats"},
		ready:   answersTCP(port),
	}
}
