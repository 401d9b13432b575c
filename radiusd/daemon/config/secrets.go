package config

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"causeway/certs"
)

// secret reads the secret that text refers to. Where secrets are optional, one
// that cannot be read is a warning and a random stand-in takes its place, so that
// rooms can judge the rest; nobody can know it.
func (f *filler) secret(text, path string) certs.Secret {
	if text == "" {
		return "" // finish reports it
	}
	ref := f.absoluteRef(text, path)
	secret, _, err := f.reveal(ref)
	if err != nil {
		f.unread(path, text, ref, err)
		return certs.Secret(rand.Text())
	}
	f.lint(path, ref)
	return secret
}

// reference judges a reference to a key or certificate and makes it absolute. The
// room certs reads it again and judges what is in it.
func (f *filler) reference(text, path string) string {
	if !referenced.MatchString(text) {
		key := lastKey(path)
		f.problem(path, key+" does not say where it is", "write file:/path, cred:name (a systemd credential) or env:NAME")
		if strings.HasSuffix(text, ".pem") || strings.HasPrefix(text, "/") {
			f.last().Meant = `"file:` + text + `"`
		} else if strings.Contains(text, "-----BEGIN") {
			f.last().Text = key + " holds the PEM text itself"
		}
		return ""
	}
	ref := f.absoluteRef(text, path)
	if _, _, err := f.reveal(ref); err != nil {
		f.unread(path, text, ref, err)
	}
	return ref
}

// references judges a list of references, or of those and addresses.
func (f *filler) references(v reflect.Value, kind string, one bool, path string) {
	for i := range v.Len() {
		key, text := at(path, i), v.Index(i).String()
		if one {
			key = path
		}
		switch {
		case text == "":
			f.problem(key, nameOf(key)+" is empty", strings.Replace(f.example(parent(path), lastKey(path)), "add ", "write ", 1))
		case kind == "yes":
			v.Index(i).SetString(f.reference(text, key))
		case !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://"):
			v.Index(i).SetString(f.listFile(text, key))
		}
	}
}

// listFile judges where a revocation list is. It may be larger than any key, so the
// room that knows what is in it reads it.
func (f *filler) listFile(text, path string) string {
	name, isFile := strings.CutPrefix(text, "file:")
	if !isFile || name == "" {
		f.problem(path, lastKey(path)+" does not say where it is", "write file:/path or http://host/path")
		if strings.HasSuffix(text, ".crl") || strings.HasSuffix(text, ".pem") || strings.HasPrefix(text, "/") {
			f.last().Meant = `"file:` + text + `"`
		} else if strings.HasPrefix(text, "ldap:") {
			f.last().Text = "lists are not fetched from directories (ldap:)"
			f.last().Fix = "name the http address at which the authority publishes it, too"
		}
		return ""
	}
	return "file:" + f.path(name, path, true)
}

var referenced = regexp.MustCompile(`^(file|cred|env):`)

// path makes a path absolute, and when the file is to be read sees that it can be.
func (f *filler) path(text, path string, read bool) string {
	full := f.sourceOf(path).relative(text)
	if whole, err := filepath.Abs(full); err == nil {
		full = whole
	}
	if !read {
		return full
	}
	file, err := os.Open(full)
	if errors.Is(err, fs.ErrNotExist) && f.begins(path) {
		return full
	}
	if err != nil {
		f.unread(path, text, full, err)
		return full
	}
	_ = file.Close() // read only: nothing to lose
	return full
}

// begins tells whether path is that of a file which the first placement makes.
func (f *filler) begins(path string) bool {
	directories, _ := f.tree["directory"].(map[string]any)
	this, _ := directories[lastKey(parent(path))].(map[string]any)
	return this["kind"] == "placements"
}

// absoluteRef turns file:name into file:/folder/name, the folder being that of the
// file in which the reference stands.
func (f *filler) absoluteRef(ref, path string) string {
	name, isFile := strings.CutPrefix(ref, "file:")
	if !isFile || name == "" {
		return ref
	}
	full, err := filepath.Abs(f.sourceOf(path).relative(name))
	if err != nil {
		return ref
	}
	return "file:" + full
}

func (f *filler) sourceOf(path string) *source {
	if p, _, _ := f.file.places.find(path); p.source != nil {
		return p.source
	}
	return f.file.sources[0]
}

// unread reports a reference that cannot be read, or the name of a file, as it was written
// and as it was looked for.
func (f *filler) unread(path, written, ref string, err error) {
	f.file.unreadable[path] = true
	if f.secrets == SecretsOptional {
		if !f.mistyped(path, written, strings.TrimPrefix(ref, "file:"), err) {
			f.missed = append(f.missed, missed{path, ref, err})
		}
		return
	}
	text, fix := err.Error(), "correct the reference, or let the server's account read it"
	if said, advice, split := strings.Cut(text, "; add "); split {
		text, fix = said, "add "+advice
	}
	if e := new(fs.PathError); errors.As(err, &e) {
		text = strings.TrimPrefix(ref, "file:") + ": " + plain(err)
	}
	f.problem(path, lastKey(path)+": "+text, fix)
}

// mistyped warns, and says so, of a file that is not in its folder although the folder is
// here: that is a wrong name more often than another machine.
func (f *filler) mistyped(path, written, name string, err error) bool {
	if !filepath.IsAbs(name) || !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return false
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	p := f.file.Place(path, lastKey(path)+": there is no file "+name+", and what is in it was not judged",
		"correct the name, or check again on the server, which does not start without it")
	if near := nearest(filepath.Base(name), names); near != "" {
		p.Meant = strconv.Quote(strings.TrimSuffix(written, filepath.Base(name)) + near)
	}
	f.file.Warnings = append(f.file.Warnings, p)
	return true
}

// missed is a reference that an optional secret left unread.
type missed struct {
	path, ref string
	err       error
}

// warnMissed is one warning for all of them, at the first.
func (f *filler) warnMissed() {
	if len(f.missed) == 0 {
		return
	}
	refs := make([]string, len(f.missed))
	for i, m := range f.missed {
		refs[i] = m.ref
		if errors.Is(m.err, fs.ErrPermission) {
			refs[i] += " (permission denied)"
		}
	}
	first := slices.MinFunc(f.missed, func(a, b missed) int {
		p, _, _ := f.file.places.find(a.path)
		q, _, _ := f.file.places.find(b.path)
		return cmp.Or(cmp.Compare(f.sourceOf(a.path).order, f.sourceOf(b.path).order), cmp.Compare(p.value.start, q.value.start))
	})
	slices.Sort(refs)
	refs = slices.Compact(refs)
	text, fix := "this cannot be read here, and what is in it was not judged: ", "check again on the server, which does not start without it"
	if len(refs) > 1 {
		text, fix = "these cannot be read here, and what is in them was not judged: ", "check again on the server, which does not start without them"
	}
	f.file.Warnings = append(f.file.Warnings, f.file.Place(first.path, text+list(refs), fix))
}

// Unreadable reports that the reference at key could not be read, which only a
// File loaded with SecretsOptional has: its secret is a stand-in.
func (f *File) Unreadable(key string) bool { return f.unreadable[key] }

// lint adds what is unwise about how a secret is kept.
func (f *filler) lint(path, ref string) {
	for _, finding := range certs.LintSecret(ref) {
		f.file.Warnings = append(f.file.Warnings, f.file.Place(path, lastKey(path)+": "+finding.Text, finding.Fix))
	}
}
