package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 2865, section 5.3
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/noc"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/vlan"
)

// A device that cannot log in, such as an infusion pump, is known by the MAC address that
// its controller writes: on an SSID that says so, by a list of ours, and never by anybody
// else. It is no person, and has a rule of its own or no network.

// devicesRoute is who answers for such a device, as the log has it.
const devicesRoute = "devices"

// openLists reads the lists of devices. One that could not be read has been told of, and
// has no device.
func openLists(file *config.File, hear func(key string, err error)) map[string]*directory.Devices {
	lists := make(map[string]*directory.Devices, len(file.Devices))
	for _, name := range slices.Sorted(maps.Keys(file.Devices)) {
		key, c := "devices."+name, file.Devices[name]
		if c.Path == "" || file.Unreadable(key+".path") {
			continue
		}
		list, err := directory.OpenDevices(c.Path, c.Owner, file.MayHave(name))
		var inFile realms.Problems
		if errors.As(err, &inFile) { // keys are lines of that file: say so beside the line that names it
			for i, p := range inFile {
				inFile[i] = realms.Problem{Key: "path", Text: p.Key + ": " + p.Text, Fix: p.Fix}
			}
		}
		if err != nil {
			hear(key, err)
		}
		lists[name] = list
	}
	return lists
}

// macPasswordsOf are the passwords of their own by which controllers ask for devices, by
// controller.
func macPasswordsOf(file *config.File) map[string]certs.Secret {
	passwords := map[string]certs.Secret{}
	for _, s := range file.Site {
		for _, c := range s.Controller {
			if c.MACPassword != "" {
				passwords[c.Name] = c.MACPassword
			}
		}
	}
	return passwords
}

// taken are the lists whose devices an SSID lets in by their MAC.
func (h *house) taken(ssid string) []string {
	for _, s := range h.file.SSID {
		if s.Name == ssid {
			return s.MAC
		}
	}
	return nil
}

// forPeople tells whether an SSID has a rule that is for anybody but listed devices.
func (h *house) forPeople(ssid string) bool {
	for _, s := range h.file.SSID {
		if s.Name == ssid {
			return slices.ContainsFunc(s.Rule, func(r config.Rule) bool { return !vlan.ForDevices(r.Who) })
		}
	}
	return false
}

// find looks a device up in lists.
func (h *house) find(mac string, lists []string) (list string, device directory.Device, err error) {
	for _, name := range lists {
		found, known := directory.Device{}, false
		if l := h.lists[name]; l != nil {
			found, known = l.Find(mac)
		}
		switch {
		case known && list != "":
			return "", device, fmt.Errorf("%s is in list %s and in list %s: %w", mac, list, name, realms.ErrMACTwice)
		case known:
			list, device = name, found
		}
	}
	if list == "" {
		return "", device, fmt.Errorf("%s is in no list of the SSID: if it is ours, write it into %s as %s,WHAT,… with its owner, last day and who approved it: %w",
			mac, h.file.Devices[lists[0]].Path, mac, realms.ErrMACUnknown)
	}
	return list, device, nil
}

// twice warns of devices that two lists of one SSID have: there is no telling which VLAN
// is theirs, and so they have none.
func (h *house) twice() (warnings config.Problems) {
	for i, s := range h.file.SSID {
		first := map[string]string{} // the list, by MAC
		for j, name := range s.MAC {
			if h.lists[name] == nil {
				continue
			}
			in, n, one := "", 0, directory.Device{}
			for _, device := range h.lists[name].All() {
				if list, before := first[device.MAC]; before {
					in, n, one = list, n+1, device
				}
				first[device.MAC] = name
			}
			if n > 0 {
				warnings = append(warnings, h.file.Place(fmt.Sprintf("ssid[%d].mac[%d]", i, j),
					fmt.Sprintf("%d of list %s are in another list of SSID %q, too, and are refused there: %s (line %d) is in list %s", n, name, s.Name, one.MAC, one.Line, in),
					"take each out of one of the two"))
			}
		}
	}
	return warnings
}

// byMAC opens the conversation of a device that asks by its MAC: on an SSID that takes a
// list, without EAP. On one that is for listed devices alone nobody speaks EAP.
func (t *conversation) byMAC(req *transport.Request) (is bool, err error) {
	lists := t.house.taken(t.seat.ssid)
	if len(lists) == 0 || t.seat.forwards() {
		return false, nil
	}
	if _, eap := req.Packet.Lookup(rfc2869.EAPMessage_Type); eap {
		if t.house.forPeople(t.seat.ssid) {
			return false, nil
		}
		return false, fmt.Errorf("SSID %q has no rule for people: %w", t.seat.ssid, realms.ErrMACOnly)
	}
	t.route = realms.Route{Name: devicesRoute, Own: true}
	t.event.Route = t.route.Name
	t.home = &listed{house: t.house, lists: lists, mac: t.event.MAC, random: t.event.RandomMAC, client: req.Client, seat: t.seat, now: req.Received}
	return true, nil
}

// A listed is the conversation of a device that is known by its MAC: one request, one
// answer.
type listed struct {
	directory.Device        // once it was found
	list             string // that has it
	house            *house
	lists            []string
	mac              string
	random           bool
	client           *transport.Client // the controller
	seat             seat
	now              time.Time
}

// Answer is [realms.Conversation]'s. It waits for nobody.
func (l *listed) Answer(_ context.Context, req *radius.Packet) (realms.Answer, error) {
	name, _ := noc.MAC(userName(req))
	switch {
	case !vlan.IsMAC(l.mac):
		return realms.Answer{}, fmt.Errorf("Calling-Station-Id is %q, and no MAC address: %w", l.mac, realms.ErrMACMismatch)
	case name != l.mac:
		return realms.Answer{}, fmt.Errorf("User-Name is %q, and Calling-Station-Id %s: %w", userName(req), l.mac, realms.ErrMACMismatch)
	case l.random:
		return realms.Answer{}, fmt.Errorf("%s is locally administered: %w", l.mac, realms.ErrMACRandom)
	}
	if err := l.asked(req); err != nil {
		return realms.Answer{}, err
	}
	list, device, err := l.house.find(l.mac, l.lists)
	if err != nil {
		return realms.Answer{}, err
	}
	l.list, l.Device = list, device
	left := device.Ends().Sub(l.now)
	if left < time.Second {
		return realms.Answer{}, fmt.Errorf("%s (%s) was in list %s until %s: %w", l.mac, device.What, list, device.Until.Format(time.DateOnly), realms.ErrMACExpired)
	}
	return realms.Answer{Code: radius.CodeAccessAccept, SessionTimeout: uint32(min(left/time.Second, longestListed))}, nil
}

// ofList tells a refusal of a device that waits though its fault is ours or the
// controller's: it takes somebody to mend it, and the next try is no better than this one.
func ofList(why error) bool {
	return slices.ContainsFunc([]error{realms.ErrMACUnknown, realms.ErrMACExpired, realms.ErrMACTwice, realms.ErrMACMismatch, realms.ErrMACPassword},
		func(one error) bool { return errors.Is(why, one) })
}

// longestListed is how long a session may last, in seconds: within a day of its line's
// end, or of its being taken out of the list, no device is there without having been
// asked for again.
const longestListed = 24 * 60 * 60

// asked judges the credentials by which controllers ask for a MAC, as a password or by
// CHAP: the address itself in any notation, or the shared secret; or nothing, where
// Service-Type says Call-Check (RFC 2865, section 5.6). A controller whose block has a
// mac_password asks by that, and by nothing else. It proves nothing of the device, and
// tells such a request from somebody who logs in.
func (l *listed) asked(req *radius.Packet) error {
	_, plain := req.Lookup(rfc2865.UserPassword_Type)
	response, chap := req.Lookup(rfc2865.CHAPPassword_Type)
	password, own := rfc2865.UserPassword_Get(req), l.house.macPasswords[l.client.Name]
	good, what := l.knows(string(password), own), "the password"
	if chap {
		good, what = l.knowsCHAP(req, response, own), "CHAP's password"
	}
	switch {
	case chap && plain:
		return realms.ErrCredentialsMixed
	case good:
		return nil
	case own != "":
		return fmt.Errorf("%s is not the mac_password of %s: %w", what, l.client.Name, realms.ErrMACPassword)
	case !chap && len(password) == 0 && rfc2865.ServiceType_Get(req) == callCheck:
		return nil
	case !chap && len(password) == 0:
		return fmt.Errorf("no password, and no Service-Type Call-Check: %w", realms.ErrMACPassword)
	}
	return fmt.Errorf("%s is neither the MAC nor the shared secret: %w", what, realms.ErrMACPassword)
}

const callCheck = 10

// knows judges a password that came as it is.
func (l *listed) knows(password string, own certs.Secret) bool {
	if own != "" {
		return hmac.Equal([]byte(password), []byte(own.Reveal()))
	}
	as, _ := noc.MAC(password)
	return as == l.mac || password != "" && hmac.Equal([]byte(password), []byte(l.client.Secret.Reveal()))
}

// knowsCHAP judges a CHAP response (RFC 2865, section 5.3): an identifier and 16 octets
// over it, the password and the challenge.
func (l *listed) knowsCHAP(req *radius.Packet, response []byte, own certs.Secret) bool {
	challenge, there := req.Lookup(rfc2865.CHAPChallenge_Type)
	if !there {
		challenge = req.Authenticator[:]
	}
	if len(response) != 17 {
		return false
	}
	passwords := []string{own.Reveal()}
	if own == "" {
		passwords = append(notations(l.mac), l.client.Secret.Reveal())
	}
	for _, password := range passwords {
		h := md5.New() //nolint:gosec // see above
		_, _ = h.Write(response[:1])
		_, _ = h.Write([]byte(password))
		_, _ = h.Write(challenge)
		if hmac.Equal(h.Sum(nil), response[1:]) {
			return true
		}
	}
	return false
}

// notations are the ways in which controllers write a MAC address: in twos, fours, sixes
// or at a stretch, in small letters or capitals. Which of them made a response of CHAP
// cannot be read out of it.
func notations(mac string) []string {
	bare := strings.ReplaceAll(mac, "-", "")
	all := []string{bare}
	for _, digits := range []int{2, 4, 6} {
		for _, mark := range []string{"-", ":", ".", " "} {
			one := bare[:digits]
			for at := digits; at < len(bare); at += digits {
				one += mark + bare[at:at+digits]
			}
			all = append(all, one)
		}
	}
	for _, one := range all {
		all = append(all, strings.ToLower(one))
	}
	return all
}

// Trace is [realms.Conversation]'s.
func (l *listed) Trace() realms.Trace { return realms.Trace{Method: "mac", Rounds: 1} }

// Close is [realms.Conversation]'s.
func (l *listed) Close() {}

// facts are what policy may know of the device: its list, and the VLAN of its line.
func (l *listed) facts() vlan.Facts {
	return vlan.Facts{Site: l.seat.site, Controller: l.seat.controller, SSID: l.seat.ssid, List: l.list, Lands: l.VLAN, Method: "mac", MAC: l.mac, CertificateUnknown: true}
}

// lookAtLists reads the lists again whose files have changed.
func (d *Daemon) lookAtLists() {
	h := d.open()
	defer h.leave()
	for _, name := range slices.Sorted(maps.Keys(h.lists)) {
		changed, err := h.lists[name].Look()
		var problems realms.Problems
		switch {
		case errors.As(err, &problems):
			for _, p := range problems {
				d.desk.Alarm("a list of devices was changed and cannot be used, the old one keeps: "+p.Text, "list", name, "at", p.Key, "fix", p.Fix)
			}
		case changed:
			d.desk.Notice("a list of devices was read again", "list", name, "devices", len(h.lists[name].All()))
		}
	}
}

// remindOfLists tells once a day, a line for each list, how many devices end soon or have
// ended; as an alarm on the days on which one has 30, 14 or 3 days left, or none.
func (d *Daemon) remindOfLists() {
	h := d.open()
	defer h.leave()
	now := d.now()
	if today := now.Format(time.DateOnly); d.listDay.Swap(today) == today {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(h.lists)) {
		ended, ending, today := 0, 0, false
		var next directory.Device
		for _, one := range h.lists[name].All() {
			left := daysBetween(now, one.Until)
			switch {
			case left < 0:
				ended++
			case left <= reminders[0]:
				if ending == 0 {
					next = one
				}
				ending++
			}
			today = today || left == -1 || slices.Contains(reminders, left)
		}
		about := []any{"list", name, "ended", ended, "end_within_30_days", ending}
		if ending > 0 {
			about = append(about, "next", next.MAC, "equipment", next.What, "owner", next.Owner, "until", next.Until.Format(time.DateOnly))
		}
		switch {
		case today:
			d.desk.Alarm("devices of a list end: after their last day they are refused", about...)
		case ended+ending > 0:
			d.desk.Warn("devices of a list end: after their last day they are refused", about...)
		}
	}
}

// hasList tells whether the file has a list of devices of that name.
func (i *Inspection) hasList(name string) bool { _, has := i.File.Devices[name]; return has }

// explainDevice is Explain for a device that is known by its MAC.
func (i *Inspection) explainDevice(q Query, e Explanation) Explanation {
	refuse := func(err error) Explanation {
		e.Reason, e.Why = reasonOf(err), err.Error()
		return e
	}
	lists := i.house.taken(q.SSID)
	if len(lists) == 0 {
		return refuse(fmt.Errorf("SSID %q lets no device in by its MAC: %w", q.SSID, realms.ErrMACUnknown))
	}
	e.Route, e.Own = devicesRoute, true
	mac, random := noc.MAC(q.MAC)
	if q.List == "" {
		if random {
			return refuse(fmt.Errorf("%s is locally administered: %w", mac, realms.ErrMACRandom))
		}
		list, device, err := i.house.find(mac, lists)
		if err != nil {
			return refuse(err)
		}
		e.step("device: %s is %s, of %s, in list %s until %s", mac, device.What, device.Owner, list, device.Until.Format(time.DateOnly))
		if !i.at(q).Before(device.Ends()) {
			return refuse(fmt.Errorf("its line ended on %s: %w", device.Until.Format(time.DateOnly), realms.ErrMACExpired))
		}
		q.List, q.Lands = list, device.VLAN
	}
	if q.AP != "" {
		var err error
		if q.Site, q.Controller, err = i.standing(q); err != nil {
			return refuse(err)
		}
		e.step("site: access point %s is at %s, behind %s", q.AP, q.Site, q.Controller)
	}
	return i.place(vlan.Facts{Site: q.Site, Controller: q.Controller, SSID: q.SSID, List: q.List, Lands: q.Lands, Method: "mac", MAC: q.MAC, Time: i.at(q), CertificateUnknown: true}, e)
}
