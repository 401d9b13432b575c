package config

import (
	"errors"
	"slices"
	"strings"
)

// An AccessPoint is one of a site's access_points, read: an access point by its name
// or MAC, or all whose name or MAC begins so.
type AccessPoint struct {
	Begins bool   // written with "*" at its end
	Name   string // in small letters, without the "*"; empty: it is a MAC only
	MAC    string // hexadecimal digits in small letters, 12 of a whole one; empty: it is a name only
}

// longestName is the most octets of a name; a RADIUS attribute has room for no more.
const longestName = 253

var (
	errEveryAccessPoint = errors.New(`"*" is every access point`)
	errStarInside       = errors.New("a * stands at the end only")
	errHiddenCharacter  = errors.New("it holds a space at an end, or a character that does not show")
	errNameLength       = errors.New("a name has 1 to 253 octets")
)

// ParseAccessPoint reads a pattern. Case does not count. A MAC may be written in any
// usual way; the beginning of one is two digits at a time with - or : between ("B8-11-4B-*")
// or four with dots ("b811.4b*"), three octets at least. Six digits or more with nothing
// between ("b8114b*") may begin either, and stand for both.
func ParseAccessPoint(text string) (AccessPoint, error) {
	name, begins := strings.CutSuffix(text, "*")
	switch {
	case name == "" && begins:
		return AccessPoint{}, errEveryAccessPoint
	case name == "" || len(name) > longestName:
		return AccessPoint{}, errNameLength
	case strings.Contains(name, "*"):
		return AccessPoint{}, errStarInside
	case strings.TrimSpace(text) != text || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }):
		return AccessPoint{}, errHiddenCharacter
	}
	name = lowered(name)
	digits, spelled := macDigits(name)
	switch {
	case begins && spelled && !strings.ContainsAny(name, "-:."):
		return AccessPoint{Begins: true, Name: name, MAC: digits}, nil
	case begins && spelled, !begins && len(digits) == 12:
		return AccessPoint{Begins: begins && len(digits) < 12, MAC: digits}, nil
	}
	return AccessPoint{Begins: begins, Name: name}, nil
}

// lowered makes small letters of those of ASCII, and of no others.
func lowered(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// macSpellings are the usual ways to write a MAC, by how many digits stand together, and
// by what may begin one: six digits after each other are as well a name in a spelling
// whose separator names have, too.
var macSpellings = []struct {
	group      int
	separators string
	begins     bool
}{{2, "-:.", true}, {4, ".", true}, {4, "-:", false}, {6, "-:", false}, {12, "", true}}

// macDigits are the digits of a MAC, or of the beginning of one of three octets or more.
func macDigits(name string) (digits string, ok bool) {
	for _, s := range macSpellings {
		if digits, ok := spelled(name, s.group, s.separators); ok && (len(digits) == 12 || s.begins && len(digits) >= 6) {
			return digits, true
		}
	}
	return "", false
}

// spelled reads digits in groups with one separator between them. The last group may be
// incomplete, or be followed by a separator.
func spelled(name string, group int, separators string) (string, bool) {
	var digits []byte
	var separator byte
	for i := range len(name) {
		c := name[i]
		if (i+1)%(group+1) == 0 {
			if separator == 0 {
				separator = c
			}
			if c != separator || strings.IndexByte(separators, c) < 0 {
				return "", false
			}
			continue
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", false
		}
		digits = append(digits, c)
	}
	whole := len(digits) == 12 && len(name) > 12+12/group-1 // a separator after the last digit is none of a MAC
	return string(digits), len(digits) <= 12 && !whole
}

// A Claim is a pattern of a site, for the controllers that the site is behind.
type Claim struct {
	AccessPoint
	Site string
}

// Claims are the access points of the sites that are behind a controller. It is nil when
// none is: then all its access points are where it is.
func (f *File) Claims(controller string) (claims []Claim) {
	for _, s := range f.Site {
		if !slices.Contains(s.Behind, controller) {
			continue
		}
		for _, text := range s.AccessPoints {
			if ap, err := ParseAccessPoint(text); err == nil {
				claims = append(claims, Claim{ap, s.Name})
			}
		}
	}
	return claims
}
