package region_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"causeway/integration/region"
	"causeway/radiusd/daemon"
)

const head = "version = 1\n[server]\nname = \"region\"\n[eap]\nmethods = [\"tls\", \"ttls\", \"teap\", \"pap\"]\ncertificate = \"file:radius.pem\"\nprivate_key = \"file:radius.key\"\nclient_ca = \"file:device-ca.pem\"\n[directory.trust]\nkind = \"file\"\npath = \"users.toml\"\n[log]\nformat = \"json\"\n"

func written(t testing.TB, r region.Region) string {
	r.Head, r.Secret = head, "file:secret.txt"
	file := filepath.Join(t.TempDir(), "region.toml")
	if err := os.WriteFile(file, []byte(r.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The region is of the size that is promised, holds, and warns of nothing that its
// writer would mend.
func TestWholeRegionIsProved(t *testing.T) {
	file := written(t, region.Whole)
	began := time.Now()
	i, err := daemon.Inspect(file, time.Now)
	if err != nil {
		t.Fatalf("%.2000v", err)
	}
	took := time.Since(began)
	p := i.Proof()
	t.Logf("read and proved in %v: %d cases, %d kinds of people, %d sets of groups, %d certificates", took, p.Cases, p.Classes, p.GroupSets, p.Certificates)
	if p.Sites != 500 || p.SSIDs != 4 || p.Rules != 2000 || len(p.Table) != 500*200 || len(i.File.Realm) != 50 {
		t.Errorf("%d sites, %d SSIDs, %d rules, %d rows, %d realms", p.Sites, p.SSIDs, p.Rules, len(p.Table), len(i.File.Realm))
	}
	if took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	placed := 0
	for _, l := range p.Table {
		if len(l.Who) > 0 {
			placed++
		}
	}
	if placed < len(p.Table)/2 {
		t.Errorf("somebody can land on %d VLANs at sites of %d", placed, len(p.Table))
	}
}

// Holds what the package says: the same seed, the same file; and the command writes it.
func TestSameSeedSameRegion(t *testing.T) {
	small := region.Region{Seed: 7, Sites: 5, VLANs: 30, Rules: 80, Realms: 8, First: "127.0.0.1", Secret: "file:secret.txt"}
	if first := small.Text(); small.Text() != first {
		t.Error("two texts of one seed differ")
	}
	out, err := exec.CommandContext(t.Context(), "go", "run", "./generate", "-seed", "7", "-sites", "5", "-vlans", "30", "-rules", "80", "-realms", "8").Output()
	if err != nil || !bytes.HasSuffix(out, []byte(small.Text())) {
		t.Errorf("the command writes another: %v", err)
	}
	small.Seed = 8
	if bytes.HasSuffix(out, []byte(small.Text())) {
		t.Error("another seed gives the same region")
	}
}

func BenchmarkInspectRegion(b *testing.B) { inspect(b, written(b, region.Whole)) }

func BenchmarkInspectExample(b *testing.B) { inspect(b, "../../config.example.toml") }

func inspect(b *testing.B, file string) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := daemon.Inspect(file, time.Now); err != nil {
			b.Fatalf("%.2000v", err)
		}
	}
}
