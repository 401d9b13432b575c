package eap

import (
	"context"
	"crypto/md5" //nolint:gosec // RFC 2865, section 5.2
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"causeway/certs"
	"causeway/realms"
)

// Attributes by which a request says who it is.
const (
	attrUserPassword = 2
	attrCHAPPassword = 3
	attrVendor       = 26
	attrEAPMessage   = 79
	vendorMicrosoft  = 311
)

// credentials are what a request brings to prove itself with.
type credentials struct {
	eap     bool
	message []byte // EAP-Message attributes joined (RFC 3579, section 3.1)
}

// failureID is the identifier for an EAP-Failure before the packet is parsed.
func (c credentials) failureID() uint8 {
	if len(c.message) > 1 {
		return c.message[1]
	}
	return 0
}

// findCredentials joins the EAP-Message attributes and refuses a request that
// proves itself in two ways, or in none (RFC 2865, section 4.1).
func findCredentials(req *radius.Packet) (creds credentials, err error) {
	var password, chap, mschap bool
	for _, avp := range req.Attributes {
		switch avp.Type {
		case attrEAPMessage:
			creds.add(avp.Attribute)
		case attrUserPassword:
			password = true
		case attrCHAPPassword:
			chap = true
		case attrVendor:
			mschap = mschap || isMSCHAP(avp.Attribute)
		}
	}
	kinds := 0
	for _, there := range []bool{creds.eap, password, chap, mschap} {
		if there {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return creds, fmt.Errorf("the request brings %d kinds of credentials: %w", kinds, realms.ErrCredentialsMixed)
	case kinds == 0:
		return creds, realms.ErrCredentialsMissing
	case chap || mschap:
		return creds, fmt.Errorf("CHAP and MS-CHAP outside EAP: %w", realms.ErrNoMethod)
	}
	return creds, nil
}

func (c *credentials) add(part []byte) {
	if !c.eap {
		c.eap, c.message = true, part // no copy when there is one
		return
	}
	c.message = append(slices.Clip(c.message), part...)
}

// isMSCHAP knows MS-CHAP-Response and MS-CHAP2-Response (RFC 2548, sections 2.1.3
// and 2.3.2).
func isMSCHAP(b []byte) bool {
	return len(b) >= 5 && binary.BigEndian.Uint32(b) == vendorMicrosoft && (b[4] == 1 || b[4] == 25)
}

// plain answers a request without EAP: PAP, if it is allowed.
func (c *conversation) plain(ctx context.Context, req *radius.Packet) (realms.Answer, error) {
	reject := func(err error) (realms.Answer, error) {
		c.Close()
		c.err = err
		return realms.Answer{Code: radius.CodeAccessReject}, err
	}
	if c.method != nil || c.err != nil || c.last.Code != 0 {
		return reject(fmt.Errorf("a password in the middle of EAP: %w", realms.ErrCredentialsMixed))
	}
	c.trace.Method, c.trace.Identity, c.trace.Stage = "pap", c.outer, "password received"
	if !c.server.pap {
		return reject(realms.ErrPAPRefused)
	}
	if err := c.server.checkInner(c.outer, c.outer); err != nil {
		return reject(err)
	}
	password, err := userPassword(req)
	if err != nil {
		return reject(err)
	}
	account, err := c.server.checkPassword(ctx, c.outer, password)
	if err != nil {
		return reject(err)
	}
	c.trace.Stage = "accepted"
	c.Close()
	c.last = realms.Answer{Code: radius.CodeAccessAccept, Account: account, UserName: c.name}
	return c.last, nil
}

// userPassword reveals a User-Password (RFC 2865, section 5.2). Unlike the library's
// it keeps a NUL inside the password, so that the password can be refused.
func userPassword(req *radius.Packet) ([]byte, error) {
	var hidden []byte
	count := 0
	for _, avp := range req.Attributes {
		if avp.Type == rfc2865.UserPassword_Type {
			hidden, count = avp.Attribute, count+1
		}
	}
	if count != 1 || len(hidden) == 0 || len(hidden)%16 != 0 || len(hidden) > 128 {
		return nil, fmt.Errorf("User-Password is not one attribute of 16 to 128 octets: %w", realms.ErrCredentialsMissing)
	}
	password := make([]byte, 0, len(hidden))
	salt := req.Authenticator[:]
	for ; len(hidden) > 0; hidden = hidden[16:] {
		h := md5.New()
		_, _ = h.Write(req.Secret)
		_, _ = h.Write(salt)
		pad := h.Sum(nil)
		for i := range pad {
			password = append(password, hidden[i]^pad[i])
		}
		salt = hidden[:16]
	}
	return password, nil
}

// checkPassword asks the directory, unless the password is one that a
// directory could take for an unauthenticated bind (RFC 4513, section 5.1.2).
// Zeros at the end are padding.
func (s *Server) checkPassword(ctx context.Context, id realms.Identity, padded []byte) (realms.Account, error) {
	n := len(padded)
	for n > 0 && padded[n-1] == 0 {
		n--
	}
	password := padded[:n]
	if n == 0 {
		return realms.Account{}, realms.ErrEmptyPassword
	}
	if slices.Contains(password, 0) {
		return realms.Account{}, fmt.Errorf("the password holds a NUL: %w", realms.ErrBadPassword)
	}
	secret := certs.Secret(password)
	account, err := guarded(ctx, s.cfg.Guard, id, secret, func() (realms.Account, error) {
		return s.cfg.Directory.CheckPassword(ctx, id, secret)
	})
	return account, reasoned(err)
}

// reasoned makes sure that an error from a directory says of what kind it is.
func reasoned(err error) error {
	var reason realms.Reason
	if err == nil || errors.As(err, &reason) {
		return err
	}
	return fmt.Errorf("%w: %w", realms.ErrInternal, err)
}
