package daemon

import (
	"fmt"
	"net"
	"os"
	"time"
)

// notify tells systemd how the service is doing (sd_notify(3)); without
// NOTIFY_SOCKET it does nothing. A message that does not arrive costs nothing
// but the message, so its error is not the caller's business.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.DialTimeout("unixgram", path, time.Second)
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte(state))
	_ = conn.Close()
}

// The states of sd_notify(3). RELOADING needs the monotonic clock beside it.
const (
	stateReady    = "READY=1"
	stateStopping = "STOPPING=1"
)

func stateReloading(sinceBoot time.Duration) string {
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", sinceBoot.Microseconds())
}
