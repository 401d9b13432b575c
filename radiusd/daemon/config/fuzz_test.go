package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"causeway/certs"
)

func seeds(f *testing.F) {
	f.Helper()
	for _, glob := range []string{"testdata/*/*.toml", "testdata/*/*/*.toml", examplePath} {
		files, _ := filepath.Glob(glob)
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	for _, text := range []string{"", "\uFEFF", "a.b.c = 1\n[a.b]\n", "[[a]]\n[a.b]\n[[a.b]]", "a = [[1, 2], [{ b = 3 }]]", "\"\" = 1", "include = [\"*\"]", "[server]\r\nname = \"\\u0000\""} {
		f.Add([]byte(text))
	}
}

// Whatever the bytes, loading ends with a File or with Problems that have places.
func FuzzLoadBytes(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		l := &loader{
			secrets: SecretsOptional,
			glob:    func(string) ([]string, error) { return []string{"more.toml"}, nil },
			reveal:  func(string) (certs.Secret, certs.Source, error) { return "", certs.FromFile, errors.New("not here") },
			read: func(path string) ([]byte, error) {
				if path == "radiusd.toml" || path == "more.toml" {
					return text, nil // included, it contradicts itself
				}
				return nil, os.ErrNotExist
			},
		}
		file, err := l.load("radiusd.toml")
		problems := Problems(nil)
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("not Problems: %v", err)
		}
		if file == nil && err == nil {
			t.Fatal("neither a file nor an error")
		}
		for _, p := range problems {
			if p.File == "" || p.Text == "" || p.caret > len(p.source) || strings.ContainsAny(p.Error(), "\r\x1b") {
				t.Fatalf("%+v\n%s", p, p.Error())
			}
		}
		if file != nil {
			_ = file.Warnings.Error()
			_ = file.Place(string(text[:min(len(text), 60)]), "x", "")
		}
	})
}

// FuzzPositions holds the index against the decoder: every key that the decoder
// reads has a place, and its text is there.
func FuzzPositions(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		src := &source{name: "fuzz.toml", text: strings.TrimPrefix(string(text), "\uFEFF")}
		x, duplicates, failure := locate(src)
		for path, p := range x.places {
			for _, s := range []span{p.key, p.value} {
				if s.start < 0 || s.end < s.start || s.end > len(src.text) {
					t.Fatalf("%s is at %v of %d", path, s, len(src.text))
				}
			}
			if got := joined(segments(path)); got != path {
				t.Fatalf("%s comes apart as %s", path, got)
			}
			if found, at, whole := x.find(path); !whole || at != path || found != p {
				t.Fatalf("%s is not found", path)
			}
		}
		tree := map[string]any{}
		if failure != nil || len(duplicates) > 0 {
			return
		}
		if _, err := toml.Decode(src.text, &tree); err != nil {
			return
		}
		placed(t, x, tree, "")
	})
}

func placed(t *testing.T, x *index, data any, path string) {
	t.Helper()
	if _, known := x.places[path]; !known && path != "" && !strings.HasSuffix(path, "]") {
		t.Fatalf("%s has no place", path)
	}
	switch d := data.(type) {
	case map[string]any:
		for key := range d {
			placed(t, x, d[key], under(path, key))
		}
	case []map[string]any:
		for i := range d {
			placed(t, x, d[i], at(path, i))
		}
	case []any:
		for i := range d {
			placed(t, x, d[i], at(path, i))
		}
	}
}
