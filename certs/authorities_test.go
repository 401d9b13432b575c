package certs

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReadAuthorities(t *testing.T) {
	if pool, err := ReadAuthorities(""); pool != nil || err != nil {
		t.Errorf("no reference gives %v, %v; want the system's authorities", pool, err)
	}
	a, err := NewAuthority("test authority", time.Now(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, a.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	pool, err := ReadAuthorities("file:" + path)
	if err != nil || !pool.Equal(a.Pool()) {
		t.Errorf("the pool does not hold the authority (%v)", err)
	}
	for _, ref := range []string{path, "file:" + path + ".missing", "env:CAUSEWAY_NOT_SET"} {
		if _, err := ReadAuthorities(ref); err == nil {
			t.Errorf("%q gives no error", ref)
		}
	}
}
