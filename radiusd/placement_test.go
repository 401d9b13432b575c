package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"causeway/realms/placement"
)

const placementConfig = `version = 1
[server]
name = "Northbridge"
[eap]
methods     = ["ttls", "peap"]
certificate = "file:radius.pem"
private_key = "file:radius.key"
[directory.placements]
kind = "placements"
path = "people.jsonl"
keep_days = 1
[realm."placement.northbridge.nhs.uk"]
directory = "placements"
[zone]
visitor = {}
[vlan]
visitor = { id = 140, zone = "visitor" }
[[ssid]]
name = "NHS-Staff"
[[ssid.rule]]
who  = "own"
vlan = "visitor"
[[site]]
name = "Royal Infirmary"
[[site.controller]]
name = "royal-wlc"
address = "10.20.0.10"
secret = "a-secret-of-this-very-test"
without_vlan = "reject"
`

// ordered runs radiusd placement in a folder with a configuration.
func ordered(t *testing.T, words ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(append([]string{"placement", words[0], "-c", "causeway.toml"}, words[1:]...), &o, &e)
	return o.String(), e.String(), code
}

func inFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("causeway.toml", []byte(placementConfig), 0o600); err != nil {
		t.Fatal(err)
	}
}

func in(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }

func adding(user string, more ...string) []string {
	return append([]string{"add", "--user", user, "--name", "<b>Ada</b>", "--sponsor", "Sister Bell", "--approved-by", "M. Ward", "--purpose", "nursing", "--until", in(20)}, more...)
}

func TestPlacementRefusals(t *testing.T) {
	inFolder(t)
	for name, c := range map[string]struct {
		words []string
		says  string
	}{
		"lacks a flag":      {[]string{"add", "--user", "a@placement.northbridge.nhs.uk"}, "--name, --sponsor, --approved-by, --purpose, --until"},
		"another's realm":   {adding("a@northbridge.nhs.uk"), "answers for placement.northbridge.nhs.uk"},
		"no realm":          {adding("ada"), "whole name"},
		"a name of signs":   {adding("a/b@placement.northbridge.nhs.uk"), "letters, digits"},
		"approves itself":   {adding("a@placement.northbridge.nhs.uk", "--approved-by", "sister bell"), "same person"},
		"too long":          {adding("a@placement.northbridge.nhs.uk", "--until", in(90)), "90 days"},
		"over":              {adding("a@placement.northbridge.nhs.uk", "--until", in(-1), "--from", in(-3)), "is over"},
		"backwards":         {adding("a@placement.northbridge.nhs.uk", "--from", in(30)), "before it begins"},
		"a British date":    {adding("a@placement.northbridge.nhs.uk", "--until", "05/03/2027"), "year first"},
		"nobody to end":     {[]string{"end", "--user", "a@placement.northbridge.nhs.uk"}, "there is no placement"},
		"nobody to reset":   {[]string{"reset", "--user", "a@placement.northbridge.nhs.uk"}, "there is no placement"},
		"no such directory": {[]string{"list", "--directory", "trust"}, "no directory of placements"},
	} {
		if _, errs, code := ordered(t, c.words...); code != exitFailed || !strings.Contains(errs, c.says) {
			t.Errorf("%s: %d, %s; want %q", name, code, errs, c.says)
		}
	}
	if found, _ := filepath.Glob("people*"); len(found) > 1 || len(found) == 1 && found[0] != "people.jsonl.lock" {
		t.Errorf("refusals left %q", found)
	}
}

// A life: add, list, extend, end, add anew; the slip alone has the password.
func TestPlacementLife(t *testing.T) {
	inFolder(t)
	const ada = "ada@placement.northbridge.nhs.uk"
	out, errs, code := ordered(t, adding(ada, "--group", "placement-student", "--slip", "slip.html")...)
	if code != exitGood {
		t.Fatal(errs)
	}
	slip, err := os.ReadFile("slip.html")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`<code>([a-z0-9-]{19})</code>`).FindSubmatch(slip)
	if m == nil || strings.Contains(string(slip), "<b>") || !strings.Contains(string(slip), "PEAP, phase 2 MSCHAPV2") {
		t.Fatalf("the slip:\n%s", slip)
	}
	password := string(m[1])
	if info, err := os.Stat("slip.html"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if _, errs, code := ordered(t, adding("b@placement.northbridge.nhs.uk", "--slip", "slip.html")...); code != exitFailed || !strings.Contains(errs, "exists") {
		t.Errorf("a slip was written over: %s", errs)
	}
	if _, errs, code := ordered(t, adding(strings.ToUpper(ada[:1])+ada[1:])...); code != exitFailed || !strings.Contains(errs, "has a placement until") {
		t.Errorf("twice: %s", errs)
	}
	all := out + errs
	for _, c := range []struct {
		words []string
		says  string
		code  int
	}{
		{[]string{"list"}, "in force", exitGood},
		{[]string{"list", "--json"}, `"sponsor": "Sister Bell"`, exitGood},
		{[]string{"list", "--ending", "7"}, "Nobody.", exitGood},
		{[]string{"extend", "--user", ada, "--until", in(40), "--approved-by", "Sister Bell"}, "same person", exitFailed},
		{[]string{"extend", "--user", ada, "--until", in(140), "--approved-by", "M. Ward"}, "90 days", exitFailed},
		{[]string{"extend", "--user", ada, "--until", in(40), "--approved-by", "M. Ward"}, in(40), exitGood},
		{[]string{"end", "--user", ada}, "is refused from now on", exitGood},
		{[]string{"end", "--user", ada}, "was ended at", exitFailed},
		{[]string{"reset", "--user", ada}, "has ended", exitFailed},
		{[]string{"list"}, "Nobody.", exitGood},
		{[]string{"list", "--all", "--csv"}, ",ended,", exitGood},
		{[]string{"purge"}, "0 that ended", exitGood},
		{[]string{"audit"}, "extend", exitGood},
	} {
		out, errs, code := ordered(t, c.words...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%v: %d, %s%s; want %q", c.words, code, out, errs, c.says)
		}
		all += out + errs
	}
	for _, name := range []string{"people.jsonl", "people.jsonl.audit"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	if strings.Contains(all, password) {
		t.Error("the password is somewhere else than on the slip")
	}
	if out, errs, code := ordered(t, adding(ada, "--no-nt")...); code != exitGood || !strings.Contains(out, "TTLS, phase 2 PAP") {
		t.Errorf("made anew: %s%s", out, errs)
	}
	text, err := os.ReadFile("people.jsonl")
	if err != nil || strings.Contains(string(text), "nt_hash") || strings.Count(string(text), "\n") != 2 {
		t.Errorf("%s %v", text, err)
	}
	if err := os.WriteFile("people.jsonl", bytes.Replace(text, []byte("Bell"), []byte("Bill"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := ordered(t, "audit"); code != exitFailed || !strings.Contains(errs, "not as the last line left it") {
		t.Errorf("an edit by hand: %d %s", code, errs)
	}
}

// --slip - is the screen, as no --slip is, and no file; so it is for import and reset.
func TestASlipOnTheScreen(t *testing.T) {
	inFolder(t)
	const ada = "ada@placement.northbridge.nhs.uk"
	shown := regexp.MustCompile(`Password +[a-z0-9-]{19}\n`)
	if err := os.WriteFile("p.csv", []byte("user,name,groups,sponsor,approved_by,purpose,until\nb@placement.northbridge.nhs.uk,B,x,Bell,Ward,nursing,"+in(5)+"\nc@placement.northbridge.nhs.uk,C,x,Bell,Ward,nursing,"+in(5)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words []string
		slips int
	}{
		{adding(ada, "--slip", "-"), 1},
		{[]string{"reset", "--user", ada, "--slip", "-"}, 1},
		{[]string{"reset", "--user", ada, "--slip=-"}, 1},
		{[]string{"import", "p.csv", "--slips", "-"}, 2},
		{[]string{"reset", "--user", ada, "--slip", "./-"}, 0}, // a file that is called so
	} {
		out, errs, code := ordered(t, c.words...)
		if code != exitGood || len(shown.FindAllString(out, -1)) != c.slips {
			t.Errorf("%v: %d, %s%s", c.words, code, out, errs)
		}
		if _, err := os.Stat("-"); err == nil != (c.slips == 0) {
			t.Errorf("%v: a file named -: %v", c.words, err)
		}
	}
}

func TestPlacementPurge(t *testing.T) {
	inFolder(t)
	if _, errs, code := ordered(t, adding("a@placement.northbridge.nhs.uk")...); code != exitGood {
		t.Fatal(errs)
	}
	err := placement.Change("people.jsonl", "test", placement.Actor{}, time.Now(), func(b *placement.Book) error {
		b.Records[0].Ended, b.Records[0].EndedBy = time.Now().AddDate(0, 0, -3).UTC().Truncate(time.Second), "test"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, errs, code := ordered(t, "purge"); code != exitGood || !strings.Contains(out, "1 that ended more than 1 days ago") {
		t.Errorf("%s%s", out, errs)
	}
	if out, _, _ := ordered(t, "list", "--all"); out != "Nobody.\n" {
		t.Error(out)
	}
}

func TestPlacementImportIsAllOrNone(t *testing.T) {
	inFolder(t)
	const head = "user,name,groups,sponsor,approved_by,purpose,until\n"
	row := func(user, until string) string { return user + ",Ada,x,Bell,Ward,nursing," + until + "\n" }
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile("p.csv", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(head + row("a@placement.northbridge.nhs.uk", in(5)) + row("b@elsewhere.uk", in(5)) + row("c@placement.northbridge.nhs.uk", in(500)))
	_, errs, code := ordered(t, "import", "p.csv", "--slips", "s.txt")
	if code != exitFailed || !strings.Contains(errs, "row 3: ") || !strings.Contains(errs, "row 4: ") || strings.Contains(errs, "row 2") {
		t.Errorf("%d %s", code, errs)
	}
	write(head + row("a@placement.northbridge.nhs.uk", in(5)) + row("b@placement.northbridge.nhs.uk", in(5)))
	if out, errs, code := ordered(t, "import", "p.csv", "--dry-run"); code != exitGood || !strings.Contains(out, "2 would be made") {
		t.Errorf("%s%s", out, errs)
	}
	if found, _ := filepath.Glob("*.jsonl"); len(found) > 0 {
		t.Error("a dry run made accounts")
	}
	if _, errs, code := ordered(t, "import", "p.csv"); code != exitFailed || !strings.Contains(errs, "--slips") {
		t.Error(errs)
	}
	if _, errs, code := ordered(t, "import", "p.csv", "--slips", "s.txt"); code != exitGood {
		t.Error(errs)
	}
	if slips, err := os.ReadFile("s.txt"); err != nil || strings.Count(string(slips), "Password ") != 2 {
		t.Errorf("%s %v", slips, err)
	}
}
