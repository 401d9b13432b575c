package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// runVersion prints what was built, so that a report from a ward can name it.
func runVersion(_ []string, out, _ io.Writer) int {
	fmt.Fprintf(out, "causeway radiusd %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitGood
}

// version is the module's version and the revision that was built.
func version() string {
	version := "(source)"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				version += " " + s.Value
			}
		}
	}
	return version
}
