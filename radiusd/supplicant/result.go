package supplicant

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"time"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
)

// A Result is how a log-in over RADIUS ended.
type Result struct {
	Code   radius.Code    // Access-Accept or Access-Reject; 0 when none came
	Packet *radius.Packet // the last reply: verified, with all its attributes; nil when none came

	EAP packet.Code // Success or Failure in the last reply; 0: it carried none
	// KeysMatch says that the MS-MPPE keys of the Accept are the peer's MSK: the
	// controller and the device would encrypt alike.
	KeysMatch bool

	// VLAN is the text of Tunnel-Private-Group-Id without its tag; empty when
	// there is none. Placed says that Tunnel-Type VLAN, Tunnel-Medium-Type 802 and
	// a group came together, once each and under one tag (RFC 3580, section 3.31).
	VLAN   string
	Tag    uint8 // 0: none, or the tag that means none
	Placed bool

	// MACFirst says that Message-Authenticator was the first attribute of every
	// reply.
	MACFirst bool

	Rounds      int // requests that were answered
	Retransmits int
	Dropped     int // replies that were not verified
	Duration    time.Duration
	Refusal     string // the server's words inside the tunnel; see Peer.Refusal

	plain bool // there was no EAP to ask
}

// Accepted says that the server let the device in and the device believes it: an
// Accept, and with EAP a Success and equal keys.
func (r Result) Accepted() bool {
	return r.Code == radius.CodeAccessAccept && (r.plain || r.EAP == packet.Success && r.KeysMatch)
}

// MS-MPPE keys (RFC 2548, sections 2.4.2 and 2.4.3).
const (
	vendorMicrosoft = 311
	mppeSendKey     = 16
	mppeRecvKey     = 17
)

// keysMatch compares the keys of an Accept with the MSK. The server's Recv-Key is
// the first half: what it receives with, the device sends with.
func keysMatch(reply, authenticator, secret, msk []byte) bool {
	if len(msk) != packet.MSKLength {
		return false
	}
	keys := map[byte][]byte{}
	each(reply[headerLength:], func(kind byte, value []byte, _ int) bool {
		if kind != attrVendorSpecific || len(value) < 6 || binary.BigEndian.Uint32(value) != vendorMicrosoft {
			return true
		}
		if int(value[5]) == len(value)-4 && (value[4] == mppeSendKey || value[4] == mppeRecvKey) {
			keys[value[4]] = decryptMPPE(value[6:], authenticator, secret)
		}
		return true
	})
	recv := subtle.ConstantTimeCompare(keys[mppeRecvKey], msk[:32])
	send := subtle.ConstantTimeCompare(keys[mppeSendKey], msk[32:])
	return recv&send == 1
}

// decryptMPPE undoes RFC 2548, section 2.4.2; nil when the value is malformed.
func decryptMPPE(value, authenticator, secret []byte) []byte {
	const block = md5.Size
	if len(value) < 2+block || len(value)%block != 2 || value[0]&0x80 == 0 {
		return nil
	}
	salt, cipher := value[:2], value[2:]
	plain := make([]byte, 0, len(cipher))
	last := append(append([]byte(nil), authenticator...), salt...)
	for i := 0; i < len(cipher); i += block {
		pad := md5.Sum(append(append([]byte(nil), secret...), last...))
		last = cipher[i : i+block]
		for j, c := range last {
			plain = append(plain, c^pad[j])
		}
	}
	if n := int(plain[0]); n < len(plain) {
		return plain[1 : 1+n]
	}
	return nil
}

// placement reads the three tunnel attributes.
func (r *Result) placement(reply []byte) {
	var kind, medium, group, others int
	var tags [3]byte
	each(reply[headerLength:], func(attr byte, value []byte, _ int) bool {
		switch attr {
		case attrTunnelType, attrTunnelMediumType:
			if len(value) != 4 {
				others++
				return true
			}
			n := uint32(value[1])<<16 | uint32(value[2])<<8 | uint32(value[3])
			switch {
			case attr == attrTunnelType && n == 13:
				kind, tags[0] = kind+1, value[0]
			case attr == attrTunnelMediumType && n == 6:
				medium, tags[1] = medium+1, value[0]
			default:
				others++
			}
		case attrTunnelPrivateGroupID:
			group++
			tags[2] = 0
			// A first octet up to 0x1F is a tag (RFC 2868, section 3.6).
			if len(value) > 0 && value[0] <= 0x1F {
				tags[2], value = value[0], value[1:]
			}
			r.Tag, r.VLAN = tags[2], string(value)
		}
		return true
	})
	r.Placed = kind == 1 && medium == 1 && group == 1 && others == 0 &&
		tags[0] == tags[1] && tags[1] == tags[2] && r.VLAN != ""
}
