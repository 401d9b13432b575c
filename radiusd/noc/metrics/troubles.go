package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tellEvery is how often a trouble of one kind is told of: visitors come as often as they
// like, and must not write the log.
const tellEvery = time.Minute

// troubles are what went wrong with visits. One that is told says how many before it
// were not.
type troubles struct {
	config         Config
	faults, panics seldom
}

// tell tells of a visit that failed.
func (t *troubles) tell(why string) {
	if untold, due := t.faults.due(t.config.Now()); due {
		t.config.Trouble(why, untold)
	}
}

// recovered tells of a panic (S5). Only the deferred function that recovered it calls
// this: the stack is still there to be read.
func (t *troubles) recovered(value any) {
	if untold, due := t.panics.due(t.config.Now()); due {
		t.config.Panic(value, untold)
	}
}

// errPanic is what a visitor hears of a panic, and nobody else: it has been told of.
var errPanic = errors.New("a panic: the log has it")

// Println implements [promhttp.Logger]: the last of the words is the error. A visitor who
// goes away is nobody's trouble.
func (t *troubles) Println(words ...any) {
	err, _ := words[len(words)-1].(error)
	if errors.Is(err, errPanic) || errors.Is(err, context.Canceled) {
		return
	}
	t.tell(strings.TrimSpace(fmt.Sprintln(words...)))
}

// Write hears a line of [http.Server]'s.
func (t *troubles) Write(line []byte) (int, error) {
	t.tell(strings.TrimSpace(string(line)))
	return len(line), nil
}

// survive makes a panic the end of the visit, and not a line of [http.Server]'s own.
func (t *troubles) survive(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if value := recover(); value != nil {
				t.recovered(value)
				http.Error(w, errPanic.Error(), http.StatusInternalServerError)
			}
		}()
		pages.ServeHTTP(w, r)
	})
}

// seldom says when something may be told of again.
type seldom struct {
	mu     sync.Mutex
	last   time.Time
	untold uint64
}

func (s *seldom) due(now time.Time) (untold uint64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() && now.Sub(s.last) < tellEvery {
		s.untold++
		return 0, false
	}
	untold, s.untold, s.last = s.untold, 0, now
	return untold, true
}
