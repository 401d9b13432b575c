package integration

// starters is the one table of kinds of peer.
var starters = map[string]starter{
	"freeradius-home":       freeradiusHome,
	"freeradius-proxy":      freeradiusProxy,
	"freeradius-to-radsec":  freeradiusToRadSec,
	"hostapd":               hostapd,
	"ocsp":                  ocspResponder,
	"radiusd":               radiusd,
	"redis":                 redis,
	"radsecproxy-to-radsec": radsecproxyToRadSec,
	"samba":                 samba,
	"slapd":                 slapd,
}
