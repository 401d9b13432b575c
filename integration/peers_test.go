package integration

// starters is the one table of kinds of peer.
var starters = map[string]starter{
	"slapd": slapd,
}
