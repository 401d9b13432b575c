package config

// later are keys that belong to the design and not to this version. They are
// refused: a key that would silently do nothing is a lie.
var later = []struct{ where, value, fix string }{
	{"server.listen.web", "", "take it out; the log says what the page would"},
	{"log.retain", "", "take it out, and let logrotate or the journal keep what you must keep"},
	{"log.pseudonymise", "", "take it out; nothing is pseudonymised"},
	{"log.fticks", "", "write it as fticks in the federation's own table"},
	{"redis", "", `write [store] with kind = "redis" and its addresses`},
	{"openroaming", "", "take it out; OpenRoaming is off"},
	{"site[].controller[].coa", "", "take it out; no Disconnect or CoA is sent"},
}

// later refuses what is not available yet.
func (f *filler) later(path string, data any) bool {
	where := pattern(path)
	for _, l := range later {
		if where != l.where || l.value != "" && data != any(l.value) {
			continue
		}
		what := lastKey(path)
		if l.value != "" {
			what += ` = "` + l.value + `"`
			f.problem(path, what+" is not available in this version", l.fix)
		} else {
			f.atKey(path, what+" is not available in this version", l.fix)
		}
		return true
	}
	return false
}
