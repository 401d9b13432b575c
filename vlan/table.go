package vlan

import (
	"fmt"
	"strings"
)

// Columns are the heads of what Table returns.
var Columns = []string{"vendor", "VLAN", "by its name", "filter", "role", "speeds", "SSID and access point", "CoA, Disconnect"}

// Table is the table of vendors in words, a row for each in the order of Vendors.
func Table() (rows [][]string) {
	for _, v := range vendors {
		called := "no"
		switch {
		case v.called == tunnelGroup:
			called = "in the trio"
		case v.called != none:
			called = v.called.String()
		}
		role := "none"
		if v.role != none {
			role = v.role.String()
		}
		rows = append(rows, []string{v.name, v.vlan.words(), called, v.filter.String(), role, v.rate.words(), v.words(), fmt.Sprint(v.coa)})
	}
	return rows
}

func (s saying) words() string {
	if s == wirelessVLAN {
		return mikrotikVLAN.String()
	}
	return "trio"
}

func (p pace) words() string {
	switch p {
	case rateLimit:
		return mikrotikRateLimit.String()
	case contract:
		return "Airespace bandwidth contracts"
	case untold:
		return "WISPr, perhaps not obeyed"
	}
	return "WISPr"
}

func (s Source) words() string {
	list := []string{"Called-Station-Id"}
	for _, t := range append(append([]VendorType(nil), s.SSID...), s.AP...) {
		list = append(list, fmt.Sprintf("%d/%d", t.Vendor, t.Type))
	}
	for _, prefix := range s.AVPairs {
		list = append(list, "`"+prefix+"`")
	}
	return strings.Join(list, ", ")
}
