package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"causeway/radiusd/daemon"
)

// runServe runs the server until SIGTERM or SIGINT, reloads on SIGHUP, or on SIGUSR2 even
// where that moves people to another zone, and lists unknown controllers in its log on
// SIGUSR1.
func runServe(args []string, _, errs io.Writer) int {
	f := flags("serve", errs)
	path := f.String("c", "/etc/radiusd/config.toml", "the configuration `file`")
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(words) > 0 {
		fmt.Fprintf(errs, "radiusd serve: what is %q? The configuration follows -c\n", words[0])
		return exitUsage
	}
	keepHeap()
	// From here to the end of the process: SIGHUP must not end a server that is
	// starting or draining.
	hangups := make(chan os.Signal, 2)
	signal.Notify(hangups, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	server, err := daemon.Start(*path, daemon.Options{Log: os.Stderr})
	if err != nil {
		return complain(errs, "serve", err)
	}
	go server.OnSignals(ctx, hangups)
	if err := server.Serve(ctx); err != nil {
		fmt.Fprintf(errs, "radiusd serve: %v\n", err)
		return exitFailed
	}
	return exitGood
}

// runReload sends SIGHUP to a running server, or SIGUSR2. What came of it is in its log.
func runReload(args []string, out, errs io.Writer) int {
	f := flags("reload", errs)
	pid := f.Int("pid", 0, "the server's process `id`")
	move := f.Bool("move-zones", false, "even where a VLAN changes its zone under people who are on it")
	if _, code, ok := parse(f, args); !ok {
		return code
	}
	if *pid <= 1 {
		fmt.Fprintln(errs, "radiusd reload: name the server with --pid; under systemd use systemctl reload")
		return exitUsage
	}
	ask := syscall.SIGHUP
	if *move {
		ask = syscall.SIGUSR2
	}
	if err := signalServer(*pid, ask); err != nil {
		fmt.Fprintf(errs, "radiusd reload: %v\n", err)
		return exitFailed
	}
	fmt.Fprintf(out, "Asked process %d. Its log says \"reloaded\", or \"reload refused\" and why.\n", *pid)
	return exitGood
}

// servers are the commands that take signals: any other would end at one.
var servers = []string{"serve", "demo"}

// signalServer sends a signal to a running server, and to no other program.
func signalServer(pid int, what syscall.Signal) error {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if name := strings.TrimSpace(string(name)); err == nil && name != "radiusd" {
		return fmt.Errorf("process %d is %s, not radiusd; nothing was sent", pid, name)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if words := strings.Split(string(line), "\x00"); err == nil && (len(words) < 2 || !slices.Contains(servers, words[1])) {
		return fmt.Errorf("process %d is radiusd, but no server that runs; nothing was sent", pid)
	}
	if err := syscall.Kill(pid, what); err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	return nil
}
