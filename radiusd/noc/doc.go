// Package noc tells the network operations centre what happened.
//
// An authentication, however many packets it takes, is one [Event]. The [Desk]
// turns events into lines: text for people, JSON for machines. Both are made
// from the same table of fields. The [Reason] of a refusal is a row of one
// closed table, with whose fault it is, a plain sentence and the next step.
//
// # JSON lines
//
// Each line is one object with slog's time, level and msg first. Times are UTC
// (RFC 3339, milliseconds). A field that is empty, zero or false is left out.
// The names are stable:
//
//	time           when the line's event happened: for an ending, when it ended
//	level          INFO; WARN when the network or somebody else is at fault; ERROR when we are
//	msg            "began" or "ended"; for lines of the server itself, what it says
//	kind           access, accounting, probe
//	id             the conversation: the same on its "began" and "ended" lines
//	outcome        accept, reject, abandoned, error; for accounting start, stop, interim-update; for a
//	               probe accept, reject, timeout, config
//	reason         a code of the table of reasons
//	fault          user, device, ours, theirs, network
//	meaning        the reason's sentence
//	detail         what exactly failed, for an engineer
//	outer          User-Name as it came
//	inner          the name inside the tunnel or the certificate
//	realm, route   who had to answer: a realm, and the directory or federation asked
//	server         the directory or upstream server that answered
//	nas, client    the controller as it calls itself, and as the configuration calls it
//	site, ap, ssid where it was
//	mac            Calling-Station-Id as AA-BB-CC-DD-EE-FF, or as it came when it is no MAC
//	mac_random     true for an address that the device made up
//	method         tls, ttls, peap, teap, pap; mac for a device that is known by its MAC alone
//	inner_method   mschapv2, mschap, chap, gtc, tls, pap
//	tls            1.2, 1.3
//	resumed        true for a resumed session
//	device         the computer that was proved by a credential of its own
//	list           which list has a device that is known by its MAC alone
//	equipment      what that list says it is
//	asset          its number in the inventory
//	owner          who is asked about it
//	sponsor        who asked for the account of somebody on a placement
//	purpose        and what for
//	authority      who vouched for the client certificate
//	unchecked      true where nobody could say whether that certificate was withdrawn
//	rounds         requests answered
//	stage          where an abandoned log-in stopped, in words
//	sent           octets of the EAP message that the device did not answer then
//	duration_ms    from first request to last reply, with decimals
//	rule, zone, vlan  the placement
//	cui            Chargeable-User-Identity (RFC 4372)
//	operator_name  Operator-Name (RFC 5580), without its namespace digit
//
// A conversation that takes more than one packet has a "began" line when its
// first request is answered and an "ended" line with the outcome, or the
// abandonment (R41). One that takes one packet has its "ended" line only.
//
// # Names from strangers
//
// Everything in a line that came over the air is escaped (S14): whatever a
// supplicant calls itself, an event is one line, and no terminal, editor or
// browser is told to do anything by it.
//
// # When the log cannot be written
//
// Begin and End never wait (F7): lines wait in a bounded queue, and what does not
// fit is counted. The loss is told on the fallback writer at once, at most once
// a minute, and in the log itself as soon as it can be written again.
package noc
