package packet

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"hash"
	"slices"
)

// MSKLength is the length of the MSK and of the EMSK, which follows it
// (RFC 3748, section 7.10).
const MSKLength = 64

// MSK returns the Master Session Key of a finished handshake for EAP-TLS, TTLS
// or PEAP: RFC 5216, section 2.3, RFC 5281, section 8, and for TLS 1.3 RFC 9190,
// section 2.3 and RFC 9427, section 2.1.
func (e *Engine) MSK(t Type) ([]byte, error) {
	msk, _, err := e.Keys(t)
	return msk, err
}

// Keys returns the MSK and the EMSK, which stays with the server (RFC 3748, section
// 7.10).
func (e *Engine) Keys(t Type) (msk, emsk []byte, err error) {
	material, err := e.keyMaterial(t)
	if err != nil {
		return nil, nil, err
	}
	return material[:MSKLength:MSKLength], material[MSKLength:], nil
}

// keyMaterial returns MSK and EMSK. All 128 octets are always asked for: in
// TLS 1.3 the length asked for changes every octet of the answer.
func (e *Engine) keyMaterial(t Type) ([]byte, error) {
	label, context := "client EAP encryption", []byte(nil)
	if t == TTLS {
		label = "ttls keying material"
	}
	if e.State().Version == tls.VersionTLS13 {
		label, context = "EXPORTER_EAP_TLS_Key_Material", []byte{byte(t)}
	}
	return e.Export(label, context, 2*MSKLength)
}

// TTLSChallenge returns the implicit challenge of a TTLS tunnel (RFC 5281,
// section 11.1) as CHAP and MS-CHAPv2 want it: 16 octets of challenge and one of
// identifier.
func (e *Engine) TTLSChallenge() ([]byte, error) { return e.TTLSChallengeOf(16) }

// TTLSChallengeOf returns n octets of challenge and one of identifier. In TLS 1.3 the
// length asked for changes every octet.
func (e *Engine) TTLSChallengeOf(n int) ([]byte, error) { return e.Export("ttls challenge", nil, n+1) }

// Export returns n octets of keying material (RFC 5705, RFC 8446 section 7.5).
// Where there is no Extended Master Secret in TLS 1.2 crypto/tls refuses an exporter,
// and it is computed from the logged master secret; that works without a context
// only, which is all that EAP asks for.
func (e *Engine) Export(label string, context []byte, n int) ([]byte, error) {
	if !e.done {
		return nil, errors.New("keys wanted before the handshake is done")
	}
	state := e.conn.ConnectionState()
	material, err := state.ExportKeyingMaterial(label, context, n)
	if err != nil && len(e.log.master) > 0 && state.Version == tls.VersionTLS12 && context == nil {
		return e.log.export(state.CipherSuite, label, n)
	}
	return material, err
}

// extendedMasterSecret is the extension of RFC 7627.
const extendedMasterSecret = 23

// needsKeyLog says that crypto/tls will refuse an exporter to this client.
func needsKeyLog(hello *tls.ClientHelloInfo) bool {
	return !slices.Contains(hello.Extensions, extendedMasterSecret)
}

// NeedsSecret tells, once the ClientHello has been read, that this is a client
// without Extended Master Secret: a TLS 1.2 session of it is resumed only with the
// secret that [Engine.Secret] returned for it.
func (e *Engine) NeedsSecret() bool { return e.log.wanted }

// Secret returns the TLS 1.2 master secret of a client without Extended Master
// Secret, and nil for every other. It makes keys: keep it sealed.
func (e *Engine) Secret() []byte {
	if e.State().Version != tls.VersionTLS12 {
		return nil
	}
	return e.log.master
}

// RestoreSecret gives back the secret of a session that is being resumed, of
// which crypto/tls logs nothing.
func (e *Engine) RestoreSecret(master []byte) { e.log.master = bytes.Clone(master) }

// A keyLog is what a TLS 1.2 handshake without Extended Master Secret leaves
// behind to make keys from.
type keyLog struct {
	wanted       bool
	master       []byte
	clientRandom []byte
	serverRandom []byte
}

// Write takes crypto/tls's one line for a TLS 1.2 handshake:
// "CLIENT_RANDOM <client random> <master secret>". Lines of TLS 1.3 say nothing
// that is needed here.
func (l *keyLog) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 || string(fields[0]) != "CLIENT_RANDOM" {
		return len(line), nil
	}
	master := make([]byte, hex.DecodedLen(len(fields[2])))
	if _, err := hex.Decode(master, fields[2]); err != nil {
		return 0, errors.New("the master secret is not hexadecimal") // and must not be printed
	}
	l.master = master
	return len(line), nil
}

// Where the random of a Hello stands at the start of a flight: after the record
// header (5), the handshake header (4) and the version (2).
const (
	helloRandom = 11
	helloEnd    = helloRandom + 32
)

// readClientHello keeps the random of a ClientHello.
func (l *keyLog) readClientHello(flight []byte) { l.clientRandom = randomOf(flight, 1) }

// readServerHello keeps the random of the first ServerHello.
func (l *keyLog) readServerHello(flight []byte) {
	if l.wanted && l.serverRandom == nil {
		l.serverRandom = randomOf(flight, 2)
	}
}

func randomOf(flight []byte, hello byte) []byte {
	const record = 22
	if len(flight) < helloEnd || flight[0] != record || flight[5] != hello {
		return nil
	}
	return bytes.Clone(flight[helloRandom:helloEnd])
}

// export is the exporter of RFC 5705 over the PRF of RFC 5246, section 5.
func (l *keyLog) export(suite uint16, label string, n int) ([]byte, error) {
	if len(l.clientRandom) != 32 || len(l.serverRandom) != 32 {
		return nil, errors.New("the handshake left nothing to make keys from")
	}
	seed := append(append([]byte(label), l.clientRandom...), l.serverRandom...)
	return prf(suiteHash(suite), l.master, seed, n), nil
}

// Hash returns the hash of the cipher suite of a finished handshake, which TEAP's sums
// use (RFC 9930, section 6).
func (e *Engine) Hash() func() hash.Hash { return suiteHash(e.State().CipherSuite) }

// MACHash returns the hash of the MAC that TLS negotiated, with which TEAP signs its
// Crypto-Binding (RFC 9930, section 6.3). The suites of TLS 1.2 that sign each record
// by HMAC-SHA1 draw their keys with SHA-256 all the same; where the cipher itself
// protects the record, and in TLS 1.3 (RFC 9427, section 2.2), it is Hash.
func (e *Engine) MACHash() func() hash.Hash {
	if suite := e.State().CipherSuite; slices.Contains(signedBySHA1, suite) {
		return sha1.New
	}
	return e.Hash()
}

// signedBySHA1 are the suites of crypto/tls whose names end in CBC_SHA.
var signedBySHA1 = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// PRF is the pseudorandom function of TLS 1.2 over a hash (RFC 5246, section 5): n
// octets of P_hash(secret, label + seed).
func PRF(h func() hash.Hash, secret []byte, label string, seed []byte, n int) []byte {
	return prf(h, secret, append([]byte(label), seed...), n)
}

func suiteHash(suite uint16) func() hash.Hash {
	switch suite {
	case tls.TLS_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_256_GCM_SHA384:
		return sha512.New384
	}
	return sha256.New
}

// prf is P_hash of RFC 5246, section 5; seed is the label and the randoms.
func prf(h func() hash.Hash, secret, seed []byte, n int) []byte {
	mac := hmac.New(h, secret)
	var out []byte
	for a := seed; len(out) < n; {
		mac.Reset()
		_, _ = mac.Write(a)
		a = mac.Sum(nil)
		mac.Reset()
		_, _ = mac.Write(a)
		_, _ = mac.Write(seed)
		out = mac.Sum(out)
	}
	return out[:n]
}
