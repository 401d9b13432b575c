package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows is the drawing of the house: which of our rooms each room may import.
// A room that is not in the table fails the test, so that the drawing is always
// the whole of it.
var arrows = map[string][]string{
	"vlan":                  {},
	"certs":                 {},
	"certs/revocation":      {},
	"radiusd/store":         {},
	"radiusd/noc":           {},
	"radiusd/noc/fticks":    {},
	"radiusd/noc/metrics":   {},
	"realms":                {"certs"},
	"realms/placement":      {"realms", "certs"},
	"realms/directory":      {"realms", "realms/placement", "certs"},
	"realms/upstream":       {"realms", "certs"},
	"realms/discovery":      {},
	"radiusd/transport":     {"certs"},
	"radiusd/eap/packet":    {},
	"radiusd/eap":           {"radiusd/eap/packet", "realms", "certs", "certs/revocation"},
	"radiusd/guard":         {"realms", "certs"},
	"radiusd/supplicant":    {"radiusd/eap/packet", "certs"},
	"radiusd/probe":         {"radiusd/supplicant", "realms", "certs"},
	"radiusd/daemon/config": {"certs", "realms/discovery"},
	"radiusd/daemon": {
		"radiusd/daemon/config", "radiusd/transport", "radiusd/eap", "radiusd/eap/packet", "radiusd/noc", "radiusd/noc/fticks", "radiusd/noc/metrics", "radiusd/store", "radiusd/guard", "radiusd/probe",
		"realms", "realms/directory", "realms/discovery", "realms/upstream", "vlan", "certs", "certs/revocation",
	},
	"radiusd": {
		"radiusd/daemon", "radiusd/daemon/config", "radiusd/demo", "radiusd/noc", "radiusd/probe", "radiusd/transport",
		"certs", "realms", "realms/directory", "realms/placement", "vlan",
	},
	"radiusd/demo": {
		"radiusd/daemon", "radiusd/daemon/config", "radiusd/supplicant", "radiusd/noc", "radiusd/transport",
		"certs", "realms/directory", "vlan",
	},
	"radiusd/store/storetest":        {"radiusd/store"},
	"realms/directory/directorytest": {"realms/directory", "realms", "certs"},
}

func TestArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "causeway/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		room := strings.TrimPrefix(fields[0], "causeway/")
		if strings.HasPrefix(room, "integration") {
			continue // the whole-house tests look into every room
		}
		allowed, drawn := arrows[room]
		if !drawn {
			t.Errorf("room %s is not in the drawing: add it to arrows and to docs/architecture.md", room)
			continue
		}
		for _, path := range fields[1:] {
			target, ours := strings.CutPrefix(path, "causeway/")
			if ours && !slices.Contains(allowed, target) {
				t.Errorf("%s imports %s: the house has no such arrow", room, target)
			}
		}
	}
}

// TestOnlyNOCAndTheDaemonLog holds the rule that rooms return and the daemon
// records.
func TestOnlyNOCAndTheDaemonLog(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "causeway/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch room := strings.TrimPrefix(fields[0], "causeway/"); room {
		case "radiusd/noc", "radiusd/daemon", "radiusd", "radiusd/demo":
			continue
		case "radiusd/noc/metrics": // net/http knows no other way to complain; the daemon hears it
			continue
		case "certs": // Secret tells slog how to print it
			continue
		default:
			if slices.Contains(fields[1:], "log/slog") || slices.Contains(fields[1:], "log") {
				t.Errorf("%s logs: return an error and let the daemon record it", room)
			}
		}
	}
}
