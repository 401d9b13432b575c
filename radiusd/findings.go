package main

import (
	"errors"
	"fmt"
	"io"

	"causeway/radiusd/daemon"
	"causeway/radiusd/daemon/config"
)

// A findings is what check found, for a pipeline. Its keys stay what they are; others may
// be added.
type findings struct {
	File     string          `json:"file"`
	Verdict  string          `json:"verdict"`
	Exit     int             `json:"exit"`
	Errors   []finding       `json:"errors"`
	Warnings []finding       `json:"warnings"`
	Asked    []daemon.Asking `json:"asked,omitempty"` // with --ask
	Tests    *testFindings   `json:"tests,omitempty"`
	Proof    *proofFindings  `json:"proof,omitempty"` // none of a file that is bad
	Hashes   []hashFinding   `json:"hashes,omitempty"`
}

// A finding is an error or a warning, with its place. Line and Column count from 1 and
// are absent when there is no place.
type finding struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Key    string `json:"key,omitempty"`
	Text   string `json:"text"`
	Meant  string `json:"meant,omitempty"` // what was probably meant, as it would be written
	Fix    string `json:"fix,omitempty"`
	See    string `json:"see,omitempty"` // how to see for oneself
}

type testFindings struct {
	Passed int           `json:"passed"`
	Failed []testFinding `json:"failed"`
}

type testFinding struct {
	Place   string `json:"place"`
	Given   string `json:"given"`
	Failure string `json:"failure"`
}

// A proofFindings is the proof without its table, which has a row for each VLAN at each
// site.
type proofFindings struct {
	Cases      int                `json:"cases"`
	Placed     int                `json:"placed"`
	Refused    int                `json:"refused"`
	Sites      int                `json:"sites"`
	SSIDs      int                `json:"ssids"`
	Rules      int                `json:"rules"`
	Guarantees []guaranteeFinding `json:"guarantees"`
	NotProved  []string           `json:"not_proved"`
}

type guaranteeFinding struct {
	Text    string `json:"text"`
	Cases   int    `json:"cases"`
	BuiltIn bool   `json:"built_in"`
	Why     string `json:"why,omitempty"`
}

type hashFinding struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// findings is the check for a pipeline.
func (c checked) findings() findings {
	verdict, code := c.verdict()
	proof := c.i.Proof()
	all := findings{
		File: c.file, Verdict: verdict, Exit: code, Errors: found(c.i.Faults), Warnings: found(c.i.Warnings), Asked: c.asked,
		Tests: &testFindings{Passed: len(c.tests) - c.failed(), Failed: []testFinding{}},
		Proof: &proofFindings{
			Cases: proof.Cases, Placed: proof.Placed, Refused: proof.Refused,
			Sites: proof.Sites, SSIDs: proof.SSIDs, Rules: proof.Rules, NotProved: proof.NotProved,
		},
	}
	for _, t := range c.tests {
		if t.Failure != "" {
			all.Tests.Failed = append(all.Tests.Failed, testFinding{t.Place, t.Given, t.Failure})
		}
	}
	for _, s := range proof.Proved {
		all.Proof.Guarantees = append(all.Proof.Guarantees, guaranteeFinding(s))
	}
	for _, s := range c.i.File.Sums() {
		all.Hashes = append(all.Hashes, hashFinding{s.Name, s.SHA256})
	}
	return all
}

// refusedFindings are those of a file that is bad.
func refusedFindings(file string, err error) findings {
	var problems config.Problems
	errors.As(err, &problems)
	return findings{File: file, Verdict: mistakes(len(problems), "check"), Exit: exitBadConfig, Errors: found(problems), Warnings: []finding{}}
}

func found(problems config.Problems) []finding {
	list := make([]finding, len(problems)) // [] and not null for none
	for i, p := range problems {
		list[i] = finding{p.File, p.Line, p.Column, p.Key, p.Text, p.Meant, p.Fix, p.See}
	}
	return list
}

// writeFindings ends a check as its findings say.
func writeFindings(out, errs io.Writer, all findings) int {
	encoder := document(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(all); err != nil {
		fmt.Fprintf(errs, "radiusd check: %v\n", err)
		return exitFailed
	}
	return all.Exit
}
