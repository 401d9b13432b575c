package revocation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// kept returns what the folder has of an address. It is judged like what comes
// from the network.
func (r *Registry) kept(address string) ([]byte, error) {
	if r.cfg.Folder == "" {
		return nil, fs.ErrNotExist
	}
	text, _, err := readFile(r.place(address))
	return text, err
}

// keep puts a list into the folder, all of it or none.
func (r *Registry) keep(address string, text []byte) {
	if r.cfg.Folder == "" {
		return
	}
	f, err := os.CreateTemp(r.cfg.Folder, "*.new") // mode 0600
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Rename(f.Name(), r.place(address))
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}
	if err != nil {
		r.cfg.OnChange(Change{Source: r.cfg.Folder, Why: "a list cannot be kept for the next start: " + err.Error()})
	}
}

func (r *Registry) place(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(r.cfg.Folder, hex.EncodeToString(sum[:16])+".crl")
}
