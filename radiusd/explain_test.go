package main

import (
	"strings"
	"testing"
)

// Holds part of R50: what the command line asks of a device and a certificate reaches
// the policy, and what it left open is asked for.
func TestExplainOnTheCommandLine(t *testing.T) {
	for name, c := range map[string]struct {
		words []string
		code  int
		says  []string
	}{
		"a Trust device and a Trust person": {
			[]string{"--device", "verified", "--groups", "Wifi-Clinical"}, exitGood, []string{"ACCEPT  vlan 110 (clinical)"}},
		"a device that proved nothing": {
			[]string{"--device", "unverified", "--issuer", "client_ca", "--policy", "1.2.3,1.2.4"}, exitGood,
			[]string{"it asks for a verified device, and this one proved nothing of its own", "ACCEPT  vlan 140 (staff-byod)"}},
		"nothing said of the device": {
			[]string{"--groups", "Wifi-Clinical"}, exitGood, []string{"REJECT  device-unknown", "add --device verified or unverified."}},
		"the same as JSON": {
			[]string{"--groups", "Wifi-Clinical", "--json"}, exitGood, []string{`"Reason": "device-unknown"`, `"Unsaid": "device"`}},
		"a device that is neither": {
			[]string{"--device", "trusted"}, exitUsage, []string{`a device is verified or unverified, and not "trusted"`}},
		"an authority that is not there": {
			[]string{"--issuer", "device-ca"}, exitUsage, []string{`there is no authority "device-ca": write one of client_ca, none`}},
		"a MAC address that is none": {
			[]string{"--mac", "02-00"}, exitUsage, []string{`"02-00" is no MAC address: write it as 02-00-00-00-00-01`}},
		"on a day": {
			[]string{"--groups", "Wifi-Clinical", "--device", "verified", "--on", "2027-04-01"}, exitGood, []string{"day: Thursday, 1 April 2027", "ACCEPT  vlan 110"}},
		"on no day": {
			[]string{"--on", "01/04/2027"}, exitUsage, []string{`"01/04/2027" is no date: write it as 2027-03-31`}},
		"a policy of no certificate": {
			[]string{"--policy", "1.2.3"}, exitUsage, []string{"say whose, with --issuer"}},
	} {
		var out, errs strings.Builder
		words := append([]string{"explain", "../config.example.toml", "--user", "nurse@northbridge.nhs.uk", "--ssid", "NHS-Staff", "--site", "Royal Infirmary"}, c.words...)
		if code := run(words, &out, &errs); code != c.code {
			t.Errorf("%s: exit code %d: %s", name, code, errs.String())
		}
		for _, want := range c.says {
			if !strings.Contains(out.String()+errs.String(), want) {
				t.Errorf("%s: %q is not in\n%s%s", name, want, out.String(), errs.String())
			}
		}
	}
}

// Holds part of R50: one of ours elsewhere is asked about by the federation and the
// organisation that she visits.
func TestExplainElsewhereOnTheCommandLine(t *testing.T) {
	for says, words := range map[string][]string{
		"ACCEPT  no network named: the organisation that they visit places its guests itself (elsewhere)": {"--from-federation", "eduroam", "--operator", "camford.ac.uk"},
		"has no federation \"eduraom\"":                                       {"--from-federation", "eduraom"},
		"an operator is who is visited elsewhere: say --from-federation, too": {"--operator", "camford.ac.uk", "--ssid", "eduroam", "--site", "Royal Infirmary"},
	} {
		var out, errs strings.Builder
		run(append([]string{"explain", "../config.example.toml", "--user", "nurse@northbridge.nhs.uk"}, words...), &out, &errs)
		if !strings.Contains(out.String()+errs.String(), says) {
			t.Errorf("%v: %q is not in\n%s%s", words, says, out.String(), errs.String())
		}
	}
}
