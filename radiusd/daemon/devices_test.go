package daemon

import (
	"crypto/md5" //nolint:gosec // RFC 2865, section 5.3
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
)

// ward is the town with pumps and scales on an SSID of their own, and scales on one that
// is for people as well. Eastmoor's controller asks for them by a password of its own.
func ward(upstream string) string {
	return strings.NewReplacer("UPSTREAM", upstream, "address      = \"127.0.0.2\"\n", "address      = \"127.0.0.2\"\nmac_password = \""+ofItsOwn+"\"\n", "clinical = { id = 110, zone = \"clinical\" }", `clinical = { id = 110, zone = "clinical" }
pumps    = { id = 150, zone = "clinical" }
scales   = { id = 160, zone = "devices" }
scanners = { id = 161, zone = "devices" }`, "academic = {}", "academic = {}\ndevices = {}").Replace(town) + `
[devices.infusion]
path  = "infusion.csv"
owner = "Medical Engineering"
[devices.scales]
path = "scales.csv"
[[ssid]]
name = "NHS-Medical"
mac  = ["infusion", "scales"]
[[ssid.rule]]
who     = "devices infusion"
vlan    = "pumps"
trusted = true
[[ssid.rule]]
who  = "devices scales"
vlan = ["scales", "scanners"]
[[ssid]]
name = "Mixed"
federation = "eduroam"
mac  = "scales"
[[ssid.rule]]
who  = "devices"
vlan = ["scales", "scanners"]
[[ssid.rule]]
who  = "own"
vlan = "academic"
`
}

const (
	onMedical = "02-00-00-00-00-01:NHS-Medical"
	onMixed   = "02-00-00-00-00-01:Mixed"
	onePump   = "00-1B-C5-00-00-01"
	ofItsOwn  = "NOPASSWORD"
	pumpsList = "mac,what,vlan,until,asset,approved_by\n00:1b:c5:00:00:01,Infusion pump 12,pumps,2999-03-31,4711,A. Shah\n00-1B-C5-00-00-09,Pump of old,,2021-03-31,,A. Shah\n"
	scaleList = "mac,what,owner,vlan,until,approved_by\n001bc5000002,Scales,Ward 7,scales,2999-03-31,A. Shah\n001bc5000003,Scanner,Ward 7,scanners,2999-03-31,A. Shah\n"
)

func startWard(tb testing.TB, upstream string) *trust {
	tb.Helper()
	const logged = "[log]\nfile = \"log.txt\"\n"
	t := startTrust(tb, strings.ReplaceAll(town, "UPSTREAM", upstream)+logged)
	eventually(tb, "the first look at no list is over", func() bool { return t.listDay.Load() != nil })
	t.write(tb, "infusion.csv", pumpsList)
	t.write(tb, "scales.csv", scaleList)
	t.write(tb, "causeway.toml", ward(upstream)+logged)
	if err := t.Reload(); err != nil {
		tb.Fatal(err)
	}
	return t
}

// asDevice is a request as a controller makes it for a MAC.
func (r *rogue) asDevice(user, station, called, password string) *radius.Packet {
	p := r.request(user, called)
	set(p, rfc2865.CallingStationID_Type, station)
	if password != "" {
		_ = rfc2865.UserPassword_SetString(p, password)
	}
	return p
}

// Holds R54: a device gets in by its MAC in whatever notation a controller has, on the
// SSID of its list, onto the VLAN of its line, and nothing else gets in so.
func TestR54DevicesByMAC(t *testing.T) {
	asked := 0
	town := startWard(t, pretend(t, func(req *radius.Packet) *radius.Packet { asked++; return req.Response(radius.CodeAccessAccept) }))
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, c := range []struct {
		name, user, station, ssid, password string
		also                                func(*radius.Packet)
		want, reason                        string
	}{
		{"a pump", "001bc5000001", "00-1B-C5-00-00-01", onMedical, "001bc5000001", nil, "accept 150", ""},
		{"each its own VLAN", "001bc5000002", "00-1B-C5-00-00-02", onMedical, "001bc5000002", nil, "accept 160", ""},
		{"and the scanner", "001bc5000003", "00-1B-C5-00-00-03", onMedical, "001bc5000003", nil, "accept 161", ""},
		{"beside people", "001bc5000003", "00-1B-C5-00-00-03", onMixed, "001bc5000003", nil, "accept 161", ""},
		// And what is refused.
		{"unknown", "001bc5000004", "00-1B-C5-00-00-04", onMedical, "001bc5000004", nil, "reject", "mac-unknown"},
		{"ended", "001bc5000009", "00-1B-C5-00-00-09", onMedical, "001bc5000009", nil, "reject", "mac-expired"},
		{"made up", "021bc5000001", "02-1B-C5-00-00-01", onMedical, "021bc5000001", nil, "reject", "mac-randomised"},
		{"another's name", "001bc5000001", "00-1B-C5-00-00-02", onMedical, "001bc5000001", nil, "reject", "mac-mismatch"},
		{"another's address", "001bc5000004", "00-1B-C5-00-00-01", onMedical, "001bc5000004", nil, "reject", "mac-mismatch"},
		{"no address", "001bc5000001", "", onMedical, "001bc5000001", nil, "reject", "mac-mismatch"},
		{"a person", nurseName, "00-1B-C5-00-00-01", onMedical, "001bc5000001", nil, "reject", "mac-mismatch"},
		{"a person of that name", "001bc5000001@northbridge.nhs.uk", "00-1B-C5-00-00-01", onMedical, "001bc5000001", nil, "reject", "mac-mismatch"},
		{"another password", "001bc5000001", "00-1B-C5-00-00-01", onMedical, "secret", nil, "reject", "mac-password"},
		{"another device's", "001bc5000001", "00-1B-C5-00-00-01", onMedical, "001bc5000002", nil, "reject", "mac-password"},
		{"no password", "001bc5000001", "00-1B-C5-00-00-01", onMedical, "", nil, "reject", "mac-password"},
		{"CHAP with another", "001bc5000001", "00-1B-C5-00-00-01", onMedical, "", chap("secret"), "reject", "mac-password"},
		{"two at once", "001bc5000001", "00-1B-C5-00-00-01", onMedical, "001bc5000001", chap("001bc5000001"), "reject", "credentials-mixed"},
		{"a list that the SSID does not take", "001bc5000001", "00-1B-C5-00-00-01", onMixed, "001bc5000001", nil, "reject", "mac-unknown"},
		{"on the staff's", "001bc5000001", "00-1B-C5-00-00-01", onStaff, "001bc5000001", nil, "reject", "realm-missing"},
		{"where strangers are asked about", "001bc5000001", "00-1B-C5-00-00-01", onEduroam, "001bc5000001", sayCallCheck, "reject", "realm-missing"},
		{"unknown where strangers are asked about", "001bc5000004", "00-1B-C5-00-00-04", onMixed, "001bc5000004", sayCallCheck, "reject", "mac-unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := r.asDevice(c.user, c.station, c.ssid, c.password)
			if c.also != nil {
				c.also(p)
			}
			reply := r.ask(t, p)
			e := town.event(t)
			if got := say(reply); got != c.want || e.Reason != c.reason {
				t.Fatalf("%s, %s (%s), want %s, %s", got, e.Reason, e.Detail, c.want, c.reason)
			}
			if c.ssid == onMedical && e.Method != "mac" {
				t.Errorf("the log says method %q", e.Method)
			}
			if strings.Contains(e.Detail, testSecret) {
				t.Error("the log has the shared secret")
			}
			if n := rfc2865.SessionTimeout_Get(reply); c.want != "reject" && n != 86400 {
				t.Errorf("for %d s: a device that leaves the list would stay", n)
			}
		})
	}
	if asked > 0 {
		t.Errorf("%d devices were asked about elsewhere", asked)
	}
	r.ask(t, r.asDevice("001bc5000001", onePump, onMedical, "001bc5000001"))
	if e := town.event(t); e.List != "infusion" || e.Equipment != "Infusion pump 12" || e.Asset != "4711" || e.Owner != "Medical Engineering" || e.Zone != "clinical" || e.Rule != "NHS-Medical rule 1" {
		t.Errorf("%+v", e)
	}
}

// What some controllers put into a request beside the name, or in place of a password.
func sayCallCheck(p *radius.Packet) { _ = rfc2865.ServiceType_Set(p, 10) }

func chap(password string) func(p *radius.Packet) {
	return func(p *radius.Packet) {
		p.Add(rfc2865.CHAPChallenge_Type, radius.Attribute("0123456789abcdef"))
		answerCHAP(p, password, "0123456789abcdef")
	}
}

// answerCHAP answers a challenge that stands elsewhere in the request.
func answerCHAP(p *radius.Packet, password, challenge string) {
	sum := md5.Sum([]byte("\x07" + password + challenge)) //nolint:gosec // see above
	p.Add(rfc2865.CHAPPassword_Type, append(radius.Attribute{7}, sum[:]...))
}

// Holds R54: a MAC is taken in whatever way a controller may be set to write it, as name,
// as address and as password, and by every kind of password that is for a MAC. What no
// controller writes is no MAC.
func TestR54HowControllersWriteAMAC(t *testing.T) {
	town := startWard(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	ask := func(t *testing.T, user, station, password string, also func(*radius.Packet)) (string, string) {
		t.Helper()
		p := r.asDevice(user, station, onMedical, password)
		if also != nil {
			also(p)
		}
		got := say(r.ask(t, p))
		return got, town.event(t).Reason
	}
	written := []string{
		"001bc5000001", "001BC5000001", "00-1b-c5-00-00-01", "00-1B-C5-00-00-01", "00:1b:c5:00:00:01", "00:1B:C5:00:00:01",
		"001b.c500.0001", "001B.C500.0001", "001b-c500-0001", "001B-C500-0001", "001b:c500:0001", "001bc5-000001", "001BC5-000001", "00.1b.c5.00.00.01",
		"00 1b c5 00 00 01", "001BC5:000001", "001b c500 0001", "001bc5.000001",
	}
	for i, user := range written {
		password := written[(i+5)%len(written)] // some have a setting for each
		station := written[(i+9)%len(written)]
		for what, c := range map[string]struct {
			password string
			also     func(*radius.Packet)
		}{
			"password": {password, nil}, "password and Call-Check": {password, sayCallCheck}, "the same twice": {user, nil},
			"CHAP": {"", chap(password)}, "CHAP over the authenticator": {"", func(p *radius.Packet) { answerCHAP(p, password, string(p.Authenticator[:])) }},
			"the shared secret": {testSecret, nil}, "CHAP over the shared secret": {"", chap(testSecret)}, "nothing and Call-Check": {"", sayCallCheck},
		} {
			if got, reason := ask(t, user, station, c.password, c.also); got != "accept 150" {
				t.Errorf("%s at %s, %s %s: %s, %s", user, station, what, c.password, got, reason)
			}
		}
	}
	for _, c := range []struct {
		user, station, password string
		also                    func(*radius.Packet)
		reason                  string
	}{
		{"001bc5000001 ", onePump, "001bc5000001", nil, "mac-mismatch"},
		{"0x001bc5000001", onePump, "001bc5000001", nil, "mac-mismatch"},
		{"001bc500001", onePump, "001bc500001", nil, "mac-mismatch"},
		{"00-1b:c5-00:00-01", onePump, "001bc5000001", nil, "mac-mismatch"},
		{"mac", onePump, "001bc5000001", nil, "mac-mismatch"},                       // one name for all
		{"NORTHBRIDGE\\001bc5000001", onePump, "001bc5000001", nil, "mac-mismatch"}, // with a domain
		{"001bc5000001", onePump + ":NHS-Medical", "001bc5000001", nil, "mac-mismatch"},
		{"001bc5000001", onePump, "", nil, "mac-password"},
		{"001bc5000001", onePump, "", func(p *radius.Packet) { _ = rfc2865.ServiceType_Set(p, rfc2865.ServiceType_Value_FramedUser) }, "mac-password"},
		{"001bc5000001", onePump, "", func(p *radius.Packet) { _ = rfc2865.ServiceType_Set(p, rfc2865.ServiceType_Value_LoginUser) }, "mac-password"},
		{"001bc5000001", onePump, "001bc5000002", sayCallCheck, "mac-password"}, // Call-Check excuses no wrong one
		{"001bc5000001", onePump, "", chap(""), "mac-password"},
		{"001bc5000001", onePump, "", chap("001bc5000002"), "mac-password"},
		{"001bc5000001", onePump, "", func(p *radius.Packet) { p.Add(rfc2865.CHAPPassword_Type, radius.Attribute{7}) }, "mac-password"},
		{"001bc5000001", onePump, ofItsOwn, nil, "mac-password"}, // another controller's
	} {
		if got, reason := ask(t, c.user, c.station, c.password, c.also); got != "reject" || reason != c.reason {
			t.Errorf("%q at %q with %q: %s, %s, want %s", c.user, c.station, c.password, got, reason, c.reason)
		}
	}
}

// Holds R54: a controller that sends one password of its own for every device is asked for
// that, and is then taken at no other; the password stands in no log.
func TestR54AControllersOwnPassword(t *testing.T) {
	town := startWard(t, idleTown)
	r := rogueAt(t, "127.0.0.2", town.address)
	for _, c := range []struct {
		what, station, password string
		also                    func(*radius.Packet)
		want, reason            string
	}{
		{"it", onePump, ofItsOwn, nil, "accept 150", ""},
		{"it, with Call-Check", onePump, ofItsOwn, sayCallCheck, "accept 150", ""},
		{"it, by CHAP", onePump, "", chap(ofItsOwn), "accept 150", ""},
		{"it, of a device that nobody knows", "00-1B-C5-00-00-04", ofItsOwn, nil, "reject", "mac-unknown"},
		{"it, made up", "02-1B-C5-00-00-01", ofItsOwn, nil, "reject", "mac-randomised"},
		{"in small letters", onePump, strings.ToLower(ofItsOwn), nil, "reject", "mac-password"},
		{"half of it", onePump, ofItsOwn[:5], nil, "reject", "mac-password"},
		{"the MAC", onePump, "001bc5000001", nil, "reject", "mac-password"},
		{"the shared secret", onePump, testSecret, nil, "reject", "mac-password"},
		{"the MAC, by CHAP", onePump, "", chap(onePump), "reject", "mac-password"},
		{"the MAC in small letters, by CHAP", onePump, "", chap("001bc5000001"), "reject", "mac-password"},
		{"the shared secret, by CHAP", onePump, "", chap(testSecret), "reject", "mac-password"},
		{"nothing, with Call-Check", onePump, "", sayCallCheck, "reject", "mac-password"},
		{"nothing", onePump, "", nil, "reject", "mac-password"},
		{"both", onePump, ofItsOwn, chap(ofItsOwn), "reject", "credentials-mixed"},
	} {
		p := r.asDevice(c.station, c.station, onMedical, c.password)
		if c.also != nil {
			c.also(p)
		}
		got := say(r.ask(t, p))
		e := town.event(t)
		if got != c.want || e.Reason != c.reason {
			t.Errorf("%s: %s, %s (%s), want %s, %s", c.what, got, e.Reason, e.Detail, c.want, c.reason)
		}
		if strings.Contains(e.Detail, ofItsOwn) || strings.Contains(e.Detail, testSecret) {
			t.Errorf("%s: a secret in %q", c.what, e.Detail)
		}
	}
}

// Holds R54: who speaks EAP is a person, whatever the name; on an SSID for devices alone
// nobody does, and a password is not looked at.
func TestR54PeopleAreNoDevices(t *testing.T) {
	town := startWard(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	as := func(p *radius.Packet) { set(p, rfc2865.CallingStationID_Type, onePump) }
	reply := r.carry(t, town.peer(t, nil), nurseName, onMedical, func(_ int, p *radius.Packet) { as(p) })
	if e := town.event(t); say(reply) != "reject" || e.Reason != "mac-only" {
		t.Errorf("a nurse on a pump's address: %s, %s", say(reply), e.Reason)
	}
	reply = r.carry(t, town.peer(t, func(c *supplicant.Config) { c.Identity = "001bc5000003" }), "001bc5000003", onMixed, func(_ int, p *radius.Packet) {
		set(p, rfc2865.CallingStationID_Type, "00-1B-C5-00-00-03")
	})
	if e := town.event(t); say(reply) != "reject" || e.Reason != "realm-missing" {
		t.Errorf("EAP by a MAC: %s, %s", say(reply), e.Reason)
	}
	reply = r.carry(t, town.peer(t, nil), nurseName, onMixed, func(_ int, p *radius.Packet) { set(p, rfc2865.CallingStationID_Type, "00-1B-C5-00-00-03") })
	if e := town.event(t); say(reply) != "accept 310" || e.List != "" {
		t.Errorf("a nurse beside devices: %s, %+v", say(reply), e)
	}
}

// A list that has changed counts within seconds; one that is wrong changes nothing.
func TestListsAreReadAgain(t *testing.T) {
	town := startWard(t, idleTown)
	r := rogueAt(t, "127.0.0.1", town.address)
	ask := func() string {
		got := say(r.ask(t, r.asDevice("001bc5000004", "00-1B-C5-00-00-04", onMedical, "001bc5000004")))
		town.event(t)
		return got
	}
	change := func(text string) {
		path := filepath.Join(town.folder, "infusion.csv")
		town.write(t, "infusion.csv", text)
		_ = os.Chtimes(path, time.Now(), time.Now().Add(time.Duration(len(text))*time.Second))
		town.lookAtLists()
		town.lookAtLists()
	}
	if got := ask(); got != "reject" {
		t.Fatal(got)
	}
	change(pumpsList + "001bc5000004,Pump 13,,2999-03-31,,A. Shah\n")
	if got := ask(); got != "accept 150" {
		t.Errorf("the new pump: %s", got)
	}
	change("nonsense\n")
	if got := ask(); got != "accept 150" {
		t.Errorf("a bad list took a pump away: %s", got)
	}
	change(pumpsList)
	if got := ask(); got != "reject" {
		t.Errorf("the pump that was taken out: %s", got)
	}
}

// What a file says of devices that must not be is told at its place.
func TestR54RefusedFiles(t *testing.T) {
	town := startWard(t, idleTown)
	for _, c := range []struct{ what, from, to, want string }{
		{"a trusted zone that nobody said", "vlan    = \"pumps\"\ntrusted = true", "vlan = \"pumps\"", "clinical is trusted, which a MAC alone does not open unless the rule says trusted = true for its list"},
		{"trusted for every list", `who     = "devices infusion"`, `who = "devices"`, "says trusted for every list at once"},
		{"trusted for people", "who  = \"own\"\nvlan = \"academic\"\n", "who = \"own\"\nvlan = \"academic\"\ntrusted = true\n", "only devices that are known by their MAC need it said"},
		{"a method", `who  = "devices scales"`, "who = \"devices scales\"\neap = \"tls\"", "of a device that is known by its MAC nothing else is known"},
		{"a list that there is not", `who  = "devices scales"`, `who = "devices scale"`, `there is no such list`},
		{"a list that the SSID does not take", "who  = \"devices\"\n", "who = \"devices infusion\"\n", `mac of SSID "Mixed" does not name that list`},
		{"a list that the SSID cannot take", `mac  = "scales"`, `mac = "scale"`, `lets in devices of list "scale", and there is no such list`},
		{"several VLANs for people", "who  = \"own\"\nvlan = \"academic\"", "who = \"own\"\nvlan = [\"academic\", \"visitor\"]", "only a list of devices says which is whose"},
		{"a VLAN that no rule gives", `["scales", "scanners"]`, `["scales", "academic"]`, `scales.csv:3: no rule gives vlan "scanners"`},
		{"a promise", "[[site]]\nname = \"Eastmoor\"", "[[guarantee]]\nwho = \"devices\"\nnever = { zone = \"clinical\" }\n[[site]]\nname = \"Eastmoor\"", "guarantee 2 says: devices never reaches zone clinical"},
		{"anyone is a device, too", "[[site]]\nname = \"Eastmoor\"", "[[guarantee]]\nwho = \"anyone\"\nssid = \"NHS-Medical\"\nnever = { zone = \"clinical\" }\n[[site]]\nname = \"Eastmoor\"", "a device of list infusion"},
	} {
		t.Run(c.what, func(t *testing.T) {
			text := ward(idleTown)
			changed := strings.Replace(text, c.from, c.to, 1)
			if c.from == `["scales", "scanners"]` {
				changed = strings.ReplaceAll(text, c.from, c.to)
			}
			if changed == text {
				t.Fatal("the change changes nothing")
			}
			town.write(t, "causeway.toml", changed)
			if err := town.Reload(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
}

// explain and [[test]] say of a device what the server does with it.
func TestR54Explained(t *testing.T) {
	town := startWard(t, idleTown)
	town.write(t, "causeway.toml", ward(idleTown)+`
[[test]]
given  = { mac = "00:1b:c5:00:00:01", ssid = "NHS-Medical", site = "Eastmoor" }
expect = { vlan = 150, route = "devices" }
[[test]]
given  = { list = "scales", vlan = "scanners", ssid = "Mixed", site = "Eastmoor" }
expect = { vlan = 161 }
[[test]]
given  = { list = "scales", ssid = "Mixed", site = "Eastmoor" }
expect = { reason = "no-rule" }
[[test]]
given  = { mac = "02-1B-C5-00-00-01", ssid = "NHS-Medical", site = "Eastmoor" }
expect = { reason = "mac-randomised" }
`)
	i, err := Inspect(filepath.Join(town.folder, "causeway.toml"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range i.Test() {
		if r.Failure != "" {
			t.Errorf("%s: %s", r.Given, r.Failure)
		}
	}
	proof := i.Proof().String()
	for _, want := range []string{"a device known only by its MAC never reaches a trusted zone unless a rule says so for its list (", "devices infusion on NHS-Medical"} {
		if !strings.Contains(proof, want) {
			t.Errorf("the proof does not say %q:\n%s", want, proof)
		}
	}
}

// Once a day there is a line for each list of which devices have ended or end within 30
// days, and an alarm on the days on which one has 30, 14 or 3 left, or has just ended.
func TestDevicesThatEndAreTold(t *testing.T) {
	town := startWard(t, idleTown)
	last := time.Now().AddDate(0, 0, 100)
	line := func(mac, what string, until time.Time) string {
		return mac + "," + what + ",," + until.Format(time.DateOnly) + ",,A. Shah\n"
	}
	town.write(t, "infusion.csv", "mac,what,vlan,until,asset,approved_by\n"+
		line("001bc5000008", "Pump of next year", last.AddDate(0, 0, 300))+line("001bc5000007", "Pump 7", last)+line("001bc5000006", "Pump 6", last)+line("001bc5000005", "Pump 5", last.AddDate(0, 0, 31)))
	if err := town.Reload(); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, c := range []struct {
		left        int
		level       string // of the line; empty: there is none
		ended, soon int
		next        string
	}{
		{40, "", 0, 0, ""}, {31, "", 0, 0, ""}, {30, "ALARM", 0, 2, "Pump 7"}, {29, "WARNING", 0, 2, "Pump 7"}, {15, "WARNING", 0, 2, "Pump 7"}, {14, "ALARM", 0, 2, "Pump 7"},
		{3, "ALARM", 0, 2, "Pump 7"}, {1, "WARNING", 0, 2, "Pump 7"}, {0, "WARNING", 0, 2, "Pump 7"},
		{-1, "ALARM", 2, 1, "Pump 5"},   // two have ended, and another has 30 days left
		{-2, "WARNING", 2, 1, "Pump 5"}, // yesterday's are told, and are no alarm any more
		{-32, "ALARM", 3, 0, ""}, {-33, "WARNING", 3, 0, ""},
	} {
		town.at(time.Date(last.Year(), last.Month(), last.Day()-c.left, 0, 1, 0, 0, time.Local))
		town.remindOfLists()
		town.remindOfLists()
		town.at(time.Date(last.Year(), last.Month(), last.Day()-c.left, 23, 59, 0, 0, time.Local))
		town.remindOfLists() // late on the same day
		town.desk.Notice("marker", "left", c.left)
		town.lines(t, fmt.Sprintf(`marker.*left=%d\b`, c.left), 1)
		lines := slices.DeleteFunc(strings.Split(town.logText(t), "\n"), func(line string) bool { return !strings.Contains(line, " devices of a list end") })
		if c.level != "" {
			told++
		}
		if len(lines) != told {
			t.Fatalf("%d days before the end there are %d lines, want %d", c.left, len(lines), told)
		}
		if c.level == "" {
			continue
		}
		want := []string{" " + c.level + " ", "list=infusion", fmt.Sprintf("ended=%d ", c.ended), fmt.Sprintf("end_within_30_days=%d", c.soon)}
		if c.next != "" {
			want = append(want, fmt.Sprintf("equipment=%q", c.next), `owner="Medical Engineering"`)
		}
		for _, word := range want {
			if line := lines[told-1]; !strings.Contains(line, word) {
				t.Errorf("%d days before the end: no %s in %s", c.left, word, line)
			}
		}
		if strings.Contains(lines[told-1], "next=") != (c.next != "") {
			t.Errorf("%d days before the end: %s", c.left, lines[told-1])
		}
	}
}

// A device that two lists of an SSID have is refused there, however each writes it, and
// not where only one of them counts; check says so before anybody asks.
func TestR54TwiceIsRefused(t *testing.T) {
	town := startWard(t, idleTown)
	town.write(t, "infusion.csv", pumpsList+"00:1B:C5:00:00:02,Scales of the pumps' list,pumps,2999-03-31,,A. Shah\n")
	if err := town.Reload(); err != nil {
		t.Fatal(err)
	}
	r := rogueAt(t, "127.0.0.1", town.address)
	for _, c := range []struct{ user, ssid, want, reason string }{
		{"001bc5000002", onMedical, "reject", "mac-twice"},
		{"001bc5000002", onMixed, "accept 160", ""},
		{"001bc5000001", onMedical, "accept 150", ""}, // nobody else is held for it
		{"001bc5000003", onMedical, "accept 161", ""},
	} {
		got := say(r.ask(t, r.asDevice(c.user, c.user, c.ssid, c.user)))
		e := town.event(t)
		if got != c.want || e.Reason != c.reason {
			t.Errorf("%s on %s: %s, %s (%s)", c.user, c.ssid, got, e.Reason, e.Detail)
		}
		if c.reason != "" && (!strings.Contains(e.Detail, "list infusion") || !strings.Contains(e.Detail, "list scales") || e.VLAN != 0) {
			t.Errorf("it does not say which: %s, vlan %d", e.Detail, e.VLAN)
		}
	}
	i, err := Inspect(filepath.Join(town.folder, "causeway.toml"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if e := i.Explain(Query{MAC: "00-1B-C5-00-00-02", SSID: "NHS-Medical", Site: "Eastmoor"}); e.Reason != "mac-twice" {
		t.Errorf("explain says %+v", e)
	}
	if warnings := i.Warnings.Error(); strings.Count(warnings, "in another list of SSID") != 1 || !strings.Contains(warnings, `1 of list scales are in another list of SSID "NHS-Medical", too, and are refused there: 00-1B-C5-00-00-02 (line 2) is in list infusion`) {
		t.Errorf("check says\n%s", warnings)
	}
}

// Holds R27: a refusal of a device waits, also where the list is to blame, so that a device
// that never rests asks once a second. Holds R28: it is no storm all the same, for nobody
// else is asked, and whoever writes its line down must see it come in at its next try.
func TestR28DevicesAreSlowedAndNotHeld(t *testing.T) {
	town := startWard(t, idleTown)
	if err := town.rewrite(t, `reject_delay = "0s"`, `reject_delay = "1s"`); err != nil {
		t.Fatal(err)
	}
	r := rogueAt(t, "127.0.0.1", town.address)
	ask := func(user, password string) (wire []byte, held time.Duration, reason string) {
		client, _ := town.house.Load().clients.Find(netip.MustParseAddr("127.0.0.1"))
		p := r.asDevice(user, user, onMedical, "")
		_, _ = rand.Read(p.Authenticator[:])
		_ = rfc2865.UserPassword_SetString(p, password)
		req := &transport.Request{Packet: p, Client: client, From: netip.MustParseAddrPort("127.0.0.1:4000"), Received: time.Now()}
		wire = town.access(t.Context(), req)
		return wire, req.Held(), town.event(t).Reason
	}
	for user, want := range map[string]string{"001bc5000004": "mac-unknown", "001bc5000009": "mac-expired", "021bc5000001": "mac-randomised"} {
		for n := range 40 {
			if wire, held, reason := ask(user, user); wire[0] != byte(radius.CodeAccessReject) || held <= 0 || reason != want {
				t.Fatalf("%s, try %d: code %d, held %v, %s", user, n+1, wire[0], held, reason)
			}
		}
	}
	if _, held, reason := ask("001bc5000001", "secret"); held <= 0 || reason != "mac-password" {
		t.Errorf("another password: held %v, %s", held, reason)
	}
	if _, held, reason := ask("pump", "pump"); held <= 0 || reason != "mac-mismatch" {
		t.Errorf("no MAC: held %v, %s", held, reason)
	}
	town.write(t, "infusion.csv", pumpsList+"001bc5000004,Pump 13,,2999-03-31,,A. Shah\n001bc5000002,Scales,,2999-03-31,,A. Shah\n")
	if err := town.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, held, reason := ask("001bc5000002", "001bc5000002"); held <= 0 || reason != "mac-twice" {
		t.Errorf("in two lists: held %v, %s", held, reason)
	}
	if wire, held, _ := ask("001bc5000004", "001bc5000004"); wire[0] != byte(radius.CodeAccessAccept) || held > 0 {
		t.Errorf("once it was written down: code %d, held %v", wire[0], held)
	}
}
