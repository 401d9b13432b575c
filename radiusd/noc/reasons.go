package noc

// Whose fault a failure is, as far as a machine can say.
const (
	User    = "user"    // the person: a password, a name, a choice of network
	Device  = "device"  // the phone or laptop: its settings, its certificate, its software
	Ours    = "ours"    // this server, its configuration, our directory
	Theirs  = "theirs"  // another organisation: a partner, a visitor's home, a federation
	Network = "network" // radio, controllers, the way between
)

// A Reason is a row of the closed table of failures. docs/runbook.md has a heading
// for each, with causes and remedies.
type Reason struct {
	Code     string // as events carry it
	Fault    string // User, Device, Ours, Theirs or Network
	Sentence string // what happened, for somebody who knows no RADIUS
	Next     string // the next step
}

// reasons is the table. A new reason is a row here and a heading in
// docs/runbook.md.
var reasons = []Reason{
	// The directory.
	{"unknown-user", User, "Nobody of that name is in the directory.", "Check the spelling of the user name with the caller, then whether the account exists."},
	{"ambiguous-user", Ours, "The directory has more than one account that fits the name.", "Ask the directory team to make the name belong to one account."},
	{"bad-password", User, "The password is wrong.", "Ask the caller to forget the network on the device, join again and type the password afresh."},
	{"empty-password", Device, "The device sent an empty or unusable password.", "Ask the caller to forget the network, join again and type the password."},
	{"account-disabled", User, "The account is disabled.", "Send the caller to the service desk: only the account team may enable it."},
	{"placement-not-started", User, "The placement has not begun yet.", "Tell the caller the first day, which the detail names; the sponsor can have another account made."},
	{"placement-ended", User, "The placement is over, or was ended by its sponsor.", "Send the caller to the sponsor: radiusd placement list names them, and extend needs an approver."},
	{"account-expired", User, "The account's end date has passed.", "Send the caller to the service desk, who extend it with the manager's word."},
	{"account-locked", User, "The account is locked after too many wrong passwords.", "Find the device that still uses an old password, then have the account unlocked."},
	{"guarded", User, "Too many wrong passwords: this server refuses for a while, so that the directory does not lock the account.", "Find the device that still uses an old password; the log line says when the wait ends."},
	{"password-expired", User, "The password has expired.", "Ask the caller to change it on a wired computer or in the portal, then join again."},
	{"password-must-change", User, "The password must be changed before first use.", "Ask the caller to change it on a wired computer or in the portal, then join again."},
	{"logon-hours", User, "The account may not log on at this hour.", "Send the caller to the service desk: the account's log-on hours decide."},
	{"logon-workstation", User, "The account may log on at named computers only.", "Ask the directory team to allow Wi-Fi for this account, or give the caller another."},
	{"account-restricted", Ours, "The directory keeps this account from logging on with a password here.", "Ask the directory team whether the account is in Protected Users or under an authentication policy."},
	{"directory-unreachable", Ours, "No directory server answered in time.", "Look at the directory servers now: everybody who uses a password is refused."},
	{"directory-misconfigured", Ours, "The directory refuses this server or answers what it cannot use.", "Check the service account, its password and the search base in the configuration."},
	{"password-form-unsupported", Ours, "The device proved its password in a form that this directory cannot check.", "Set the device to EAP-TLS or TTLS with PAP, or offer only these in the configuration."},

	// The way to who answers.
	{"realm-missing", User, "The user name has no @ and organisation after it.", "Ask the caller to use the whole name, as jo@northbridge.nhs.uk."},
	{"realm-malformed", User, "What follows the @ in the user name is no valid name of an organisation.", "Ask the caller to type the name again without spaces, and to correct the part after the @."},
	{"realm-blocklisted", Device, "The name after the @ is one that never belongs to a roaming organisation.", "Ask the caller for the name their organisation gave them; a phone that joins with its SIM card needs nothing."},
	{"realm-not-on-ssid", User, "People of that organisation cannot use this Wi-Fi network.", "Tell the caller which network is theirs, eduroam or govroam, and to join that one."},
	{"own-subrealm-unknown", User, "The name ends in our own domain with something before it that we do not know.", "Ask the caller to use the name as it is on their badge or letter."},
	{"realm-misplaced", Ours, "One of our own people was answered by somebody else, or the reverse.", "Call the network engineer: routing and rules disagree, and access was refused to be safe."},
	{"proxy-loop", Theirs, "The request came from a federation and would have gone back to one.", "Tell the network engineer in the morning; tell the federation if there are many."},
	{"ssid-missing", Network, "The controller did not say which Wi-Fi network the device is on.", "Check that the controller sends the SSID in Called-Station-Id."},
	{"controller-probe", Network, "The controller asked, with a name that it makes up, whether this server lives.", "Nothing: it is refused at once, as it expects, and nobody is counted."},
	{"ssid-unknown", Ours, "That Wi-Fi network is not in this server's configuration.", "Check the SSID's spelling in the configuration, letter case included; look for a new or foreign SSID."},

	// Another organisation's servers.
	{"upstream-unreachable", Theirs, "No server of that organisation or federation answered in time.", "Look whether all its visitors fail; if so, check the firewall, then ring the federation."},
	{"home-unreachable", Theirs, "The visitor's own organisation did not answer, though the federation's server does.", "Tell the caller that their organisation's log-in service is down; ring nobody unless all visitors fail."},
	{"upstream-rejected", Theirs, "The visitor's own organisation said no.", "Send the caller to the service desk of their own organisation."},
	{"reject-storm", Device, "The device asks without a pause and its own organisation says no each time: this server answers for a while.", "Ask the caller to forget the network on the device and to type the password afresh; the log line says when the wait ends."},
	{"upstream-bad-reply", Theirs, "The other organisation's server sent an answer that cannot be used.", "Tell the network engineer, who compares the shared secret and asks the other side."},

	// Probes of another organisation's servers.
	{"probe-no-route", Theirs, "The federation's own server said no before anybody spoke EAP.", "Ask the federation's operator whether it routes the test account's realm and takes requests from us."},
	{"probe-refused", Theirs, "The home organisation of the test account said no.", "Check the account's password and end date with its owner; visitors of other realms are not concerned."},
	{"probe-home-silent", Theirs, "The federation's server lives, and the home organisation of the test account does not answer.", "Ring that organisation if it is ours or a partner; the federation is well."},
	{"probe-certificate", Theirs, "Who answered did not prove to be the home organisation.", "Compare ca and server_name with its certificate; if they are right, somebody else answers: ring it."},
	{"probe-misconfigured", Ours, "The test account in the configuration cannot log in.", "Correct the account's block in the configuration; radiusd probe says what is wrong."},

	// Our own EAP server.
	{"eap-malformed", Device, "The device sent something that is no valid EAP message.", "Restart the device's Wi-Fi; if it stays, update the device or the access point."},
	{"eap-method-refused", Device, "The device insists on a way of logging on that we do not offer.", "Set the device up afresh with our profile."},
	{"outer-inner-mismatch", Device, "The device gives one name outside the tunnel and another inside.", "Set the anonymous identity to @ and our domain, or leave it empty."},
	{"inner-realm-refused", Device, "The name inside the tunnel belongs to another organisation than the one outside.", "Set the device up afresh: both names need the same part after the @."},
	{"server-certificate-distrusted", Device, "The device does not trust this server's certificate.", "Set the device up afresh with our profile; if many fail at once, the certificate is ours to look at."},
	{"client-certificate-missing", Device, "The device showed no certificate.", "Check that the device is enrolled and its certificate has arrived, then join again."},
	{"client-certificate-untrusted", Device, "The device's certificate is from an authority that we do not accept.", "Have the device enrolled again; if many fail at once, compare client_ca with the issuing authority."},
	{"client-certificate-expired", Device, "The device's certificate has expired or is not valid yet.", "Have the device renew its certificate on another network, and check its clock."},
	{"client-certificate-identity", Device, "The device's certificate names nobody here, or somebody else.", "Have the device enrolled again under the name that it uses."},
	{"client-certificate-revoked", Device, "The device's certificate has been withdrawn.", "Ask the device team whether the device was reported lost; else have it enrolled again."},
	{"revocation-unknown", Ours, "Nobody could say whether the device's certificate has been withdrawn.", "Look at the addresses of the revocation list and of OCSP: every device of that authority is refused."},
	{"client-certificate-scope", Device, "The certificate's authority may not vouch for that name.", "Compare the authority's block in the configuration with the name; many at once may be an attack."},
	{"chain-incomplete", Device, "The device and the person were not both proved.", "Check that the device is enrolled for both, and that its certificate has arrived."},
	{"tls-failed", Device, "The encrypted handshake with the device failed.", "Restart the device's Wi-Fi; if it stays, read the detail in the log with the engineer."},
	{"tls-version", Device, "The device knows only versions of TLS that are too old to be safe.", "Update the device; one that cannot be updated needs another network."},
	{"conversation-too-large", Device, "The device sent more than any log-in needs.", "Look for an oversized certificate chain on the device; many at once may be an attack."},
	{"conversation-too-long", Device, "The log-in took more messages than any log-in needs.", "Restart the device's Wi-Fi; many at once may be an attack."},
	{"credentials-mixed", Device, "The request proves who it is in two ways at once.", "Find which controller or test tool sent it: no device does this by itself."},
	{"credentials-missing", Device, "The request has nothing in it that proves who it is.", "Ask the caller to forget the network and join again; check tools that test the server."},
	{"inner-protocol-error", Device, "The device broke the rules of the log-in inside the tunnel.", "Restart the device's Wi-Fi; if it stays, update the device."},
	{"pap-not-allowed", Network, "A plain password came in without EAP, and that is switched off here.", "Set the SSID on the controller to WPA2 or WPA3 Enterprise (802.1X)."},
	{"supplicant-gave-up", Device, "The device broke off the log-in by itself.", "Ask what the device's screen said: often a certificate warning that was declined."},
	{"conversation-unknown", Network, "The message belongs to a log-in that this server does not know, or no longer.", "Nothing, if the device joins on the next try; many at once mean a restart or a load balancer that changes servers."},
	{"conversation-expired", Network, "The log-in took longer than a minute.", "Look at the signal and the controller's load where the device is."},
	{"ssid-changed", Device, "The device changed to another Wi-Fi network in the middle of its log-in.", "Nothing, if it joins on the next try; often from one device, have its Wi-Fi forgotten and joined anew."},
	{"site-changed", Network, "The log-in went on at another site than it began at.", "Nothing, if the device joins on the next try; many at once mean a controller that mixes access points up."},
	{"configuration-changed", Ours, "The configuration of this place was changed while the device was logging in.", "Nothing: the device tries again and is placed by the new configuration."},
	{"server-busy", Ours, "This server had more to do than it could.", "Ring the network engineer if it goes on for five minutes: look for a storm or a flood."},
	{"server-stopped", Ours, "This server was stopped or restarted while the device was logging in.", "Nothing: the device tries again, here or at the other server of the pair."},
	{"internal-error", Ours, "Something went wrong inside this server.", "Ring the network engineer and keep the log line: this is a fault in the software."},
	{"discarded", Device, "The message made no sense at this point and was ignored.", "Nothing: the device sends it again or starts afresh."},

	// Devices that are known by their MAC address alone.
	{"mac-unknown", Ours, "No list of this Wi-Fi network has the device.", "Ask medical engineering whether it is theirs; the log line says what to write in the list."},
	{"mac-expired", Ours, "The device's line in the list has ended.", "Ask the owner whether the device is still in use, and have whoever approves it give the line a new day."},
	{"mac-randomised", Device, "The device shows an address that it made up, and only its own is in a list.", "Turn private or random addresses off for this network on the device."},
	{"mac-mismatch", Network, "The request names one address as the user and another as the device, or no address.", "Check that the controller's SSID is set to MAC authentication; if it is, somebody tries something."},
	{"mac-password", Network, "The request proves itself in no way that controllers do for a MAC address.", "Set the controller to send the MAC address as the password, or the shared secret."},
	{"mac-twice", Ours, "Two lists of this Wi-Fi network have the device.", "Take the device out of one of the two lists that the log line names."},
	{"mac-only", User, "This Wi-Fi network is for listed devices, and somebody logs in with a name.", "Tell the caller which network is theirs, and have this one forgotten on the device."},

	// Which network.
	{"no-rule", Ours, "The log-in was good, but no rule gives this person a network here.", "Check with radiusd explain which rule was expected; the rules may be right to refuse."},
	{"groups-unknown", Ours, "A rule turns on a group, and the directory could not say who is in it.", "Look at the directory: it answers in part; access was refused to be safe."},
	{"method-unknown", Ours, "A rule turns on how the person logged on, and that is not known.", "Call the network engineer: a rule asks what cannot be seen for this person."},
	{"operator-unknown", Theirs, "A rule turns on which organisation one of our people visits, and that did not say who it is.", "Tell the network engineer: the organisation, or the federation, should send Operator-Name."},
	{"roaming-refused", User, "This person may not use the Wi-Fi of that organisation.", "Check with radiusd explain --from-federation which rule was expected; the rules may be right to refuse."},
	{"device-unknown", Ours, "A rule turns on whether the device proved itself, and that is not known.", "Call the network engineer: a rule asks what cannot be seen for this person."},
	{"certificate-unknown", Ours, "A rule turns on the device's certificate, and nothing is known of one.", "Call the network engineer: a rule asks what cannot be seen for this person."},
	{"user-unknown", Ours, "A rule turns on a name, and the log-in gave none.", "Check that the device's certificate or inner name carries the user's name."},
	{"site-unknown", Ours, "The controller belongs to no site in the configuration.", "Add the controller to its site in the configuration."},
	{"ap-unknown", Ours, "The controller serves several sites, and no site, or more than one, claims this access point.", "Add the access point to its site's access_points in the configuration."},
	{"controller-unknown", Ours, "The site has no such controller in the configuration.", "Compare the controller's name and address with the configuration."},
	{"site-agreement-expired", Ours, "The agreement to serve that site is not in force today.", "Tell the service manager: the agreement's dates have to be renewed before the configuration."},
	{"vlan-unknown", Ours, "The rule names a network that does not exist at that site.", "Ring the network engineer: the configuration names a VLAN that the site lacks."},
	{"zone-guard", Ours, "The last check before the answer found a network that this person must never get.", "Ring the network engineer now and keep the log: access was refused, but something let it come this far."},

	// Conversations that stopped half-way.
	{"abandoned", Network, "The device stopped answering in the middle of the log-in.", "Look at the signal where the device is; ask the caller to try again."},
	{"abandoned-before-identity", Network, "The device never said who it is.", "Nothing for one; many from one access point mean weak signal or a fault there."},
	{"abandoned-after-identity", Device, "The device said who it is and then stopped: nothing that we offer is set up on it, or the radio was lost.", "Set the device up afresh with our profile; many at one access point mean weak signal."},
	{"abandoned-after-certificate", Device, "The device stopped after our certificate: it does not trust it, or asks its owner, who has not answered.", "Ask what the screen says; else set the device up afresh with our profile, which knows our certificate and its name."},
	{"abandoned-after-fragment", Network, "The device did not answer a part of a long message of ours: packets of that size may be lost on the way.", "Compare sites and sizes; the network engineer mends the path or lowers fragment_size."},
	{"abandoned-in-fragment", Network, "The device stopped half-way through a long message of its own.", "Have the network engineer look for large or fragmented packets that are lost between the access point and here."},
	{"abandoned-in-inner", User, "The device stopped where it has to prove who is there: it waits for a password, a code or a choice.", "Ask the caller to look at the screen; on a managed Windows laptop ask the device team about Credential Guard."},
	{"abandoned-after-success", Device, "The device stopped after it was told that its log-in is good.", "Nothing for one: it went out of range or joined elsewhere. Many of one model: update them."},
	{"abandoned-began-again", Device, "The device broke off, began again, and came further.", "Nothing: its next line says how that ended. Many at one access point mean weak signal there."},
	{"abandoned-upstream", Device, "The device stopped answering its own organisation: it does not trust it, or asks its owner.", "Send the caller to the service desk of their own organisation, with a set-up profile in mind."},
	{"abandoned-upstream-silent", Theirs, "The visitor's organisation answered so late that the device had gone.", "Look whether all its visitors fail; if so, ring the federation."},
}

var byCode = func() map[string]*Reason {
	m := make(map[string]*Reason, len(reasons))
	for i := range reasons {
		m[reasons[i].Code] = &reasons[i]
	}
	return m
}()

// Explain returns the row of a code.
func Explain(code string) (Reason, bool) {
	if r, ok := byCode[code]; ok {
		return *r, true
	}
	return Reason{}, false
}

// Reasons returns the table, in its order.
func Reasons() []Reason { return append([]Reason(nil), reasons...) }

// unlisted is what a line says of a code that has no row: a fault of ours.
var unlisted = &Reason{Fault: Ours, Sentence: "This server gave a reason that is not in its own table.",
	Next: "Tell the network engineer: the table of reasons lacks a row."}

var noReason = &Reason{}

// explain returns what a line says of a code. The empty code says nothing.
func explain(code string) *Reason {
	if code == "" {
		return noReason
	}
	if r, ok := byCode[code]; ok {
		return r
	}
	return unlisted
}
