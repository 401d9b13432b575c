package integration

// starters is the one table of kinds of peer.
var starters = map[string]starter{
	"core":             core,
	"freeradius-home":  freeradiusHome,
	"freeradius-proxy": freeradiusProxy,
	"freeradius-tls":   freeradiusToRadSec,
	"hostapd":          hostapd,
	"hostapd-mac":      accessPoint,
	"ocsp":             ocspResponder,
	"radiusd":          radiusd,
	"radsecproxy":      radsecproxy,
	"redis":            redis,
	"radsecproxy-tls":  radsecproxyToRadSec,
	"rsyslog":          rsyslog,
	"samba":            samba,
	"slapd":            slapd,
	"unbound":          unbound,
}
