package revocation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// mostRedirects of one fetch. A redirect leads to the same host or to an address
// that the configuration allows.
const mostRedirects = 3

// A fetcher gets what authorities publish, within bounds of time and size.
type fetcher struct {
	client    *http.Client
	transport *http.Transport
}

func newFetcher(dial func(ctx context.Context, network, address string) (net.Conn, error), may allowed) *fetcher {
	if dial == nil {
		dial = (&net.Dialer{Timeout: 3 * time.Second}).DialContext
	}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dial,
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second, IdleConnTimeout: time.Minute,
		MaxIdleConnsPerHost: 4, MaxConnsPerHost: 16, MaxResponseHeaderBytes: 64 << 10,
		DisableCompression: true,
	}
	f := &fetcher{transport: t}
	f.client = &http.Client{Transport: t, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		switch from := via[0]; {
		case from.Method != http.MethodGet:
			return http.ErrUseLastResponse
		case len(via) > mostRedirects:
			return errors.New("it is sent from one address to the next")
		case sameServer(from.URL, req.URL), may.hasURL(req.URL):
			return nil
		}
		return fmt.Errorf("it is sent to %s, which is not allowed", req.URL.Host)
	}}
	return f
}

func (f *fetcher) close() { f.transport.CloseIdleConnections() }

func (f *fetcher) get(ctx context.Context, address string, most int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return f.do(req, most)
}

func (f *fetcher) post(ctx context.Context, address, kind string, body []byte, most int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	return f.do(req, most)
}

func (f *fetcher) do(req *http.Request, most int64) ([]byte, error) {
	req.Header.Set("User-Agent", "causeway")
	response, err := f.client.Do(req)
	if err != nil {
		var inURL *url.Error
		if errors.As(err, &inURL) {
			err = inURL.Err // the address is named already
		}
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // read only: nothing to lose
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server says %s", response.Status)
	}
	if response.ContentLength > most {
		return nil, tooLarge(most)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && int64(len(text)) > most {
		err = tooLarge(most)
	}
	return text, err
}

// allowed are beginnings of addresses that certificates may name.
type allowed []*url.URL

func newAllowed(list []string) (allowed, error) {
	var a allowed
	for _, text := range list {
		u, err := parseAddress(text)
		if err != nil {
			return nil, err
		}
		a = append(a, u)
	}
	return a, nil
}

// parseAddress reads an http or https address in its plain form.
func parseAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is not an address", text)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.User != nil, u.Opaque != "", u.Fragment != "":
		return nil, fmt.Errorf("%q is not an address as http://pki.example.org/ca.crl", text)
	}
	return u, nil
}

// has says whether an address, as a certificate has it, may be asked: it has the
// scheme, host and port of one that is allowed, and its path begins with that
// one's, which ends at a slash.
func (a allowed) has(text string) bool {
	u, err := parseAddress(text)
	return err == nil && a.hasURL(u)
}

func (a allowed) hasURL(u *url.URL) bool {
	for _, may := range a {
		if u.User == nil && u.Scheme == may.Scheme && sameServer(u, may) && below(u.EscapedPath(), may.EscapedPath()) {
			return true
		}
	}
	return false
}

// below compares paths as they were written; one with dots, double slashes or
// encoded ones is below nothing.
func below(inner, outer string) bool {
	if outer == "" {
		outer = "/"
	}
	if inner == "" {
		inner = "/"
	}
	clean := path.Clean(inner)
	if strings.HasSuffix(inner, "/") && clean != "/" {
		clean += "/"
	}
	lower := strings.ToLower(inner)
	if clean != inner || strings.Contains(lower, "%2e") || strings.Contains(lower, "%2f") || strings.Contains(inner, `\`) {
		return false
	}
	return inner == outer || strings.HasPrefix(inner, strings.TrimSuffix(outer, "/")+"/")
}

// sameServer says that two addresses are of one host and port, where https on its
// own port is as good as http on its own.
func sameServer(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && (portOf(a) == portOf(b) || portOf(a) == "80" && b.Scheme == "https" && portOf(b) == "443")
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
