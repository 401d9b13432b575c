package config

// later are keys that belong to the design and not to this version. They are
// refused: a key that would silently do nothing is a lie.
var later = []struct{ where, value, fix string }{
	{"server.listen.radsec", "", "take it out; RADIUS over UDP is served by auth and acct"},
	{"server.listen.web", "", "take it out; the log says what the page would"},
	{"federation.*.transport", "radsec", `use transport = "udp" and the federation's UDP servers, with a secret`},
	{"log.retain", "", "take it out, and let logrotate or the journal keep what you must keep"},
	{"log.pseudonymise", "", "take it out; nothing is pseudonymised"},
	{"log.fticks", "", "take it out; no F-Ticks are sent"},
	{"redis", "", `write [store] with kind = "redis" and its addresses`},
	{"openroaming", "", "take it out; OpenRoaming is off"},
	{"site[].controller[].coa", "", "take it out; no Disconnect or CoA is sent"},
	{"ssid[].mac", "", "take it out; there is no MAC authentication"},
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
