package wallclock

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestMain is the program as well: it says what time it is and how long it has run, when
// it is asked.
func TestMain(m *testing.M) {
	if os.Getenv("CLOCK_TEST_READS") == "" {
		os.Exit(m.Run())
	}
	began := time.Now()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(time.Now().Unix(), int64(time.Since(began)))
	}
}

// A program sees the wall's clock jump there and back; for its monotonic clock, on which
// its waits stand, nothing happens.
func TestAClockJumps(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CLOCK_TEST_READS=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c, err := Start(cmd)
	if errors.Is(err, ErrCannot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		_ = c.Close()
	}()
	for _, ahead := range []time.Duration{0, 24 * time.Hour, -24 * time.Hour, 0} {
		if err := c.Set(ahead); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		var wall, ran int64
		if _, err := fmt.Fscan(out, &wall, &ran); err != nil {
			t.Fatal(err)
		}
		off := time.Unix(wall, 0).Sub(time.Now().Add(ahead))
		if off.Abs() > 10*time.Second || ran < 0 || time.Duration(ran) > time.Since(began) {
			t.Errorf("with a clock %v ahead it is off by %v, and it has run for %v of %v", ahead, off, time.Duration(ran), time.Since(began))
		}
	}
}
