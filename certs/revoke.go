package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// RevokeFolder withdraws a certificate of the authority in a folder and signs its
// list anew. The certificate is named by its serial number in hexadecimal, by the
// path of its .pem, or by the name under which it stands in the folder.
func RevokeFolder(dir, which string, o FolderOptions) (Report, error) {
	o = o.defaults()
	a, err := LoadAuthority(dir, o.Now)
	if err != nil {
		return Report{}, err
	}
	serial, name, err := a.find(dir, which)
	if err != nil {
		return Report{}, err
	}
	notes, err := readNotes(dir)
	if err != nil {
		return Report{}, err
	}
	for _, n := range notes {
		if n.SerialNumber.Cmp(serial) == 0 {
			return Report{}, fmt.Errorf("%s was withdrawn on %s already", which, day(n.RevocationTime))
		}
	}
	notes = append(notes, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: o.Now})
	if err := note(dir, serial, o.Now, name); err != nil {
		return Report{}, err
	}
	r, err := a.publish(dir, notes, o)
	r.Title = fmt.Sprintf("%s is withdrawn (serial number %x). %s", which, serial, r.Title)
	return r, err
}

// CRLFolder signs the list of the authority in a folder anew, for another while.
func CRLFolder(dir string, o FolderOptions) (Report, error) {
	o = o.defaults()
	a, err := LoadAuthority(dir, o.Now)
	if err != nil {
		return Report{}, err
	}
	notes, err := readNotes(dir)
	if err != nil {
		return Report{}, err
	}
	return a.publish(dir, notes, o)
}

// publish writes the list in place of the last one, all of it or none.
func (a *Authority) publish(dir string, entries []x509.RevocationListEntry, o FolderOptions) (Report, error) {
	list := &x509.RevocationList{RevokedCertificateEntries: entries}
	if o.Days > 0 {
		list.NextUpdate = o.Now.Add(time.Duration(o.Days) * 24 * time.Hour)
	}
	der, err := a.SignCRL(list)
	if err != nil {
		return Report{}, err
	}
	path := filepath.Join(dir, revokedFile)
	if err := replace(path, der); err != nil {
		return Report{}, err
	}
	r := Report{Title: fmt.Sprintf("The list of withdrawn certificates: %d, good until %s", len(entries), day(list.NextUpdate)),
		Files: []File{{Path: path, What: "the list of revoked certificates"}},
		Next:  []string{`the server reads it where its authority's block has crl = "file:` + path + `": within seconds, or at once with radiusd reload`}}
	if a.crl != "" {
		r.Next = append(r.Next, "publish it at "+a.crl)
	}
	return r, nil
}

// find returns the serial number of a certificate of ours.
func (a *Authority) find(dir, which string) (serial *big.Int, name string, err error) {
	for _, path := range []string{filepath.Join(dir, which+".pem"), which, filepath.Join(dir, which)} {
		text, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		chain, err := parseCertificates(path, text)
		if err != nil {
			return nil, "", err
		}
		if !issued(a.cert, chain[0]) {
			return nil, "", fmt.Errorf("%s was issued by %q, not by the authority in %s", path, chain[0].Issuer.String(), dir)
		}
		return chain[0].SerialNumber, title(chain[0]), nil
	}
	if n, ok := new(big.Int).SetString(strings.ReplaceAll(which, ":", ""), 16); ok && n.Sign() > 0 {
		return n, "-", nil
	}
	return nil, "", fmt.Errorf("there is no certificate %s in %s, and it is no serial number: %w", which, dir, fs.ErrNotExist)
}

// readNotes reads ca.revoked: a line for each withdrawn certificate, with its
// serial number in hexadecimal, when, and whose it was.
func readNotes(dir string) (entries []x509.RevocationListEntry, err error) {
	path := filepath.Join(dir, revokedNotes)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		serial, ok := new(big.Int).SetString(words[0], 16)
		if !ok || len(words) < 2 {
			return nil, fmt.Errorf("%s:%d: it has to be a serial number in hexadecimal, the time, and a name", path, number)
		}
		at, err := time.Parse(time.RFC3339, words[1])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %q is not a time, as 2026-04-01T08:00:00Z", path, number, words[1])
		}
		entries = append(entries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: at})
	}
	return entries, nil
}

func note(dir string, serial *big.Int, at time.Time, name string) error {
	f, err := os.OpenFile(filepath.Join(dir, revokedNotes), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // no secret
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%x %s %s\n", serial, at.UTC().Format(time.RFC3339), strings.ReplaceAll(name, " ", "_"))
	return errors.Join(err, f.Sync(), f.Close())
}

// replace writes a file beside the one that it takes the place of: a server that
// reads it at that moment reads one or the other.
func replace(path string, content []byte) error {
	next := path + ".new"
	_ = os.Remove(next) // of a run that was cut short
	if err := create(next, content, 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}
