package directory_test

import (
	"bufio"
	"net"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	ldap "github.com/go-ldap/ldap/v3"
)

// A responder answers LDAP as a test tells it, for what slapd cannot do: the
// sub-codes and references of Active Directory, and nonsense. It keeps what it
// was asked.
type responder struct {
	bind   func(dn string) result
	search func(filter string) []*ber.Packet // protocol operations
	raw    []byte                            // sent in place of any answer to a search

	mu       sync.Mutex
	binds    []string // names
	searches []string // filters as they arrived
	controls []string // OIDs that came with searches
}

type result struct {
	code uint16
	text string
}

// serve starts the responder and returns its address.
func (r *responder) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.converse(c)
		}
	}()
	return "ldap://" + l.Addr().String()
}

func (r *responder) converse(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for {
		message, err := ber.ReadPacket(in)
		if err != nil || len(message.Children) < 2 {
			return
		}
		var answers []*ber.Packet
		switch op := message.Children[1]; op.Tag {
		case ldap.ApplicationBindRequest:
			answers = []*ber.Packet{r.answerBind(op)}
		case ldap.ApplicationSearchRequest:
			answers = r.answerSearch(op, message)
			if r.raw != nil {
				_, _ = c.Write(r.raw)
				continue
			}
		default:
			return
		}
		for _, answer := range answers {
			envelope := ber.NewSequence("")
			envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, message.Children[0].Value, ""))
			envelope.AppendChild(answer)
			if _, err := c.Write(envelope.Bytes()); err != nil {
				return
			}
		}
	}
}

func (r *responder) answerBind(op *ber.Packet) *ber.Packet {
	dn := op.Children[1].Data.String()
	r.mu.Lock()
	r.binds = append(r.binds, dn)
	r.mu.Unlock()
	if dn == serviceDN || r.bind == nil {
		return done(ldap.ApplicationBindResponse, result{})
	}
	return done(ldap.ApplicationBindResponse, r.bind(dn))
}

func (r *responder) answerSearch(op, message *ber.Packet) []*ber.Packet {
	filter, err := ldap.DecompileFilter(op.Children[6])
	if err != nil {
		return []*ber.Packet{done(ldap.ApplicationSearchResultDone, result{ldap.LDAPResultProtocolError, err.Error()})}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.searches = append(r.searches, filter)
	if len(message.Children) > 2 {
		for _, control := range message.Children[2].Children {
			r.controls = append(r.controls, control.Children[0].Data.String())
		}
	}
	if r.search == nil {
		return []*ber.Packet{done(ldap.ApplicationSearchResultDone, result{})}
	}
	return r.search(filter)
}

func (r *responder) asked() (binds, searches, controls []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.binds, r.searches, r.controls
}

// done is the LDAPResult of RFC 4511, section 4.1.9.
func done(tag ber.Tag, res result) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(res.code), ""))
	p.AppendChild(octets(""))
	p.AppendChild(octets(res.text))
	return p
}

// found is a SearchResultEntry; attributes come as name, value, name, value.
func found(dn string, attributes ...string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	p.AppendChild(octets(dn))
	list := ber.NewSequence("")
	for i := 0; i+1 < len(attributes); i += 2 {
		attribute := ber.NewSequence("")
		attribute.AppendChild(octets(attributes[i]))
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		values.AppendChild(octets(attributes[i+1]))
		attribute.AppendChild(values)
		list.AppendChild(attribute)
	}
	p.AppendChild(list)
	return p
}

// reference is a SearchResultReference.
func reference(url string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultReference, nil, "")
	p.AppendChild(octets(url))
	return p
}

func octets(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}
