package eap

import (
	"crypto/tls"
	"testing"

	"layeh.com/radius"

	"causeway/radiusd/eap/packet"
	"causeway/realms"
)

// A wallet keeps every TLS session that the server lets a device keep.
type wallet struct {
	tls.ClientSessionCache
	kept int
}

func (w *wallet) Put(key string, session *tls.ClientSessionState) {
	if session != nil {
		w.kept++
	}
	w.ClientSessionCache.Put(key, session)
}

// Holds S3, P42, P44, P46, P47 and P50 while nothing is resumed: a device that would
// resume is given nothing to resume with, and the next log-in, by the same method
// or by another, is judged from its beginning. What a resumption would have
// carried over, a good password, carries nothing.
func TestS3NothingIsResumed(t *testing.T) {
	s := serve(t, nil)
	for _, version := range versions {
		for _, way := range ways {
			w := &wallet{ClientSessionCache: tls.NewLRUClientSessionCache(8)}
			keeping := func(p *peer) *peer {
				cfg := theWard().clientTLS(version, amy)
				cfg.ClientSessionCache = w
				p.tls = packet.NewClient(cfg)
				t.Cleanup(p.tls.Close)
				return p
			}
			p := keeping(meet(t, s, version, way, nobody, amy, "correct horse"))
			if a, err := p.login(); err != nil || a.Code != radius.CodeAccessAccept {
				t.Fatalf("%s: %+v, %v", way, a, err)
			}
			if w.kept != 0 || p.conv.Trace().Resumed {
				t.Errorf("%s, %s: the device keeps %d sessions", way, tls.VersionName(version), w.kept)
			}
			for _, name := range []string{"ttls-pap", "peap-eap-mschapv2"} {
				p := keeping(meet(t, s, version, name, nobody, amy, "wrong"))
				a, err := p.login()
				if a.Code != radius.CodeAccessReject || reasonOf(err) != realms.ErrBadPassword || p.conv.Trace().Resumed {
					t.Errorf("%s after %s, %s: %v, %v", name, way, tls.VersionName(version), a.Code, err)
				}
			}
		}
	}
}
