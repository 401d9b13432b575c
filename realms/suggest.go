package realms

import "strings"

// suggest names the realm that the user probably meant, as the end of a sentence,
// or returns "".
func (t *Table) suggest(realm string) string {
	for _, known := range t.known {
		if known != realm && editDistance(realm, known, nearMiss) <= nearMiss {
			return " (did the user mean " + known + "?)"
		}
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

// editDistance counts the letters to add, drop or change (Levenshtein). It gives
// up, with a number above limit, as soon as the lengths alone differ by more.
func editDistance(a, b string, limit int) int {
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
