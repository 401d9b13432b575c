package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A layer is one of those that docs/architecture.md lists under "Why academic and clinical
// cannot mix". What takes it away is put into the sources behind a switch, so that one
// compilation serves for all.
type layer struct {
	name string
	cuts []cut
}

// A cut goes behind a line of a file, which is there once.
type cut struct{ file, line, text string }

// without is what ends a function before it begins.
func without(file, function, result string) cut {
	return cut{file, function, "if layerRemoved(LAYER) { return " + result + " }\n"}
}

var layers = []layer{
	{"proof", []cut{
		without("vlan/prove.go", "	p.proof.covered = make([]int, len(p.guarantees))\n", ""),
		without("vlan/prove.go", "func (r *reader) refuseSharedNumbers() {\n", ""),
	}},
	{"guarantees held at each decision", []cut{
		without("vlan/kept.go", "func (a *Assignment) kept(s *subject, ssid string) error {\n", "nil"),
	}},
	{"soundness of an Assignment", []cut{
		without("vlan/assignment.go", "func (a *Assignment) sound() error {\n", "nil"),
	}},
	{"allow-list", []cut{ // all that an upstream says is copied into the Accept
		{"realms/upstream/reply.go", "func (r *request) take(t byte, value []byte) error {\n",
			"if layerRemoved(LAYER) { realms.Foreign = append(realms.Foreign, &radius.AVP{Type: radius.Type(t), Attribute: append([]byte(nil), value...)}) }\n"},
		{"realms/upstream/reply.go", "	r.answer, r.facts = realms.Answer{Code: radius.Code(b[0])}, nil\n", "realms.Foreign = nil\n"},
		{"radiusd/daemon/access.go", "	transport.AddEAP(reply, answer.EAP)\n	if answer.Keys.Recv != nil { // a method without keys says nothing of any\n",
			"	transport.AddKeys(reply, answer.Keys.Recv, answer.Keys.Send)\n	}\n	for _, a := range realms.Foreign {\n		if a.Type != 79 && a.Type != 80 && a.Type != 33 { reply.Attributes = append(reply.Attributes, a) }\n	}\n	if false {\n"},
	}},
	{"what Tag refuses", []cut{
		without("vlan/gate.go", "func harmlessOnly(code radius.Type, value []byte) error {\n", "nil"),
	}},
	{"what Tag writes", []cut{
		without("vlan/assignment.go", "func (a *Assignment) write(w *writer) {\n", ""),
	}},
	{"gate", []cut{
		without("vlan/gate.go", "func (a Assignment) Verify(wire []byte) error {\n", "nil"),
	}},
	{"Follows", []cut{
		without("vlan/follows.go", "func (p *Policy) Follows(old *Policy, live ...Live) error {\n", "nil"),
	}},
	{"Holds", []cut{
		without("vlan/kept.go", "func (p *Policy) Holds(a Assignment) bool {\n", "true"),
	}},
}

// hold says which layers stand between each attack and its success: without all of them
// together it has to come through, else it attacks nothing.
var hold = map[string][]string{
	"hostile home":                           {"allow-list", "what Tag refuses", "gate"},
	"an Accept without a network":            {"what Tag writes", "gate"},
	"a rule that leads visitors to clinical": {"proof", "soundness of an Assignment"},
	"a number of two zones":                  {"proof", "soundness of an Assignment"},
	"a rule against a guarantee":             {"proof", "guarantees held at each decision"},
	"a number that moves under a log-in":     {"Follows", "Holds"},
}

// Holds the promise of docs/architecture.md that each layer can be taken away without a
// leak, and that it is no promise about nothing.
func TestEachLayerCanBeTakenAway(t *testing.T) {
	binary := withSwitches(t)
	if leaks, out := leaksWithout(t, binary); len(leaks) > 0 {
		t.Fatalf("the house leaks as it is: %q\n%s", leaks, out)
	}
	for _, l := range layers {
		if leaks, out := leaksWithout(t, binary, l.name); len(leaks) > 0 {
			t.Errorf("without %q: %q\n%s", l.name, leaks, out)
		}
	}
	for attack, of := range hold {
		leaks, out := leaksWithout(t, binary, of...)
		if !slices.Contains(leaks, attack) {
			t.Errorf("without all of %q %q does not come through: it tests nothing\n%s", of, attack, out)
		}
		for _, l := range of { // each of them is enough
			but := slices.DeleteFunc(slices.Clone(of), func(name string) bool { return name == l })
			if leaks, out := leaksWithout(t, binary, but...); slices.Contains(leaks, attack) {
				t.Errorf("%q alone does not stop %q\n%s", l, attack, out)
			}
		}
	}
	var all []string // without what Tag writes nobody is told of any network, a wrong one neither
	for _, l := range layers {
		if l.name != "what Tag writes" {
			all = append(all, l.name)
		}
	}
	if leaks, out := leaksWithout(t, binary, all...); len(leaks) != len(hold)-1 {
		t.Errorf("without any layer %d of %d attacks come through: %q\n%s", len(leaks), len(hold)-1, leaks, out)
	}
}

// withSwitches compiles the daemon's tests with all the cuts in its sources.
func withSwitches(t *testing.T) (binary string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	replace, sources := map[string]string{}, map[string]string{}
	put := func(path, text string) {
		to := filepath.Join(folder, strings.ReplaceAll(path, "/", "_"))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, path)] = to
	}
	for _, l := range layers {
		for _, c := range l.cuts {
			text, read := sources[c.file]
			if !read {
				source, err := os.ReadFile(filepath.Join(root, c.file))
				if err != nil {
					t.Fatal(err)
				}
				text = string(source)
			}
			if n := strings.Count(text, c.line); n != 1 {
				t.Fatalf("layer %q: %s has the line %q %d times: where has it gone?", l.name, c.file, c.line, n)
			}
			sources[c.file] = strings.Replace(text, c.line, c.line+strings.ReplaceAll(c.text, "LAYER", fmt.Sprintf("%q", l.name)), 1)
		}
	}
	for path, text := range sources {
		put(path, text)
	}
	for path, name := range map[string]string{"vlan": "vlan", "realms/upstream": "upstream", "radiusd/daemon": "daemon"} {
		put(path+"/layer_switch.go", "package "+name+"\n\nimport (\n\t\"os\"\n\t\"strings\"\n)\n\n"+
			"func layerRemoved(name string) bool { return strings.Contains(\",\"+os.Getenv(\"WITHOUT_LAYERS\")+\",\", \",\"+name+\",\") }\n")
	}
	put("realms/layer_switch.go", "package realms\n\nimport \"layeh.com/radius\"\n\nvar Foreign []*radius.AVP\n")
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(folder, "daemon.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", filepath.Join(folder, "overlay.json"), "-o", binary, "./radiusd/daemon")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the sources with their switches: %v\n%s", err, out)
	}
	return binary
}

var leaked = regexp.MustCompile(`(?m)^\s+--- FAIL: TestNothingLeaks/(.*) \(`)

// leaksWithout runs the attacks while some layers are taken away, and names those that
// came through. An attack that fails in any other way is no answer.
func leaksWithout(t *testing.T, binary string, names ...string) (attacks []string, out string) {
	t.Helper()
	run := exec.CommandContext(t.Context(), binary, "-test.run", "^TestNothingLeaks$", "-test.v", "-test.timeout", "2m")
	run.Dir = "../radiusd/daemon"
	run.Env = append(os.Environ(), "WITHOUT_LAYERS="+strings.Join(names, ","))
	said, err := run.CombinedOutput()
	out = string(said)
	for _, m := range leaked.FindAllStringSubmatch(out, -1) {
		attacks = append(attacks, strings.ReplaceAll(m[1], "_", " "))
	}
	if told := strings.Count(out, "leak: "); told != len(attacks) || (err == nil) != (told == 0) {
		t.Fatalf("without %q: %v, and not for a leak\n%s", names, err, out)
	}
	if ran := strings.Count(out, "=== RUN   TestNothingLeaks/"); ran != len(hold) {
		t.Fatalf("without %q: %d attacks were tried of %d\n%s", names, ran, len(hold), out)
	}
	return attacks, out
}
