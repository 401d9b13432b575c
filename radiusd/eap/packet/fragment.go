package packet

import (
	"encoding/binary"
	"errors"
)

// Flags of the first octet of Data in EAP-TLS, TTLS and PEAP (RFC 5216, section
// 3.1). The low three bits are the version of TTLS and PEAP.
const (
	FlagLength  = 0x80 // four octets of total length follow
	FlagMore    = 0x40 // not the last fragment
	FlagStart   = 0x20 // the server's first packet
	VersionMask = 0x07
)

// MinFragment is the smallest size that a Splitter takes: room for a header, a
// length and something to say.
const MinFragment = 32

// ErrTooLarge means that a message would be longer than allowed.
var ErrTooLarge = errors.New("message too large")

// An Assembler joins the fragments of one message after another. The zero value
// takes messages up to 64 KiB.
type Assembler struct {
	Max int // longest message; 0 means 65,536

	message []byte
	total   int // as the first fragment declared; 0 between messages
}

// Add takes the Data of one packet. When the message is whole it returns it with
// done true; a message that came in one piece shares memory with data. When it
// is not, the caller acknowledges with an empty packet and adds the next.
//
// An acknowledgement of the other side is a whole, empty message. A total length
// that the fragments do not keep is an error that wraps [ErrMalformed] (RFC 5216,
// section 2.1.5); a total above Max is [ErrTooLarge]. The Start flag and the
// version bits are the caller's to judge.
func (a *Assembler) Add(data []byte) (message []byte, done bool, err error) {
	if len(data) == 0 {
		return nil, false, malformed("TLS fragment without flags")
	}
	flags, piece := data[0], data[1:]
	declared := 0
	if flags&FlagLength != 0 {
		if len(piece) < 4 {
			return nil, false, malformed("TLS fragment without its length")
		}
		n := binary.BigEndian.Uint32(piece)
		if n > uint32(a.max()) {
			return nil, false, ErrTooLarge
		}
		declared, piece = int(n), piece[4:]
	}
	more := flags&FlagMore != 0
	if more && len(piece) == 0 {
		return nil, false, malformed("empty TLS fragment")
	}
	if a.total == 0 {
		return a.first(flags, piece, declared, more)
	}
	return a.rest(flags, piece, declared, more)
}

func (a *Assembler) first(flags byte, piece []byte, declared int, more bool) ([]byte, bool, error) {
	hasLength := flags&FlagLength != 0
	switch {
	case !more && hasLength && declared != len(piece):
		return nil, false, malformed("TLS message of %d octets declared as %d", len(piece), declared)
	case !more:
		return piece, true, nil
	case !hasLength:
		return nil, false, malformed("first TLS fragment without the message's length")
	case declared <= len(piece):
		return nil, false, malformed("more fragments to a TLS message that is whole")
	}
	// Grown as fragments come, not by what the peer declares.
	a.total, a.message = declared, append([]byte(nil), piece...)
	return nil, false, nil
}

func (a *Assembler) rest(flags byte, piece []byte, declared int, more bool) ([]byte, bool, error) {
	if flags&FlagLength != 0 && declared != a.total {
		return nil, false, malformed("TLS message length changed from %d to %d", a.total, declared)
	}
	n := len(a.message) + len(piece)
	if n > a.total || more == (n == a.total) {
		return nil, false, malformed("TLS message of %d octets has %d", a.total, n)
	}
	a.message = append(a.message, piece...)
	if more {
		return nil, false, nil
	}
	message := a.message
	a.message, a.total = nil, 0
	return message, true, nil
}

func (a *Assembler) max() int {
	if a.Max > 0 {
		return a.Max
	}
	return 64 << 10
}

// Pending says that a message is half assembled.
func (a *Assembler) Pending() bool { return a.total != 0 }

// A Splitter cuts one message into the Data of packets.
type Splitter struct {
	rest    []byte
	size    int
	version uint8
	total   int
	started bool
}

// NewSplitter cuts message so that no EAP packet, its five octets of header
// included, is longer than size; a size below [MinFragment] is raised to it. The
// version goes into every packet's flags.
func NewSplitter(message []byte, size int, version uint8) *Splitter {
	return &Splitter{rest: message, size: max(size, MinFragment), version: version & VersionMask, total: len(message)}
}

// Next returns the Data of the next packet and whether more follow. The first
// of several carries the length of the whole message (RFC 5216, section 2.1.5);
// a message that fits carries none. An empty message is one packet of flags
// alone. After the last piece, Next returns nil.
func (s *Splitter) Next() (data []byte, more bool) {
	if s.started && len(s.rest) == 0 {
		return nil, false
	}
	room := s.size - HeaderLength - 2 // type and flags
	flags, head := s.version, 1
	if !s.started && len(s.rest) > room {
		flags, head, room = flags|FlagLength, 5, room-4
	}
	n := min(room, len(s.rest))
	more = n < len(s.rest)
	if more {
		flags |= FlagMore
	}
	data = make([]byte, head+n)
	data[0] = flags
	if head == 5 {
		binary.BigEndian.PutUint32(data[1:], uint32(s.total))
	}
	copy(data[head:], s.rest)
	s.rest, s.started = s.rest[n:], true
	return data, more
}

// Start returns the Data of a server's first packet.
func Start(version uint8) []byte { return []byte{FlagStart | version&VersionMask} }

// Ack returns the Data of an acknowledgement.
func Ack(version uint8) []byte { return []byte{version & VersionMask} }
