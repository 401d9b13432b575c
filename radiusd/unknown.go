package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"causeway/radiusd/daemon"
	"causeway/radiusd/daemon/config"
)

// answerPatience is how long a running server may take to write its list.
const answerPatience = 5 * time.Second

// runUnknown lists the addresses that speak to a server and are not in its file. A server
// that runs is asked by a signal, and its answer stands in its log.
func runUnknown(args []string, out, errs io.Writer) int {
	f := flags("unknown", errs)
	path := f.String("c", "/etc/radiusd/config.toml", "with --pid: the server's configuration `file`, which says where its log is")
	pid := f.Int("pid", 0, "ask the running server with this process `id`")
	asJSON := f.Bool("json", false, "as JSON")
	words, code, ok := parse(f, args)
	switch {
	case !ok:
		return code
	case len(words) > 1, *pid == 0 && len(words) == 0, *pid != 0 && *pid <= 1:
		fmt.Fprintln(errs, "radiusd unknown: name the running server with --pid, or a log that it has written, - for standard input")
		return exitUsage
	}
	heard, err := unknown(*pid, *path, words)
	if err != nil {
		return complain(errs, "unknown", err)
	}
	write := printUnknown
	if *asJSON {
		write = jsonUnknown
	}
	if err := write(out, heard); err != nil {
		fmt.Fprintf(errs, "radiusd unknown: %v\n", err)
		return exitFailed
	}
	return exitGood
}

func unknown(pid int, path string, words []string) (*daemon.StrangerLog, error) {
	heard := daemon.NewStrangerLog()
	if pid == 0 && words[0] == "-" {
		return heard, hear(heard, bufio.NewReader(os.Stdin))
	}
	var name string
	if len(words) == 1 {
		name = words[0]
	} else {
		var err error
		if name, err = logOf(path); err != nil {
			return nil, err
		}
	}
	log, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the log: %w", err)
	}
	defer func() { _ = log.Close() }() // only read
	if pid == 0 {
		return heard, hear(heard, bufio.NewReader(log))
	}
	if _, err := log.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("the log: %w", err)
	}
	if err := signalServer(pid, syscall.SIGUSR1); err != nil {
		return nil, err
	}
	return heard, hearAnswer(heard, log)
}

// logOf is where a configuration has its server write the log.
func logOf(path string) (string, error) {
	file, err := config.Load(path, config.SecretsOptional)
	if err != nil {
		return "", err
	}
	if file.Log.File == "" {
		return "", fmt.Errorf("%s writes the log to standard error, where it cannot be read back. Under systemd: systemctl kill --signal=USR1 radiusd; sleep 1; journalctl -u radiusd -o cat --since -1min | radiusd unknown -", path)
	}
	return file.Log.File, nil
}

// hear reads a log to its end. From one that is no server's, or was read before the
// list was in it, it does not follow that nobody is there.
func hear(heard *daemon.StrangerLog, log *bufio.Reader) error {
	for {
		line, err := log.ReadString('\n')
		switch {
		case err == nil:
			heard.Hear(line)
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("the log: %w", err)
		case heard.Begun() && !heard.Whole():
			return errors.New("the log ends in the middle of the list: read it again in a moment, or ask the server again")
		case !heard.Tells():
			return errors.New("in these lines no server says who is unknown: ask it for its list (SIGUSR1, or --pid) and read the log a moment later, as the server wrote it (journalctl -o cat)")
		default:
			return nil
		}
	}
}

// hearAnswer reads what a server adds to its log until its list is whole. A line that is
// half written is waited for.
func hearAnswer(heard *daemon.StrangerLog, log io.Reader) error {
	lines, begun := bufio.NewReader(log), ""
	for limit := time.Now().Add(answerPatience); time.Now().Before(limit); {
		part, err := lines.ReadString('\n')
		begun += part
		switch {
		case err == nil:
			heard.Hear(begun)
			begun = ""
			if heard.Whole() {
				return nil
			}
		case errors.Is(err, io.EOF):
			const pause = 20 * time.Millisecond
			time.Sleep(pause)
		default:
			return fmt.Errorf("the log: %w", err)
		}
	}
	return fmt.Errorf("the server was asked and has not written its list to the log within %s: is this its log, and was it moved away just now?", answerPatience)
}

func printUnknown(out io.Writer, heard *daemon.StrangerLog) error {
	list := heard.All()
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "Nobody who is not in the file speaks to the server.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tPACKETS\tFIRST\tLAST\tSAYS IT IS")
	for _, u := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", u.Address, u.Packets, u.First, u.Last, strconv.Quote(u.SaysItIs)) // what a stranger says steers no terminal
	}
	if heard.Forgotten > 0 {
		fmt.Fprintf(w, "\n%d more were heard and forgotten since the start.\n", heard.Forgotten)
	}
	return w.Flush()
}

func jsonUnknown(out io.Writer, heard *daemon.StrangerLog) error {
	return document(out).Encode(map[string]any{"unknown": append([]daemon.Unknown{}, heard.All()...), "forgotten": heard.Forgotten}) // [] and not null for none
}
