package transport

import (
	"sync"
	"testing"
	"testing/synctest"
)

func TestCrewKeepsAndTrims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done sync.WaitGroup
		release := make(chan struct{})
		c := &crew{work: func(*job) { <-release; done.Done() }}
		run := func(n int) {
			done.Add(n)
			for range n {
				c.start(&job{})
			}
			synctest.Wait()
		}
		run(maxIdle + 44)
		close(release)
		synctest.Wait()
		if len(c.idle) != maxIdle {
			t.Errorf("%d idle, want the bound", len(c.idle))
		}
		c.trim() // all were busy since the beginning
		if len(c.idle) != maxIdle {
			t.Errorf("%d left by the first trim", len(c.idle))
		}
		run(3)
		c.trim()
		if n := len(c.idle); n == 0 || n > 3 {
			t.Errorf("%d left where at most three were needed", n)
		}
		c.trim()
		c.trim()
		if len(c.idle) != 0 {
			t.Errorf("%d left where none was needed", len(c.idle))
		}
		run(2)
		c.close() // synctest fails the test if a goroutine outlives it
		run(1)
		done.Wait()
	})
}
