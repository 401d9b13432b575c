package config

import (
	"strconv"
	"strings"
)

// A path is written as in the file: `ssid[1].rule[0].vlan`,
// `realm."camford.ac.uk".directory`. Indices count from 0; a name that is not a
// bare key is quoted.

// under returns the path of a key in the table at path.
func under(path, key string) string {
	if path == "" {
		return quoteKey(key)
	}
	return path + "." + quoteKey(key)
}

// at returns the path of element i of the array at path.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func quoteKey(key string) string {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return !bare(r) }) {
		return strconv.Quote(key)
	}
	return key
}

func bare(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}

// segments takes a path apart: `ssid[1].rule` is "ssid", "[1]", "rule". What it
// cannot read it returns as one segment, which then has no place of its own.
func segments(path string) []string {
	var parts []string
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			end := strings.IndexByte(path, ']')
			if end < 0 {
				return append(parts, path)
			}
			parts, path = append(parts, path[:end+1]), path[end+1:]
		case '"':
			quoted, err := strconv.QuotedPrefix(path)
			if err != nil {
				return append(parts, path)
			}
			key, _ := strconv.Unquote(quoted)
			parts, path = append(parts, quoteKey(key)), path[len(quoted):]
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			parts, path = append(parts, quoteKey(path[:end])), path[end:]
		}
	}
	return parts
}

// joined is the path of segments.
func joined(parts []string) string {
	var b strings.Builder
	for _, part := range parts {
		if b.Len() > 0 && part[0] != '[' {
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	return b.String()
}

// parent is the path of what holds path.
func parent(path string) string {
	parts := segments(path)
	if len(parts) == 0 {
		return ""
	}
	return joined(parts[:len(parts)-1])
}

// lastKey is the name of the last key of path, unquoted, array indices left out.
func lastKey(path string) string {
	parts := segments(path)
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i][0] != '[' {
			if key, err := strconv.Unquote(parts[i]); err == nil && parts[i][0] == '"' {
				return key
			}
			return parts[i]
		}
	}
	return ""
}

// pattern is path with every index written [] and every name that the admin
// chose written *, so that tables of this package can name a kind of place.
func pattern(path string) string {
	parts := segments(path)
	for i, part := range parts {
		switch {
		case part[0] == '[':
			parts[i] = "[]"
		case i == 1 && named[parts[0]], i == 3 && parts[0] == "site" && parts[2] == "vlan":
			parts[i] = "*"
		}
	}
	return joined(parts)
}

// named are the tables whose keys are names that the admin chooses.
var named = map[string]bool{"directory": true, "devices": true, "realm": true, "federation": true, "zone": true, "vlan": true}
