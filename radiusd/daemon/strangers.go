package daemon

import (
	"math"
	"strings"
	"time"

	"causeway/radiusd/transport"
)

// reportStrangers tells of addresses that are no clients of ours when they are heard for
// the first time: a controller that is not in the file, most often.
func (d *Daemon) reportStrangers() {
	fresh, left := d.net.StrangerNews(mostTold)
	for _, s := range fresh {
		d.desk.Warn(saidOfNewStranger, aboutStranger(s)...)
	}
	if left > 0 {
		d.desk.Warn("more addresses that are no clients of ours send requests", "addresses", left)
	}
}

// What the log says of strangers, for a [StrangerLog].
const (
	saidOfStrangers = "figures of addresses that are no clients of ours"
	saidOfStranger  = "figures of an address that is no client of ours"

	saidOfNewStranger = "an address that is no client of ours sends requests"
)

// tellStrangers lists those heard since the start, the most insistent first. That there
// are none is told to whoever asked for all.
func (d *Daemon) tellStrangers(most int) {
	d.listing.Lock() // the hour's figures in the middle of a list would cut it short
	defer d.listing.Unlock()
	all, forgotten := d.net.Strangers()
	if len(all) == 0 && most < math.MaxInt {
		return
	}
	d.desk.Notice(saidOfStrangers, "addresses", len(all), "forgotten", forgotten,
		"packets", d.net.Stats().Of(transport.UnknownClient), "listed", min(most, len(all)))
	for _, s := range all[:min(most, len(all))] {
		d.desk.Notice(saidOfStranger, aboutStranger(s)...)
	}
}

// aboutStranger says of an address what is known. What it calls itself it says without
// proof; the desk escapes it.
func aboutStranger(s transport.Stranger) []any {
	return []any{
		"address", s.Address.String(), "says_it_is", orNone(s.Says), "packets", s.Packets,
		"first", s.First.UTC().Format(time.RFC3339), "last", s.Last.UTC().Format(time.RFC3339),
	}
}

// reportUnclaimed raises an alarm for access points that no site claims.
func (d *Daemon) reportUnclaimed() {
	for _, u := range d.homeless.news(mostTold) {
		d.desk.Alarm("an access point is at no site that is known: nobody logs in there", "controller", u.controller, "access_point", u.ap,
			"fix", "add it to its site's access_points")
	}
}

// reportDay says once a day what is not right and disturbs nobody.
func (d *Daemon) reportDay() {
	if aps, requests := d.homeless.day(); aps > 0 {
		d.desk.Alarm("access points were at no site that is known, since yesterday", "access_points", aps, "requests", requests)
	}
	if never := d.net.NeverHeard(); len(never) > 0 {
		d.desk.Warn("clients of the configuration have never sent a genuine packet since the start", "clients", len(never),
			"names", strings.Join(never[:min(mostTold, len(never))], ", "))
	}
}
