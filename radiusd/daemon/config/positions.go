package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// An index knows where in the files each key and value stands. It is the one
// place that uses go-toml's unstable parser: BurntSushi's decoder gives no
// position to a key it did not decode and none to a type mismatch.
type index struct {
	places map[string]place
	paths  []string       // in the order of the file
	counts map[string]int // elements of each array of tables
}

// A place is where a key and its value stand. For a table both are the header.
type place struct {
	source     *source
	key, value span
	kind       placeKind
}

type placeKind int

const (
	implied   placeKind = iota // a table that only its children mention
	header                     // [table]
	arrayHead                  // [[table]], and each of its elements
	pair                       // key = value
	element                    // of an array
)

func newIndex() *index {
	return &index{places: map[string]place{}, counts: map[string]int{}}
}

// locate indexes src. The Problems are duplicate keys and tables; the error, if
// any, is where the parser gave up.
func locate(src *source) (*index, Problems, *Problem) {
	b := &indexer{index: newIndex(), src: src, text: []byte(src.text)}
	b.parser.Reset(b.text)
	for b.parser.NextExpression() {
		b.expression(b.parser.Expression())
	}
	return b.index, b.problems, b.failure()
}

type indexer struct {
	*index
	src      *source
	text     []byte // of src, as the parser holds it
	parser   unstable.Parser
	table    string // path of the table that the last header opened
	problems Problems
}

// failure is where the parser gave up, or nil.
func (b *indexer) failure() *Problem {
	err := b.parser.Error()
	if err == nil {
		return nil
	}
	where := span{len(b.src.text), len(b.src.text)}
	if at := new(unstable.ParserError); errors.As(err, &at) {
		// Highlight is a part of the text, so its capacity tells where.
		start := cap(b.text) - cap(at.Highlight)
		if at.Highlight != nil && 0 <= start && start+len(at.Highlight) <= len(b.src.text) {
			where = span{start, start + len(at.Highlight)}
		}
	}
	p := b.src.syntax(where, err.Error())
	return &p
}

func (b *indexer) expression(n *unstable.Node) {
	if tooDeep(n, 0) {
		b.problems = append(b.problems, b.src.problem(span{int(n.Raw.Offset), int(n.Raw.Offset)}, "",
			"tables inside tables, far too many of them", "no key of the configuration is deeper than five"))
		return
	}
	switch n.Kind {
	case unstable.Table:
		b.header(n)
	case unstable.ArrayTable:
		b.arrayHeader(n)
	case unstable.KeyValue:
		b.pair(b.table, n)
	}
}

// maxDepth bounds the paths of a hostile file, which would otherwise grow with the
// square of its length. The deepest key there is has five parts.
const maxDepth = 32

func tooDeep(n *unstable.Node, depth int) bool {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		return depth+count(n.Key()) > maxDepth
	case unstable.KeyValue:
		depth += count(n.Key())
		return depth > maxDepth || tooDeep(n.Value(), depth)
	case unstable.Array, unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			if depth >= maxDepth || tooDeep(it.Node(), depth+1) {
				return true
			}
		}
	}
	return false
}

func count(it unstable.Iterator) int {
	n := 0
	for it.Next() {
		n++
	}
	return n
}

// header takes [a.b.c].
func (b *indexer) header(n *unstable.Node) {
	path, where := b.tableName(n.Key())
	b.table = path
	if old, taken := b.places[path]; taken && old.kind != implied {
		b.duplicateTable(path, where, old, "[")
		return
	}
	b.set(path, place{b.src, where, where, header})
}

// arrayHeader takes [[a.b.c]].
func (b *indexer) arrayHeader(n *unstable.Node) {
	path, where := b.tableName(n.Key())
	old, taken := b.places[path]
	if taken && old.kind != arrayHead {
		b.duplicateTable(path, where, old, "[[")
	}
	if !taken {
		b.set(path, place{b.src, where, where, arrayHead})
	}
	b.table = at(path, b.counts[path])
	b.counts[path]++
	b.set(b.table, place{b.src, where, where, arrayHead})
}

// tableName reads the key of a header. Every part but the last means the newest
// element where it names an array of tables.
func (b *indexer) tableName(key unstable.Iterator) (path string, where span) {
	for key.Next() {
		part := key.Node()
		if where.end == 0 {
			where.start = int(part.Raw.Offset)
		}
		where.end = int(part.Raw.Offset + part.Raw.Length)
		path = under(path, string(part.Data))
		if n := b.counts[path]; n > 0 && part.Next().Valid() {
			path = at(path, n-1)
		}
		if _, known := b.places[path]; !known && part.Next().Valid() {
			b.set(path, place{b.src, where, where, implied})
		}
	}
	return path, where
}

// pair takes key = value in the table at path.
func (b *indexer) pair(path string, n *unstable.Node) {
	var where span
	for key := n.Key(); key.Next(); {
		part := key.Node()
		if where.end == 0 {
			where.start = int(part.Raw.Offset)
		}
		where.end = int(part.Raw.Offset + part.Raw.Length)
		path = under(path, string(part.Data))
		if _, known := b.places[path]; !known && part.Next().Valid() {
			b.set(path, place{b.src, where, where, implied})
		}
	}
	here := place{b.src, where, b.valueOf(n, where), pair}
	if old, taken := b.places[path]; taken {
		b.duplicateKey(path, where, old)
		return
	}
	b.set(path, here)
	b.value(path, n.Value())
}

// valueOf finds the value of a pair: what stands between its "=" and its end.
// Arrays and inline tables carry no range of their own.
func (b *indexer) valueOf(n *unstable.Node, key span) span {
	end := int(n.Raw.Offset + n.Raw.Length)
	start := key.end
	for start < end && strings.IndexByte(" \t=", b.src.text[start]) >= 0 {
		start++
	}
	return span{start, end}
}

// value goes down into arrays and inline tables.
func (b *indexer) value(path string, n *unstable.Node) {
	switch n.Kind {
	case unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				b.pair(path, it.Node())
			}
		}
	case unstable.Array:
		i := 0
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			b.element(at(path, i), it.Node())
			i++
		}
	}
}

func (b *indexer) element(path string, n *unstable.Node) {
	if n.Kind == unstable.Array { // has no range, and the configuration has none inside another
		b.value(path, n)
		return
	}
	where := span{int(n.Raw.Offset), int(n.Raw.Offset + n.Raw.Length)}
	if n.Kind == unstable.InlineTable {
		where.end = b.closing(n, where.end)
	}
	b.set(path, place{b.src, where, where, element})
	b.value(path, n)
}

// closing finds the end of an inline table, whose own range is its "{" only.
func (b *indexer) closing(n *unstable.Node, end int) int {
	for it := n.Children(); it.Next(); {
		if raw := it.Node().Raw; it.Node().Kind == unstable.KeyValue {
			end = int(raw.Offset + raw.Length)
		}
	}
	rest := strings.TrimLeft(b.src.text[end:], " \t\r\n,")
	if strings.HasPrefix(rest, "}") {
		return len(b.src.text) - len(rest) + 1
	}
	return end
}

func (b *indexer) duplicateKey(path string, where span, old place) {
	what := "key " + lastKey(path)
	if old.kind == implied || old.kind == header || old.kind == arrayHead {
		what = fmt.Sprintf("%s is a table already", lastKey(path))
		b.problems = append(b.problems, b.src.problem(where, path,
			fmt.Sprintf("%s (line %d)", what, old.line()), "write its keys in one place only"))
		return
	}
	b.problems = append(b.problems, b.src.problem(where, path,
		fmt.Sprintf("%s is written twice in %s; the first is on line %d", what, b.called(parent(path)), old.line()),
		"keep one of the two"))
}

func (b *indexer) duplicateTable(path string, where span, old place, bracket string) {
	name := pathName(path)
	text, fix := fmt.Sprintf("[%s] is written twice; the first is on line %d", name, old.line()),
		"put the keys of both under the first"
	switch {
	case old.kind == arrayHead:
		text = fmt.Sprintf("[%s] after [[%s]] on line %d", name, name, old.line())
		fix = fmt.Sprintf("write [[%s]] to add another", name)
	case bracket == "[[":
		text = fmt.Sprintf("[[%s]] after [%s] on line %d", name, name, old.line())
		fix = fmt.Sprintf("write the first with two brackets as well: [[%s]]", name)
		if old.kind == pair {
			text = fmt.Sprintf("[[%s]] although %s has a value on line %d", name, name, old.line())
			fix = "keep one of the two forms"
		}
	case old.kind == pair:
		text = fmt.Sprintf("[%s] although %s has a value on line %d", name, name, old.line())
		fix = "write its keys in one place only"
	}
	b.problems = append(b.problems, b.src.problem(where, path, text, fix))
}

func (p place) line() int {
	n, _, _ := p.source.line(p.key.start)
	return n
}

func (x *index) set(path string, p place) {
	if _, known := x.places[path]; !known {
		x.paths = append(x.paths, path)
	}
	x.places[path] = p
}

// find returns the place of path, or of the longest part of it that has one.
// Whole reports that it was path itself.
func (x *index) find(path string) (p place, found string, whole bool) {
	parts := segments(path)
	for n := len(parts); n > 0; n-- {
		prefix := joined(parts[:n])
		if p, known := x.places[prefix]; known {
			return p, prefix, n == len(parts)
		}
	}
	return place{}, "", false
}

// pathName writes the path of a table as its header does, without indices.
func pathName(path string) string {
	var parts []string
	for _, part := range segments(path) {
		if part[0] != '[' {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ".")
}

// called is what the admin calls the table at path, inline tables included.
func (x *index) called(path string) string {
	if p := x.places[path]; p.kind != pair && p.kind != element {
		return section(path)
	}
	parts := segments(path)
	last := parts[len(parts)-1]
	if n, err := strconv.Atoi(strings.Trim(last, "[]")); last[0] == '[' && err == nil {
		return fmt.Sprintf("number %d of %s", n+1, pathName(path))
	}
	return pathName(path)
}

// section calls a table what the admin calls it: [server], [[ssid.rule]].
func section(path string) string {
	parts := segments(path)
	if len(parts) == 0 {
		return "the top of the file"
	}
	if parts[len(parts)-1][0] == '[' {
		return "[[" + pathName(path) + "]]"
	}
	return "[" + pathName(path) + "]"
}
