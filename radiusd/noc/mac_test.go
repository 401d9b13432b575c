package noc

import "testing"

// Holds R45 (made-up addresses are marked) and the form of R20.
func TestR45MAC(t *testing.T) {
	for _, c := range []struct {
		in, want string
		random   bool
	}{
		{"00-10-A4-23-19-C0", "00-10-A4-23-19-C0", false},
		{"00-10-a4-23-19-c0", "00-10-A4-23-19-C0", false},
		{"00:10:a4:23:19:c0", "00-10-A4-23-19-C0", false},
		{"00.10.a4.23.19.c0", "00-10-A4-23-19-C0", false},
		{"00 10 a4 23 19 c0", "00-10-A4-23-19-C0", false},
		{"0010.a423.19c0", "00-10-A4-23-19-C0", false},
		{"0010-A423-19C0", "00-10-A4-23-19-C0", false},
		{"0010:A423:19C0", "00-10-A4-23-19-C0", false},
		{"0010a4-2319c0", "00-10-A4-23-19-C0", false},
		{"0010A42319C0", "00-10-A4-23-19-C0", false},
		{"0010a42319c0", "00-10-A4-23-19-C0", false},
		// The second hexadecimal digit 2, 6, A or E: locally administered, unicast.
		{"02-00-00-00-00-00", "02-00-00-00-00-00", true},
		{"d6:aa:bb:cc:dd:ee", "D6-AA-BB-CC-DD-EE", true},
		{"fa0000000001", "FA-00-00-00-00-01", true},
		{"fe0000000001", "FE-00-00-00-00-01", true},
		{"fb0000000001", "FB-00-00-00-00-01", false}, // a group's address
		{"fc0000000001", "FC-00-00-00-00-01", false},
		// What is no address stays as it came.
		{"", "", false},
		{"nurse", "nurse", false},
		{"00-10-A4-23-19", "00-10-A4-23-19", false},
		{"00-10-A4-23-19-C", "00-10-A4-23-19-C", false},
		{"00-10:A4-23-19-C0", "00-10:A4-23-19-C0", false},
		{"00-10-A4-23-19-CG", "00-10-A4-23-19-CG", false},
		{"0-010-A4-23-19-C0", "0-010-A4-23-19-C0", false},
		{"00_10_A4_23_19_C0", "00_10_A4_23_19_C0", false},
		{"00-10-A4-23-19-C0:eduroam", "00-10-A4-23-19-C0:eduroam", false},
		{"+441632960000", "+441632960000", false},
		{"192.0.2.17", "192.0.2.17", false},
	} {
		got, random := MAC(c.in)
		if got != c.want || random != c.random {
			t.Errorf("MAC(%q) = %q, %v; want %q, %v", c.in, got, random, c.want, c.random)
		}
	}
}

func FuzzMAC(f *testing.F) {
	f.Add("00-10-A4-23-19-C0")
	f.Add("0010.a423.19c0")
	f.Fuzz(func(t *testing.T, s string) {
		once, random := MAC(s)
		twice, again := MAC(once)
		if once != twice || random != again {
			t.Errorf("MAC(%q) = %q, and of that %q", s, once, twice)
		}
	})
}
