//go:build !linux || !amd64

package wallclock

import (
	"fmt"
	"os/exec"
	"runtime"
)

// Start says that there are instructions for one processor only.
func Start(*exec.Cmd) (*Clock, error) {
	return nil, fmt.Errorf("%w: on %s/%s", ErrCannot, runtime.GOOS, runtime.GOARCH)
}
