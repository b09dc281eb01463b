package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// fewestRandom is how many random cases of each function must succeed; a quarter as many must fail, half of these with an
// error of the function's own.
const fewestRandom = 200

// coverage counts what random cases have shown: of functions, of methods by their type, of nodes, of verbs.
type coverage struct {
	*dear
	succeeded, failed, own, nodes, verb map[string]int
	// Cases; those left out because their answers differ from run to run; those that nothing is counted of, because what is
	// watched goes otherwise.
	cases, unstable, uncounted int
}

func newCoverage(functions *dear) *coverage {
	return &coverage{dear: functions, succeeded: map[string]int{}, failed: map[string]int{}, own: map[string]int{}, nodes: map[string]int{}, verb: map[string]int{}}
}

// merge adds what another has counted.
func (c *coverage) merge(other *coverage) {
	for _, each := range [][2]map[string]int{{c.succeeded, other.succeeded}, {c.failed, other.failed}, {c.own, other.own}, {c.nodes, other.nodes}, {c.verb, other.verb}} {
		for name, count := range each[1] {
			each[0][name] += count
		}
	}
	c.cases += other.cases
	c.unstable += other.unstable
	c.uncounted += other.uncounted
}

// add answers a case and counts what it shows; nil if two answers differ.
func (c *coverage) add(asked question) *answer {
	c.again()
	seen := watched(asked, c.functions)
	first := c.answer(asked)
	isAlike := first.Out != nil && seen.failure == nil && seen.out == string(*first.Out)
	for range seen.moreRenderings(isAlike || seen.failsAlike(first.Error)) {
		if again := c.answer(asked); first.Error != again.Error || !bytes.Equal(first.out(), again.out()) {
			c.unstable++
			return nil
		}
	}
	c.cases++
	switch {
	case isAlike:
		c.rendered(asked, seen)
	case first.Out != nil || seen.failure == nil:
		c.uncounted++
	default:
		if name := seen.culprit(first.Error); name != "" {
			c.failed[name]++
			if strings.Contains(first.Error, ">: error calling "+name+": ") {
				c.own[name]++
			}
		}
	}
	return &first
}

func (c *coverage) answer(asked question) answer {
	c.again()
	return asked.answerWith(c.functions)
}

// chancy are functions whose results have an order or letters by chance, and now and then the same ones twice.
var chancy = []string{"keys", "values", "shuffle", "randAlpha", "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric"}

// moreRenderings is how many are needed to know that a case is answered alike in each run. What renders alike with marks and
// without has been rendered twice.
func (w *watch) moreRenderings(isAlike bool) int {
	switch {
	case slices.ContainsFunc(chancy, func(name string) bool { return w.returned[name] }):
		return 16
	case isAlike:
		return 0
	}
	return 1
}

var (
	verbIn    = regexp.MustCompile(`%[-+# 0]*[0-9]*\.?[0-9]*([a-zA-Z!])`)
	commentIn = regexp.MustCompile(`(?:\{\{|\[\[)(?:- )?/\*`)
)

// rendered counts what a case has called and reached.
func (c *coverage) rendered(asked question, seen *watch) {
	for name := range seen.returned {
		c.succeeded[name]++
	}
	for kind := range seen.kinds {
		c.nodes[kind]++
	}
	for _, format := range seen.formats {
		for _, verb := range verbIn.FindAllStringSubmatch(format, -1) {
			c.verb[verb[1]]++
		}
	}
	if commentIn.MatchString(asked.text()) {
		c.nodes["Comment"]++
	}
}

// nodeKinds is every kind of node that a text can have.
var nodeKinds = strings.Fields("Action Bool Break Chain Command Comment Continue Dot Field Identifier If List Nil Number Pipe Range String Template Text Variable With")

// report writes the counts and fails if something was shown too rarely.
func (c *coverage) report(out io.Writer, want wanted) error {
	fmt.Fprintf(out, "seed %d: %d cases; %d left out, their answers differ from run to run; %d not counted, they go otherwise when watched\n", want.seed, c.cases, c.unstable, c.uncounted)
	// What is asked for beyond this need not be reached by all.
	least := min(want.each, fewestRandom)
	var rare, wrong []string
	for _, name := range functionNames() {
		succeeds := !slices.Contains(neverSucceeds, name)
		note := ""
		if !succeeds {
			note = " (no template can call it without an error)"
		}
		reason := neverItself[name]
		if reason != "" {
			note += " (no error of its own: " + reason + ")"
		}
		fmt.Fprintf(out, "%6d succeed %6d fail %6d of its own  %s%s\n", c.succeeded[name], c.failed[name], c.own[name], name, note)
		if reason != "" && c.own[name] > 0 {
			wrong = append(wrong, name)
		}
		if want.only == "" && (succeeds && c.succeeded[name] < least || c.failed[name] < least/4 || reason == "" && c.own[name] < least/8) {
			rare = append(rare, name)
		}
	}
	for _, method := range methods() {
		name := method.name()
		fmt.Fprintf(out, "%6d succeed %6d fail  %s%s\n", c.succeeded[name], c.failed[name], name, method.note())
		if want.only == "" && c.succeeded[name]+c.failed[name] == 0 {
			rare = append(rare, name)
		}
	}
	for _, kind := range nodeKinds {
		fmt.Fprintf(out, "%6d %s\n", c.nodes[kind], kind)
		if want.only == "" && c.nodes[kind] == 0 {
			rare = append(rare, kind)
		}
	}
	for _, verb := range slices.Sorted(maps.Keys(c.verb)) {
		fmt.Fprintf(out, "%6d %%%s\n", c.verb[verb], verb)
	}
	for _, verb := range verbs {
		if want.only == "" && c.verb[verb] == 0 {
			rare = append(rare, "%"+verb)
		}
	}
	var failures []error
	if rare != nil {
		failures = append(failures, fmt.Errorf("shown too rarely: %s", strings.Join(rare, " ")))
	}
	if wrong != nil {
		failures = append(failures, fmt.Errorf("errors of their own, which they are said not to have: %s", strings.Join(wrong, " ")))
	}
	if c.unstable*1000 > c.cases+c.unstable {
		failures = append(failures, fmt.Errorf("%d of %d cases left out, more than one in a thousand", c.unstable, c.cases+c.unstable))
	}
	return errors.Join(failures...)
}
