package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"
)

// fewestRandom is how many random cases of each function must succeed; a quarter as many must fail.
const fewestRandom = 200

// coverage counts what random cases have shown.
type coverage struct {
	functions template.FuncMap
	// called is what the case at hand has called without an error.
	called                         map[string]bool
	succeeded, failed, nodes, verb map[string]int
	cases, unstable                int
}

func newCoverage() *coverage {
	c := &coverage{called: map[string]bool{}, succeeded: map[string]int{}, failed: map[string]int{}, nodes: map[string]int{}, verb: map[string]int{}}
	c.functions = template.FuncMap{}
	for name, function := range functions(time.Unix(moment, 0).UTC()) {
		c.functions[name] = c.watched(name, reflect.ValueOf(function))
	}
	return c
}

// watched is the function, noting that it was called and returned.
func (c *coverage) watched(name string, function reflect.Value) any {
	return reflect.MakeFunc(function.Type(), func(arguments []reflect.Value) []reflect.Value {
		call := function.Call
		if function.Type().IsVariadic() {
			call = function.CallSlice
		}
		out := call(arguments)
		if len(out) == 1 || out[1].IsNil() {
			c.called[name] = true
		}
		return out
	}).Interface()
}

// add answers a case and counts it for the function that it is about; nil if two answers differ.
func (c *coverage) add(asked question, about, certificates string) (*answer, error) {
	whole, err := asked.withFiles(certificates)
	if err != nil {
		return nil, err
	}
	clear(c.called)
	out, failure := whole.render(c.functions)
	again := whole.answer()
	first := answer{ID: asked.ID}
	if failure != nil {
		first.Error = failure.Error()
	} else {
		rendered := []byte(out)
		first.Out = &rendered
	}
	if first.Error != again.Error || !bytes.Equal(first.out(), again.out()) {
		c.unstable++
		return nil, nil
	}
	c.cases++
	if failure != nil {
		c.failed[about]++
		return &first, nil
	}
	for name := range c.called {
		c.succeeded[name]++
	}
	return &first, c.read(whole)
}

var verbIn = regexp.MustCompile(`%[-+# 0]*[0-9]*\.?[0-9]*([a-zA-Z!])`)

// read counts what stands in the text of a case that succeeded.
func (c *coverage) read(asked question) error {
	parsed, err := asked.parse(c.functions)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, each := range parsed.Templates() {
		if each.Tree == nil {
			continue
		}
		walk(each.Tree.Root, func(node parse.Node) {
			kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", node), "*parse."), "Node")
			c.nodes[kind]++
			if name, ok := node.(*parse.IdentifierNode); ok && (slices.Contains(builtins, name.Ident) || name.Ident == "fail") {
				found[name.Ident] = true
			}
		})
	}
	for name := range found {
		c.succeeded[name]++
	}
	if found["printf"] {
		for _, verb := range verbIn.FindAllStringSubmatch(asked.text(), -1) {
			c.verb[verb[1]]++
		}
	}
	if strings.Contains(asked.text(), "/*") {
		c.nodes["Comment"]++
	}
	return nil
}

// nodeKinds is every kind of node that a text can have.
var nodeKinds = strings.Fields("Action Bool Break Chain Command Comment Continue Dot Field Identifier If List Nil Number Pipe Range String Template Text Variable With")

// report writes the counts and fails if something was shown too rarely.
func (c *coverage) report(out io.Writer, want wanted) error {
	fmt.Fprintf(out, "seed %d: %d cases; %d left out, their answers differ from run to run\n", want.seed, c.cases, c.unstable)
	// What is asked for beyond this need not be reached by all.
	least := min(want.each, fewestRandom)
	var rare []string
	for _, name := range functionNames() {
		fmt.Fprintf(out, "%6d succeed %6d fail  %s\n", c.succeeded[name], c.failed[name], name)
		if want.only == "" && (c.succeeded[name] < least || c.failed[name] < least/4) {
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
	if rare != nil {
		return fmt.Errorf("shown too rarely: %s", strings.Join(rare, " "))
	}
	return nil
}
