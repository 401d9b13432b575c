package daemon

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"causeway/certs"
)

// groupsTown names groups in every place that has any: the people of one realm are in a
// file, those of another in an LDAP directory, those of the third on placements.
const groupsTown = `
version = 1
[eap]
methods     = ["tls", "pap"]
certificate = "file:server.pem"
private_key = "file:server.key"
client_ca   = "file:ca.pem"
[directory.staff]
kind = "file"
path = "users.toml"
[directory.trust]
kind    = "ldap"
servers = ["ldap://LDAP"]
plain   = true
base    = "dc=northbridge,dc=nhs,dc=uk"
[directory.guests]
kind = "placements"
path = "placements.jsonl"
[realm."clinic.northbridge.nhs.uk"]
directory = "staff"
[realm."northbridge.nhs.uk"]
directory = "trust"
[realm."placement.northbridge.nhs.uk"]
directory = "guests"
[zone]
office = {}
[vlan]
office = { id = 110, zone = "office" }
stores = { id = 120, zone = "office" }
[[ssid]]
name = "NHS-Staff"
[[ssid.rule]]
who   = "@clinic.northbridge.nhs.uk"
group = "wifi-clinical" # in the file, and case does not count
vlan  = "office"
[[ssid.rule]]
who   = "@clinic.northbridge.nhs.uk"
group = "Wifi-Clinicl"
vlan  = "office"
[[ssid.rule]]
who   = "nurse@northbridge.nhs.uk"
group = "Wards"
vlan  = "office"
[[ssid.rule]]
who   = "@placement.northbridge.nhs.uk"
group = "next-term"
vlan  = "office"
[[ssid.rule]]
who   = "own"
group = "Anywhere"
vlan  = "office"
[[roaming]]
who    = "@clinic.northbridge.nhs.uk"
group  = "Travellers"
access = "allow"
[[guarantee]]
who   = "@clinic.northbridge.nhs.uk"
group = "Estates"
never = { vlan = "stores" }
ssid  = "NHS-Staff"
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name         = "royal-wlc"
address      = "127.0.0.1"
secret       = "secret-of-the-groups-town"
without_vlan = "reject"
[[test]]
given  = { user = "nurse@clinic.northbridge.nhs.uk", ssid = "NHS-Staff", site = "Royal Infirmary", groups = ["Wifi-Clinical", "Portres"] }
expect = { outcome = "accept" }
`

// inspectGroups puts the town into a folder and looks at it.
func inspectGroups(t *testing.T, config string) *Inspection {
	t.Helper()
	i, err := Inspect(filepath.Join(groupsFolder(t, config), "causeway.toml"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	i.LookIntoFiles()
	return i
}

// groupsFolder holds the town's files.
func groupsFolder(t *testing.T, config string) string {
	t.Helper()
	folder := t.TempDir()
	authority, err := certs.NewAuthority("Northbridge", time.Now(), certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Server([]string{"radius.northbridge.nhs.uk"}, certs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"causeway.toml": config, "server.pem": string(server.CertPEM), "server.key": server.KeyPEM.Reveal(), "ca.pem": string(authority.PEM()),
		"users.toml": "[user.\"nurse@clinic.northbridge.nhs.uk\"]\ngroups = [\"Wifi-Clinical\", \"Porters\"]\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// aboutGroups are the warnings about groups: key, what was meant, and what comes of it.
func aboutGroups(i *Inspection) (said []string) {
	for _, w := range i.Warnings {
		if strings.Contains(w.Text, "knows group") {
			_, vain, _ := strings.Cut(w.Text, "): ")
			said = append(said, fmt.Sprintf("%s %s %s", w.Key, w.Meant, vain))
			if w.Line == 0 || w.Column == 0 || w.Fix == "" {
				panic(w.Error())
			}
		}
	}
	return said
}

// A group that no line of a file of users knows is warned of without asking anybody; of
// people elsewhere nothing is said.
func TestGroupsOfFilesAreLookedAt(t *testing.T) {
	i := inspectGroups(t, groupsTown)
	want := []string{
		`ssid[0].rule[1].group "Wifi-Clinical" the rule fits nobody`,
		`roaming[0].group  the rule fits nobody`,
		`guarantee[0].group  the guarantee speaks of nobody`,
		`test[0].given.groups[1] "Porters" the test gives what nobody has`,
	}
	if got := aboutGroups(i); !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A directory that cannot be reached, or whose password is not here, makes no group
// unknown: what it would be asked is said, and nothing of the password.
func TestDirectoryThatCannotBeAsked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // nobody is there
	const base = "base    = \"dc=northbridge,dc=nhs,dc=uk\"\n"
	for name, c := range map[string]struct{ extra, says string }{
		"nobody there":       {"", "connection refused"},
		"no password here":   {"bind = \"cn=radius,dc=uk\"\npassword = \"file:nowhere\"\n", "its password cannot be read here: run this on the server"},
		"no authority here":  {"ca = \"file:nowhere.pem\"\n", "its ca cannot be read here"},
		"with its secret in": {"bind = \"cn=radius,dc=uk\"\npassword = \"canary-of-the-directory\"\n", "connection refused"},
	} {
		i := inspectGroups(t, strings.NewReplacer("LDAP", address, base, base+c.extra).Replace(groupsTown))
		before := aboutGroups(i)
		asked := i.Ask(t.Context())
		if len(asked) != 1 || asked[0].Directory != "trust" || asked[0].Whole() || !slices.Equal(asked[0].Groups, []string{"Wards", "Anywhere"}) {
			t.Fatalf("%s: %+v", name, asked)
		}
		said := asked[0].String()
		if !strings.Contains(said, c.says) || !strings.Contains(said, `nothing is said of 2 groups that the file names: "Wards", "Anywhere"`) || strings.Contains(said, "canary") || strings.Contains(said, "directory trust: directory trust") {
			t.Errorf("%s: %s", name, said)
		}
		if after := aboutGroups(i); !slices.Equal(before, after) {
			t.Errorf("%s: %q", name, after)
		}
	}
}

// What a directory says for itself stands in a failure as it may: on its line, and with
// nothing in it that a terminal would obey.
func TestADirectorysWordsStayOnTheirLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	const words = "no\nradiusd check: causeway.toml is good\r\x1b[2J\u202e"
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			question := make([]byte, 4096)
			if n, err := conn.Read(question); err == nil && n > 4 {
				id := question[4:n] // behind the head of the message and of its number
				if question[1]&0x80 != 0 {
					id = id[question[1]&0x7f:]
				}
				done := append([]byte{0x0a, 1, 50, 0x04, 0, 0x04, byte(len(words))}, words...) // insufficientAccessRights
				done = append([]byte{0x02, 1, id[0], 0x65, byte(len(done))}, done...)
				_, _ = conn.Write(append([]byte{0x30, byte(len(done))}, done...))
			}
			_ = conn.Close()
		}
	}()
	asked := inspectGroups(t, strings.ReplaceAll(groupsTown, "LDAP", l.Addr().String())).Ask(t.Context())
	if len(asked) != 1 || !strings.Contains(asked[0].Failed, "causeway.toml is good") {
		t.Fatalf("%+v", asked)
	}
	if said := asked[0].String(); strings.Count(said, "\n") != 2 || strings.ContainsAny(said, "\r\x1b\u202e") || !strings.Contains(said, `no\nradiusd check: causeway.toml is good\r\x1b[2J\u202e`) {
		t.Errorf("%q", said)
	}
	if said := (Asking{Directory: "trust", Groups: []string{"Wards"}, Unsaid: []string{"a\x1bb\nc"}}).String(); strings.Count(said, "\n") != 2 || strings.Contains(said, "\x1b") {
		t.Errorf("%q", said)
	}
}

// Which directories are asked for a group: those in which the people of a rule may be.
func TestWhoIsAskedForAGroup(t *testing.T) {
	i := inspectGroups(t, strings.Replace(groupsTown, `client_ca   = "file:ca.pem"`, "", 1)+`
[[eap.authority]]
name        = "tablets"
ca          = "file:ca.pem"
vouches_for = "devices"
realms      = ["northbridge.nhs.uk"]
directory   = "staff"
`[1:])
	for who, want := range map[string]string{
		"own": "guests staff trust", "": "guests staff trust", "anyone": "guests staff trust",
		"@northbridge.nhs.uk": "staff trust", "nurse@Northbridge.NHS.uk": "staff trust", "@clinic.northbridge.nhs.uk": "staff",
		"visitor": "", "devices": "", "@camford.ac.uk": "",
	} {
		if _, got := peopleOf(i.File, who); strings.Join(got, " ") != want {
			t.Errorf("%q: %q", who, got)
		}
	}
}
