package transport

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
	"testing"

	"layeh.com/radius"

	"causeway/certs"
)

const testSecret = "a-secret-of-more-than-sixteen"

func mustClients(t testing.TB, list ...Client) *Clients {
	t.Helper()
	c, err := NewClients(list)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func loopback(name string) Client {
	return Client{Name: name, Prefix: netip.MustParsePrefix("127.0.0.1/32"), Secret: testSecret}
}

// vector reads "name: hex" entries, continued on lines that begin with a space.
func vector(t testing.TB, path string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	name := ""
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if before, after, ok := strings.Cut(line, ":"); ok {
			name, line = before, after
		}
		fields[name] += line
	}
	out := map[string][]byte{}
	for name, text := range fields {
		b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			t.Fatalf("%s: %s: %v", path, name, err)
		}
		out[name] = b
	}
	return out
}

// A draft is a request in the making, signed by code written apart from the
// package's own so that the two check each other.
type draft struct {
	code          radius.Code
	id            byte
	authenticator [16]byte
	attributes    []byte
	unsigned      bool
	secret        string
}

func newDraft(code radius.Code, id byte) *draft {
	d := &draft{code: code, id: id, secret: testSecret}
	_, _ = rand.Read(d.authenticator[:])
	return d
}

func (d *draft) add(t radius.Type, value []byte) *draft {
	d.attributes = append(d.attributes, byte(t), byte(2+len(value)))
	d.attributes = append(d.attributes, value...)
	return d
}

func (d *draft) text(t radius.Type, value string) *draft { return d.add(t, []byte(value)) }

func (d *draft) bytes() []byte {
	b := make([]byte, headerLength)
	b[0], b[1] = byte(d.code), d.id
	b = append(b, d.attributes...)
	at := len(b)
	if !d.unsigned {
		b = append(b, 80, 18)
		b = append(b, make([]byte, 16)...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if d.code != radius.CodeAccountingRequest {
		copy(b[4:], d.authenticator[:])
	}
	if !d.unsigned {
		copy(b[at+2:], hmacMD5(d.secret, b))
	}
	if d.code == radius.CodeAccountingRequest {
		sum := md5.Sum(append(bytes.Clone(b), d.secret...))
		copy(b[4:], sum[:])
	}
	return b
}

func hmacMD5(secret string, b []byte) []byte {
	h := hmac.New(md5.New, []byte(secret))
	h.Write(b)
	return h.Sum(nil)
}

// accessDraft is what a controller sends for a log-in, about 200 octets.
func accessDraft(id byte) *draft {
	return newDraft(radius.CodeAccessRequest, id).
		text(1, "nurse@royal.nhs.example").
		add(4, []byte{10, 20, 0, 5}).
		text(32, "wlc-royal-1").
		text(30, "00-10-A4-23-19-C0:eduroam").
		text(31, "AA-BB-CC-DD-EE-FF").
		add(61, []byte{0, 0, 0, 19}).
		add(6, []byte{0, 0, 0, 2}).
		add(12, []byte{0, 0, 5, 120}).
		text(77, "CONNECT 54Mbps 802.11a").
		add(79, append([]byte{2, 7, 0, 28, 1}, "nurse@royal.nhs.example"...))
}

// verifyReply checks a reply to request as a careful client does.
func verifyReply(t testing.TB, request, reply []byte, signed bool) *radius.Packet {
	t.Helper()
	return verifyReplyWith(t, testSecret, request, reply, signed)
}

func verifyReplyWith(t testing.TB, secret string, request, reply []byte, signed bool) *radius.Packet {
	t.Helper()
	if !radius.IsAuthenticResponse(reply, request, []byte(secret)) {
		t.Fatalf("the Response Authenticator is wrong: %x", reply)
	}
	p, err := radius.Parse(reply, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if p.Identifier != request[1] {
		t.Fatalf("identifier %d, want %d", p.Identifier, request[1])
	}
	count := 0
	for i, a := range p.Attributes {
		if a.Type == 80 {
			count++
			if i != 0 {
				t.Errorf("Message-Authenticator is attribute %d, not the first", i)
			}
		}
	}
	if !signed {
		if count != 0 {
			t.Errorf("%d Message-Authenticators where none may be", count)
		}
		return p
	}
	if count != 1 {
		t.Fatalf("%d Message-Authenticators, want 1", count)
	}
	blank := bytes.Clone(reply)
	copy(blank[4:20], request[4:20])
	clear(blank[22:38])
	if !bytes.Equal(hmacMD5(secret, blank), reply[22:38]) {
		t.Fatal("the Message-Authenticator is wrong")
	}
	return p
}

// parseRequest makes a Request of octets as the server would, unverified.
func parseRequest(t testing.TB, b []byte, client *Client) *Request {
	t.Helper()
	s, cause := outline(b)
	if cause != causeNone {
		t.Fatalf("the packet is %v", cause)
	}
	j := s.build([]byte(testSecret))
	j.request.Client = client
	return &j.request
}

var _ = certs.Secret("")
