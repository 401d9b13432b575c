package integration

import (
	"errors"
	"os/exec"
	"strings"
)

// A probing runs radiusd probe, as an admin or a monitoring system does.
type probing struct {
	Config string   // a file of the folder
	Args   []string // what follows it
	Each   []string // in the place of Args, one run for each, its words apart
	Exit   int
	Says   []string
}

func (s *stage) probe(p probing) {
	s.Helper()
	config := s.fill(p.Config)
	if len(p.Each) == 0 {
		s.probeOnce(config, p.Args, p)
		return
	}
	for _, words := range p.Each {
		s.probeOnce(config, strings.Fields(words), p)
	}
}

func (s *stage) probeOnce(config string, args []string, p probing) {
	s.Helper()
	full := []string{"probe", "-c", config}
	for _, a := range args {
		full = append(full, s.expand(a))
	}
	cmd := exec.Command(radiusdProgram(s), full...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		s.Fatal(err)
	}
	s.Logf("radiusd %s\n%s", strings.Join(full, " "), out)
	if code := cmd.ProcessState.ExitCode(); code != p.Exit {
		s.Errorf("radiusd probe %v: exit code %d, want %d\n%s", args, code, p.Exit, out)
	}
	for _, text := range p.Says {
		if !strings.Contains(string(out), s.expand(text)) {
			s.Errorf("radiusd probe %v does not say %q:\n%s", args, text, out)
		}
	}
	for _, secret := range []string{goodPassword, sharedSecret, "not-the-password", "nobody agreed on"} {
		if strings.Contains(string(out), secret) {
			s.Errorf("radiusd probe %v prints a secret:\n%s", args, out)
		}
	}
}
