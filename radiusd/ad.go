package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"causeway/certs"
	"causeway/radiusd/daemon"
	"causeway/realms"
	"causeway/realms/directory"
)

const adUsage = `radiusd ad makes this server a member of an Active Directory domain, and says how it is received there.

  radiusd ad join --domain NAME --admin USER   make a computer account and write its password to a file
  radiusd ad test FILE [--user USER@REALM]     ask every domain controller of a configuration

`

// runAD deals with an Active Directory domain. No password is ever taken from the
// command line, where every process could read it.
func runAD(args []string, out, errs io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "join":
			return runJoin(args[1:], out, errs)
		case "test":
			return runADTest(args[1:], out, errs)
		}
	}
	fmt.Fprint(errs, adUsage)
	if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		return exitGood
	}
	return exitUsage
}

// patient is how long one domain controller may take where somebody waits in front of
// a terminal.
const patient = 10 * time.Second

// A joining is what the command line says of one.
type joining struct {
	domain, computer, admin, password, servers, ca, serverName, ou, file string
	startTLS, takeOver                                                   bool
	netlogonPort                                                         int
}

func (j *joining) flags(errs io.Writer) *flag.FlagSet {
	f := flags("ad join", errs)
	host, _ := os.Hostname()
	short, _, _ := strings.Cut(strings.ToUpper(host), ".")
	f.StringVar(&j.domain, "domain", "", "the domain's `name` in DNS, as northbridge.nhs.uk")
	f.StringVar(&j.computer, "computer", short[:min(len(short), 15)], "the computer account's `name`; each server has its own")
	f.StringVar(&j.admin, "admin", "", "who may make computer accounts: `user`@domain")
	f.StringVar(&j.password, "password", "", "where the administrator's password is, file:/path or env:NAME; it is asked for otherwise")
	f.StringVar(&j.servers, "server", "", "domain controllers by `name`, with commas between them; DNS is asked otherwise")
	f.StringVar(&j.ca, "ca", "", "the authority of their certificates, file:/path; the system's otherwise")
	f.StringVar(&j.serverName, "server-name", "", "the `name` in their certificates, where it is another")
	f.StringVar(&j.ou, "ou", "", "where the account is made, as OU=Servers,DC=northbridge,DC=nhs,DC=uk")
	f.StringVar(&j.file, "out", "", "the `file` for the account's password; /etc/radiusd/COMPUTER.password otherwise")
	f.BoolVar(&j.startTLS, "starttls", false, "LDAP on port 389 with StartTLS, in place of 636")
	f.BoolVar(&j.takeOver, "take-over", false, "use a computer account that is there already, and give it a new password")
	f.IntVar(&j.netlogonPort, "netlogon-port", 0, "the `port` of Netlogon, where it is a fixed one")
	return f
}

func runJoin(args []string, out, errs io.Writer) int {
	var j joining
	f := j.flags(errs)
	words, code, ok := parse(f, args)
	switch {
	case !ok:
		return code
	case len(words) > 0 || j.domain == "" || j.admin == "" || j.computer == "":
		fmt.Fprint(errs, adUsage)
		f.PrintDefaults()
		return exitUsage
	}
	if err := j.join(out, errs); err != nil {
		fmt.Fprintf(errs, "radiusd ad join: %v\n", err)
		if errors.Is(err, directory.ErrComputerExists) {
			fmt.Fprintln(errs, "give another --computer, or --take-over if this account is to be ours: whoever uses it now loses it")
		}
		return exitFailed
	}
	return exitGood
}

// join writes the password down before the domain has it: one that nobody kept would
// be lost.
func (j *joining) join(out, errs io.Writer) error {
	j.computer = strings.ToUpper(strings.TrimSuffix(j.computer, "$"))
	if j.file == "" {
		j.file = "/etc/radiusd/" + j.computer + ".password"
	}
	path, err := filepath.Abs(j.file)
	if err != nil {
		return err
	}
	roots, err := certs.ReadAuthorities(j.ca)
	if err != nil {
		return err
	}
	secret, err := askPassword(j.password, "Password of "+j.admin+": ", errs)
	if err != nil {
		return err
	}
	password := directory.NewComputerPassword()
	keep, discard, err := writeAside(path, password, j.takeOver)
	if err != nil {
		return err
	}
	defer discard()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	report, err := directory.Join(ctx, directory.JoinRequest{
		AD: directory.ADConfig{
			Name: "trust", Domain: j.domain, Servers: split(j.servers), Computer: j.computer, ComputerPassword: password,
			Bind: j.admin, Password: secret, StartTLS: j.startTLS, Roots: roots, ServerName: j.serverName, NetlogonPort: j.netlogonPort,
			Attempt: patient, Total: 6 * patient,
		},
		OU: j.ou, TakeOver: j.takeOver,
	})
	if report.Server != "" { // the domain has the password
		if err := keep(); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	j.tell(out, path, report)
	return nil
}

// tell prints what was done and what to write.
func (j *joining) tell(out io.Writer, path string, report directory.JoinReport) {
	what := "taken over"
	if report.Made {
		what = "made"
	}
	fmt.Fprintf(out, "# %s was %s at %s, and its secure channel opens.\n", report.DN, what, report.Server)
	fmt.Fprintf(out, "# Its password is in %s, for the server's account alone.\n\n", path)
	fmt.Fprintf(out, "[directory.trust]\nkind              = \"ad\"\ndomain            = %q\ncomputer          = %q\ncomputer_password = %q\n", j.domain, j.computer, "file:"+path)
	line := func(key string, value any) { fmt.Fprintf(out, "%-17s = %v\n", key, value) }
	if j.servers != "" {
		line("servers", "["+quotedList(split(j.servers))+"]")
	}
	if j.ca != "" {
		line("ca", fmt.Sprintf("%q", j.ca))
	}
	if j.serverName != "" {
		line("server_name", fmt.Sprintf("%q", j.serverName))
	}
	if j.startTLS {
		line("starttls", true)
	}
	if j.netlogonPort != 0 {
		line("netlogon_port", j.netlogonPort)
	}
}

func quotedList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(quoted, ", ")
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// writeAside writes a password beside the file that is to hold it. keep puts it
// there, discard takes it away unless it was kept. A file that is there is kept too,
// unless it is to be replaced.
func writeAside(path string, password certs.Secret, replace bool) (keep func() error, discard func(), err error) {
	if _, err := os.Lstat(path); err == nil && !replace {
		return nil, nil, fmt.Errorf("%s is there already: name another with --out, or move it away", path)
	}
	aside, err := os.OpenFile(path+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("the file for the password: %w", err)
	}
	discard = func() { _ = os.Remove(aside.Name()) } // it may have been kept
	_, err = aside.WriteString(password.Reveal() + "\n")
	if err == nil {
		err = aside.Sync()
	}
	if closing := aside.Close(); err == nil {
		err = closing
	}
	if err != nil {
		discard()
		return nil, nil, err
	}
	return func() error { return os.Rename(aside.Name(), path) }, discard, nil
}

// askPassword reads a password from where it is said to be, from the terminal without
// showing it, or as a line of standard input.
func askPassword(ref, prompt string, errs io.Writer) (certs.Secret, error) {
	if ref != "" {
		secret, source, err := certs.ReadSecret(ref)
		if source == certs.Literal {
			return "", errors.New("write file:/path or env:NAME in --password, never the password itself: every process can read a command line")
		}
		return secret, err
	}
	if stdin := int(os.Stdin.Fd()); term.IsTerminal(stdin) {
		fmt.Fprint(errs, prompt)
		text, err := term.ReadPassword(stdin)
		fmt.Fprintln(errs)
		return certs.Secret(text), err
	}
	return firstLine(os.Stdin)
}

// runADTest asks the domain controllers of a configuration.
func runADTest(args []string, out, errs io.Writer) int {
	f := flags("ad test", errs)
	user := f.String("user", "", "also judge the password of `user@realm`, which is asked for")
	ref := f.String("password", "", "where that password is, file:/path or env:NAME")
	words, code, ok := parse(f, args)
	switch {
	case !ok:
		return code
	case len(words) != 1:
		fmt.Fprint(errs, adUsage)
		return exitUsage
	}
	domains, err := daemon.Domains(words[0])
	if err != nil {
		fmt.Fprintln(errs, err)
		return exitBadConfig
	}
	if len(domains) == 0 {
		fmt.Fprintf(errs, "radiusd ad test: %s has no directory of kind \"ad\"\n", words[0])
		return exitFailed
	}
	var password certs.Secret
	if *user != "" {
		if password, err = askPassword(*ref, "Password of "+*user+": ", errs); err != nil {
			fmt.Fprintf(errs, "radiusd ad test: %v\n", err)
			return exitFailed
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	code = exitGood
	for _, cfg := range domains {
		if !examine(ctx, cfg, *user, password, out) {
			code = exitFailed
		}
	}
	return code
}

// examine prints how one domain receives us, and says whether all is well.
func examine(ctx context.Context, cfg directory.ADConfig, user string, password certs.Secret, out io.Writer) bool {
	fmt.Fprintf(out, "directory %s: domain %s, as %s$\n", cfg.Name, cfg.Domain, strings.ToUpper(strings.TrimSuffix(cfg.Computer, "$")))
	cfg.Attempt, cfg.Total = patient, 6*patient
	d, err := directory.NewAD(cfg)
	if err != nil {
		fmt.Fprintf(out, "  %v\n", err)
		return false
	}
	defer d.Close()
	reports, err := d.Examine(ctx)
	if err != nil {
		fmt.Fprintf(out, "  %v\n", err)
		return false
	}
	well := true
	for _, r := range reports {
		fmt.Fprintf(out, "  %-32s LDAP %s\n  %-32s Netlogon %s\n", r.Host, verdict(r.LDAP, r.LDAPTook), "", verdict(r.Netlogon, r.NetlogonTook))
		well = well && r.LDAP == nil && r.Netlogon == nil
		if r.ClockAhead.Abs() > tolerableSkew {
			fmt.Fprintf(out, "  %-32s its clock is %v from ours: correct the one that is wrong\n", "", r.ClockAhead)
			well = false
		}
	}
	if user == "" {
		return well
	}
	return try(ctx, d, user, password, out) && well
}

// tolerableSkew is what Windows puts up with.
const tolerableSkew = 5 * time.Minute

func verdict(err error, took time.Duration) string {
	if err == nil {
		return fmt.Sprintf("good, in %v", took.Round(time.Millisecond))
	}
	return err.Error()
}

// try prints what the domain says of a password in both ways.
func try(ctx context.Context, d *directory.AD, user string, password certs.Secret, out io.Writer) bool {
	id, err := realms.ParseIdentity(user)
	if err != nil {
		fmt.Fprintf(out, "  %v\n", err)
		return false
	}
	t := daemon.TryPassword(ctx, d, id, password)
	say := func(how string, err error) {
		text := "good"
		if err != nil {
			text = err.Error()
		}
		fmt.Fprintf(out, "  %-32s %s\n", user+" by "+how, text)
	}
	say("a bind (TTLS-PAP)", t.Bind)
	say("MSCHAPv2 (PEAP)", t.MSCHAPv2)
	if t.Bind == nil && errors.Is(t.MSCHAPv2, realms.ErrBadPassword) {
		fmt.Fprintln(out, "  The password is right and MSCHAPv2 is refused: the domain controllers do not take it.")
		fmt.Fprintln(out, "  At Samba write \"ntlm auth = mschapv2-and-ntlmv2-only\" into smb.conf; at Windows look at \"Restrict NTLM\" and Protected Users.")
	}
	if t.Bind == nil || t.MSCHAPv2 == nil {
		fmt.Fprintf(out, "  account %s, groups %s\n", t.Account.Name, strings.Join(t.Account.Groups, ", "))
		if t.Account.GroupsUnknown {
			fmt.Fprintln(out, "  there may be more groups: the directory did not say all")
		}
	}
	return t.Bind == nil && t.MSCHAPv2 == nil
}
