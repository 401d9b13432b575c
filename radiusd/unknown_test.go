package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// That nobody is there is said of a log that has a list, or begins with the server; and
// of no other file, which would send somebody away who looks for a controller.
func TestUnknownOfALog(t *testing.T) {
	const (
		at      = "2026-11-26T09:30:00.000Z "
		none    = at + "NOTICE  figures of addresses that are no clients of ours  addresses=0  forgotten=0  packets=0  listed=0\n"
		two     = at + "NOTICE  figures of addresses that are no clients of ours  addresses=2  forgotten=0  packets=9  listed=2\n"
		one     = at + "NOTICE  figures of an address that is no client of ours  address=10.0.0.9  says_it_is=\"\\u001b[2Jwlc\"  packets=5  first=2026-11-26T09:00:00Z  last=2026-11-26T09:29:00Z\n"
		started = at + "NOTICE  started  server=Northbridge\n"
		other   = at + "NOTICE  reloaded  sites=3\n"
		nobody  = "Nobody who is not in the file speaks to the server.\n"
		noList  = "in these lines no server says who is unknown"
		half    = "ends in the middle of the list"
	)
	for name, c := range map[string]struct {
		log  string
		code int
		says string
	}{
		"nothing yet":          {"", exitFailed, noList},
		"another program's":    {"root:x:0:0:root:/root:/bin/bash\n", exitFailed, noList},
		"with the journal's":   {"Nov 26 09:30:00 trust radiusd[7]: " + one, exitFailed, noList},
		"before it was asked":  {other, exitFailed, noList},
		"half a list":          {two + one, exitFailed, half},
		"half a line":          {two + one + one[:60], exitFailed, half},
		"nobody, it was asked": {other + none, exitGood, nobody},
		"nobody since a start": {started + other, exitGood, nobody},
		"one, an hour's":       {other + one, exitGood, `"\x1b[2Jwlc"`},
		"all":                  {two + one + strings.Replace(one, "10.0.0.9", "10.0.0.8", 1), exitGood, "10.0.0.8"},
	} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(c.log), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := run([]string{"unknown", path}, &out, &errs)
		if said := out.String() + errs.String(); code != c.code || !strings.Contains(said, c.says) || strings.Contains(said, "\x1b") || code != exitGood && out.Len() > 0 {
			t.Errorf("%s: %d\n%s", name, code, said)
		}
	}
}

// A signal goes to a server, and to no other radiusd: that would end, in the middle of
// its work.
func TestSignalsGoToServersOnly(t *testing.T) {
	folder := t.TempDir()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(shell, filepath.Join(folder, "radiusd")); err != nil {
		t.Fatal(err)
	}
	const script = "trap 'exit 7' USR1\necho ready\nwhile read line; do :; done\nexit 8\n"
	for word, c := range map[string]struct {
		refused string
		code    int
	}{"serve": {"", 7}, "demo": {"", 7}, "placement": {"is radiusd, but no server that runs; nothing was sent", 8}} {
		if err := os.WriteFile(filepath.Join(folder, word), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		process := exec.CommandContext(t.Context(), filepath.Join(folder, "radiusd"), word)
		process.Dir = folder
		in, _ := process.StdinPipe()
		out, _ := process.StdoutPipe()
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		err := signalServer(process.Process.Pid, syscall.SIGUSR1)
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %v", word, err)
		}
		_ = in.Close() // sh takes the signal when its read is over
		_ = process.Wait()
		if code := process.ProcessState.ExitCode(); code != c.code {
			t.Errorf("%s ended with %d, want %d", word, code, c.code)
		}
	}
}
