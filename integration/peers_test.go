package integration

// starters is the one table of kinds of peer.
var starters = map[string]starter{
	"freeradius-home":  freeradiusHome,
	"freeradius-proxy": freeradiusProxy,
	"freeradius-tls":   freeradiusToRadSec,
	"hostapd":          hostapd,
	"ocsp":             ocspResponder,
	"radiusd":          radiusd,
	"redis":            redis,
	"radsecproxy-tls":  radsecproxyToRadSec,
	"samba":            samba,
	"slapd":            slapd,
}
