package directory_test

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"causeway/realms/directory"
	"causeway/realms/directory/directorytest"
)

// One domain controller serves all tests of this package: it takes seconds to make.
var domain = sync.OnceValues(func() (*directorytest.Controller, error) {
	c, err := directorytest.NewController()
	if err != nil {
		return nil, err
	}
	running = c
	if err := c.FillPeople(); err != nil {
		return nil, err
	}
	return c, c.Fill(directorytest.Computer("RADIUS1", machinePassword))
})

// running is what there is to be closed.
var running *directorytest.Controller

const machinePassword = "machine-canary-Pass-1"

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		running.Close()
	}
	os.Exit(code)
}

// theDomain is the domain controller, for tests that change no account of others.
func theDomain(t testing.TB) *directorytest.Controller {
	t.Helper()
	c, err := domain()
	if errors.Is(err, directorytest.ErrNoController) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// adConfig is a configuration for the domain, by the one name of its controller.
func adConfig(c *directorytest.Controller) directory.ADConfig {
	return directory.ADConfig{
		Name: "trust", Domain: directorytest.Domain, Servers: []string{directorytest.ServerName},
		Computer: "RADIUS1", ComputerPassword: machinePassword, Roots: c.CA.Pool(), Dial: c.Dial,
		Attempt: 20 * time.Second, Total: 60 * time.Second,
	}
}

func newAD(t testing.TB, cfg directory.ADConfig) *directory.AD {
	t.Helper()
	a, err := directory.NewAD(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}
