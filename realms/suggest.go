package realms

import "strings"

// Meant is the realm of ours or of a partner that somebody who typed another one
// probably meant, or "". What was typed may be anything.
func (t *Table) Meant(realm string) string {
	for _, known := range t.known {
		if known == realm {
			return ""
		}
	}
	for _, known := range t.known {
		if EditDistance(realm, known, nearMiss) <= nearMiss {
			return known
		}
	}
	return ""
}

// suggest is Meant as the end of a sentence, or "".
func (t *Table) suggest(realm string) string {
	if meant := t.Meant(realm); meant != "" {
		return " (did the user mean " + meant + "?)"
	}
	return ""
}

// suggestSSID catches an SSID that differs in case only, since the table is
// strict about case and people are not.
func (t *Table) suggestSSID(ssid string) string {
	for known := range t.ssids {
		if strings.EqualFold(known, ssid) {
			return " (the configuration spells it " + quoted(known) + ")"
		}
	}
	return ""
}

// nearMiss is how many letters a slip of the thumb changes.
const nearMiss = 2

// EditDistance counts the letters to add, drop or change (Levenshtein). It gives
// up, with a number above limit, as soon as the lengths alone differ by more.
func EditDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
