package vlan

import (
	"unicode"
	"unicode/utf8"
)

// appendFold appends the name with the case of its letters taken away, so that
// two names are equal without regard to case exactly when their folded forms
// are: for UTF-8, the equality of strings.EqualFold. It allocates only when dst
// is too small.
func appendFold(dst []byte, name string) []byte {
	for i := 0; i < len(name); {
		c := name[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && size == 1 { // not UTF-8: only itself
			dst = append(dst, c)
		} else {
			dst = utf8.AppendRune(dst, foldRune(r))
		}
		i += size
	}
	return dst
}

// foldRune returns the one rune that stands for all those that differ from r in
// case only: a lower-case ASCII letter where there is one ("k" for the kelvin
// sign, too), else the smallest.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		return least + 'a' - 'A'
	}
	return least
}

func fold(name string) string { return string(appendFold(nil, name)) }
