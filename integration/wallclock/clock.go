// Package wallclock runs a program whose clock on the wall can be made to jump, while the
// machine's own stays as it is (F17): the jumps of a virtual machine that resumes, or of
// NTP that steps.
//
// A program asks the time of the vDSO, code that the kernel maps into each process. The
// package starts the program stopped at its first instruction, which takes ptrace, and
// writes a few instructions of its own over clock_gettime there. They ask the kernel, and
// add to the answer, if CLOCK_REALTIME was asked for, the seconds that stand behind them.
// A jump writes these. Nothing traces the program from then on or slows it down, and
// CLOCK_MONOTONIC is the kernel's own.
package wallclock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrCannot says that clocks cannot jump here, and wraps why: on another processor than
// amd64, or where a container forbids ptrace or writing another process's memory.
var ErrCannot = errors.New("the clock of a program cannot be made to jump here")

// A Clock is the one that a program reads on the wall.
type Clock struct {
	memory *os.File // of the program
	ahead  int64    // the address of the seconds that are added
}

// Set has the program's clock on the wall differ from the machine's by so many whole
// seconds.
func (c *Clock) Set(ahead time.Duration) error {
	seconds := binary.NativeEndian.AppendUint64(nil, uint64(ahead/time.Second)) //nolint:gosec // two's complement
	if _, err := c.memory.WriteAt(seconds, c.ahead); err != nil {
		return fmt.Errorf("%w: %w", ErrCannot, err)
	}
	return nil
}

// Close lets go of the program, whose clock stays as it is.
func (c *Clock) Close() error { return c.memory.Close() }
