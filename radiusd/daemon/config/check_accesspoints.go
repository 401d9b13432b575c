package config

import (
	"errors"
	"slices"
)

// The words of a controller's otherwise.
const (
	OtherwiseReject = "reject" // the same as none
	OtherwiseHere   = "here"
)

// accessPoints judges the sites whose access points ask through the controller of
// another: which request belongs to which site must never be a guess.
func (c *checker) accessPoints() {
	var names []string
	shared := map[string]bool{}
	for _, s := range c.Site {
		for _, w := range s.Controller {
			names = append(names, w.Name)
		}
		for _, name := range s.Behind {
			shared[name] = true
		}
	}
	taken := map[claimed]string{} // to the key of the pattern
	for i, s := range c.Site {
		key := at("site", i)
		c.behind(key, s, names)
		for j, text := range s.AccessPoints {
			c.accessPoint(at(key+".access_points", j), text, s, taken)
		}
		for j, w := range s.Controller {
			here := at(key+".controller", j) + ".otherwise"
			if !c.present(here) || !c.oneOf(here, w.Otherwise, OtherwiseReject, OtherwiseHere) {
				continue
			}
			if !shared[w.Name] {
				c.wrong(here, "take it out", "no site is behind %s: all its access points are here anyway", w.Name)
			}
		}
	}
}

// behind wants both or neither of the two keys.
func (c *checker) behind(key string, s Site, names []string) {
	for j, name := range s.Behind {
		here := key + ".behind"
		if c.present(at(here, j)) {
			here = at(here, j)
		}
		c.defined(here, "controller", name, names, "name a [[site.controller]]")
		if slices.Index(s.Behind, name) != j {
			c.wrong(here, "take one out", "%q is there twice", name)
		}
	}
	switch {
	case len(s.Behind) > 0 && len(s.AccessPoints) == 0:
		c.wrong(key+".behind", "add "+examples["site[].access_points"], "site %q is behind a controller and has no access points there", s.Name)
	case len(s.AccessPoints) > 0 && len(s.Behind) == 0:
		c.wrong(key+".access_points", "add "+examples["site[].behind"], "site %q does not say through which controller these access points ask", s.Name)
	}
}

// claimed is one pattern at one controller, as names or as MACs.
type claimed struct {
	controller, text string
	mac, begins      bool
}

// accessPoint refuses a pattern that another site has, too, at the same controller. Two
// that differ cannot be in doubt: the one with more in front of the star is within the
// other, or they have nothing in common.
func (c *checker) accessPoint(key, text string, s Site, taken map[claimed]string) {
	ap, err := ParseAccessPoint(text)
	if err != nil {
		fix := `write a name or a MAC, or how they begin: "agnes-*", "B8-11-4B-*"`
		if errors.Is(err, errEveryAccessPoint) {
			fix = `write otherwise = "here" at the controller, for what no other site claims`
		}
		c.wrong(key, fix, "access point %q: %v", text, err)
		return
	}
	told := false
	claim := func(k claimed) {
		first, twice := taken[k]
		if !twice {
			taken[k] = key
			return
		}
		if told {
			return
		}
		told = true
		p, _, _ := c.places.find(first)
		if whose := c.siteOfKey(first); whose != s.Name {
			c.wrong(key, "narrow one of them, or take it out", "%q is at %s and at %s (%s): whose access points they are would be a guess", text, s.Name, whose, c.where(p, key))
		} else {
			c.wrong(key, "take one out", "%q is there twice; the first is %s", text, c.where(p, key))
		}
	}
	for _, name := range s.Behind {
		if ap.Name != "" {
			claim(claimed{name, ap.Name, false, ap.Begins})
		}
		if ap.MAC != "" {
			claim(claimed{name, ap.MAC, true, ap.Begins})
		}
	}
}

// siteOfKey is the name of the site that a key stands in.
func (c *checker) siteOfKey(key string) string {
	for i, s := range c.Site {
		if parts := segments(key); len(parts) > 1 && joined(parts[:2]) == at("site", i) {
			return s.Name
		}
	}
	return ""
}
