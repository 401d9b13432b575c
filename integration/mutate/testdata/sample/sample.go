// Package sample is what the machine's own test changes: a door with a rule or two.
package sample

import "errors"

// A Door opens for people of some age, and counts them.
type Door struct {
	Least, Most int
	seen        int
	shut        bool
}

// ErrShut is said by a door that is shut.
var ErrShut = errors.New("shut")

// steps are the heights of its steps.
var steps = []int{0, 1, 7, 2}

// Enter lets somebody in, or not.
func (d *Door) Enter(age int, kind string) (bool, error) {
	if d.shut {
		return false, ErrShut
	}
	d.seen++
	switch kind {
	case "staff", "owner":
		return true, nil
	case "cat":
		return false, nil
	}
	return age >= d.Least && age <= d.Most, nil
}

// Climb adds the steps up, and stops at the first that is too high.
func Climb(most int) (sum int) {
	for _, s := range steps {
		if s > most {
			break
		} else {
			sum += s
		}
	}
	return max(sum, 2*most-12)
}

// NewDoor is a door for adults.
func NewDoor(least int) *Door { return &Door{Least: least, Most: 120} }

func untested(n int) int { return n + 1 }
