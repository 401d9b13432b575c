package transport

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
)

// A Panic reports a handler that panicked. It ended one request, which got no
// reply. It holds no octet of the packet and no argument of a function: the
// value of a panic may be built from either (S17), so a runtime error gives its
// text and anything else its type.
type Panic struct {
	Client string
	From   netip.AddrPort
	What   string
	Stack  string // function and file:line, a frame a line, the innermost first
}

// NewPanic describes a panic in the handling of a request; the deferred function
// that recovered the value calls it.
func NewPanic(req *Request, value any) Panic {
	p := Panic{Client: req.Client.Name, From: req.From}
	p.What, p.Stack = Recovered(value)
	return p
}

// Recovered describes a panic of anybody's, as a [Panic] does.
func Recovered(value any) (what, at string) {
	what = fmt.Sprintf("%T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	return what, stack()
}

func stack() string {
	var callers [64]uintptr
	const skip = 6 // runtime.Callers, stack, Recovered, NewPanic, who recovered, the deferred function
	frames := runtime.CallersFrames(callers[:runtime.Callers(skip, callers[:])])
	var b strings.Builder
	for {
		frame, more := frames.Next()
		if frame.Function != "" {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return b.String()
		}
	}
}
