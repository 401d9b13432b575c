package supplicant

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"layeh.com/radius/rfc2759"
	"layeh.com/radius/rfc3079"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
)

// An mschapv2 is the client's answer to one challenge, and what the server must
// say to prove that it knows the password too (RFC 2759). The sums are not the
// server's own (radiusd/eap/packet), so that each checks the other.
type mschapv2 struct {
	peer     [16]byte // our challenge
	response []byte   // 24 octets
	proof    []byte   // "S=" and 40 hexadecimal digits
	isk      []byte   // 32 octets for a crypto-binding: what the client sends with, then what it receives with
}

// answerMSCHAPv2 answers a challenge of 16 octets with a fresh one of ours.
func answerMSCHAPv2(challenge []byte, user string, password certs.Secret) (mschapv2, error) {
	var m mschapv2
	if _, err := rand.Read(m.peer[:]); err != nil {
		return m, err
	}
	return m, m.compute(challenge, user, password)
}

func (m *mschapv2) compute(challenge []byte, user string, password certs.Secret) error {
	secret := []byte(password.Reveal())
	name := []byte(user[bytes.LastIndexByte([]byte(user), '\\')+1:]) // without DOMAIN\ (RFC 2759, section 4)
	var err error
	m.response, err = rfc2759.GenerateNTResponse(challenge, m.peer[:], name, secret)
	if err != nil {
		return fmt.Errorf("%w: the password is not text", ErrConfig)
	}
	proof, err := rfc2759.GenerateAuthenticatorResponse(challenge, m.peer[:], m.response, name, secret)
	if err != nil {
		return fmt.Errorf("%w: the password is not text", ErrConfig)
	}
	m.proof = []byte(proof)
	// As the client sees it, what it sends first: the server's receive key.
	for _, send := range []bool{false, true} {
		key, err := rfc3079.MakeKey(m.response, secret, send)
		if err != nil {
			return err
		}
		m.isk = append(m.isk, key...)
	}
	return nil
}

// verify checks the server's message, "S=<40 digits> M=<text>". The error wraps
// [ErrUntrusted].
func (m *mschapv2) verify(message []byte) error {
	const length = 42
	if len(m.proof) != length || len(message) < length || subtle.ConstantTimeCompare(message[:length], m.proof) != 1 {
		return fmt.Errorf("%w: its MSCHAPv2 response shows another password", ErrUntrusted)
	}
	return nil
}

// An eapMSCHAPv2 is EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02). Its step is
// what it awaits.
type eapMSCHAPv2 struct {
	who    *Credential
	answer mschapv2
	step   func(p packet.MSCHAPv2Packet) (packet.MSCHAPv2Packet, error)

	ended    bool
	verified bool   // the server proved the password, and we said so
	words    string // or it said no
}

func newEAPMSCHAPv2(who *Credential) *eapMSCHAPv2 {
	m := &eapMSCHAPv2{who: who}
	m.step = m.awaitChallenge
	return m
}

func (m *eapMSCHAPv2) next(data []byte, _ uint8) ([]byte, error) {
	p, err := packet.ParseMSCHAPv2(data)
	if err != nil {
		return nil, broke("%w", err)
	}
	answer, err := m.step(p)
	if err != nil {
		return nil, err
	}
	return answer.Encode(), nil
}

func (m *eapMSCHAPv2) awaitChallenge(p packet.MSCHAPv2Packet) (packet.MSCHAPv2Packet, error) {
	if p.Op != packet.MSCHAPv2Challenge {
		return p, broke("MSCHAPv2 operation %d before a challenge", p.Op)
	}
	var err error
	if m.answer, err = answerMSCHAPv2(p.Value, m.who.Identity, m.who.Password); err != nil {
		return p, err
	}
	value := append(m.answer.peer[:], make([]byte, 8)...)
	value = append(value, m.answer.response...)
	m.step = m.awaitVerdict
	return packet.MSCHAPv2Packet{
		Op: packet.MSCHAPv2Response, ID: p.ID, Value: append(value, 0), Text: []byte(m.who.Identity),
	}, nil
}

func (m *eapMSCHAPv2) awaitVerdict(p packet.MSCHAPv2Packet) (packet.MSCHAPv2Packet, error) {
	switch p.Op {
	case packet.MSCHAPv2Success:
		if err := m.answer.verify(p.Text); err != nil {
			return p, err
		}
		m.verified = true
	case packet.MSCHAPv2Failure:
		// Also with R=1: there is nobody here to type another password.
		m.words = string(p.Text)
	default:
		return p, broke("MSCHAPv2 operation %d where a verdict was due", p.Op)
	}
	m.step, m.ended = m.over, true
	return packet.MSCHAPv2Packet{Op: p.Op, Bare: true}, nil
}

func (m *eapMSCHAPv2) over(p packet.MSCHAPv2Packet) (packet.MSCHAPv2Packet, error) {
	return p, broke("MSCHAPv2 operation %d after the verdict", p.Op)
}

func (m *eapMSCHAPv2) done() bool               { return m.ended }
func (m *eapMSCHAPv2) proved() bool             { return m.verified }
func (m *eapMSCHAPv2) keys() (msk, emsk []byte) { return m.answer.isk, nil }
func (m *eapMSCHAPv2) refusal() (string, error) { return m.words, nil }
func (*eapMSCHAPv2) close()                     {}
