package transport

import "sync"

// A crew runs jobs, one goroutine each, and keeps the goroutines that have
// finished for the next jobs: their stacks have grown to what a handler needs,
// which a new goroutine would pay for again with each request.
type crew struct {
	work func(*job)

	mu     sync.Mutex
	idle   []chan *job // the last to finish is the first to be asked
	spare  int         // the fewest idle since the last trim: nobody needed these
	closed bool
}

// maxIdle bounds the goroutines that a crew keeps: as many as there are handlers at once.
// With fewer, a flood has a quarter of the processor grow stacks, when it is needed most.
// Those that nobody needs are let go within seconds.
const maxIdle = DefaultInFlight

func (c *crew) start(j *job) {
	c.mu.Lock()
	last := len(c.idle) - 1
	if last < 0 {
		c.mu.Unlock()
		go c.member(j)
		return
	}
	next := c.idle[last]
	c.idle = c.idle[:last]
	c.spare = min(c.spare, last)
	c.mu.Unlock()
	next <- j // has room: an idle member has read its last job
}

func (c *crew) member(j *job) {
	jobs := make(chan *job, 1)
	for open := true; open; j, open = <-jobs {
		c.work(j)
		if !c.rest(jobs) {
			return
		}
	}
}

func (c *crew) rest(jobs chan *job) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= maxIdle {
		return false
	}
	c.idle = append(c.idle, jobs)
	return true
}

// trim lets go of the goroutines that nobody has needed since the last trim.
func (c *crew) trim() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, jobs := range c.idle[:c.spare] {
		close(jobs)
	}
	kept := copy(c.idle, c.idle[c.spare:])
	clear(c.idle[kept:])
	c.idle = c.idle[:kept]
	c.spare = kept
}

// close lets everybody go, now or after their last job.
func (c *crew) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, jobs := range c.idle {
		close(jobs)
	}
	c.idle, c.spare = nil, 0
}
