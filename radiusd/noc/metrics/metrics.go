// Package metrics shows figures to Prometheus, and to whoever reads its text format. It
// knows what a figure is and how it is asked for; which figures there are, the daemon
// says.
package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Family is one figure, or one for each set of labels.
type Family struct {
	Name   string   // as Prometheus has it: in seconds and octets, a counter ends in _total
	Help   string   // what it counts
	Kind   string   // "counter", "gauge", "histogram" or "summary"
	Labels []string // their values are of a closed list, or of the configuration, or bounded

	value prometheus.ValueType
	desc  *prometheus.Desc
}

// Counter is what only grows, until the server is restarted.
func Counter(name, help string, labels ...string) *Family {
	return family(name, help, "counter", prometheus.CounterValue, labels)
}

// Gauge is what is so at the moment.
func Gauge(name, help string, labels ...string) *Family {
	return family(name, help, "gauge", prometheus.GaugeValue, labels)
}

// Histogram is how long something took, in steps.
func Histogram(name, help string, labels ...string) *Family {
	return family(name, help, "histogram", 0, labels)
}

// Summary is how long something took altogether, and how often there was something.
func Summary(name, help string, labels ...string) *Family {
	return family(name, help, "summary", 0, labels)
}

func family(name, help, kind string, value prometheus.ValueType, labels []string) *Family {
	return &Family{Name: name, Help: help, Kind: kind, Labels: labels, value: value, desc: prometheus.NewDesc(name, help, labels, nil)}
}

// A Sheet takes the figures of one moment.
type Sheet struct{ out chan<- prometheus.Metric }

// Put writes a counter or a gauge down. Labels are in the order of the family.
func (s *Sheet) Put(f *Family, value float64, labels ...string) {
	m, err := prometheus.NewConstMetric(f.desc, f.value, value, readable(labels)...)
	s.put(f, m, err)
}

// At writes down when something was or will be: Prometheus reckons in seconds since 1970.
func (s *Sheet) At(f *Family, at time.Time, labels ...string) {
	s.Put(f, float64(at.Unix()), labels...)
}

// Spread writes a histogram down: how many there were, how long they took together, and
// how many took at most so many seconds.
func (s *Sheet) Spread(f *Family, count uint64, seconds float64, atMost map[float64]uint64, labels ...string) {
	m, err := prometheus.NewConstHistogram(f.desc, count, seconds, atMost, readable(labels)...)
	s.put(f, m, err)
}

// Sum writes a summary down: how many there were, and how long they took together.
func (s *Sheet) Sum(f *Family, count uint64, seconds float64, labels ...string) {
	m, err := prometheus.NewConstSummary(f.desc, count, seconds, nil, readable(labels)...)
	s.put(f, m, err)
}

// put lets a figure that cannot be shown spoil the whole answer: half of the figures
// would be taken for all.
func (s *Sheet) put(f *Family, m prometheus.Metric, err error) {
	if err != nil {
		m = prometheus.NewInvalidMetric(f.desc, err)
	}
	s.out <- m
}

// readable makes labels of what may have come from outside.
func readable(labels []string) []string {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "?")
	}
	return labels
}

// collector asks for all figures at each visit. A panic of who is asked is the end of
// the visit and not of the process (S5): Prometheus asks in a goroutine of its own.
type collector struct {
	families []*Family
	collect  func(*Sheet)
	troubles *troubles
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.families {
		out <- f.desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(out chan<- prometheus.Metric) {
	defer func() {
		if value := recover(); value != nil {
			c.troubles.recovered(value)
			out <- prometheus.NewInvalidMetric(c.families[0].desc, errPanic)
		}
	}()
	c.collect(&Sheet{out})
}
