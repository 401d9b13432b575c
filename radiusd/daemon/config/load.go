package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"causeway/certs"
)

// maxSize bounds one file. A Trust of two hundred sites needs a tenth of it.
const maxSize = 4 << 20

// Load reads the configuration at path and what it includes.
//
// Its error is [Problems]. The File beside it is then what could be read of the
// configuration, or nil when a file does not parse: rooms may judge it for more
// problems, to be added with [Problems.Merge], and nothing may be started from it.
func Load(path string, secrets Secrets) (*File, error) {
	l := &loader{read: os.ReadFile, glob: filepath.Glob, secrets: secrets, reveal: certs.ReadSecret}
	return l.load(path)
}

// LoadBytes is Load of a file that is in memory already. Its includes are got by
// read, which may be nil; patterns among them match nothing.
func LoadBytes(name string, text []byte, read func(path string) ([]byte, error), secrets Secrets) (*File, error) {
	l := &loader{secrets: secrets, reveal: certs.ReadSecret,
		glob: func(string) ([]string, error) { return nil, nil },
		read: func(path string) ([]byte, error) {
			if path == name {
				return text, nil
			}
			if read == nil {
				return nil, fs.ErrNotExist
			}
			return read(path)
		},
	}
	return l.load(name)
}

// A loader gathers files into one tree.
type loader struct {
	read    func(path string) ([]byte, error)
	glob    func(pattern string) ([]string, error)
	reveal  func(ref string) (certs.Secret, certs.Source, error)
	secrets Secrets

	sources  []*source
	read1st  map[string]place // absolute path -> the include that brought it
	open     []string         // absolute paths from the main file to the one being read
	tree     map[string]any
	places   *index
	main     []string // the main file's include list
	problems Problems
	broken   bool // a file is missing from the tree
}

func (l *loader) load(path string) (*File, error) {
	l.read1st, l.tree, l.places = map[string]place{}, map[string]any{}, newIndex()
	l.file(path, place{})
	if len(l.sources) == 0 {
		return nil, l.problems
	}
	f := &File{sources: l.sources, places: l.places, Include: l.main, unreadable: map[string]bool{}}
	fill := &filler{file: f, tree: l.tree, partial: l.broken, secrets: l.secrets, reveal: l.reveal}
	fill.all()
	l.problems = append(l.problems, fill.problems...)
	if !l.broken {
		l.problems = l.problems.Merge(f.check())
	}
	f.Warnings.sort()
	if len(l.problems) == 0 {
		return f, nil
	}
	l.problems.sort()
	if l.broken {
		return nil, l.problems
	}
	return f, l.problems
}

// file reads one file and then its includes. By is the include that named it; the
// main file has none.
func (l *loader) file(path string, by place) {
	whole := absolute(path)
	if l.known(path, whole, by) {
		return
	}
	l.read1st[whole] = by
	text, err := l.read(path)
	if err != nil {
		l.broken = true
		l.cannotRead(path, by, err)
		return
	}
	src := &source{name: path, dir: filepath.Dir(path), order: len(l.sources)}
	l.sources = append(l.sources, src)
	tree, places := l.parse(src, text)
	if tree == nil {
		l.broken = true
		return
	}
	patterns := l.includes(tree, places)
	if by.source == nil {
		l.main = patterns
	}
	m := merger{loader: l, from: places, moved: map[string]string{}}
	m.tables(l.tree, tree, "")
	m.adopt()

	l.open = append(l.open, whole)
	for i, p := range patterns {
		by, listed := places.places[at("include", i)]
		if !listed { // one string, not a list of them
			by = places.places["include"]
		}
		l.include(src, p, by)
	}
	l.open = l.open[:len(l.open)-1]
}

// known refuses a file that is being read already, or was.
func (l *loader) known(path, whole string, by place) bool {
	if slices.Contains(l.open, whole) {
		l.problems = append(l.problems, by.source.problem(by.value, "include",
			fmt.Sprintf("%s includes itself, directly or through the files it includes", path),
			"take it out, or narrow the pattern"))
		return true
	}
	first, seen := l.read1st[whole]
	if seen {
		l.problems = append(l.problems, by.source.problem(by.value, "include",
			fmt.Sprintf("%s is included twice; the first is on line %d of %s", path, first.line(), first.source.name),
			"include it once"))
	}
	return seen
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

func (l *loader) cannotRead(path string, by place, err error) {
	text := fmt.Sprintf("%s cannot be read: %s", path, plain(err))
	fix := "correct the path, or let the server's account read the file"
	if by.source == nil {
		src := source{name: path}
		l.problems = append(l.problems, src.whole("cannot be read: "+plain(err), fix))
		return
	}
	l.problems = append(l.problems, by.source.problem(by.value, "include", text, fix))
}

// plain says what an error of the file system means, without its path, which is
// said already.
func plain(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	if e := new(fs.PathError); errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// parse returns nil when src is not TOML.
func (l *loader) parse(src *source, text []byte) (map[string]any, *index) {
	if len(text) > maxSize {
		l.problems = append(l.problems, src.whole("larger than 4 MiB: this is not a configuration", ""))
		return nil, nil
	}
	src.text = strings.TrimPrefix(string(text), "\uFEFF") // Notepad writes one
	src.sum = fmt.Sprintf("%x", sha256.Sum256(text))
	if strings.HasPrefix(src.text, "\xff\xfe") || strings.HasPrefix(src.text, "\xfe\xff") {
		l.problems = append(l.problems, src.whole("saved as UTF-16", "save it as UTF-8; in Notepad, choose the encoding in Save as"))
		return nil, nil
	}
	places, duplicates, failure := locate(src)
	l.problems = append(l.problems, duplicates...)
	if failure != nil {
		l.problems = append(l.problems, *failure)
	}
	if failure != nil || len(duplicates) > 0 {
		return nil, nil
	}
	tree := map[string]any{}
	if _, err := toml.Decode(src.text, &tree); err != nil {
		l.problems = append(l.problems, src.refused(err))
		return nil, nil
	}
	return tree, places
}

// refused is a Problem from BurntSushi's parser, which sees what the index does
// not: dates that do not exist, tables opened twice in roundabout ways.
func (s *source) refused(err error) Problem {
	e := toml.ParseError{}
	if !errors.As(err, &e) {
		return s.whole("not valid TOML", "")
	}
	start := min(max(e.Position.Start, 0), len(s.text))
	return s.syntax(span{start, start + max(e.Position.Len, 1)}, e.Message)
}

// includes takes the include list out of tree.
func (l *loader) includes(tree map[string]any, places *index) []string {
	value, present := tree["include"]
	if !present {
		return nil
	}
	delete(tree, "include")
	var patterns List
	f := &filler{file: &File{places: places}, tree: tree}
	f.value(reflect.ValueOf(&patterns).Elem(), value, "include")
	if len(f.problems) > 0 {
		l.problems, l.broken = append(l.problems, f.problems...), true
		return nil
	}
	return patterns
}

// include reads the files that pattern names, relative to the file it stands in.
func (l *loader) include(src *source, pattern string, by place) {
	path := src.relative(pattern)
	if pattern == "" {
		l.problems = append(l.problems, src.problem(by.value, "include", "an include without a name", "name a file, or take it out"))
		return
	}
	if !strings.ContainsAny(pattern, "*?[") {
		l.file(path, by)
		return
	}
	matches, err := l.glob(path)
	if err != nil {
		l.problems = append(l.problems, src.problem(by.value, "include",
			fmt.Sprintf("%q is not a pattern: %v", pattern, err), `write one such as "sites.d/*.toml"`))
		return
	}
	for _, match := range slices.Sorted(slices.Values(matches)) {
		l.file(match, by)
	}
}

// A merger adds the tree of one file to that of the files before it, as if all
// had been pasted together: tables that are only a prefix join, [[arrays]] go on,
// and what one file has defined no other may define again.
type merger struct {
	*loader
	from  *index
	moved map[string]string // elements of arrays that go on: their path here -> in the whole
}

func (m *merger) tables(into, from map[string]any, path string) {
	for _, key := range slices.Sorted(maps.Keys(from)) {
		here := under(path, key)
		old, taken := into[key]
		if !taken {
			into[key] = from[key]
			continue
		}
		a, b := m.places.places[here], m.from.places[here]
		switch v := from[key].(type) {
		case map[string]any:
			if o, both := old.(map[string]any); both && (a.kind == implied || b.kind == implied) {
				m.tables(o, v, here)
				continue
			}
		case []map[string]any:
			if o, both := old.([]map[string]any); both && a.kind == arrayHead && b.kind == arrayHead {
				for i := range v {
					m.moved[at(here, i)] = at(here, len(o)+i)
				}
				into[key] = slices.Concat(o, v)
				continue
			}
		}
		m.twice(here, a, b)
	}
}

func (m *merger) twice(path string, a, b place) {
	if a.source == nil || b.source == nil {
		return
	}
	if a.kind == arrayHead && b.kind == implied {
		m.problems = append(m.problems, b.source.problem(b.key, path,
			fmt.Sprintf("no [[%s]] stands before this header in its own file", pathName(path)),
			fmt.Sprintf("begin with [[%s]] and its name, or move this to the file that has it", pathName(path))))
		return
	}
	what := lastKey(path)
	if b.kind != pair || a.kind != pair {
		what = section(path)
	}
	m.problems = append(m.problems, b.source.problem(b.key, path,
		fmt.Sprintf("%s is in two files: %s line %d and %s line %d", what, a.source.name, a.line(), b.source.name, b.line()),
		"keep it in one of them"))
}

// adopt takes over the places of the file.
func (m *merger) adopt() {
	for _, path := range m.from.paths {
		p, to := m.from.places[path], path
		parts := segments(path)
		for n := len(parts); n > 0; n-- {
			if moved, ok := m.moved[joined(parts[:n])]; ok {
				to = moved + strings.TrimPrefix(path, joined(parts[:n]))
				break
			}
		}
		old, taken := m.places.places[to]
		if !taken || old.kind == implied && p.kind != implied {
			m.places.set(to, p)
		}
	}
}
