package config

import (
	"cmp"
	"slices"
	"strings"
)

// distance counts the letters to add, drop, change or swap with a neighbour
// between a and b (optimal string alignment): "clincal" and "clinical" differ by
// one, and so do "controler" and "controller".
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > 64 || len(t) > 64 {
		return 64 // no name is so long, and a hostile one may not cost much
	}
	before, last := make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := range s {
		row := make([]int, len(t)+1)
		row[0] = i + 1
		for j := range t {
			change := last[j]
			if s[i] != t[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(t)]
}

// nearest returns the name that word probably stands for, or "". A third of its
// letters may be wrong, and case does not count.
func nearest(word string, names []string) string {
	type candidate struct {
		name string
		off  int
	}
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	var near []candidate
	for _, name := range names {
		off := distance(plain(word), plain(name))
		if off <= max(1, (len(word)+1)/3) && off < len(word) && name != word {
			near = append(near, candidate{name, off})
		}
	}
	if len(near) == 0 {
		return ""
	}
	return slices.MinFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.off, b.off), strings.Compare(a.name, b.name))
	}).name
}

// list writes names as a sentence does: "a, b and c".
func list(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
