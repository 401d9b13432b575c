package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"causeway/certs"
)

const certUsage = `radiusd cert makes what a small site or a test needs; a Trust with its own PKI uses that.

  radiusd cert init DIR --server NAME        an authority, and a certificate for the server NAME
  radiusd cert server DIR --server NAME      another server certificate from the same authority
  radiusd cert client DIR USER@REALM [--p12] a certificate for a person or a device
  radiusd cert device DIR NAME --dns NAME    a device's own, by whatever names the options give it
  radiusd cert peer DIR NAME                 one for a server, by its DNS name, to speak RadSec with others
  radiusd cert revoke DIR NAME               withdraws one, by its name, its .pem or its serial number
  radiusd cert crl DIR                       signs the list of withdrawn certificates anew

`

// runCert makes a private authority and what it issues. It never overwrites a
// certificate or a key.
func runCert(args []string, out, errs io.Writer) int {
	f := flags("cert", errs)
	var o certs.FolderOptions
	f.StringVar(&o.Name, "name", "", "the authority's `name`, as devices show it")
	f.StringVar(&o.CRL, "crl", "", "where the revocation list will be published, as a `URL`, or none")
	f.StringVar(&o.OCSP, "ocsp", "", "where an OCSP responder answers, as a `URL`")
	f.IntVar(&o.Days, "days", 0, "how many `days` the certificate lasts, or the list is good; 0 is the default")
	f.BoolVar(&o.P12, "p12", false, "write a .p12 for a device as well")
	server := f.String("server", "", "the server's DNS `names`, with commas between them; the first is its name")
	rsa := f.Bool("rsa", false, "an RSA key, for devices that know no ECDSA")
	f.BoolVar(&o.Both, "both", false, "a server certificate with an ECDSA key and one with an RSA key")
	f.BoolVar(&o.MustStaple, "must-staple", false, "the server's certificate promises an answer of OCSP in every handshake")
	legacy := f.Bool("legacy-p12", false, "a .p12 that old devices can read, weakly encrypted")
	lists := map[string]*[]string{"dns": &o.Names.DNS, "upn": &o.Names.UPN, "email": &o.Names.Mail, "uri": &o.Names.URI, "policy": &o.Policies}
	for name, meaning := range map[string]string{
		"dns": "DNS `names` of a client's certificate, with commas between them", "upn": "the same for user principal `names`",
		"email": "the same for mail `addresses`", "uri": "the same for `URIs`", "policy": "the same for `policies`, as 1.3.6.1.4.1.99999.1",
	} {
		f.Func(name, meaning, func(value string) error {
			*lists[name] = append(*lists[name], strings.Split(value, ",")...)
			return nil
		})
	}
	f.StringVar(&o.Names.SID, "sid", "", "the `SID` of the account in Active Directory, as S-1-5-21-…")
	f.StringVar(&o.Names.Serial, "serial", "", "the `serial` number in the subject: an asset tag")
	f.Usage = func() { fmt.Fprint(errs, certUsage); f.PrintDefaults() }
	words, code, ok := parse(f, args)
	if !ok {
		return code
	}
	o.Now = time.Now()
	if *server != "" {
		o.DNSNames = strings.Split(*server, ",")
	}
	if *rsa {
		o.Key = certs.RSA
	}
	if *legacy {
		o.P12, o.Form = true, certs.Legacy
	}
	report, known, err := makeCertificate(words, o)
	switch {
	case !known:
		f.Usage()
		return exitUsage
	case err != nil:
		fmt.Fprintf(errs, "radiusd cert %s: %v\n", words[0], err)
		return exitFailed
	}
	fmt.Fprint(out, report)
	if report.Password != "" {
		fmt.Fprintf(out, "\nThe password of the .p12, shown once: %s\n", report.Password.Reveal())
	}
	return exitGood
}

// makeCertificate does what the words ask; known is false when they ask nothing
// that there is.
func makeCertificate(words []string, o certs.FolderOptions) (report certs.Report, known bool, err error) {
	switch {
	case len(words) == 2 && words[0] == "init":
		report, err = certs.InitFolder(words[1], o)
	case len(words) == 2 && words[0] == "server":
		report, err = certs.ServerFolder(words[1], o)
	case len(words) == 2 && words[0] == "crl":
		report, err = certs.CRLFolder(words[1], o)
	case len(words) == 3 && words[0] == "client":
		report, err = certs.ClientFolder(words[1], words[2], o)
	case len(words) == 3 && words[0] == "device":
		report, err = certs.DeviceFolder(words[1], words[2], o)
	case len(words) == 3 && words[0] == "peer":
		report, err = certs.PeerFolder(words[1], words[2], o)
	case len(words) == 3 && words[0] == "revoke":
		report, err = certs.RevokeFolder(words[1], words[2], o)
	default:
		return report, false, nil
	}
	return report, true, err
}
