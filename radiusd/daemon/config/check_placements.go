package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Limits of a directory of placements, in days.
const (
	longestPlacement = 366
	longestKept      = 3660
	shortestKept     = 1
)

// placements judges a directory of kind "placements".
func (c *checker) placements(key string, d Directory) {
	if !c.present(key + ".path") {
		c.wrong(key, `add path = "placements/placements.jsonl"`, "[%s] has no path", key)
	}
	if c.present(key+".max_days") && (d.MaxDays < 1 || d.MaxDays > longestPlacement) {
		c.wrong(key+".max_days", "write max_days = 90; who stays for longer belongs into the Trust's own directory", "max_days is %d, and a placement lasts 1 to %d days", d.MaxDays, longestPlacement)
	}
	if c.present(key+".keep_days") && (d.KeepDays < shortestKept || d.KeepDays > longestKept) {
		c.wrong(key+".keep_days", "write keep_days = 365", "keep_days is %d, and ended placements are kept for %d to %d days", d.KeepDays, shortestKept, longestKept)
	}
	ssids := make([]string, 0, len(c.SSID))
	for _, s := range c.SSID {
		ssids = append(ssids, s.Name)
	}
	if c.present(key + ".ssid") {
		c.defined(key+".ssid", "SSID", d.SSID, ssids, fmt.Sprintf("add an [[ssid]] with name = %q, or correct the name", d.SSID))
	}
	if c.present(key+".helpdesk") && (strings.TrimSpace(d.Helpdesk) == "" || len(d.Helpdesk) > 200 || strings.ContainsFunc(d.Helpdesk, unprintable)) {
		c.wrong(key+".helpdesk", `write helpdesk = "IT service desk, extension 4357"`, "helpdesk is no line that can be printed on a slip")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Directory)) {
		other := c.Directory[name]
		if here := under("directory", name); here < key && slices.Contains([]string{"file", "placements"}, other.Kind) && d.Path != "" && filepath.Clean(other.Path) == filepath.Clean(d.Path) {
			c.wrong(key+".path", "give each its own file", "path is the file of [%s], too", here)
		}
	}
}
