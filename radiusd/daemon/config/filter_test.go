package config

import "testing"

// A filter keeps realms apart only if no branch of it finds a person without.
func TestTellsRealms(t *testing.T) {
	for filter, want := range map[string]bool{
		"":                                      false,
		"(uid={user})":                          false,
		"(mail={name})":                         true,
		"(&(uid={user})(o={realm}))":            true,
		"(|(uid={user})(mail={name}))":          false,
		"(|(uid={user})(mail={user}@{realm}))":  false,
		"(|(mail={name})(mail={user}@{realm}))": true,
		"(&(objectClass=person)(|(mail={name})(userPrincipalName={name})))": true,
		"(!(mail={name}))": false,
		"(mail={name}":     false,
		"(|)":              false,
	} {
		if got := tellsRealms(filter); got != want {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
	}
}
