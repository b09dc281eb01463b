package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
)

// watch renders a text once more, with marks in its tree: each node of a list tells when it is reached, each call when it has
// returned. What renders with marks renders as it does without.
type watch struct {
	calls []call
	spots []spot
	// at is the spot that was reached last, done what has returned since.
	at   int
	done map[int]bool
	// types has the type of what each call gave last.
	types map[int]reflect.Type
	// Names of functions and methods that returned, kinds of nodes that were reached, formats that printf was given.
	returned, kinds map[string]bool
	formats         []string
	out             string
	failure         error
}

// call is a call of a function, of what may be a method (then receiver gives its value), or a mere value without name. A call
// comes after those that are done before it is, and above is the one whose argument it is.
type call struct {
	name            string
	receiver, above int
	numbers         []string // constants among its arguments
}

// spot is a node of a list: its calls are those from first to last.
type spot struct {
	first, last int
	kinds       []string
}

// none is no call.
const none = -1

// Functions for the marks. No text has them: it is parsed before they are known.
const reachedMark, returnedMark = "watchReached", "watchReturned"

// watched renders the case. A text that cannot be parsed reaches nothing.
func watched(asked question, functions template.FuncMap) *watch {
	w := &watch{at: none, done: map[int]bool{}, types: map[int]reflect.Type{}, returned: map[string]bool{}, kinds: map[string]bool{}}
	parsed, err := asked.parse(functions)
	if err != nil {
		w.failure = err
		return w
	}
	for _, each := range parsed.Templates() {
		if each.Tree != nil {
			w.list(each.Tree.Root)
		}
	}
	parsed.Funcs(template.FuncMap{reachedMark: w.reach, returnedMark: w.finish, "printf": w.printf})
	w.out, w.failure = asked.execute(parsed)
	return w
}

func (w *watch) reach(id int) string {
	w.at = id
	clear(w.done)
	for _, kind := range w.spots[id].kinds {
		w.kinds[kind] = true
	}
	return ""
}

func (w *watch) finish(id int, value reflect.Value) reflect.Value {
	w.done[id] = true
	w.types[id] = receiverType(value)
	if name := w.name(id); name != "" {
		w.returned[name] = true
	}
	return value
}

func (w *watch) printf(format string, arguments ...any) string {
	w.formats = append(w.formats, format)
	return fmt.Sprintf(format, arguments...)
}

// receiverType is the type whose methods a template sees; nil for no value.
func receiverType(value reflect.Value) reflect.Type {
	for value.Kind() == reflect.Interface || value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	switch {
	case !value.IsValid():
		return nil
	case value.CanAddr():
		return reflect.PointerTo(value.Type())
	}
	return value.Type()
}

// name is that of a function or of a method with its type, empty for what is neither.
func (w *watch) name(id int) string {
	call := w.calls[id]
	if call.receiver == none {
		return call.name
	}
	on := w.types[call.receiver]
	switch {
	case on == nil:
		return ""
	case call.name == "Error" && on.Implements(reflect.TypeFor[error]()):
		return "error.Error"
	}
	return methodName(on, call.name)
}

// list marks the nodes of a list.
func (w *watch) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	var marked []parse.Node
	for _, node := range list.Nodes {
		id := len(w.spots)
		w.spots = append(w.spots, spot{first: len(w.calls), kinds: kindsOf(node)})
		pipe, inner := parts(node)
		if pipe != nil {
			w.pipe(pipe)
		}
		w.spots[id].last = len(w.calls)
		for _, each := range inner {
			w.list(each)
		}
		mark := &parse.ActionNode{NodeType: parse.NodeAction, Pos: node.Position(), Pipe: piped(node.Position(), marking(reachedMark, id))}
		marked = append(marked, mark, node)
	}
	list.Nodes = marked
}

// parts is what a node of a list evaluates, and the lists in it.
func parts(node parse.Node) (*parse.PipeNode, []*parse.ListNode) {
	switch node := node.(type) {
	case *parse.ActionNode:
		return node.Pipe, nil
	case *parse.TemplateNode:
		return node.Pipe, nil
	case *parse.IfNode:
		return node.Pipe, []*parse.ListNode{node.List, node.ElseList}
	case *parse.RangeNode:
		return node.Pipe, []*parse.ListNode{node.List, node.ElseList}
	case *parse.WithNode:
		return node.Pipe, []*parse.ListNode{node.List, node.ElseList}
	}
	return nil, nil
}

// kindsOf is the kind of a node of a list, and of the nodes that it evaluates.
func kindsOf(node parse.Node) []string {
	kind := func(node parse.Node) string {
		return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", node), "*parse."), "Node")
	}
	kinds := []string{"List", kind(node)}
	if pipe, _ := parts(node); pipe != nil {
		walk(pipe, func(each parse.Node) { kinds = append(kinds, kind(each)) })
	}
	return kinds
}

func (w *watch) pipe(pipe *parse.PipeNode) {
	var commands []*parse.CommandNode
	for _, command := range pipe.Cmds {
		commands = append(commands, command)
		if id := w.command(command); id != none {
			commands = append(commands, marking(returnedMark, id))
		}
	}
	pipe.Cmds = commands
}

// command marks what stands in a command and is the call that it makes.
func (w *watch) command(command *parse.CommandNode) int {
	made, isCall := call{receiver: none}, false
	if function, ok := command.Args[0].(*parse.IdentifierNode); ok {
		made.name, isCall = function.Ident, true
	} else {
		command.Args[0], made.name, made.receiver = w.chain(command.Args[0])
		isCall = made.receiver != none
	}
	first := len(w.calls)
	for i, argument := range command.Args[1:] {
		if number, ok := argument.(*parse.NumberNode); ok {
			made.numbers = append(made.numbers, number.Text)
		}
		command.Args[i+1] = w.argument(argument)
	}
	if !isCall {
		return none
	}
	return w.called(made, first)
}

// called adds a call, above those from first on that have none above them.
func (w *watch) called(made call, first int) int {
	id := len(w.calls)
	for i := first; i < id; i++ {
		if w.calls[i].above == none {
			w.calls[i].above = id
		}
	}
	made.above = none
	w.calls = append(w.calls, made)
	return id
}

// argument is the node with marks: a call without parentheses gets some.
func (w *watch) argument(node parse.Node) parse.Node {
	switch node := node.(type) {
	case *parse.PipeNode:
		w.pipe(node)
		return node
	case *parse.IdentifierNode, *parse.ChainNode, *parse.FieldNode, *parse.VariableNode:
		return w.wrapped(node)
	}
	return node
}

// wrapped is a pipe of the node with its marks, or the node if it calls nothing.
func (w *watch) wrapped(node parse.Node) parse.Node {
	command := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: node.Position(), Args: []parse.Node{node}}
	if id := w.command(command); id != none {
		return piped(node.Position(), command, marking(returnedMark, id))
	}
	return command.Args[0]
}

// chain cuts a chain of fields before each that may be a method, and marks what each is called on. The last one's name and
// receiver come back, if it may be a method: it is marked by the command, which has its arguments.
func (w *watch) chain(node parse.Node) (parse.Node, string, int) {
	base, names := w.base(node)
	if !slices.ContainsFunc(names, isExported) {
		if chain, ok := node.(*parse.ChainNode); ok {
			chain.Node = w.argument(chain.Node)
		} else if pipe, ok := node.(*parse.PipeNode); ok {
			w.pipe(pipe)
		}
		return node, "", none
	}
	at := node.Position()
	cut := w.argument(base)
	var fields []string
	for i, name := range names {
		if !isExported(name) {
			fields = append(fields, name)
			continue
		}
		if fields != nil {
			cut, fields = &parse.ChainNode{NodeType: parse.NodeChain, Pos: at, Node: cut, Field: fields}, nil
		}
		receiver := w.called(call{receiver: none}, len(w.calls))
		cut = piped(at, commanding(at, cut), marking(returnedMark, receiver))
		cut = &parse.ChainNode{NodeType: parse.NodeChain, Pos: at, Node: cut, Field: []string{name}}
		if i == len(names)-1 {
			return cut, name, receiver
		}
		made := w.called(call{name: name, receiver: receiver}, len(w.calls))
		cut = piped(at, commanding(at, cut), marking(returnedMark, made))
	}
	return &parse.ChainNode{NodeType: parse.NodeChain, Pos: at, Node: cut, Field: fields}, "", none
}

// base is what a chain starts from, and its names.
func (w *watch) base(node parse.Node) (parse.Node, []string) {
	switch node := node.(type) {
	case *parse.ChainNode:
		return node.Node, node.Field
	case *parse.FieldNode:
		return &parse.DotNode{NodeType: parse.NodeDot, Pos: node.Pos}, node.Ident
	case *parse.VariableNode:
		return &parse.VariableNode{NodeType: parse.NodeVariable, Pos: node.Pos, Ident: node.Ident[:1]}, node.Ident[1:]
	}
	return node, nil
}

func isExported(name string) bool { return unicode.IsUpper([]rune(name)[0]) }

func piped(at parse.Pos, commands ...*parse.CommandNode) *parse.PipeNode {
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: at, Cmds: commands}
}

func commanding(at parse.Pos, arguments ...parse.Node) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: at, Args: arguments}
}

// marking calls a mark with a number.
func marking(mark string, id int) *parse.CommandNode {
	number := &parse.NumberNode{NodeType: parse.NodeNumber, IsInt: true, Int64: int64(id), Text: fmt.Sprint(id)}
	return commanding(0, parse.NewIdentifier(mark), number)
}

var (
	inExecution = regexp.MustCompile(`(?s)^template: .*?:\d+:\d+: executing ".*?" at <.*?>: (.*)$`)
	// The messages that name the call.
	ofCall = regexp.MustCompile(`^(?:error calling|wrong number of args for|invalid function signature for) (\w+): |^function (\w+) has \d+ return values`)
	// What evalArg, validateType and those that they call say of text/template.
	ofArgument = regexp.MustCompile(`^(?:invalid value; expected |dereference of nil pointer of type |wrong type for value; expected |cannot assign nil to |can't handle .* for arg of type |can't handle assignment of |expected (?:bool|string|integer|unsigned integer|float|complex); found )`)
	ofNumber   = regexp.MustCompile(`^(\S+) overflows int$`)
	ofMissing  = regexp.MustCompile(`^can't evaluate field (\w+) in type (\S+)$`)
)

// failsAlike says whether what is watched fails for the same reason: then the case has been rendered twice.
func (w *watch) failsAlike(message string) bool {
	if w.failure == nil {
		return false
	}
	found, own := inExecution.FindStringSubmatch(message), inExecution.FindStringSubmatch(w.failure.Error())
	if found == nil || own == nil {
		return message == w.failure.Error()
	}
	return found[1] == own[1]
}

// culprit is the function or the method whose call the message is about; empty if it is about none.
func (w *watch) culprit(message string) string {
	found := inExecution.FindStringSubmatch(message)
	if found == nil || w.at == none {
		return ""
	}
	if named := ofCall.FindStringSubmatch(found[1]); named != nil {
		return w.unfinishedOf(named[1] + named[2])
	}
	if ofArgument.MatchString(found[1]) {
		return w.unfinished(func(call) bool { return true })
	}
	if number := ofNumber.FindStringSubmatch(found[1]); number != nil {
		isGiven := false
		name := w.unfinished(func(call call) bool {
			isGiven = slices.Contains(call.numbers, number[1])
			return true
		})
		if isGiven {
			return name
		}
	}
	if missing := ofMissing.FindStringSubmatch(found[1]); missing != nil && isExported(missing[1]) {
		return w.unfinishedOf(missing[1])
	}
	return ""
}

// unfinishedOf is the first call of that name that has not returned. Functions are written small.
func (w *watch) unfinishedOf(name string) string {
	if !isExported(name) {
		return name
	}
	return w.unfinished(func(call call) bool { return call.name == name && w.done[call.receiver] })
}

// unfinished is the first such call at the last spot that has not returned nor stands in one that has.
func (w *watch) unfinished(is func(call) bool) string {
	spot := w.spots[w.at]
	for id := spot.first; id < spot.last; id++ {
		over := w.calls[id].name == ""
		for above := id; above != none && !over; above = w.calls[above].above {
			over = w.done[above]
		}
		if !over && is(w.calls[id]) {
			return w.name(id)
		}
	}
	return ""
}
