package vlan

import "testing"

// The first outcomes of SplitMix64 with seed 1234567, as its authors' reference has them: the
// generator adds the same number each time.
func TestMixIsSplitMix64(t *testing.T) {
	const step = 0x9e3779b97f4a7c15
	seed := uint64(1234567)
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := mix(seed); got != want {
			t.Errorf("outcome %d is %d, want %d", i+1, got, want)
		}
		seed += step
	}
}

// Twelve hexadecimal digits, however they are parted.
func TestAddressesOfDevices(t *testing.T) {
	for _, text := range []string{"AC-DE-48-0f-11-99", "ac:de:48:0F:11:99", "acde.480f.1199", "ACDE480F1199", "acde480f1199", "-acde480f1199:"} {
		if address, ok := parseMAC(text); !ok || address != 0xacde480f1199 || !IsMAC(text) {
			t.Errorf("%q is %x, %t", text, address, ok)
		}
	}
	for _, text := range []string{"", "acde480f119", "acde480f11990", "acde480f119g", "acde480f119G", "acde480f119/", "acde480f119@", "acde480f119`", "acde480f1199 ", "acde480f1199;", "acde/480f/1199", "xacde480f1199", "acde480f1199acde480f1199", "nobody"} {
		if _, ok := parseMAC(text); ok || IsMAC(text) {
			t.Errorf("%q is taken for an address", text)
		}
	}
}
