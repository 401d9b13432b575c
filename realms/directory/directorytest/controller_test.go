package directorytest

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// A controller leaves no process and no folder behind.
func TestControllerComesAndGoes(t *testing.T) {
	c, err := NewController()
	if errors.Is(err, ErrNoController) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	admin, err := c.Admin()
	if err != nil {
		t.Error(err)
	} else if err := admin.Close(); err != nil {
		t.Error(err)
	}
	c.Close()
	if err := syscall.Kill(-c.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("its processes: %v", err)
	}
	if _, err := os.Stat(c.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder: %v", err)
	}
}
