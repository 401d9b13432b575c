package eap

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"causeway/radiusd/eap/packet"
)

// A Fact is what there is to know of a method without running it, so that a
// configuration can be checked alone.
type Fact struct {
	Name     string      // as it is written in a configuration
	Type     packet.Type // 0: not EAP
	ClientCA bool        // needs to know who issues certificates to devices
	Tunnel   bool        // runs another method inside TLS
	Password bool        // needs a directory
	Hash     bool        // needs a directory that can judge MSCHAPv2
	Clear    bool        // needs a directory that has passwords in the clear
}

// A method is a fact and the code that goes with it.
type method struct {
	Fact
	start  func(*conversation) Method // nil: not EAP, or inside a tunnel only
	inside func(*inner) Method        // nil: not EAP, or outside only
}

// methods is every method, in one place. To add one, write NAME.go and a line here.
var methods = []method{
	{Fact{Name: "tls", Type: packet.TLS, ClientCA: true}, newTLS, nil},
	{Fact{Name: "ttls", Type: packet.TTLS, Tunnel: true, Password: true}, newTTLS, nil},
	{Fact{Name: "peap", Type: packet.PEAP, Tunnel: true, Password: true}, newPEAP, nil},
	{Fact{Name: "teap", Type: packet.TEAP, Tunnel: true}, newTEAP, nil},
	{Fact{Name: "pap", Password: true}, nil, nil},
}

// inners is every method inside a tunnel. To add one, write inner_NAME.go and a
// line here. What is not EAP is TTLS's own.
var inners = []method{
	{Fact{Name: "mschapv2", Type: packet.MSCHAPv2, Password: true, Hash: true}, nil, newInnerMSCHAPv2},
	{Fact{Name: "gtc", Type: packet.GTC, Password: true}, nil, newInnerGTC},
	{Fact{Name: "tls", Type: packet.TLS, ClientCA: true}, nil, newInnerTLS},
	{Fact{Name: "pap", Password: true}, nil, nil},
	{Fact{Name: "mschap", Password: true, Hash: true}, nil, nil},
	{Fact{Name: "chap", Password: true, Clear: true}, nil, nil},
}

// DefaultInner are the methods inside a tunnel that are offered where the
// configuration names none, as far as directory and authorities serve them. CHAP and
// MS-CHAP prove nothing to the device and are for who asks for them.
var DefaultInner = []string{"mschapv2", "gtc", "pap", "tls"}

// Methods returns what is known of every method.
func Methods() []Fact { return facts(methods) }

// Inners returns what is known of every method inside a tunnel.
func Inners() []Fact { return facts(inners) }

func facts(of []method) []Fact {
	facts := make([]Fact, len(of))
	for i, m := range of {
		facts[i] = m.Fact
	}
	return facts
}

// CheckMethods says what is wrong with a configured list of methods.
func CheckMethods(names []string) error {
	_, err := pick(methods, names)
	return err
}

// pick returns the methods of a list in its order.
func pick(from []method, names []string) ([]*method, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("no method is allowed; there are %s", known(from))
	}
	picked := make([]*method, 0, len(names))
	for i, name := range names {
		at := slices.IndexFunc(from, func(m method) bool { return m.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("method %q is not known; there are %s", name, known(from))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("method %q is named twice", name)
		}
		picked = append(picked, &from[at])
	}
	return picked, nil
}

func known(of []method) string {
	names := make([]string, len(of))
	for i, m := range of {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}

// choose returns the first method on offer that a Nak asks for and that was not
// offered before; nil for none.
func choose(offers, tried []*method, wanted []byte) *method {
	for _, m := range offers {
		if bytes.IndexByte(wanted, byte(m.Type)) >= 0 && !slices.Contains(tried, m) {
			return m
		}
	}
	return nil
}
