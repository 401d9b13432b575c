package daemon

import (
	"os"
	"runtime"
)

// aside does long work while log-ins are answered. Where Go has one processor only, the
// work would hold each of them up for the ten milliseconds after which Go takes turns, at
// every step of its way. So it gets one more for that time: the kernel shares the core out
// then, in favour of those who waited.
func aside(work func()) {
	if runtime.GOMAXPROCS(0) > 1 {
		work()
		return
	}
	runtime.GOMAXPROCS(2)
	defer func() {
		if os.Getenv("GOMAXPROCS") != "" {
			runtime.GOMAXPROCS(1)
			return
		}
		runtime.SetDefaultGOMAXPROCS() // and goes on following the container's limits
	}()
	work()
}
