package daemon

import (
	"fmt"
	"strings"
	"testing"

	"causeway/realms/directory"
)

// A reload that moves a VLAN under people is refused, and taken over when it is told to:
// with an alarm that counts them, and nothing held against the next reload. A guarantee
// that is broken is refused all the same.
func TestReloadThatIsToldToMove(t *testing.T) {
	town := startTrust(t, strings.NewReplacer("[server]", "[log]\nfile = \"log.txt\"\n[server]", "UPSTREAM", idleTown).Replace(town))
	town.write(t, "users.toml", fmt.Sprintf("[user.\"nurse@northbridge.nhs.uk\"]\nnt_hash = \"%x\"\n", directory.NTHash(testPassword)))
	if err := town.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := say(rogueAt(t, "127.0.0.1", town.address).carry(t, town.peer(t, nil), nurseName, onStaff, nil)); got != "accept 110" {
		t.Fatal(got)
	}
	if err := town.rewrite(t, swapNumbers...); err == nil {
		t.Fatal("moved without being told to")
	}
	if err := town.ReloadAndMove(); err != nil {
		t.Fatal(err)
	}
	const alarm = "people were moved into another zone, as the reload was told to: vlan 110 at Royal Infirmary moves from zone clinical to zone academic with 1 session on it"
	if err := town.Reload(); err != nil {
		t.Errorf("the next reload: %v", err)
	}
	if err := town.rewrite(t, "id = 320, zone = \"visitor\"", "id = 320, zone = \"clinical\""); err == nil {
		t.Error("visitors in zone clinical")
	}
	if err := town.ReloadAndMove(); err == nil {
		t.Error("a broken guarantee was taken over, since it was told to move")
	}
	town.desk.Close() // every line is written
	if log := town.logText(t); strings.Count(log, alarm) != 1 {
		t.Errorf("the log:\n%s", log)
	}
}
