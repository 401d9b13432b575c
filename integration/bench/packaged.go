package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// packagedFreeRADIUS is where Debian puts the configuration that FreeRADIUS comes with.
const packagedFreeRADIUS = "/etc/freeradius/3.0"

// startPackagedFreeRADIUS runs Debian's as it comes, which is how most of them are run:
// all modules and policies of its default site, with a client, a home server and a realm
// added, as its documentation tells. Only where it listens and writes is changed, and
// whether it writes a line for each log-in.
func startPackagedFreeRADIUS(upstream string, lines bool) (*contender, error) {
	host, port, err := net.SplitHostPort(upstream)
	if err != nil {
		return nil, err
	}
	words := map[string]any{"host": host, "upstream": port, "lines": lines}
	return startPeer(words, packaged, freeradiusCommand)
}

// packaged copies Debian's configuration to a folder and fills it in.
func packaged(folder string, words map[string]any) error {
	if err := os.CopyFS(folder, os.DirFS(packagedFreeRADIUS)); err != nil {
		return fmt.Errorf("%w: the configuration that it comes with is not readable: run make deps, and this as root", err)
	}
	if err := os.Remove(filepath.Join(folder, "sites-enabled", "inner-tunnel")); err != nil {
		return err // it has a port of its own, and is for EAP alone
	}
	moved := map[string]string{
		packagedFreeRADIUS: folder, "/var/log/freeradius": folder, "${localstatedir}/run/${name}": folder,
		"user = freerad": "", "group = freerad": "",
	}
	if words["lines"] == true {
		moved["\tauth = no"] = "\tauth = yes"
	}
	return errors.Join(
		changed(filepath.Join(folder, "radiusd.conf"), moved),
		listensAt(filepath.Join(folder, "sites-enabled", "default"), words["port"].(int)),
		filled{"clients.conf": freeradiusClient, "proxy.conf": packagedProxy}.write(folder, words))
}

// changed puts words in the place of others in a file, and says which are not there.
func changed(file string, words map[string]string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for old, now := range words {
		if !strings.Contains(string(text), old) {
			return fmt.Errorf("%s: there is no %q in it: is it of another version?", file, old)
		}
		text = []byte(strings.ReplaceAll(string(text), old, now))
	}
	return os.WriteFile(file, text, 0o600)
}

// listening is a section of a site that says where it listens.
var listening = regexp.MustCompile(`(?ms)^listen \{.*?^\}`)

// listensAt lets a site listen for log-ins at one port alone.
func listensAt(site string, port int) error {
	text, err := os.ReadFile(site)
	if err != nil {
		return err
	}
	if !listening.Match(text) {
		return fmt.Errorf("%s: it listens nowhere: is it of another version?", site)
	}
	text = listening.ReplaceAll(text, nil)
	text = fmt.Appendf(text, "\nlisten {\n\ttype = auth\n\tipaddr = 127.0.0.1\n\tport = %d\n\tvirtual_server = default\n}\n", port)
	return os.WriteFile(site, text, 0o600)
}

const packagedProxy = "proxy server {\n\tdefault_fallback = no\n}\nrealm LOCAL {\n}\n" + freeradiusUpstream
