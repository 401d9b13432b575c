package certs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Source says where a secret or a key came from.
type Source string

// The four places in which an admin may keep a secret.
const (
	FromFile       Source = "file"    // file:/path
	FromEnv        Source = "env"     // env:NAME
	FromCredential Source = "cred"    // cred:name, a systemd credential
	Literal        Source = "literal" // written in the configuration itself
)

// maxFile bounds what is read from a file: a bundle of every public authority is
// about 220 KiB, a key 3 KiB.
const maxFile = 1 << 20

// ReadSecret returns the secret that ref stands for: "file:/path" and
// "cred:name" (one trailing newline is dropped, since editors add it), "env:NAME",
// and anything else is the secret itself. The Source tells which, so that a
// check can warn about a secret written in the configuration.
//
// Errors name the file or variable, never its content. An empty secret is an
// error.
func ReadSecret(ref string) (Secret, Source, error) {
	b, src, err := read(ref)
	if err != nil {
		return "", src, err
	}
	text := string(b)
	if src == FromFile || src == FromCredential {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	}
	if text == "" {
		return "", src, fmt.Errorf("%s is empty", describe(ref))
	}
	return Secret(text), src, nil
}

// LintSecret says what is unwise about how a secret is kept: written in the
// configuration, mistyped so that a reference is taken for the secret itself, or
// in a file that everybody can read.
func LintSecret(ref string) []Finding {
	kind, name := split(ref)
	switch kind {
	case Literal:
		if looksLikeReference.MatchString(ref) {
			return []Finding{{Code: "secret-reference", Severity: Warning,
				Text: "this secret looks like a reference but is used as it stands",
				Fix:  "write file:/path, env:NAME or cred:name (all lower case, no space after the colon)"}}
		}
		return []Finding{{Code: "secret-literal", Severity: Warning,
			Text: "the secret is written in the configuration itself",
			Fix:  "move it to a file of mode 0600 and write file:/path, or to a systemd credential and write cred:name"}}
	case FromFile:
		if f, loose := worldReadable(name, "secret"); loose {
			return []Finding{f}
		}
	}
	return nil
}

var looksLikeReference = regexp.MustCompile(`(?i)^\s*(file|flie|fiel|env|cred|creds|credential|path)\s*[:=]|^/\w`)

// read returns the octets behind a reference.
func read(ref string) ([]byte, Source, error) {
	kind, name := split(ref)
	switch kind {
	case FromFile:
		if name == "" {
			return nil, kind, errors.New("file: needs a path, as file:/etc/radiusd/secret")
		}
		b, err := readFile(name)
		return b, kind, err
	case FromCredential:
		b, err := readCredential(name)
		return b, kind, err
	case FromEnv:
		v, ok := os.LookupEnv(name)
		if !ok {
			return nil, kind, fmt.Errorf("environment variable %s is not set", name)
		}
		return []byte(v), kind, nil
	}
	return []byte(ref), Literal, nil
}

// readCredential finds a systemd credential (systemd.exec(5), LoadCredential=).
func readCredential(name string) ([]byte, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return nil, fmt.Errorf("cred:%s is not the name of a credential: it may not be a path", name)
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return nil, fmt.Errorf("cred:%s: there are no systemd credentials here (CREDENTIALS_DIRECTORY is not set); "+
			"add LoadCredential=%s:/path to the service, or use file:/path", name, name)
	}
	b, err := readFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cred:%s: systemd gave no such credential; add LoadCredential=%s:/path to the service: %w",
			name, name, fs.ErrNotExist)
	}
	return b, err
}

// readFile reads a whole file, refusing a folder, a device and anything too
// large to be a key. The errors of package os name the path already.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, not a file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB: it is no key, certificate or secret", path)
	}
	return b, nil
}

func split(ref string) (Source, string) {
	for _, kind := range []Source{FromFile, FromEnv, FromCredential} {
		if name, ok := strings.CutPrefix(ref, string(kind)+":"); ok {
			return kind, name
		}
	}
	return Literal, ""
}

// describe names a reference in an error without printing a literal secret.
func describe(ref string) string {
	switch kind, name := split(ref); kind {
	case FromFile:
		return name
	case FromEnv:
		return "environment variable " + name
	case FromCredential:
		return "credential " + name
	}
	return "the value in the configuration"
}

// worldReadable reports a file that every account of the machine can read.
// Credentials need no such check: systemd sets their mode itself.
func worldReadable(path, what string) (Finding, bool) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return Finding{}, false
	}
	return Finding{Code: "world-readable", Severity: Warning,
		Text: fmt.Sprintf("%s holds a %s and every account on this machine can read it (mode %04o)", path, what, info.Mode().Perm()),
		Fix:  "chmod 0640 " + path + " and let only the server's group read it"}, true
}
