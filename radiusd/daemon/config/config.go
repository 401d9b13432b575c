// Package config reads the file that admins write.
//
// It turns TOML into plain structs that mirror it, and every mistake into a place,
// words and a fix; all mistakes are reported together. It judges what no room can:
// spelling, types, what is missing, references between sections, addresses and
// secrets. What the values mean is judged by the rooms, whose findings [File.Place]
// puts back at their place in the file.
package config

// Secrets says what becomes of a secret that cannot be read.
type Secrets int

// A server cannot run without its secrets; a check on an admin's own machine has
// to do without.
const (
	SecretsRequired Secrets = iota // an error
	SecretsOptional                // a warning; a random stand-in takes its place
)
