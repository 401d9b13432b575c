package directory

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"causeway/realms"
)

// A Device is known by its MAC address and by nothing else: one line of a list.
type Device struct {
	MAC        string // AA-BB-CC-DD-EE-FF
	What       string // what it is, for people
	Owner      string // who is asked about it
	VLAN       string // empty: the one of the rule
	Asset      string // its number in the inventory; may be empty
	ApprovedBy string
	Until      time.Time // its last day, local midnight
	Line       int       // in the file
}

// Ends is the instant from which the device is let in no more.
func (d Device) Ends() time.Time { return d.Until.AddDate(0, 0, 1) }

// Devices are a list of them that is kept in a CSV file with a header. It reads the file
// again when that has changed ([Devices.Look]); a file with a mistake in it changes
// nothing.
type Devices struct {
	path, owner string
	vlans       []string // that a line may name

	held atomic.Pointer[map[string]Device] // by MAC
	mu   sync.Mutex
	read stamp // of the file that was read last, good or bad
	seen stamp // at the last look
}

// OpenDevices reads a list. The owner is of those whose line names none; vlans are what
// a line may name, nil being none. Mistakes come together as [realms.Problems] whose keys are PATH:LINE.
func OpenDevices(path, owner string, vlans []string) (*Devices, error) {
	d := &Devices{path: path, owner: owner, vlans: append([]string{}, vlans...)}
	d.held.Store(&map[string]Device{})
	d.read, _ = look(path) // what cannot be read is said by load
	d.seen = d.read
	return d, d.load()
}

func (d *Devices) load() error {
	text, err := os.ReadFile(d.path)
	if err != nil {
		return realms.Problems{{Key: d.path, Text: plain(err), Fix: "name a list of devices that the server may read"}}
	}
	list, problems := ParseDevices(text, d.owner, d.vlans)
	if len(problems) > 0 {
		for i := range problems {
			problems[i].Key = d.path + ":" + problems[i].Key
		}
		return problems
	}
	byMAC := make(map[string]Device, len(list))
	for _, one := range list {
		byMAC[one.MAC] = one
	}
	d.held.Store(&byMAC)
	return nil
}

// Look reads the file again when it has changed and has been left alone since the last
// look, so that no half of it is taken for the whole. The old list stays beside an error.
func (d *Devices) Look() (changed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, _ := look(d.path)
	still := now.is(d.seen)
	d.seen = now
	if !still || now.is(d.read) {
		return false, nil
	}
	d.read = now
	return true, d.load()
}

// Find returns the device with a MAC address, written as AA-BB-CC-DD-EE-FF.
func (d *Devices) Find(mac string) (Device, bool) {
	one, known := (*d.held.Load())[mac]
	return one, known
}

// All returns the devices, those first that end first.
func (d *Devices) All() []Device {
	var list []Device
	for _, one := range *d.held.Load() {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Device) int {
		if c := a.Until.Compare(b.Until); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return list
}

// deviceColumns are the columns of a list, in any order; those that need not be there
// are false.
var deviceColumns = []struct {
	name string
	need bool
}{{"mac", true}, {"what", true}, {"owner", false}, {"vlan", false}, {"until", true}, {"asset", false}, {"approved_by", true}}

// ParseDevices reads the text of a list. Keys of its problems are lines. Where vlans is
// nil, a line may name any.
func ParseDevices(text []byte, owner string, vlans []string) ([]Device, realms.Problems) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // a spreadsheet's
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.Comment, r.TrimLeadingSpace = -1, '#', true
	p := deviceParser{owner: owner, vlans: vlans, lines: map[string]int{}}
	for {
		row, err := r.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if p.columns == nil {
				p.wrong(1, "write mac,what,owner,vlan,until,asset,approved_by in the first line", "the list has no header")
			}
			return p.list, p.problems
		case errors.As(err, &syntax):
			p.wrong(syntax.Line, `close the quote; inside quotes write a quote as ""`, "%v", syntax.Err)
			return nil, p.problems
		case err != nil:
			p.wrong(1, "write it anew", "%v", err)
			return nil, p.problems
		}
		line, _ := r.FieldPos(0)
		if p.columns == nil {
			if p.header(line, row); len(p.problems) > 0 {
				return nil, p.problems
			}
			continue
		}
		p.device(line, row)
	}
}

type deviceParser struct {
	owner    string
	vlans    []string
	columns  []string
	lines    map[string]int // by MAC
	list     []Device
	problems realms.Problems
}

func (p *deviceParser) wrong(line int, fix, format string, args ...any) {
	p.problems = append(p.problems, realms.Problem{Key: strconv.Itoa(line), Text: fmt.Sprintf(format, args...), Fix: fix})
}

func (p *deviceParser) header(line int, row []string) {
	for _, cell := range row {
		name := strings.ToLower(strings.TrimSpace(cell))
		switch {
		case !slices.ContainsFunc(deviceColumns, func(c struct {
			name string
			need bool
		}) bool {
			return c.name == name
		}):
			p.wrong(line, "the columns are mac, what, owner, vlan, until, asset and approved_by", "a list of devices has no column %q", cell)
		case slices.Contains(p.columns, name):
			p.wrong(line, "keep one", "column %s is there twice", name)
		}
		p.columns = append(p.columns, name)
	}
	for _, c := range deviceColumns {
		if c.need && !slices.Contains(p.columns, c.name) {
			p.wrong(line, "add it to the header and to each line", "the list has no column %s", c.name)
		}
	}
}

// device judges one line.
func (p *deviceParser) device(line int, row []string) {
	before := len(p.problems)
	if len(row) != len(p.columns) {
		p.wrong(line, `put a value with a comma in it in quotes, and leave what is not known empty`, "the line has %d values, and the header %d", len(row), len(p.columns))
		return
	}
	d := Device{Owner: p.owner, Line: line}
	for i, name := range p.columns {
		value := strings.TrimSpace(row[i])
		if strings.ContainsFunc(value, hides) || len(value) > 200 {
			p.wrong(line, "type it again, in one line of at most 200 octets", "%s holds what does not show, or is too long", name)
			continue
		}
		switch name {
		case "mac":
			d.MAC = p.mac(line, value)
		case "what":
			d.What = value
		case "owner":
			if value != "" {
				d.Owner = value
			}
		case "vlan":
			if d.VLAN = value; value != "" && p.vlans != nil && !slices.Contains(p.vlans, value) {
				p.wrong(line, p.mayHave(), "no rule gives vlan %q to devices of this list", value)
			}
		case "until":
			d.Until = p.day(line, value)
		case "asset":
			d.Asset = value
		case "approved_by":
			d.ApprovedBy = value
		}
	}
	for _, c := range []struct{ name, value string }{{"what", d.What}, {"owner", d.Owner}, {"approved_by", d.ApprovedBy}} {
		if c.value == "" {
			p.wrong(line, "say it: somebody will ask for it in the night", "the device has no %s", c.name)
		}
	}
	if first, twice := p.lines[d.MAC]; twice && d.MAC != "" {
		p.wrong(line, "keep one of the two", "MAC %s is in line %d already", d.MAC, first)
	}
	if len(p.problems) == before {
		p.list = append(p.list, d)
	}
	p.lines[d.MAC] = line
}

// hides says that a terminal obeys a character, or lets it change how others are read. A
// spreadsheet's no-break space does neither.
func hides(c rune) bool { return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

func (p *deviceParser) mayHave() string {
	if len(p.vlans) == 0 {
		return "leave it empty, or write a rule for the list"
	}
	return "write one of " + strings.Join(p.vlans, ", ") + ", or leave it empty"
}

func (p *deviceParser) day(line int, value string) time.Time {
	day, err := time.ParseInLocation(time.DateOnly, value, time.Local)
	if err != nil {
		p.wrong(line, "write the last day as 2027-03-31", "until is %q, which is no day", value)
	}
	return day
}

// mac reads an address in any notation, and refuses those that are no device's own.
func (p *deviceParser) mac(line int, value string) string {
	octets, ok := parseMAC(value)
	switch {
	case !ok:
		p.wrong(line, "write it as AA-BB-CC-DD-EE-FF", "%q is no MAC address", value)
		return ""
	case octets == [6]byte{}:
		p.wrong(line, "read it from the device's label", "the MAC is all zeros")
	case octets[0]&1 != 0:
		p.wrong(line, "read it from the device's label", "MAC %s is a group's (multicast), and no device's", value)
	case octets[0]&2 != 0:
		p.wrong(line, "turn random addresses off on the device, and write the one on its label", "MAC %s is made up (locally administered): the device may show another tomorrow", value)
	}
	return strings.ToUpper(fmt.Sprintf("%02x-%02x-%02x-%02x-%02x-%02x", octets[0], octets[1], octets[2], octets[3], octets[4], octets[5]))
}

// parseMAC reads twelve hexadecimal digits, with - : . or a space between.
func parseMAC(text string) (octets [6]byte, ok bool) {
	digits := strings.NewReplacer("-", "", ":", "", ".", "", " ", "").Replace(text)
	n, err := strconv.ParseUint(digits, 16, 48)
	if err != nil || len(digits) != 12 || len(text) > 17 {
		return octets, false
	}
	for i := range octets {
		octets[i] = byte(n >> (40 - 8*i)) //nolint:gosec // the octet that is meant
	}
	return octets, true
}
