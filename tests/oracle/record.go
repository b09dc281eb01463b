package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
	"unicode/utf8"
)

// topic is one file of recorded cases.
type topic struct {
	name  string
	cases []question
}

// recorded is a case and what Go makes of it: exactly one of the last four is there.
type recorded struct {
	question
	Out        *string `json:"out,omitempty"`
	OutBytes   []byte  `json:"out_b64,omitempty"`
	Error      string  `json:"error,omitempty"`
	ErrorBytes []byte  `json:"error_b64,omitempty"`
}

// fewest is how many cases each function must have, at least one of them a success and one an error.
const fewest = 5

// neverSucceeds are functions that no template can call without an error: fail is there to fail, and no value is a function
// for call.
var neverSucceeds = []string{"call", "fail"}

// tally is how many recorded cases call a function, and how they end.
type tally struct{ calls, successes, errors int }

// add counts a case.
func (t *tally) add(answered recorded) {
	t.calls++
	if answered.Error == "" && answered.ErrorBytes == nil {
		t.successes++
	} else {
		t.errors++
	}
}

func record(directory string) error {
	tallies := map[string]*tally{}
	for _, name := range functionNames() {
		tallies[name] = &tally{}
	}
	total := 0
	for _, topic := range topics() {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		seen := map[string]bool{}
		for _, asked := range topic.cases {
			if seen[asked.ID] {
				return fmt.Errorf("%s: two cases are named %s", topic.name, asked.ID)
			}
			seen[asked.ID] = true
			answered, err := asked.recorded(directory)
			if err != nil {
				return fmt.Errorf("%s: %w", topic.name, err)
			}
			if err := encoder.Encode(answered); err != nil {
				return err
			}
			for name := range asked.called() {
				if counted := tallies[name]; counted != nil {
					counted.add(answered)
				}
			}
		}
		total += len(topic.cases)
		if err := os.WriteFile(filepath.Join(directory, topic.name+".jsonl"), out.Bytes(), 0o644); err != nil {
			return err
		}
		fmt.Printf("%6d %s\n", len(topic.cases), topic.name)
	}
	fmt.Printf("%6d cases\n", total)
	return enough(tallies)
}

// recorded renders twice: what changes between two runs cannot be recorded.
func (q question) recorded(directory string) (recorded, error) {
	asked, err := q.withFiles(filepath.Join(directory, "certificates"))
	if err != nil {
		return recorded{}, err
	}
	first, second := asked.answer(), asked.answer()
	if first.Error != second.Error || !bytes.Equal(first.out(), second.out()) {
		return recorded{}, fmt.Errorf("%s: two runs differ: %q", q.ID, asked.text())
	}
	first = first.placed(q)
	out := recorded{question: q}
	text := string(first.out())
	switch isError := first.Error != ""; {
	case isError && utf8.ValidString(first.Error):
		out.Error = first.Error
	case isError:
		out.ErrorBytes = []byte(first.Error)
	case utf8.ValidString(text):
		out.Out = &text
	default:
		out.OutBytes = first.out()
	}
	return out, nil
}

var place = regexp.MustCompile(`0x[0-9a-f]+`)

// placed is the answer with one address for all, where a case asks for one: they differ from build to build.
func (a answer) placed(q question) answer {
	if a.Out == nil || !strings.HasPrefix(q.ID, "address/") {
		return a
	}
	out := place.ReplaceAll(*a.Out, []byte("0xc000000000"))
	return answer{ID: a.ID, Out: &out}
}

// withFiles reads the files that a case names into its data.
func (q question) withFiles(directory string) (question, error) {
	if len(q.Files) == 0 {
		return q, nil
	}
	data := map[string][]byte{}
	for key, value := range q.Data {
		data[key] = value
	}
	for key, name := range q.Files {
		content, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			return q, err
		}
		data[key] = content
	}
	q.Data, q.Files = data, nil
	return q, nil
}

// called is every function that the text names, if it can be parsed; else what stands in it like one.
func (q question) called() map[string]bool {
	parsed, err := q.parse(functionsAt(0))
	if err != nil || q.Reads != "" {
		return nil
	}
	found := map[string]bool{}
	for _, each := range parsed.Templates() {
		if each.Tree != nil {
			walk(each.Tree.Root, func(node parse.Node) {
				if name, ok := node.(*parse.IdentifierNode); ok {
					found[name.Ident] = true
				}
			})
		}
	}
	return found
}

// enough fails for functions that too few cases call, or whose calls never succeed or never fail.
func enough(tallies map[string]*tally) error {
	var missing []string
	for _, name := range functionNames() {
		counted := tallies[name]
		short := counted.calls < fewest || counted.errors == 0 || counted.successes == 0 && !slices.Contains(neverSucceeds, name)
		if short {
			missing = append(missing, fmt.Sprintf("%s (%d succeed, %d fail)", name, counted.successes, counted.errors))
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("fewer than %d cases, or none that succeeds, or none that fails: %s", fewest, strings.Join(missing, ", "))
}

// builtins are text/template's own functions; slice is sprig's here.
var builtins = []string{"and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println", "urlquery"}

func functionNames() []string {
	names := slices.Clone(builtins)
	for name := range functionsAt(0) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// walk visits a node and all below it.
func walk(node parse.Node, visit func(parse.Node)) {
	visit(node)
	branch := func(b *parse.BranchNode) {
		walk(b.Pipe, visit)
		walk(b.List, visit)
		if b.ElseList != nil {
			walk(b.ElseList, visit)
		}
	}
	switch node := node.(type) {
	case *parse.ListNode:
		for _, each := range node.Nodes {
			walk(each, visit)
		}
	case *parse.ActionNode:
		walk(node.Pipe, visit)
	case *parse.PipeNode:
		for _, each := range node.Decl {
			walk(each, visit)
		}
		for _, each := range node.Cmds {
			walk(each, visit)
		}
	case *parse.CommandNode:
		for _, each := range node.Args {
			walk(each, visit)
		}
	case *parse.ChainNode:
		walk(node.Node, visit)
	case *parse.TemplateNode:
		if node.Pipe != nil {
			walk(node.Pipe, visit)
		}
	case *parse.IfNode:
		branch(&node.BranchNode)
	case *parse.RangeNode:
		branch(&node.BranchNode)
	case *parse.WithNode:
		branch(&node.BranchNode)
	}
}
