package certs

import (
	"time"
)

// How much a Finding matters.
const (
	Error   = "error"   // no device, or whole makes of device, will connect
	Warning = "warning" // some devices will not, or not for much longer
	Note    = "note"    // works, and could be better
)

// A Finding is something about a certificate, a key or a secret that an admin
// should know.
type Finding struct {
	Code     string // stable, for tests and scripts: "expired", "cn-not-san"
	Severity string // Error, Warning or Note
	Text     string // what is so, in a sentence
	Fix      string // what to do
}

// Lint says what is wrong with the material, from what is known of Wi-Fi clients.
func (m *Material) Lint(now time.Time) []Finding {
	return m.loading
}
