package config

import "strings"

// A slip is a mistake in TOML itself, known by the parser's words or by the line
// it stands in.
type slip struct {
	says  string                             // part of the parser's message, or ""
	looks func(line string, before int) bool // nil: any line
	text  string
	fix   string
}

// slips are tried in order; the first that fits speaks for the parser, whose own
// words are for programmers.
var slips = []slip{
	{"", curlyQuote, "a curly quotation mark: TOML knows only straight ones", `type " again in a plain text editor`},
	{"", halfQuoted, "the closing quotation mark is missing", `end the text with " on the same line`},
	{"expected keyword", nil, "this value has no quotation marks", `write text in quotation marks, as name = "Royal Infirmary"; only numbers, dates, true and false go without`},
	{"at start of value", noValue, "there is no value after the =", "write one, or take the line out"},
	{"expected value, not end", nil, "there is no value after the =", "write one, or take the line out"},
	{"at start of value", nil, "this value has no quotation marks", `write text in quotation marks, as name = "Royal Infirmary"; only numbers, dates, true and false go without`},
	{"expected '=' after key", colonAfterKey, "a colon where TOML has =", `write name = "value"`},
	{"expected '=' after key", nil, "there is no = after this key", `write name = "value"; a name with spaces or dots needs quotation marks`},
	{"close array table name", nil, "the ]] of this header is missing", "write [[name]] with two brackets on each side"},
	{"close table name", nil, "the ] of this header is missing", `write [name]; a name with dots or spaces needs quotation marks, as [realm."camford.ac.uk"]`},
	{"after array value", lineBegins("["), "the ] of the list above is missing", "close the list before this line"},
	{"after inline table key-value", lineBegins(""), "the } of the inline table above is missing", "close the table before this line"},
	{"array is incomplete", nil, "the ] of a list is missing", "close the list that begins above"},
	{"after array value", nil, "a comma is missing between two values of this list", "separate them with a comma, and end the list with ]"},
	{"inline table is incomplete", nil, "the } of an inline table is missing", "close the table that begins above"},
	{"after inline table key-value", nil, "a comma is missing in this inline table", "separate its keys with commas, and end it with }"},
	{"leading zero", nil, "a number does not begin with 0", `write it without the zeros, as 10`},
	{"number cannot start with 0", nil, "a number does not begin with 0", `write it without the zeros, as 10`},
	{"after key", colonAfterKey, "a colon where TOML has =", `write name = "value"`},
	{"expected newline", addressLike, "an address needs quotation marks", `write "10.20.0.10" or "10.20.0.0/24"`},
	{"expected newline", nil, "something is left over at the end of this line", "one key to a line; text needs quotation marks, a comment begins with #"},
	{"start of key", nil, "a line begins with a name, [ or #", "a name holds letters, digits, - and _; write any other in quotation marks"},
	{"invalid datetime", nil, "there is no such date", "write year-month-day, as 2027-03-31"},
	{"escape", nil, `a \ in quotation marks begins an escape such as \n`, `write \\ for a backslash, or use single quotation marks`},
	{"UTF-8", nil, "this is not UTF-8 text", "save the file as UTF-8"},
	{"utf8", nil, "this is not UTF-8 text", "save the file as UTF-8"},
	{"control character", nil, "a control character, which does not show", "delete it and type the line again"},
}

// syntax is a Problem from what a TOML parser said about where.
func (s *source) syntax(where span, message string) Problem {
	_, line, before := s.line(where.start)
	for _, slip := range slips {
		if strings.Contains(message, slip.says) && (slip.looks == nil || slip.looks(line, before)) {
			return s.problem(where, "", slip.text, slip.fix)
		}
	}
	if shown, _, _ := mask(line, 0, 0); shown != line || s.insideSecret(where.start) {
		message = "a mistake in a line with a secret" // the parser's own words may quote it
	}
	return s.problem(where, "", "not valid TOML: "+message, "correct this line; text needs quotation marks, a table its header in brackets")
}

func curlyQuote(line string, before int) bool {
	for _, r := range line[before:] {
		return strings.ContainsRune("“”„‟‘’«»", r)
	}
	return false
}

// halfQuoted reports a line whose value opens a quotation mark and never closes it.
func halfQuoted(line string, _ int) bool {
	_, value, found := strings.Cut(line, "=")
	value = strings.TrimSpace(value)
	return found && strings.HasPrefix(value, `"`) && !strings.HasPrefix(value, `"""`) && strings.Count(value, `"`)%2 == 1
}

// lineBegins reports that the parser gave up where a line begins, with what.
func lineBegins(what string) func(line string, before int) bool {
	return func(line string, before int) bool {
		return strings.TrimSpace(line[:before]) == "" && strings.HasPrefix(line[before:], what)
	}
}

func noValue(line string, before int) bool {
	rest := strings.TrimSpace(line[before:])
	return rest == "" || rest[0] == '#'
}

func colonAfterKey(line string, before int) bool {
	return strings.HasPrefix(strings.TrimSpace(line[before:]), ":")
}

func addressLike(line string, before int) bool {
	_, value, found := strings.Cut(line, "=")
	value = strings.TrimSpace(value)
	return found && value != "" && value[0] >= '0' && value[0] <= '9' && strings.Count(value, ".") >= 2
}
