package config

import (
	"strings"
)

// Place makes a Problem of what a room says about key. Keys are written as in
// the file and count from 0: `ssid[1].rule[0].vlan`, `vlan.clinical.id`,
// `realm."camford.ac.uk".subrealms[0]`. An element of [[ssid]] or [[site]] may
// also be called by its name: `ssid."eduroam".federation`. A key that is not in
// the file has the place of the table in which it would stand.
func (f *File) Place(key, text, fix string) Problem {
	p, _, whole := f.places.find(f.inFile(key))
	if p.source == nil {
		return f.top(key, text, fix)
	}
	if !whole && p.kind == pair {
		return p.source.problem(p.key, key, text, fix)
	}
	return p.source.problem(p.value, key, text, fix)
}

// placeKey is Place with the caret under the key.
func (f *File) placeKey(key, text, fix string) Problem {
	p, _, _ := f.places.find(f.inFile(key))
	if p.source == nil {
		return f.top(key, text, fix)
	}
	return p.source.problem(p.key, key, text, fix)
}

// top is for what has no place: the beginning of the main file.
func (f *File) top(key, text, fix string) Problem {
	if len(f.sources) == 0 {
		return Problem{Key: key, Text: text, Fix: fix}
	}
	return f.sources[0].problem(span{}, key, text, fix)
}

// inFile is the path in the file that a room's key means.
func (f *File) inFile(key string) string {
	parts := segments(key)
	if len(parts) == 0 {
		return key
	}
	_, here := f.places.places[joined(parts)]
	if _, known := keysOf(serverType)[parts[0]]; known && !here {
		parts = append([]string{"server"}, parts...) // blocklist, operator_name: the room does not know where
	}
	if len(parts) > 1 && parts[1][0] != '[' {
		for i, name := range f.namesIn(parts[0]) {
			if quoteKey(name) == parts[1] {
				parts = append(segments(at(parts[0], i)), parts[2:]...)
				break
			}
		}
	}
	path := joined(parts)
	if _, known := f.places.places[path]; known || parts[0] != "realm" {
		return path
	}
	// Realms are lower-cased on their way to the room.
	for _, written := range f.places.paths {
		if strings.EqualFold(written, path) {
			return written
		}
	}
	return path
}

// namesIn are the names of the elements of an array of tables.
func (f *File) namesIn(array string) []string {
	var names []string
	switch array {
	case "ssid":
		for _, s := range f.SSID {
			names = append(names, s.Name)
		}
	case "site":
		for _, s := range f.Site {
			names = append(names, s.Name)
		}
	}
	return names
}
