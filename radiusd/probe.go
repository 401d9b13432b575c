package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/radiusd/probe"
)

// exitUnprobed is for a command line, a file or an account with which nothing could be
// asked: of probe alone, whose 2 means silence, as monitoring has it.
const exitUnprobed = int(probe.Config)

// runProbe logs in through the servers of a federation or a partner and says what came
// back. It exits with the worst of it: 0 accept, 1 reject, 2 timeout, 3 not to be
// asked (R52).
func runProbe(args []string, out, errs io.Writer) int {
	f := flags("probe", errs)
	path := f.String("c", "/etc/radiusd/config.toml", "the configuration `file`")
	var o daemon.ProbeOrder
	f.StringVar(&o.User, "user", "", "log in as `user@realm` in the place of the file's account")
	f.StringVar(&o.Outer, "outer", "", "the `name` that the proxies see; without it the user's")
	password := f.String("password-file", "", "the `file` that holds the user's password, or - for standard input")
	f.StringVar(&o.Method, "method", "", "the user's `method`, as peap-mschapv2 or ttls-pap")
	ca := f.String("ca", "", "the PEM `file` of the authority of the home organisation's certificate")
	f.StringVar(&o.ServerName, "server-name", "", "the `name` in that certificate")
	f.DurationVar(&o.Patience, "timeout", probe.DefaultPatience, "how long one request may go unanswered, a `duration`")
	asJSON := f.Bool("json", false, "as JSON, a list with an object for each log-in")
	words, code, ok := parse(f, args)
	if !ok {
		return probed(code)
	}
	refuse := func(format string, args ...any) int {
		fmt.Fprintf(errs, "radiusd probe: "+format+"\n", args...)
		return exitUnprobed
	}
	if len(words) > 1 {
		return refuse("name one federation or partner, or NAME/SERVER; what is %q?", words[1])
	}
	if len(words) == 1 {
		o.Pool, o.Server, _ = strings.Cut(words[0], "/")
	}
	if (o.User == "") != (*password == "") {
		return refuse("say --user and --password-file together")
	}
	if o.User == "" && (o.Outer != "" || o.Method != "" || *ca != "" || o.ServerName != "") {
		return refuse("--outer, --method, --ca and --server-name are of the account that --user names")
	}
	if o.Patience < time.Millisecond || o.Patience > time.Minute {
		return refuse("a request may go unanswered for up to a minute, and not for %v", o.Patience)
	}
	o.Limit = max(probe.DefaultLimit, 3*o.Patience)
	if *ca != "" {
		o.CA = "file:" + *ca
	}
	var err error
	if o.Password, err = readPassword(*password); err != nil {
		return refuse("%v", err)
	}
	i, code := inspect("probe", []string{*path}, errs)
	if i == nil {
		return probed(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var reports []daemon.ProbeReport
	worst := probe.Accept
	err = i.Probe(ctx, o, func(r daemon.ProbeReport) {
		reports, worst = append(reports, r), max(worst, r.Result.Outcome)
	})
	if err == nil {
		err = tell(out, reports, *asJSON)
	}
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case err != nil:
		return refuse("%v", err)
	}
	if o.Pool == "" && o.User == "" { // all, as it seems
		for _, table := range i.Unprobed() {
			fmt.Fprintf(errs, "not asked: [%s], which has no test account in a [[%s.probe]]\n", table, table)
		}
	}
	return int(worst)
}

// probed turns the exit code of any command into one of probe's.
func probed(code int) int {
	if code == exitGood {
		return code
	}
	return exitUnprobed
}

// readPassword reads a password that stands alone in a file; the newline at its end
// is none of it.
func readPassword(path string) (certs.Secret, error) {
	const most = 4096
	from := os.Stdin
	switch path {
	case "":
		return "", nil
	case "-":
	default:
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer func() { _ = file.Close() }() // read only: nothing to lose
		from = file
	}
	text, err := io.ReadAll(io.LimitReader(from, most))
	if err != nil {
		return "", fmt.Errorf("the password in %s: %w", path, err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", fmt.Errorf("there is no password in %s", path)
	}
	return certs.Secret(password), nil
}

// A probeLine is one log-in, for machines. Its names are stable.
type probeLine struct {
	Pool        string           `json:"pool"`
	Server      string           `json:"server"`
	Address     string           `json:"address"`
	Transport   string           `json:"transport"`
	User        string           `json:"user"`
	Outcome     string           `json:"outcome"` // accept, reject, timeout, config
	Reason      string           `json:"reason,omitempty"`
	Words       string           `json:"words"`
	Message     string           `json:"reply_message,omitempty"`
	Rounds      int              `json:"rounds"`
	Retransmits int              `json:"retransmits,omitempty"`
	Millis      float64          `json:"duration_ms"`
	TLS         string           `json:"tls,omitempty"`
	Certificate *certificateLine `json:"certificate,omitempty"`
}

// A certificateLine is the server certificate as it was seen inside EAP.
type certificateLine struct {
	Subject     string    `json:"subject"`
	Names       []string  `json:"names,omitempty"`
	Issuer      string    `json:"issuer"`
	From        time.Time `json:"not_before"`
	Until       time.Time `json:"not_after"`
	Fingerprint string    `json:"sha256"`
}

func tell(out io.Writer, reports []daemon.ProbeReport, asJSON bool) error {
	if asJSON {
		lines := make([]probeLine, len(reports))
		for i, r := range reports {
			lines[i] = lineOf(r)
		}
		return document(out).Encode(lines)
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := tellOne(out, r); err != nil {
			return err
		}
	}
	return table(out, reports)
}

// tellOne says what came of one log-in, in words: whole sentences do not fit a table.
func tellOne(out io.Writer, r daemon.ProbeReport) error {
	_, err := fmt.Fprintf(out, "%s/%s (%s): %s\n  %s.\n", r.Pool, r.Server, r.User, r.Result.Outcome, printable(r.Result.Words))
	if c := r.Result.Certificate; err == nil && c != nil {
		_, err = fmt.Fprintf(out, "  certificate %s, issued by %s, until %s\n", printable(probe.Subject(c)), printable(issuer(c)), c.NotAfter.UTC().Format(time.DateOnly))
	}
	return err
}

func table(out io.Writer, reports []daemon.ProbeReport) error {
	if len(reports) > 0 {
		fmt.Fprintln(out)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVER\tADDRESS\tTRANSPORT\tRESULT\tREASON\tROUND TRIPS\tTIME\tCERTIFICATE UNTIL")
	for _, r := range reports {
		reason, until := string(r.Result.Reason), "-"
		if reason == "" {
			reason = "-"
		}
		if c := r.Result.Certificate; c != nil {
			until = c.NotAfter.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%s\t%d\t%d ms\t%s\n", r.Pool, r.Server, r.Address, r.Transport, r.Result.Outcome, reason,
			r.Result.Rounds, r.Result.Duration.Milliseconds(), until)
	}
	return w.Flush()
}

func lineOf(r daemon.ProbeReport) probeLine {
	l := probeLine{
		Pool: r.Pool, Server: r.Server, Address: r.Address, Transport: r.Transport, User: r.User,
		Outcome: r.Result.Outcome.String(), Reason: string(r.Result.Reason), Words: r.Result.Words, Message: r.Result.Message,
		Rounds: r.Result.Rounds, Retransmits: r.Result.Retransmits, Millis: float64(r.Result.Duration.Microseconds()) / 1000, TLS: r.Result.TLS,
	}
	if c := r.Result.Certificate; c != nil {
		l.Certificate = &certificateLine{
			Subject: c.Subject.String(), Names: c.DNSNames, Issuer: c.Issuer.String(),
			From: c.NotBefore.UTC(), Until: c.NotAfter.UTC(), Fingerprint: certs.Fingerprint(c),
		}
	}
	return l
}

func issuer(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return c.Issuer.CommonName
	}
	return c.Issuer.String()
}

// printable is text that tells a terminal to do nothing: what came back is a
// stranger's.
func printable(text string) string {
	quoted := strconv.QuoteToGraphic(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
