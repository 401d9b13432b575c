package directorytest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	ldap "github.com/go-ldap/ldap/v3"
	"golang.org/x/sys/unix"

	"causeway/certs"
)

// Ports of a domain controller. LDAP's are what Samba insists on; it has them in a
// network of its own.
const (
	PortLDAP           = 389
	PortLDAPS          = 636
	PortEndpointMapper = 135
	PortNetlogon       = 49152 // where its RPC listens; asking the endpoint mapper finds it
)

// Names of the domain that a controller is provisioned for.
const (
	Domain     = Realm
	NetBIOS    = "NORTHBRIDGE"
	DomainBase = "DC=northbridge,DC=nhs,DC=uk"
	AdminDN    = "CN=Administrator,CN=Users," + DomainBase
	ServerName = "dc1." + Domain // in its certificate
)

// ErrNoController is why there is no domain controller here: Samba is not
// installed, or the machine gives nobody a network namespace.
var ErrNoController = errors.New("no domain controller can run here")

//go:embed provision.py
var provision []byte

// A Controller is Debian's Samba as an Active Directory domain controller: a new
// domain in a folder of its own, in namespaces of its own, on their loopback
// alone. It ends when Close is called, or with the process that started it.
type Controller struct {
	CA            *certs.Authority // of its certificate
	AdminPassword certs.Secret

	dir     string
	cmd     *exec.Cmd
	stdin   io.Closer // Samba ends when it is closed
	out     *transcript
	network *os.File // its network namespace
	ended   chan struct{}
}

// NewController provisions and starts a domain controller, which takes a few
// seconds. Options are lines of its smb.conf. Its error wraps [ErrNoController]
// where none can run.
func NewController(options ...string) (*Controller, error) {
	for _, path := range []string{samba, python} {
		if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
			return nil, fmt.Errorf("%w: %s is missing: run make deps", ErrNoController, path)
		}
	}
	dir, err := os.MkdirTemp("", "dc")
	if err != nil {
		return nil, err
	}
	c := &Controller{dir: dir, out: new(transcript), ended: make(chan struct{}), AdminPassword: certs.Secret("Aa1." + rand.Text())}
	if err := c.settle(options); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := c.start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := c.await(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

const (
	samba  = "/usr/sbin/samba"
	python = "/usr/bin/python3" // Debian's, which has Samba's modules
)

// settle writes what provisioning starts from.
func (c *Controller) settle(options []string) (err error) {
	if c.CA, err = certs.NewAuthority("Northbridge domain", time.Now(), certs.Options{}); err != nil {
		return err
	}
	pair, err := c.CA.Server([]string{ServerName}, certs.Options{})
	if err != nil {
		return err
	}
	for _, name := range []string{"etc", "lock", "run", "cache", "state", "tls"} {
		if err := os.Mkdir(filepath.Join(c.dir, name), 0o700); err != nil {
			return err
		}
	}
	conf := strings.ReplaceAll(`[global]
	netbios name = DC1
	realm = `+strings.ToUpper(Domain)+`
	workgroup = `+NetBIOS+`
	server role = active directory domain controller
	server services = rpc, ldap
	dcerpc endpoint servers = epmapper, netlogon
	rpc server port = `+strconv.Itoa(PortNetlogon)+`
	bind interfaces only = yes
	interfaces = 127.0.0.1/8
	ntlm auth = mschapv2-and-ntlmv2-only
	tls keyfile = DIR/tls/key.pem
	tls certfile = DIR/tls/cert.pem
	tls cafile =
	ldb:nosync = true
	log file = DIR/log
	binddns dir = DIR/bind-dns
	cache directory = DIR/cache
	lock directory = DIR/lock
	pid directory = DIR/run
	ncalrpc dir = DIR/ncalrpc
	ntp signd socket directory = DIR/ntp
	private dir = DIR/private
	state directory = DIR/state
	`+strings.Join(options, "\n\t")+`
[sysvol]
	path = DIR/state/sysvol
[netlogon]
	path = DIR/state/sysvol/scripts
`, "DIR", c.dir)
	for name, text := range map[string]string{
		"etc/smb.conf": conf, "tls/cert.pem": string(pair.CertPEM), "tls/key.pem": pair.KeyPEM.Reveal(), "provision.py": string(provision),
	} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// start provisions and runs Samba, as the first process of namespaces that end
// with it.
func (c *Controller) start() error {
	c.cmd = exec.Command("/bin/sh", "-ec", `
		ip link set lo up
		"$1" "$3/provision.py" "$3/etc/smb.conf" "$3" "$4" "$5" "$6" </dev/null
		exec "$2" -s "$3/etc/smb.conf" -i --no-process-group -M prefork
	`, "sh", python, samba, c.dir, strings.ToUpper(Domain), NetBIOS, c.AdminPassword.Reveal())
	c.cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID, Setpgid: true}
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return err
	}
	c.stdin = stdin
	if err := c.cmd.Start(); err != nil {
		for _, refusal := range []error{syscall.EPERM, syscall.EINVAL, syscall.ENOSYS, syscall.ENOSPC} {
			if errors.Is(err, refusal) {
				return fmt.Errorf("%w: a namespace cannot be made: %w", ErrNoController, err)
			}
		}
		return err
	}
	go func() {
		_ = c.cmd.Wait() // it is killed in the end
		close(c.ended)
	}()
	c.network, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", c.cmd.Process.Pid))
	if err != nil {
		c.Close()
	}
	return err
}

// await waits until every port answers.
func (c *Controller) await() error {
	limit := time.Now().Add(time.Minute)
	for _, port := range []int{PortLDAPS, PortLDAP, PortEndpointMapper, PortNetlogon} {
		for {
			conn, err := c.DialPort(context.Background(), port)
			if err == nil {
				_ = conn.Close()
				break
			}
			select {
			case <-c.ended:
				return fmt.Errorf("the domain controller ended by itself:\n%s", c.out)
			default:
			}
			if time.Now().After(limit) {
				return fmt.Errorf("the domain controller does not answer on port %d: %w\n%s", port, err, c.out)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// Close ends the controller and everything it has started, stopped or not, and
// removes its folder.
func (c *Controller) Close() {
	_ = c.stdin.Close()
	_ = c.cmd.Process.Kill() // the first of its namespace: the kernel ends the others
	<-c.ended
	if c.network != nil {
		_ = c.network.Close()
	}
	_ = os.RemoveAll(c.dir)
}

// Stop stops all its processes where they are: connections are accepted and
// nothing is answered.
func (c *Controller) Stop() error { return syscall.Kill(-c.cmd.Process.Pid, syscall.SIGSTOP) }

// Continue lets them go on.
func (c *Controller) Continue() error { return syscall.Kill(-c.cmd.Process.Pid, syscall.SIGCONT) }

// Output is what Samba printed.
func (c *Controller) Output() string { return c.out.String() }

// DialPort connects to a port of the controller.
func (c *Controller) DialPort(ctx context.Context, port int) (net.Conn, error) {
	return c.Dial(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// Dial connects in the controller's network, whatever host the address names.
func (c *Controller) Dial(ctx context.Context, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	type dialled struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialled, 1)
	go func() {
		// A socket belongs to the network of the thread that made it.
		runtime.LockOSThread()
		here, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- dialled{err: err}
			return
		}
		defer func() { _ = here.Close() }()
		if err := unix.Setns(int(c.network.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- dialled{err: err}
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
		if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back == nil {
			runtime.UnlockOSThread() // else the thread ends with this goroutine
		}
		done <- dialled{conn, err}
	}()
	d := <-done
	return d.conn, d.err
}

// Admin opens an LDAP connection as the domain's administrator.
func (c *Controller) Admin() (*ldap.Conn, error) {
	raw, err := c.DialPort(context.Background(), PortLDAPS)
	if err != nil {
		return nil, err
	}
	conn := ldap.NewConn(tls.Client(raw, &tls.Config{RootCAs: c.CA.Pool(), ServerName: ServerName, MinVersion: tls.VersionTLS12}), true)
	conn.Start()
	if err := conn.Bind(AdminDN, c.AdminPassword.Reveal()); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// A transcript keeps what a process prints.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(slices.Clone(t.text.Bytes()))
}
