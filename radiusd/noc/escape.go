package noc

import (
	"unicode"
	"unicode/utf8"
)

// maxField is the longest a name may be in a line, in octets. RADIUS names are at
// most 253; only an error's words are longer.
const maxField = 1024

// plain marks the ASCII octets that stand for themselves in both formats. The
// quotation mark and the backslash would end or bend a quoted string; < > and &
// would be HTML to a page that forgot to escape; the rest are control characters.
var plain = func() (t [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendEscaped writes a hostile string as the inside of a JSON string: one line,
// printable, and decoded by JSON readers to what it was (S14). Everything that
// is not printable is escaped, so control characters, line and paragraph
// separators, bidirectional and zero-width marks are seen and not obeyed.
// Octets that are not UTF-8 become U+FFFD, as encoding/json has them.
func appendEscaped(dst []byte, s string) []byte {
	whole := s
	s = s[:cut(s, maxField)]
	i := 0
	for i < len(s) && plain[s[i]] {
		i++
	}
	from := 0
	for i < len(s) {
		c := s[i]
		if c < utf8.RuneSelf {
			if !plain[c] {
				dst = append(dst, s[from:i]...)
				dst = appendASCII(dst, c)
				from = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			dst = append(dst, s[from:i]...)
			dst = appendUnicode(dst, r)
			from = i + size
		}
		i += size
	}
	dst = append(dst, s[from:]...)
	if len(whole) > len(s) {
		dst = append(dst, "…"...)
	}
	return dst
}

// cut returns how much of s to keep so that it is at most limit octets and no
// character is cut in two.
func cut(s string, limit int) int {
	if len(s) <= limit {
		return len(s)
	}
	for n := limit; n > limit-utf8.UTFMax; n-- {
		if utf8.RuneStart(s[n]) {
			return n
		}
	}
	return limit // not UTF-8: anywhere is as good
}

func appendASCII(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// appendUnicode writes \uXXXX, as a surrogate pair where it must (RFC 8259,
// section 7).
func appendUnicode(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		dst = appendUnit(dst, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return appendUnit(dst, r)
}

func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12&0xf], hexDigits[u>>8&0xf], hexDigits[u>>4&0xf], hexDigits[u&0xf])
}

// appendQuoted writes a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendWord writes a name for people: as it is when it can be told from the
// words around it, else quoted and escaped.
func appendWord(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, `""`...)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == '=' || c == ',' || !plain[c] {
			return appendQuoted(dst, s)
		}
	}
	return appendEscaped(dst, s)
}
