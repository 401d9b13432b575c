package config

import (
	"strings"
	"testing"
)

func TestParseAccessPoint(t *testing.T) {
	for text, want := range map[string]AccessPoint{
		"agnes-ap-1":           {Name: "agnes-ap-1"},
		"Agnes-*":              {Begins: true, Name: "agnes-"},
		"ÉCOLE-*":              {Begins: true, Name: "École-"}, // only those of ASCII have small letters
		"B8-11-4B-3C-2A-10":    {MAC: "b8114b3c2a10"},
		"b8:11:4b:3c:2a:10":    {MAC: "b8114b3c2a10"},
		"b811.4b3c.2a10":       {MAC: "b8114b3c2a10"},
		"b811-4b3c-2a10":       {MAC: "b8114b3c2a10"},
		"b8114b-3c2a10":        {MAC: "b8114b3c2a10"},
		"B8114B3C2A10":         {MAC: "b8114b3c2a10"},
		"B8-11-4B-3C-2A-10*":   {MAC: "b8114b3c2a10"},
		"B8-11-4B-*":           {Begins: true, MAC: "b8114b"},
		"B8-11-4B*":            {Begins: true, MAC: "b8114b"},
		"b8:11:4b:3c:2a:1*":    {Begins: true, MAC: "b8114b3c2a1"},
		"b811.4b*":             {Begins: true, MAC: "b8114b"},
		"b8114b*":              {Begins: true, Name: "b8114b", MAC: "b8114b"},
		"facade-*":             {Begins: true, Name: "facade-"},
		"cafe-bea*":            {Begins: true, Name: "cafe-bea"},
		"A1-22-*":              {Begins: true, Name: "a1-22-"},
		"B8-11:4B-*":           {Begins: true, Name: "b8-11:4b-"},
		"B8-11-4B-3C-2A-10-":   {Name: "b8-11-4b-3c-2a-10-"},
		"B8-11-4B-3C-2A-10-7*": {Begins: true, Name: "b8-11-4b-3c-2a-10-7"},
		"B8-11-4B":             {Name: "b8-11-4b"},
		"ward 7, bed 2":        {Name: "ward 7, bed 2"},
	} {
		if got, err := ParseAccessPoint(text); got != want || err != nil {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "*", "**", "a*b", "a**", " a", "a ", "a\tb", "a\x7f", strings.Repeat("a", 254)} {
		if got, err := ParseAccessPoint(text); err == nil {
			t.Errorf("%q is taken as %+v", text, got)
		}
	}
}

// Whatever is taken stands for something, without a star left in it, and its own small
// and capital letters are the same pattern.
func FuzzParseAccessPoint(f *testing.F) {
	for _, text := range []string{"agnes-*", "B8-11-4B-*", "b811.4b3c.2a10", "b8114b*", "*", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ap, err := ParseAccessPoint(text)
		if err != nil {
			if ap != (AccessPoint{}) {
				t.Fatalf("%q: %+v beside %v", text, ap, err)
			}
			return
		}
		if ap.Name == "" && ap.MAC == "" || strings.Contains(ap.Name+ap.MAC, "*") || len(ap.MAC) > 12 {
			t.Fatalf("%q is %+v", text, ap)
		}
		if !ap.Begins && ap.MAC != "" && (len(ap.MAC) != 12 || ap.Name != "") {
			t.Fatalf("%q is a whole MAC of %+v", text, ap)
		}
		if ap.Begins && ap.MAC != "" && len(ap.MAC) < 6 {
			t.Fatalf("%q is the beginning of a MAC of fewer than three octets: %+v", text, ap)
		}
		if again, err := ParseAccessPoint(lowered(text)); again != ap || err != nil {
			t.Fatalf("%q is %+v, and in small letters %+v, %v", text, ap, again, err)
		}
	})
}
