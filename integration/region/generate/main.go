// Command generate writes the example region to standard output, for radiusd check to
// read and prove. Its certificates are not there, which is a warning.
//
//	go run ./integration/region/generate > region.toml
package main

import (
	"flag"
	"fmt"

	"causeway/integration/region"
)

const head = `version = 1
[server]
name = "Northbridge region"
[eap]
methods     = ["tls", "ttls", "teap", "pap"]
certificate = "file:radius.pem"
private_key = "file:radius.key"
client_ca   = "file:device-ca.pem"
[directory.trust]
kind = "file"
path = "users.toml"
[log]
format = "json"
`

func main() {
	r := region.Whole
	r.Head, r.Secret = head, "file:secret.txt"
	flag.Uint64Var(&r.Seed, "seed", r.Seed, "another `number` gives another region")
	flag.IntVar(&r.Sites, "sites", r.Sites, "how `many` sites")
	flag.IntVar(&r.VLANs, "vlans", r.VLANs, "how `many` VLANs")
	flag.IntVar(&r.Rules, "rules", r.Rules, "how `many` rules")
	flag.IntVar(&r.Realms, "realms", r.Realms, "how `many` realms, half of them ours")
	flag.Parse()
	fmt.Print(r.Text())
}
