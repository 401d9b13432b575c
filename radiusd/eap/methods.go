package eap

import (
	"fmt"
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
}

// A method is a fact and the code that goes with it.
type method struct {
	Fact
	start func(*conversation) Method // nil: not EAP
}

// methods is every method, in one place. To add one, write NAME.go and a line here.
var methods = []method{
	{Fact{Name: "tls", Type: packet.TLS, ClientCA: true}, newTLS},
	{Fact{Name: "ttls", Type: packet.TTLS, Tunnel: true, Password: true}, newTTLS},
	{Fact{Name: "peap", Type: packet.PEAP, Tunnel: true, Password: true, Hash: true}, newPEAP},
	{Fact{Name: "pap", Password: true}, nil},
}

// Methods returns what is known of every method.
func Methods() []Fact {
	facts := make([]Fact, len(methods))
	for i, m := range methods {
		facts[i] = m.Fact
	}
	return facts
}

// CheckMethods says what is wrong with a configured list of methods.
func CheckMethods(names []string) error {
	_, err := pick(names)
	return err
}

// pick returns the methods of a list in its order.
func pick(names []string) ([]*method, error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("no method is allowed; there are %s", known())
	}
	picked := make([]*method, 0, len(names))
	for i, name := range names {
		m := find(name)
		if m == nil {
			return nil, fmt.Errorf("method %q is not known; there are %s", name, known())
		}
		for _, earlier := range names[:i] {
			if earlier == name {
				return nil, fmt.Errorf("method %q is named twice", name)
			}
		}
		picked = append(picked, m)
	}
	return picked, nil
}

func find(name string) *method {
	for i := range methods {
		if methods[i].Name == name {
			return &methods[i]
		}
	}
	return nil
}

func known() string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}
