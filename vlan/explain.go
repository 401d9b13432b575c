package vlan

import "fmt"

// A Step is one thing that a decision looked at.
type Step struct {
	Key     string // the rule's path in the file, as in a Problem; empty for the last step
	Rule    int    // from 1; 0 for the last step
	Matched bool   // this rule, or the whole decision, gave a network
	Fits    bool   // this rule decided, be it to refuse
	Text    string // `rule 2 (who = "visitor"): it is for visitors, and this is one of ours`
}

// Explain decides as Assign does and returns each step, the outcome last. Rules
// of other realms, which Assign skips, are there with the reason.
func (p *Policy) Explain(f Facts) []Step {
	var steps []Step
	_, _ = p.decide(&f, func(s Step) { steps = append(steps, s) }) // the last step says how it ended
	return steps
}

// A Listener is a controller of a site, and what it does when it hears no VLAN.
type Listener struct{ Name, Alone string }

// Listeners are the controllers through which a site asks, in the order of the file.
func (p *Policy) Listeners(site string) (list []Listener) {
	if s := p.siteOf[site]; s != nil {
		for _, c := range s.controllers {
			list = append(list, Listener{c.name, c.alone()})
		}
	}
	return list
}

// A teller hears the steps of a decision; nil wants to hear none.
type teller func(Step)

func (t teller) refuse(err error) error {
	if t != nil {
		t(Step{Text: "refused: " + err.Error()})
	}
	return err
}

func (t teller) accept(a Assignment) Assignment {
	if t != nil {
		t(Step{Matched: true, Text: a.String()})
	}
	return a
}

func (r *rule) step(v verdict) Step {
	return Step{Key: r.key, Rule: r.number, Matched: v == matches && !r.refuses, Fits: v == matches, Text: r.text + ": " + r.because(v)}
}

// because says why a rule fits or does not.
func (r *rule) because(v verdict) string {
	switch v {
	case matches:
		if r.roaming {
			return map[bool]string{false: "it fits, and lets them in", true: "it fits, and refuses them"}[r.refuses]
		}
		return fmt.Sprintf("it fits, and gives vlan %s", r.network.name)
	case otherSite:
		return "it is for another site"
	case otherKind:
		if r.forDevices() {
			return "it is for devices that are known by their MAC, and this is a person"
		}
		return "it is for people, and this is a device that is known by its MAC"
	case otherSide:
		if r.answeredHere() {
			return "it is for our own people, and this is a visitor"
		}
		return "it is for visitors, and this is one of ours"
	case otherRealm:
		return "it is for another realm"
	case otherList:
		return "it is for devices of another list"
	case otherVLAN:
		return "the device's line does not name vlan " + r.network.name
	case otherUser:
		return "it is for somebody else"
	case otherMethod:
		return "it is for another method"
	case otherOperator:
		return "it is for another organisation"
	case otherDevice:
		if r.device == deviceVerified {
			return "it asks for a verified device, and this one proved nothing of its own"
		}
		return "it is for unverified devices, and this one proved itself"
	case otherIssuer:
		return "no certificate of that authority was shown"
	case otherPolicy:
		return "no certificate under that policy was shown"
	case notInGroup:
		return "they are not in the group"
	case userHidden:
		return "it is for one person, and the name is not known: refused rather than passed over"
	case methodUnseen:
		return "it asks for a method, and the method is not known: refused rather than passed over"
	case operatorUnseen:
		return "it asks which organisation it is, and that names no Operator-Name: refused rather than passed over"
	case deviceUnseen:
		return "it asks whether the device proved itself, and that is not known: refused rather than passed over"
	case certificateUnseen:
		return "it asks for a certificate, and whether one was shown is not known: refused rather than passed over"
	case groupHidden:
		return "it asks for a group, and the groups are not all known: refused rather than passed over"
	}
	return "undecided"
}
