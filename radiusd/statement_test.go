package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page that check writes says what was proved and of which configuration, and no name
// in it is more than text.
func TestStatementPage(t *testing.T) {
	text, err := os.ReadFile("../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	const hostile = `<script>alert("x")</script>`
	text = []byte(strings.NewReplacer(`"Northbridge NHS Trust"`, fmt.Sprintf("%q", hostile),
		"who   = \"visitor\"\nnever = {", "who   = \"visitor\"\nwhy = \"DSPT 9.3\"\nnever = {").Replace(string(text)))
	folder := t.TempDir()
	config, page := filepath.Join(folder, "trust.toml"), filepath.Join(folder, "proof.html")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := run(append([]string{"check", config}, args...), &out, &out)
		return code, out.String()
	}
	if code, out := check("--proof", page); code != exitGood || !strings.Contains(out, "The proof is in "+page) {
		t.Fatalf("exit %d: %s", code, out)
	}
	written, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got := string(written)
	for _, want := range []string{
		"&lt;script&gt;alert(", "Visitor never reaches zone clinical.</td><td>DSPT 9.3</td>", "built in: cannot be turned off",
		fmt.Sprintf("%x", sha256.Sum256(text)), "<td>AA-2026-017</td>", "<h3>St Agnes Community Hospital</h3>", "that trunks, switches and access lists",
		"<td>puts people on vlan visitor in zone visitor</td><td>agnes-wlc</td>", "<td class=\"n\">1310</td>", "default-src &#39;none&#39;", "Information governance</td>",
	} {
		if !strings.Contains(got, want) && !strings.Contains(got, strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(got, "<script") || strings.Contains(got, "http://") || strings.Contains(got, "https://") {
		t.Error("the page runs or fetches something")
	}
	if code, out := check("--proof", config); code != exitFailed || !strings.Contains(out, "is the configuration itself") {
		t.Errorf("over the configuration: exit %d: %s", code, out)
	}
	if after, _ := os.ReadFile(config); !bytes.Equal(after, text) {
		t.Error("the configuration was written over")
	}
	if code, out := check("--proof", filepath.Join(folder, "nowhere", "proof.html")); code != exitFailed || !strings.Contains(out, "the proof was not written") {
		t.Errorf("into no folder: exit %d: %s", code, out)
	}
	// What is not proved is not written.
	_ = os.Remove(page)
	if err := os.WriteFile(config, bytes.Replace(text, []byte(`vlan = "academic"`), []byte(`vlan = "clinical"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _ := check("--proof", page); code != exitBadConfig {
		t.Errorf("a proof that fails: exit %d", code)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// Sites with the same table are one group, and hundreds of them do not fill the page.
func TestSitesAreGrouped(t *testing.T) {
	var table strings.Builder
	table.WriteString("version = 1\n[zone]\nvisitor = {}\n[vlan]\nvisitor = { id = 320, zone = \"visitor\" }\n[federation.eduroam]\nservers = [{ address = \"198.51.100.11\", secret = \"cred:x\" }]\n[[ssid]]\nname = \"eduroam\"\nfederation = \"eduroam\"\n[[ssid.rule]]\nwho = \"visitor\"\nvlan = \"visitor\"\n")
	for i := range 40 {
		fmt.Fprintf(&table, "[[site]]\nname = \"Site %d\"\n[[site.controller]]\nname = \"wlc-%d\"\naddress = \"10.0.%d.1\"\nsecret = \"cred:y\"\nwithout_vlan = \"reject\"\n", i, i, i)
	}
	config := filepath.Join(t.TempDir(), "region.toml")
	if err := os.WriteFile(config, []byte(table.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run([]string{"check", config, "--proof", config + ".html"}, &out, &out); code != exitGood {
		t.Fatal(&out)
	}
	page, _ := os.ReadFile(config + ".html")
	if got := string(page); strings.Count(got, "<h3>") != 1 || !strings.Contains(got, "<h3>40 sites alike</h3>") || !strings.Contains(got, "Site 39</p>") {
		t.Errorf("%s", got)
	}
}
