package integration

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/radiusd/supplicant"
	"causeway/radiusd/transport"
	"causeway/realms/directory"
)

// argon is the hash of the good password; it takes a while to make.
var argon = sync.OnceValue(func() string {
	return directory.HashPassword(goodPassword)
})

// openHouse starts the house of common/house.toml, for a test that speaks to it
// in Go.
func openHouse(t *testing.T, opts daemon.Options) *stage {
	t.Helper()
	t.Parallel()
	s := open(t, "common")
	s.opts = opts
	s.know["argon"] = argon()
	s.fill("users.toml")
	s.begin()
	return s
}

// peer makes a device.
func (s *stage) peer(cfg supplicant.Config) *supplicant.Peer {
	s.Helper()
	if cfg.Method != "pap" {
		cfg.Roots, cfg.ServerName = s.roots(), serverName
	}
	if cfg.Password == "" && cfg.Method != "tls" {
		cfg.Password = goodPassword
	}
	p, err := supplicant.New(cfg)
	s.must(err)
	return p
}

func (s *stage) roots() *x509.CertPool {
	pem, err := os.ReadFile(filepath.Join(s.dir, "ca.pem"))
	s.must(err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		s.Fatal("ca.pem holds no certificate")
	}
	return pool
}

func (s *stage) certificate(name string) *tls.Certificate {
	c, err := tls.LoadX509KeyPair(filepath.Join(s.dir, name+".pem"), filepath.Join(s.dir, name+".key"))
	s.must(err)
	return &c
}

// devices are one device for each method.
func (s *stage) devices() map[string]supplicant.Config {
	const nurse = "nurse@" + realm
	return map[string]supplicant.Config{
		"tls":           {Method: "tls", Identity: nurse, Certificate: s.certificate("nurse")},
		"peap-mschapv2": {Method: "peap-mschapv2", User: nurse, Identity: "@" + realm},
		"ttls-pap":      {Method: "ttls-pap", User: nurse, Identity: "@" + realm},
		"ttls-mschapv2": {Method: "ttls-mschapv2", User: nurse, Identity: "@" + realm},
	}
}

// controller is a pretend controller at an address of loopback.
func (s *stage) controller(from, mac string) *supplicant.Controller {
	return &supplicant.Controller{
		Conn: s.dial(from, "auth"), Secret: certs.Secret(sharedSecret), SSID: "NHS-Staff", Calling: mac,
		Timeout: 10 * time.Second, Retries: -1,
	}
}

// dial opens a socket from an address of loopback to the house.
func (s *stage) dial(from, to string) net.Conn {
	s.Helper()
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(context.Background(), "udp", s.know[to].(string))
	s.must(err)
	s.Cleanup(func() { _ = conn.Close() })
	return conn
}

// An ask is a RADIUS request in the making.
type ask struct {
	code       radius.Code
	id         byte
	attributes radius.Attributes
	// unsigned leaves Message-Authenticator out.
	unsigned bool
}

// accessRequest is what a controller says of a device before it says who it is.
func accessRequest(id byte, name, mac string) *ask {
	p := &ask{code: radius.CodeAccessRequest, id: id}
	p.add(rfc2865.UserName_Type, []byte(name))
	p.add(rfc2865.CalledStationID_Type, []byte(called("NHS-Staff")))
	p.add(rfc2865.CallingStationID_Type, []byte(mac))
	return p
}

// identity is an Access-Request with EAP-Response/Identity.
func identity(id byte, name, mac string) *ask {
	p := accessRequest(id, name, mac)
	eap := append([]byte{2, 7, 0, byte(5 + len(name)), 1}, name...)
	p.add(rfc2869.EAPMessage_Type, eap)
	return p
}

func (p *ask) add(kind radius.Type, value []byte) *ask {
	p.attributes = append(p.attributes, &radius.AVP{Type: kind, Attribute: value})
	return p
}

// password hides a User-Password for the authenticator that encode uses.
func (p *ask) password(text string) *ask {
	p.add(rfc2865.UserPassword_Type, nil)
	p.attributes[len(p.attributes)-1].Attribute = []byte(text)
	return p
}

// encode makes the bytes, with a new authenticator each time.
func (p *ask) encode() []byte {
	var authenticator [16]byte
	_, _ = rand.Read(authenticator[:])
	return p.encodeWith(authenticator)
}

func (p *ask) encodeWith(authenticator [16]byte) []byte {
	b := append([]byte{byte(p.code), p.id, 0, 0}, authenticator[:]...)
	if !p.unsigned {
		b = append(b, 80, 18)
		b = append(b, make([]byte, 16)...)
	}
	for _, a := range p.attributes {
		value := []byte(a.Attribute)
		if a.Type == rfc2865.UserPassword_Type {
			value, _ = radius.NewUserPassword(value, []byte(sharedSecret), authenticator[:])
		}
		b = append(append(b, byte(a.Type), byte(2+len(value))), value...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if !p.unsigned {
		mac := hmac.New(md5.New, []byte(sharedSecret))
		_, _ = mac.Write(b)
		copy(b[22:], mac.Sum(nil))
	}
	return b
}

// exchange sends a packet and returns the reply, verified.
func (s *stage) exchange(conn net.Conn, request []byte) *radius.Packet {
	s.Helper()
	s.send(conn, request)
	reply := s.receive(conn)
	return s.verified(request, reply)
}

func (s *stage) send(conn net.Conn, b []byte) {
	s.Helper()
	_, err := conn.Write(b)
	s.must(err)
}

// receive waits for the next packet that comes, whatever it is.
func (s *stage) receive(conn net.Conn) []byte {
	s.Helper()
	s.must(conn.SetReadDeadline(time.Now().Add(20 * time.Second)))
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	s.must(err)
	return b[:n]
}

// verified judges a reply as RFC 2865, section 3, and RFC 3579, section 3.2, do,
// and wants Message-Authenticator first (S1).
func (s *stage) verified(request, reply []byte) *radius.Packet {
	s.Helper()
	if len(reply) < 38 || reply[1] != request[1] || int(binary.BigEndian.Uint16(reply[2:])) != len(reply) {
		s.Fatalf("no reply to this request: %x", reply)
	}
	sum := md5.New()
	for _, part := range [][]byte{reply[:4], request[4:20], reply[20:], []byte(sharedSecret)} {
		_, _ = sum.Write(part)
	}
	if !bytes.Equal(sum.Sum(nil), reply[4:20]) {
		s.Fatalf("a wrong Response Authenticator: %x", reply)
	}
	if reply[20] != 80 || reply[21] != 18 {
		s.Fatalf("Message-Authenticator is not the first attribute: %x", reply)
	}
	signed := bytes.Clone(reply)
	copy(signed[4:], request[4:20])
	copy(signed[22:38], make([]byte, 16))
	mac := hmac.New(md5.New, []byte(sharedSecret))
	_, _ = mac.Write(signed)
	if !bytes.Equal(mac.Sum(nil), reply[22:38]) {
		s.Fatalf("a wrong Message-Authenticator: %x", reply)
	}
	p, err := radius.Parse(reply, []byte(sharedSecret))
	s.must(err)
	return p
}

// counted waits until a counter of the sockets has the value. It is how silence is
// seen: the packet was judged, and nothing came of it.
func (s *stage) counted(what string, value func(transport.Stats) uint64, want uint64) {
	s.Helper()
	limit := time.Now().Add(20 * time.Second)
	for {
		got := value(s.daemon.Stats())
		if got == want {
			return
		}
		if got > want || time.Now().After(limit) {
			s.Fatalf("%s is %d, want %d", what, got, want)
		}
		time.Sleep(time.Millisecond)
	}
}

// quiet demands that nothing waits to be read.
func (s *stage) quiet(conn net.Conn) {
	s.Helper()
	s.must(conn.SetReadDeadline(time.Now().Add(time.Millisecond)))
	b := make([]byte, 4096)
	if n, err := conn.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		s.Errorf("%x came, %v; want silence", b[:n], err)
	}
}

func ntHash(password string) [16]byte { return directory.NTHash(certs.Secret(password)) }
