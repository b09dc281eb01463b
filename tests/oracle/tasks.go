package main

import (
	"fmt"
	"hash/fnv"
	"math/rand"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

// task is a part of the random cases. What it makes follows from the seed, its name and its number alone.
type task struct {
	about string
	make  func(w *worker) error
}

// worker does one task.
type worker struct {
	wanted
	*generator
	covered *coverage
	about   string
	number  int
	made    []madeCase
}

type madeCase struct {
	asked    question
	answered answer
}

// done is what came of a task.
type done struct {
	*worker
	failure error
}

// chunk is how many damaged cases a task makes.
const chunk = 250

// generate hands on each case with its answer, in the order of the tasks. Those whose answers differ from run to run are left
// out.
func (w wanted) generate(hand func(question, answer) error) (*coverage, error) {
	contents, err := filesIn(w.certificates)
	if err != nil {
		return nil, err
	}
	g := &generator{contents: contents, byResult: map[string][]signature{}}
	for _, each := range signatures() {
		if !slices.Contains(slow, each.name) {
			g.byResult[each.result] = append(g.byResult[each.result], each)
		}
	}
	g.learn(methods())
	covered := newCoverage(nil)
	for each := range w.all(g, w.tasks()) {
		if each.failure != nil {
			return nil, each.failure
		}
		covered.merge(each.covered)
		for _, made := range each.made {
			if err := hand(made.asked, made.answered); err != nil {
				return nil, err
			}
		}
	}
	return covered, nil
}

// all does the tasks, as many at a time as there are processors, and gives what came of them in their order.
func (w wanted) all(g *generator, tasks []task) func(yield func(done) bool) {
	results := make([]chan done, len(tasks))
	for i := range results {
		results[i] = make(chan done, 1)
	}
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		go func() {
			functions := newDear()
			for at := int(next.Add(1)) - 1; at < len(tasks); at = int(next.Add(1)) - 1 {
				made := w.worker(g, functions, tasks[at], at)
				results[at] <- done{made, tasks[at].make(made)}
			}
		}()
	}
	return func(yield func(done) bool) {
		for _, each := range results {
			if !yield(<-each) {
				next.Store(int64(len(tasks)))
				return
			}
		}
	}
}

func (w wanted) worker(g *generator, functions *dear, of task, number int) *worker {
	seed := fnv.New64a()
	fmt.Fprintf(seed, "%d %s %d", w.seed, of.about, number)
	own := *g
	own.Rand = rand.New(rand.NewSource(int64(seed.Sum64())))
	return &worker{wanted: w, generator: &own, covered: newCoverage(functions), about: of.about, number: number}
}

// tasks are the damaged cases, the functions in each way that they are called, and the methods.
func (w wanted) tasks() (out []task) {
	all := signatures()
	for from := 0; from < w.damaged; from += chunk {
		count := min(chunk, w.damaged-from)
		out = append(out, task{"damaged", func(w *worker) error {
			for range count {
				w.keep(w.generator.damaged(all[w.Intn(len(all))]))
			}
			return nil
		}})
	}
	isWanted := func(name string) bool { return w.only == "" || slices.Contains(strings.Fields(w.only), name) }
	for _, each := range all {
		if isWanted(each.name) {
			out = append(out, w.taskOf(each))
		}
	}
	for _, each := range methods() {
		if isWanted(each.name()) {
			out = append(out, w.taskOfMethod(each))
		}
	}
	return out
}

func (w wanted) taskOf(each signature) task {
	goal := goal{each.name, w.count(each), w.count(each) / 4, w.count(each) / 8}
	if slices.Contains(neverSucceeds, each.name) {
		goal.succeed = 0
	}
	if neverItself[each.name] != "" {
		goal.own = 0
	}
	return task{each.name, func(w *worker) error {
		w.reach(goal, func() question { return w.working(each) }, func() question { return w.failing(each) }, func() question { return w.breaking(each) })
		return nil
	}}
}

func (w wanted) taskOfMethod(each method) task {
	goal := goal{each.name(), w.each / 4, w.each / 8, 0}
	if !each.isCallable() {
		goal.succeed = 0
	}
	return task{each.name(), func(w *worker) error {
		failing := func() question { return w.failingMethod(each) }
		w.reach(goal, func() question { return w.workingMethod(each) }, failing, failing)
		return nil
	}}
}

// goal is how many cases of a function or a method are to succeed, how many are to fail, and how many of these with an error of
// the function's own.
type goal struct {
	name               string
	succeed, fail, own int
}

// reach makes cases that succeed, then cases that fail, until there are enough or too many were made.
func (w *worker) reach(goal goal, working, failing, breaking func() question) {
	for range (goal.succeed + goal.fail) * 8 {
		next := failing
		switch {
		case w.covered.succeeded[goal.name] < goal.succeed:
			next = working
		case w.covered.own[goal.name] < goal.own:
			next = breaking
		case w.covered.failed[goal.name] >= goal.fail:
			return
		}
		w.keep(next())
	}
}

// keep answers a case and counts it.
func (w *worker) keep(asked question) {
	asked.ID = fmt.Sprintf("%s/%d/%d", w.about, w.number, w.covered.cases)
	if answered := w.covered.add(asked); answered != nil {
		w.made = append(w.made, madeCase{asked, *answered})
	}
}
