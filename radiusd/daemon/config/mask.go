package config

import (
	"regexp"
	"strings"
)

// masked stands for the text of a secret in a line that is shown.
const masked = `"[secret]"`

// assignment finds a key, bare or quoted, and its "="; a ":" or nothing at all in
// its stead is a mistake that shows the value too.
var assignment = regexp.MustCompile(`["']?([A-Za-z0-9_-]+)["']?(\s*[=:]\s*|\s+)`)

// harmless are values that are no secret: those of weak_secret.
var harmless = regexp.MustCompile(`^(true|false)\b`)

// reference is a value that says where a secret is and may be shown.
var reference = regexp.MustCompile(`^["'](file|env|cred):`)

// mask returns line with every secret that is written in it replaced, and where
// the octets from..to of the line stand in the result.
//
// It works on the bare line, since it must also mask lines that do not parse. A
// key that is nearly "secret" or "password" counts as one: a slip of the thumb
// must not print what it names.
func mask(line string, from, to int) (string, int, int) {
	var b strings.Builder
	newFrom, newTo := -1, -1
	copied := 0
	place := func(offset int) int { return b.Len() + offset - copied }
	for copied < len(line) {
		m := secretIn(line, copied)
		if m == nil {
			break
		}
		if newFrom < 0 && from < m.start {
			newFrom = place(from)
		}
		if newTo < 0 && to <= m.start {
			newTo = place(to)
		}
		b.WriteString(line[copied:m.start])
		at := b.Len()
		b.WriteString(masked)
		copied = m.end
		if newFrom < 0 && from < m.end {
			newFrom = at
		}
		if newTo < 0 && to <= m.end {
			newTo = b.Len()
		}
	}
	if newFrom < 0 {
		newFrom = place(from)
	}
	if newTo < 0 {
		newTo = place(to)
	}
	b.WriteString(line[copied:])
	return b.String(), newFrom, max(newFrom, newTo)
}

// secretIn finds the first literal secret of line that starts at offset or later.
func secretIn(line string, offset int) *span {
	for offset < len(line) {
		found := assignment.FindStringSubmatchIndex(line[offset:])
		if found == nil {
			return nil
		}
		key, value := line[offset+found[2]:offset+found[3]], offset+found[1]
		separator := strings.TrimSpace(line[offset+found[4] : offset+found[5]])
		offset = value
		if !secretKey(key) || value >= len(line) || reference.MatchString(line[value:]) || harmless.MatchString(line[value:]) {
			continue
		}
		if separator == "" && line[value] != '"' && line[value] != '\'' {
			continue // words of a comment
		}
		if end := valueEnd(line, value); end > value {
			return &span{value, end}
		}
	}
	return nil
}

// valueEnd returns where the value that begins at start ends. In doubt, as when a
// closing quote is missing, it is the rest of the line.
func valueEnd(line string, start int) int {
	switch q := line[start]; q {
	case '#':
		return start
	case '"', '\'':
		if strings.HasPrefix(line[start:], strings.Repeat(string(q), 3)) {
			return len(line)
		}
		for i := start + 1; i < len(line); i++ {
			switch {
			case line[i] == '\\' && q == '"':
				i++
			case line[i] == q:
				if rest := strings.TrimLeft(line[i+1:], " \t"); rest == "" || strings.ContainsRune(",}]#", rune(rest[0])) {
					return i + 1
				}
				return len(line) // something follows a closing quote: who knows where the secret ends
			}
		}
	}
	return len(line)
}

// secretKey reports whether key names a secret, or nearly does.
func secretKey(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"secret", "passw", "pwd", "psk"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return distance(key, "secret") <= 2 || distance(key, "password") <= 3 || key == "key" || strings.HasSuffix(key, "_key") || key == "pass"
}

// insideSecret reports whether offset lies in the later lines of a secret that
// spans several, or of one whose closing quotes are missing.
func (s *source) insideSecret(offset int) bool {
	if s.hidden == nil {
		s.hidden = hiddenIn(s.text)
	}
	for _, h := range s.hidden {
		if h.start <= offset && offset < h.end {
			return true
		}
	}
	return false
}

// hiddenIn finds the secrets of text that span lines: from the end of their first
// line to the end of their last.
func hiddenIn(text string) []span {
	hidden := []span{}
	start := 0
	for line := range strings.Lines(text) {
		offset := start
		start += len(line)
		if len(hidden) > 0 && offset < hidden[len(hidden)-1].end {
			continue
		}
		for _, m := range longSecret.FindAllStringSubmatchIndex(line, -1) {
			if !secretKey(line[m[2]:m[3]]) {
				continue
			}
			quotes, from := line[m[4]:m[5]], offset+m[5]
			end := len(text) + 1
			if i := strings.Index(text[from:], quotes); i >= 0 {
				end = from + i + len(quotes)
			}
			if end > start {
				if i := strings.IndexByte(text[min(end, len(text)):], '\n'); i >= 0 {
					end += i
				}
				hidden = append(hidden, span{start, end})
			}
		}
	}
	return hidden
}

var longSecret = regexp.MustCompile(`["']?([A-Za-z0-9_-]+)["']?\s*=\s*("""|''')`)
