package main

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The commands of docs/certificates.md do what the page says, one after another.
func TestCertCommandsOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/certificates.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("there is no block of commands")
	}
	pki := filepath.Join(t.TempDir(), "pki")
	commands := 0
	for line := range strings.Lines(string(block[1])) {
		words := strings.Fields(line)
		if len(words) < 4 || words[0] != "radiusd" || words[1] != "cert" || words[3] != "pki" {
			t.Fatalf("what is %q?", line)
		}
		words[3] = pki
		var out, errs bytes.Buffer
		if code := runCert(words[2:], &out, &errs); code != exitGood {
			t.Errorf("%s: exit code %d, %s", line, code, errs.String())
		}
		commands++
	}
	if commands < 6 {
		t.Errorf("%d commands", commands)
	}
	der, err := os.ReadFile(filepath.Join(pki, "ca.crl"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil || len(list.RevokedCertificateEntries) != 1 {
		t.Errorf("%v, %+v", err, list)
	}
	for _, name := range []string{"radius.northbridge.nhs.uk.pem", "radius.northbridge.nhs.uk-rsa.key", "nurse@northbridge.nhs.uk.p12", "TABLET-7.pem"} {
		if _, err := os.Stat(filepath.Join(pki, name)); err != nil {
			t.Error(err)
		}
	}
}

// A command that asks nothing that there is prints what there is.
func TestCertUsage(t *testing.T) {
	for _, words := range [][]string{{}, {"revoke", "pki"}, {"make", "pki"}, {"client", "pki"}} {
		var out, errs bytes.Buffer
		if code := runCert(words, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "radiusd cert revoke DIR NAME") {
			t.Errorf("%q: exit code %d, %s", words, code, errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := runCert([]string{"revoke", t.TempDir(), "nurse"}, &out, &errs); code != exitFailed || !strings.Contains(errs.String(), "radiusd cert init") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}
