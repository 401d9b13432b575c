package daemon

import (
	"errors"
	"time"

	"causeway/radiusd/daemon/config"
	"causeway/realms"
	"causeway/realms/directory"
)

func openPlacements(_ string, c config.Directory) (realms.Directory, func(), error) {
	d, err := directory.OpenPlacements(c.Path, time.Now)
	return d, func() {}, besidePath(err)
}

// besidePath says what is wrong with a file beside the line that names it.
func besidePath(err error) error {
	var inFile realms.Problems
	if !errors.As(err, &inFile) {
		return err
	}
	beside := make(realms.Problems, len(inFile))
	for i, p := range inFile {
		beside[i] = realms.Problem{Key: "path", Text: p.Key + ": " + p.Text, Fix: p.Fix}
	}
	return beside
}

// checkPlacements says what a server that runs would only warn of: one line that makes
// no sense keeps nobody else out.
func checkPlacements(key string, c config.Directory, hear func(key string, err error)) {
	d, err := directory.OpenPlacements(c.Path, time.Now)
	if problems := d.Problems(); err == nil && len(problems) > 0 {
		err = problems
	}
	if err != nil {
		hear(key, besidePath(err))
	}
}

// A placementList is one directory of placements.
type placementList struct {
	name string
	*directory.Placements
}

func (h *house) placed(name string, p *directory.Placements) {
	h.guests = append(h.guests, placementList{name, p})
}

// reportPlacements raises an alarm for what is wrong with a file of placements: once, and
// again when it is something else.
func (d *Daemon) reportPlacements() {
	h := d.open()
	defer h.leave()
	told := d.toldOfPlacements
	d.toldOfPlacements = map[string]string{}
	for _, list := range h.guests {
		problems := list.Problems()
		if len(problems) == 0 {
			continue
		}
		text := problems.Error()
		d.toldOfPlacements[list.name] = text
		if told[list.name] != text {
			d.desk.Alarm("a file of placements is not as it should be", "directory", list.name, "problem", text)
		}
	}
}

// hosted notes for the log whose guest somebody is who is here for a while.
func (t *conversation) hosted(p realms.Placement) {
	t.event.Sponsor, t.event.Purpose = p.Sponsor, p.Purpose
}

// longestPlacement is how long a session of somebody on a placement may last, in seconds:
// within a day of being ended nobody is there without having been asked for again.
const longestPlacement = 24 * 60 * 60

// untilEnded is the Session-Timeout of an Accept, in seconds, for an account that ends;
// 0 is no limit. The error says that it ended while the log-in did.
func (d *Daemon) untilEnded(allowed uint32, ends time.Time) (uint32, error) {
	if ends.IsZero() {
		return allowed, nil
	}
	left := ends.Sub(d.now())
	if left < time.Second {
		return 0, realms.ErrPlacementEnded
	}
	limit := uint32(min(left/time.Second, longestPlacement))
	if allowed == 0 {
		return limit, nil
	}
	return min(allowed, limit), nil
}

// Trust is what a device must be told to trust: the names in this server's certificate,
// and who issued it. Both are empty when the certificate cannot be read here.
func (i *Inspection) Trust() (names []string, authority string) {
	if i.house.keeper == nil {
		return nil, ""
	}
	chain := i.house.keeper.Current().Chain
	return chain[0].DNSNames, chain[len(chain)-1].Issuer.CommonName
}
