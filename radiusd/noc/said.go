package noc

import (
	"encoding/json"
	"strings"
	"time"
)

// ReadSaid takes apart a line that a Desk has written of the server itself, in either
// format: what it says, and the values by name as text, with what was escaped as it was.
// It is false for any other line, an event's too.
func ReadSaid(line string) (message string, values map[string]string, ok bool) {
	line = strings.TrimSuffix(line, "\n")
	if strings.HasPrefix(line, "{") {
		return readJSON(line)
	}
	return readText(line)
}

func readJSON(line string) (message string, values map[string]string, ok bool) {
	var all map[string]any
	read := json.NewDecoder(strings.NewReader(line))
	read.UseNumber()
	if read.Decode(&all) != nil {
		return "", nil, false
	}
	message, ok = all["msg"].(string)
	if !ok || message == "began" || message == "ended" { // an event
		return "", nil, false
	}
	values = map[string]string{}
	for name, value := range all {
		switch v := value.(type) {
		case string:
			values[name] = v
		case json.Number:
			values[name] = v.String()
		case bool:
			values[name] = map[bool]string{false: "false", true: "true"}[v]
		}
	}
	return message, values, true
}

// grades are the words of the lines about the server.
var grades = []string{"NOTICE  ", "WARNING ", "ALARM   "}

func readText(line string) (message string, values map[string]string, ok bool) {
	at, rest, _ := strings.Cut(line, " ")
	if _, err := time.Parse(time.RFC3339, at); err != nil {
		return "", nil, false
	}
	for _, grade := range grades {
		if words, is := strings.CutPrefix(rest, grade); is {
			message, rest, _ = strings.Cut(words, "  ")
			values, ok = readPairs(rest)
			return message, values, ok
		}
	}
	return "", nil, false
}

// readPairs reads name=value with two spaces between, a value in quotation marks being a
// JSON string.
func readPairs(rest string) (values map[string]string, ok bool) {
	values = map[string]string{}
	for rest != "" {
		name, after, is := strings.Cut(rest, "=")
		if !is {
			return nil, false
		}
		value := after
		if strings.HasPrefix(after, `"`) {
			end := 1
			for end < len(after) && after[end] != '"' {
				if after[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(after) || json.Unmarshal([]byte(after[:end+1]), &value) != nil {
				return nil, false
			}
			rest = after[end+1:]
		} else {
			if i := strings.Index(after, "  "); i >= 0 {
				value = after[:i]
			}
			rest = after[len(value):]
		}
		values[name] = value
		rest = strings.TrimPrefix(rest, "  ")
	}
	return values, true
}
