package daemon

import (
	"errors"
	"fmt"
	"time"

	"layeh.com/radius/rfc2865"

	"causeway/radiusd/daemon/config"
	"causeway/radiusd/guard"
	"causeway/radiusd/transport"
	"causeway/realms"
)

// spare answers a visitor's device for its home when that has refused it again and
// again (R28). A log-in that goes on with a State has begun already, here or at another
// server, and is nobody's storm.
func (d *Daemon) spare(req *transport.Request, t *conversation) error {
	if t.route.Own {
		return nil
	}
	if _, continues := req.Packet.Lookup(rfc2865.State_Type); continues {
		return nil
	}
	hold, held := d.storms.Held(t.caller(), limitsOf(t.house.file))
	if !held {
		return nil
	}
	d.counts.spared.Add(1)
	return fmt.Errorf("answered here until %s: %s refused this user on this device %d times, the last time because of %s: %w",
		hold.Until.UTC().Format(time.TimeOnly), t.route.Name, hold.Rejects, hold.Why, realms.ErrRejectStorm)
}

// weather notes what a visitor's home said at the end of a log-in.
func (d *Daemon) weather(t *conversation, outcome string, why error) {
	switch {
	case t.route.Own || t.home == nil:
	case outcome == outcomeAccept:
		d.storms.Accepted(t.caller())
	case outcome == outcomeReject && errors.Is(why, realms.ErrUpstreamRejected):
		d.storms.Refused(t.caller(), limitsOf(t.house.file), reasonOf(why))
	}
}

// caller is whom a storm is made of: the user as the device names it, the device, where
// it is, and who answers.
func (t *conversation) caller() guard.Caller {
	return guard.Caller{Route: t.route.Name, User: t.event.Outer, MAC: t.event.MAC, Client: t.client}
}

func limitsOf(file *config.File) guard.Limits {
	s := file.Server.RejectStorm
	return guard.Limits{Rejects: s.Rejects, Within: time.Duration(s.Within), First: time.Duration(s.Hold), Longest: time.Duration(s.Longest)}
}
