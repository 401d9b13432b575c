package eap

import (
	"crypto/tls"

	"causeway/certs"
	"causeway/radiusd/eap/packet"
)

// tlsConfigs are the two configurations of one material, shared by every
// conversation that begins while it is current.
type tlsConfigs struct {
	of     *certs.Material
	tunnel *tls.Config // asks for no certificate
	mutual *tls.Config // demands one; nil without an authority
}

// tlsConfig returns the configuration of the current certificates. Another material
// of the Keeper (a reload, a new answer of OCSP) is noticed here, and conversations
// under way keep what they have.
func (s *Server) tlsConfig(mutual bool) *tls.Config {
	material := s.cfg.Keeper.Current()
	configs := s.tls.Load()
	if configs == nil || configs.of != material {
		configs = s.newTLSConfigs(material)
		s.tls.Store(configs)
	}
	if mutual {
		return configs.mutual
	}
	return configs.tunnel
}

func (s *Server) newTLSConfigs(m *certs.Material) *tlsConfigs {
	base := &tls.Config{
		GetCertificate: m.For, // ECDSA or RSA, by what the device offers
		MinVersion:     tls.VersionTLS12,
		MaxVersion:     tls.VersionTLS13,
		// The post-quantum default adds 1.1 KB to the flight: a round of EAP or two.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
		Time:             s.cfg.Now,
		Rand:             nil, // crypto/rand, whatever Config.Random is
	}
	configs := &tlsConfigs{of: m, tunnel: packet.ServerConfig(base)}
	if m.ClientCAs != nil {
		mutual := base.Clone()
		mutual.ClientAuth = tls.RequireAndVerifyClientCert // with ExtKeyUsageClientAuth
		mutual.ClientCAs = m.ClientCAs
		configs.mutual = packet.ServerConfig(mutual)
	}
	return configs
}
