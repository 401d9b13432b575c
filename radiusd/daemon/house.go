package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon/config"
	"causeway/radiusd/transport"
	"causeway/realms"
	"causeway/realms/directory"
	"causeway/realms/upstream"
	"causeway/vlan"
)

// A house is one configuration, put together and proved. It never changes: a
// reload builds another, and the old one closes when its last conversation has
// ended.
type house struct {
	file      *config.File
	clients   *transport.Clients
	places    map[string]place   // by client name
	claims    map[string]*claims // by controller, of those that serve other sites
	realms    *realms.Table
	lists     map[string]*directory.Devices // that are known by their MAC alone
	vlan      *vlan.Policy
	ruleNames map[string]string // of those rules that have one, by key
	keeper    *certs.Keeper
	pools     []pool                 // of servers of others
	guests    []placementList        // the directories of placements
	found     map[string]*discovered // by federation, of those that look realms up in DNS
	cards     cards                  // what RadSec peers are shown
	warnings  config.Problems        // what loads and is unwise all the same
	faults    config.Problems        // what loads and does not work: a certificate that no device accepts
	ticks     map[string]*ticker     // by federation, of those that have any
	shut      func()
	holds     atomic.Int64 // conversations, and one for the daemon
	since     time.Time    // when it was taken over

	standings []*standing // the probes that the file asks for

	macPasswords map[string]certs.Secret // by controller, of those that ask for devices by one of their own
}

// A place is what the file says of a client.
type place struct {
	site, controller string
	fixed            string // the SSID of every request; empty: the request names it
	proxy            string // the federation whose proxy it is
	edge             string // which edge of ours it is; neither of the two: a controller
	vendor           string // of a controller
}

// placeOf says what the file has at the address of a source, or by its name when it
// speaks RadSec; zero for no client.
func (h *house) placeOf(from source) place {
	if !from.address.IsValid() {
		return h.places[from.client]
	}
	if c, ok := h.clients.Find(from.address); ok {
		return h.places[c.Name]
	}
	return place{}
}

// A seat is where one request came from.
type seat struct {
	place
	ssid, ap string
	stations transport.Stations // of a controller that serves other sites
}

// ruleOf is what the log calls the rule of an assignment: by its number, and by its name
// where it has one.
func (h *house) ruleOf(a vlan.Assignment) string { return labelled(a.Rule(), h.ruleNames[a.Key()]) }

func labelled(label, name string) string {
	if name == "" {
		return label
	}
	return label + " (" + name + ")"
}

// edge says that a core answers for our own people.
func (h *house) edge() bool { return h.file.Server.Mode == "edge" }

func (s seat) origin() realms.Origin {
	return realms.Origin{SSID: s.ssid, Proxy: s.proxy != "", Edge: s.edge != ""}
}

// forwards says that somebody forwards the requests of controllers that are not ours to
// judge: a federation's proxy, or an edge.
func (s seat) forwards() bool { return s.proxy != "" || s.edge != "" }

// seat says where a request came from. What a national proxy sends is not
// asked for an SSID (R2).
func (h *house) seat(req *transport.Request) (seat, error) {
	p, known := h.places[req.Client.Name]
	if !known || !h.clients.Still(req.Client, req.From.Addr()) { // a reload came between
		return seat{}, fmt.Errorf("client %s left the configuration: %w", req.Client.Name, vlan.ErrSiteUnknown)
	}
	s := seat{place: p, ssid: p.fixed}
	if s.forwards() {
		return s, nil
	}
	ssid, ap, named := req.SSID()
	s.ap = ap
	if h.claims[p.controller] != nil {
		s.stations = req.Stations()
		var err error
		if s.place, err = h.standing(p, s.stations); err != nil {
			return s, fmt.Errorf("controller %s serves several sites: %w", p.controller, err)
		}
	}
	if s.ssid == "" && named {
		s.ssid = ssid
	}
	if s.ssid == "" {
		return s, fmt.Errorf("controller %s named no SSID, and its block in the configuration has none: %w", p.controller, realms.ErrSSIDMissing)
	}
	return s, nil
}

// enter holds the house open; it is false when the house has closed.
func (h *house) enter() bool {
	for {
		n := h.holds.Load()
		if n == 0 {
			return false
		}
		if h.holds.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave lets go of what enter, or the daemon, held. The last one out closes.
func (h *house) leave() {
	if h.holds.Add(-1) == 0 {
		h.shut()
	}
}

// open holds the configuration of this moment.
func (d *Daemon) open() *house {
	for {
		if h := d.house.Load(); h.enter() {
			return h
		}
	}
}

// read loads a file and has every room judge it, so that an admin meets all
// mistakes at once. The house is proved and nobody in it answers yet. Its error
// is [config.Problems].
func read(path string, secrets config.Secrets, now func() time.Time) (*house, error) {
	file, err := config.Load(path, secrets)
	var problems config.Problems
	if err != nil && (file == nil || !errors.As(err, &problems)) {
		return nil, err
	}
	h, more := compose(file, now)
	if len(problems) > 0 {
		// What makes a client impossible has been said at its own place.
		more = slices.DeleteFunc(more, func(p config.Problem) bool { return p.Key == "site" })
		for n := range more {
			more[n].See = "" // explain cannot read the file until the others are mended
		}
	}
	if secrets == config.SecretsOptional { // else they are about to be opened
		checkFiles(file, func(key string, err error) { more = append(more, locate(file, key, err)...) })
	}
	if problems = problems.Merge(more); len(problems) > 0 {
		return nil, problems
	}
	return h, nil
}

// compose gives each room its part of the file and gathers what they say. It
// opens nothing: that is how check and explain run the real policy without a
// network. A stand answers for everybody until the house is furnished.
func compose(file *config.File, now func() time.Time) (*house, config.Problems) {
	h := &house{file: file, ruleNames: file.RuleNames(), shut: func() {}}
	h.holds.Store(1)
	var problems config.Problems
	hear := func(under string, err error) {
		if err != nil {
			problems = append(problems, locate(file, under, err)...)
		}
	}
	var err error
	if h.vlan, err = vlan.New(vlanConfig(file, now)); err != nil {
		problems = append(problems, policyProblems(file, now, err)...)
	}
	h.cards = openCards(file, hear)
	peers, err := readPeers(file, h.cards.lists)
	hear("", err)
	h.clients, h.places, err = seatClients(file, peers)
	hear("site", err)
	h.claims = claimsOf(file)
	h.lists = openLists(file, hear)
	h.macPasswords = macPasswordsOf(file)
	h.keeper, err = openKeeper(file)
	hear("", err)
	checkPeers(file, h.cards, hear)
	h.faults = append(h.faults, checkLists(file, h.keeper, h.cards.lists, now(), hear)...)
	h.standings = standings(file, h.cards, hear)
	if len(problems) == 0 { // else it would say the same in other words
		h.realms, err = realms.New(routes(file, nil))
		hear("", err)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	h.warn(now())
	return h, nil
}

// A pool is the servers of a federation or a partner, by what the file calls it.
type pool struct {
	name string
	*upstream.Pool
}

func (h *house) pooled(name string, p *upstream.Pool) { h.pools = append(h.pools, pool{name, p}) }

func (h *house) discovers(name string, d *discovered) {
	if h.found == nil {
		h.found = make(map[string]*discovered)
	}
	h.found[name] = d
}

// allPools are those of the file, and of the realms that were found in DNS.
func (h *house) allPools() []pool {
	return append(slices.Clone(h.pools), h.foundPools()...)
}

// foundPools are those of the realms that were found in DNS, in no order.
func (h *house) foundPools() (found []pool) {
	for name, d := range h.found {
		found = append(found, d.pools(name)...)
	}
	return found
}

// furnish opens everybody who answers for somebody, in place of the stands. What
// was opened is closed again when it fails; its error is [config.Problems].
func (d *Daemon) furnish(h *house) error {
	var problems config.Problems
	hear := func(under string, err error) {
		if err != nil {
			problems = append(problems, locate(h.file, under, err)...)
		}
	}
	shelf, err := d.shelves.take(h.file.Store, d.now, d.storeChanged)
	hear("store", err)
	if len(problems) > 0 {
		return problems
	}
	homes := &homes{file: h.file, now: d.now, onChange: d.serverChanged, onHome: d.homeChanged, onPool: h.pooled, onPlacements: h.placed, onDiscovery: d.realmLookedUp, onDiscovered: h.discovers, hear: hear, keeper: h.keeper, cards: h.cards, shelf: shelf}
	homes.closers = append(homes.closers, func() { d.shelves.give(shelf) })
	homes.watches = d.watches.take(h, d.now, d.watchChanged, d.relisted, hear)
	homes.closers = append(homes.closers, func() { d.watches.give(h) })
	h.ticks = d.tickers.take(h.file, d.ticksChanged, hear)
	homes.closers = append(homes.closers, func() { d.tickers.give(h.ticks) })
	routes := routes(h.file, homes.open())
	if len(problems) == 0 {
		table, err := realms.New(routes)
		hear("", err)
		h.realms = table
	}
	if len(problems) > 0 {
		homes.close()
		return problems
	}
	h.shut = homes.close
	return nil
}

// warn gathers what loads and is unwise all the same.
func (h *house) warn(now time.Time) {
	h.warnings = append(h.warnings, h.file.Warnings...)
	for _, w := range h.vlan.Warnings() {
		h.warnings = append(h.warnings, h.file.Place(w.Key, w.Text, w.Fix))
	}
	h.warnings = append(h.warnings, h.twice()...)
	h.faults = append(h.faults, h.radsecFaults(now)...)
	if h.keeper == nil {
		return
	}
	for _, f := range h.keeper.Current().Lint(now) {
		p := h.file.Place("eap."+f.Key, f.Text, f.Fix)
		if f.Severity == certs.Error {
			h.faults = append(h.faults, p)
		} else {
			h.warnings = append(h.warnings, p)
		}
	}
}

// locate gives a room's errors their places in the file. under is the key of
// the table that the room was given, when the room does not know it.
func locate(file *config.File, under string, err error) config.Problems {
	var located config.Problems
	add := func(key, text, fix string) {
		if under != "" && key != "" && !strings.HasPrefix(key, under) {
			key = under + "." + key
		}
		if key == "" {
			key = under
		}
		located = append(located, file.Place(key, text, fix))
	}
	var (
		policy  vlan.Problems
		routing realms.Problems
	)
	switch {
	case errors.As(err, &policy):
		for _, p := range policy {
			add(p.Key, p.Text, p.Fix)
		}
	case errors.As(err, &routing):
		for _, p := range routing {
			add(p.Key, p.Text, p.Fix)
		}
	default:
		for line := range strings.Lines(err.Error()) {
			add("", strings.TrimSuffix(line, "\n"), "")
		}
	}
	return located
}
