package directory

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines knows on which line of a TOML text a key stands. Keys are written as in
// [userKey]: user."nurse@northbridge.nhs.uk".nt_hash.
type lines struct {
	text    []byte
	offsets map[string]uint32
}

// lineIndex reads the whole text; it is asked only when there is a mistake to
// show.
func lineIndex(text []byte) lines {
	index := lines{text, map[string]uint32{}}
	p := &unstable.Parser{}
	p.Reset(text)
	var table []string
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = index.add(nil, e)
		case unstable.KeyValue:
			index.addValue(table, e)
		}
	}
	return index
}

// add notes where a key stands and returns its path.
func (l lines) add(above []string, node *unstable.Node) []string {
	path := slices.Clone(above)
	for it := node.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
		key := joined(path)
		if _, seen := l.offsets[key]; !seen {
			l.offsets[key] = it.Node().Raw.Offset
		}
	}
	return path
}

func (l lines) addValue(above []string, node *unstable.Node) {
	path := l.add(above, node)
	if value := node.Value(); value.Kind == unstable.InlineTable {
		for it := value.Children(); it.Next(); {
			l.addValue(path, it.Node())
		}
	}
}

// of returns the line of a key as text, or "".
func (l lines) of(key string) string {
	offset, found := l.offsets[key]
	if !found {
		return ""
	}
	return strconv.Itoa(1 + bytes.Count(l.text[:offset], []byte{'\n'}))
}

// joined writes a path as its problems are keyed: the name in the middle quoted.
func joined(path []string) string {
	out := make([]string, len(path))
	for i, part := range path {
		out[i] = part
		if i == 1 {
			out[i] = strconv.Quote(part)
		}
	}
	return strings.Join(out, ".")
}
