package integration

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A checking is radiusd check of the house's configuration, run as an admin runs it.
type checking struct {
	Args    []string
	Replace map[string]string // in a copy of the configuration
	Says    []string
	Lacks   []string
	Code    int
}

func (s *stage) checkFile(c checking) {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, s.story.House.Config))
	s.must(err)
	for old, now := range c.Replace {
		if !bytes.Contains(text, []byte(old)) {
			s.Fatalf("the configuration has no %q", old)
		}
		text = bytes.ReplaceAll(text, []byte(old), []byte(now))
	}
	s.write("checked.toml", text)
	var out bytes.Buffer
	cmd := exec.Command(radiusdProgram(s), append([]string{"check", "checked.toml"}, c.Args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, &out, &out
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) {
		s.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != c.Code {
		s.Errorf("radiusd check: exit code %d", code)
	}
	for _, want := range c.Says {
		if !strings.Contains(out.String(), want) {
			s.Errorf("radiusd check does not say %q", want)
		}
	}
	for _, secret := range append(c.Lacks, "service-password", computerPassword, sharedSecret) {
		if strings.Contains(out.String(), secret) {
			s.Errorf("radiusd check says %q", secret)
		}
	}
	if s.Failed() {
		s.Log(out.String())
	}
}
