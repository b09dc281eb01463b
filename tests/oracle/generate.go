package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// wanted says how many random cases to make, and from what.
type wanted struct {
	seed         int64
	each         int
	slow         int
	damaged      int
	certificates string
	only         string
	least        int
}

func (w *wanted) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("oracle", flag.ContinueOnError)
	flags.Int64Var(&w.seed, "seed", 1, "what the cases follow from")
	flags.IntVar(&w.each, "each", 200, "how many cases of each function succeed; a quarter as many fail")
	flags.IntVar(&w.slow, "slow", 200, "at most so many cases of each slow function succeed")
	flags.IntVar(&w.damaged, "damaged", 4000, "how many cases have damaged texts")
	flags.StringVar(&w.certificates, "certificates", "../../crates/gotemplate/tests/data/certificates", "where the certificates lie")
	flags.StringVar(&w.only, "only", "", "these functions alone, with a space between")
	return flags
}

// generate writes random cases to standard output and what they cover to standard error.
func generate(arguments []string) error {
	var want wanted
	if err := want.flags().Parse(arguments); err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	covered, err := want.generate(func(asked question, _ answer) error { return encoder.Encode(asked) })
	if err != nil {
		return err
	}
	return covered.report(os.Stderr, want)
}

// generator makes one case at a time.
type generator struct {
	*rand.Rand
	byResult map[string][]signature
	// Methods by the type and by the kind that they give.
	makers          map[reflect.Type][]method
	methodsByResult map[string][]method
	// What the case at hand has: the files that it names (out of contents), how many of a hundred are damaged, the variables in scope that hold text, the templates that can be
	// called and the definitions to put at the end, how many blocks with a dot of their own and how many loops are open.
	files       map[string]string
	contents    map[string][]byte
	harm        int
	variables   []string
	defined     []string
	definitions string
	inner       int
	loops       int
}

// slow are functions that are not called within others' cases.
var slow = []string{"bcrypt", "htpasswd", "derivePassword", "genCA", "genSelfSignedCert", "genSignedCert", "genCAWithKey", "genSelfSignedCertWithKey", "genSignedCertWithKey", "genPrivateKey", "fail", "call"}

// count is how many cases of a function succeed.
func (w wanted) count(s signature) int {
	if slices.Contains(slow, s.name) {
		return min(w.each, w.slow)
	}
	return w.each
}

func (g *generator) one(parts ...string) string { return parts[g.Intn(len(parts))] }

// started is a new case without text.
func (g *generator) started() question {
	g.files, g.variables, g.defined, g.definitions, g.inner, g.loops, g.harm = map[string]string{}, nil, nil, "", 0, 0, harmless
	if g.Intn(5) == 0 {
		g.harm = harmed
	}
	asked := question{Now: moment, Data: map[string][]byte{}}
	for key, value := range generatedData {
		asked.Data[key] = []byte(value)
	}
	if g.Intn(20) == 0 {
		asked.MissingKey = g.one("zero", "default")
	}
	if g.Intn(20) == 0 {
		asked.Name = g.one("a b", "tls.crt", "ü")
	}
	return asked
}

// working is a case that calls the function as it should be, somewhere in a random text.
func (g *generator) working(s signature) question {
	asked := g.started()
	call := "{{ " + g.call(s, g.Intn(3)) + " }}"
	text := call
	if g.Intn(3) == 0 {
		text = g.nodes(2, g.one(call, "{{ $r := "+strings.TrimSuffix(strings.TrimPrefix(call, "{{ "), " }}")+" }}{{ $r }}"))
	}
	return g.delimited(asked, text+g.definitions)
}

// failing is a case that calls the function as it should not be.
func (g *generator) failing(s signature) question {
	asked := g.started()
	g.harm = harmful
	arguments := g.arguments(s, g.Intn(2))
	bad := g.one(misfits...)
	choice := g.Intn(12)
	if slices.Contains(slow, s.name) {
		// The first two blame another, after all the work or before it.
		choice = max(choice, 2)
	}
	switch {
	case choice == 0:
		arguments = append([]string{g.one(`(fail "stop")`, ".nope", "(.nope | upper)", "(index (list) 3)")}, arguments...)
	case choice == 1:
		return g.delimited(asked, fmt.Sprintf("{{ (%s).nope.deeper }}", g.written(s, arguments)))
	case choice < 4:
		arguments = append(arguments, g.one(bad, overflowing))
	case choice < 6 && len(arguments) > 0:
		arguments = arguments[g.Intn(len(arguments))+1:]
	case choice < 7 && len(arguments) > 0:
		arguments[g.Intn(len(arguments))] = overflowing
	case len(arguments) > 0:
		arguments[g.Intn(len(arguments))] = bad
	}
	return g.shown(asked, s, arguments)
}

// shown calls the function, and what may come of it is shown.
func (g *generator) shown(asked question, s signature, arguments []string) question {
	s.form = strings.ReplaceAll(s.form, "or 1 (@)", "@")
	return g.delimited(asked, g.one("", "text ", "\n\n  ", "{{- /* c */ -}} ")+"{{ "+g.written(s, arguments)+" }}")
}

// misfits are arguments that a call may not take.
var misfits = slices.Concat(wrong, []string{`"x"`, `""`, `"("`, "99", `"{"`, `(semver "1.2.3")`, overflowing})

// overflowing is a constant that fits no integer of Go.
const overflowing = "9223372036854775808"

var longNumber = regexp.MustCompile(`\d{4}`)

// damaged is a working case with a few characters taken out, put in or repeated; no number in it becomes large.
func (g *generator) damaged(s signature) question {
	asked := g.working(s)
	for range g.Intn(3) + 1 {
		letters := []rune(asked.Text)
		at := g.Intn(len(letters) + 1)
		end := min(len(letters), at+g.Intn(6))
		middle := [][]rune{nil, slices.Repeat(letters[at:end], 2), []rune(g.one("{{", "}}", "{{- ", " -}}", "(", ")", "|", "\"", "`", "'", ".", "$", "$x", " := ", " = ", ",", " ", "\n", "{{ end }}", "{{ else }}", "{{ if 1 }}", "/*", "*/", "\\", "ü", "nil", "-", "+", "_", "\x00"))}[g.Intn(3)]
		if g.Intn(2) == 0 {
			end = at
		}
		text := string(slices.Concat(letters[:at], middle, letters[end:]))
		if len(longNumber.FindAllString(text, -1)) <= len(longNumber.FindAllString(asked.Text, -1)) {
			asked.Text = text
		}
	}
	return asked
}

// delimited writes the text with other delimiters now and then.
func (g *generator) delimited(asked question, text string) question {
	if g.Intn(20) == 0 && !strings.Contains(text, "[[") && !strings.Contains(text, "]]") {
		asked.Delims = []string{"[[", "]]"}
		text = strings.NewReplacer("{{", "[[", "}}", "]]").Replace(text)
	}
	return g.filled(asked).withText(text)
}

// nodes is random text with the given node somewhere in it.
func (g *generator) nodes(depth int, node string) string {
	var out strings.Builder
	known := len(g.variables)
	for range g.Intn(3) {
		out.WriteString(g.node(depth))
	}
	out.WriteString(node)
	for range g.Intn(3) {
		out.WriteString(g.node(depth))
	}
	g.variables = g.variables[:known]
	return out.String()
}

func (g *generator) node(depth int) string {
	if depth == 0 {
		return g.leaf()
	}
	inside := func() string { return g.nodes(depth-1, "") }
	end := g.action("end")
	switch g.Intn(10) {
	case 0:
		return g.action("if "+g.expression("bool", 1)) + inside() + g.one("", g.action("else")+inside(), g.action("else if "+g.expression("any", 1))+inside()+g.action("else")+inside()) + end
	case 1:
		return g.ranged(inside)
	case 2:
		g.inner++
		body := g.action("with "+g.rooted(g.one("$t := ", "")+g.expression("any", 1))) + inside() + g.action(".")
		body += g.one("", g.action("else with "+g.expression("str", 0))+inside()) + g.action("else") + inside() + end
		g.inner--
		return body
	case 3:
		return g.template(inside)
	case 4:
		name := fmt.Sprintf("$v%d", len(g.variables))
		out := g.action(name+" := "+g.expression("str", 1)) + g.one("", g.action(name+" = "+g.expression("str", 1)))
		g.variables = append(g.variables, name)
		return out
	case 5:
		return g.leftOut()
	}
	return g.leaf()
}

// leftOut declares a variable where it may be left out: then its name means what it meant before, or nothing.
func (g *generator) leftOut() string {
	if len(g.variables) == 0 || g.Intn(4) == 0 {
		g.variables = append(g.variables, fmt.Sprintf("$v%d", len(g.variables)))
	}
	name := g.one(g.variables...)
	declared := "(" + name + " := " + g.expression("str", 0) + ")"
	skips := g.one("and ", "or ") + g.expression(g.one("str", "bool"), 0) + " " + declared
	if g.Intn(3) > 0 {
		return g.action(skips) + g.action(g.one(name, name+" = `x`"))
	}
	return g.action(g.one("if ", "with ")+skips) + g.action(name) + g.action("end") + g.action(name)
}

func (g *generator) leaf() string {
	switch g.Intn(6) {
	case 0:
		return g.one("text", " ", "\n", "a\n\tb ", "ü☃", "{", "} }", "%d", "")
	case 1:
		return g.one("{{/* a comment */}}", "{{- /* trimmed */ -}}")
	case 2:
		if g.loops > 0 {
			return g.action("if "+g.expression("bool", 0)) + g.action(g.one("break", "continue")) + g.action("end")
		}
	case 3:
		return g.action(g.one(`"quoted"`, "`raw`", "1", "-2.5", "'c'", "true", "1i", "$.user", "nil | print", "(dict \"a\" 1).a", "$.json | len", "(fromJson $.json).b.c"))
	}
	return g.action(g.expression(g.one("str", "int", "float", "list", "dict", "bool", "any"), 2))
}

// action puts delimiters around, with trims now and then.
func (g *generator) action(text string) string {
	return g.one("{{ ", "{{", "{{ ", "{{- ") + text + g.one(" }}", " }}", " }}", " -}}")
}

func (g *generator) ranged(inside func() string) string {
	over := g.expression(g.one("list", "dict", "small"), 1)
	g.inner++
	g.loops++
	head, shown := "range "+over, "."
	switch g.Intn(3) {
	case 0:
		head, shown = "range $e := "+over, "$e"
	case 1:
		over = g.expression(g.one("list", "dict"), 1)
		head, shown = "range $k, $e := "+over, "print $k $e ."
	}
	body := g.action(head) + inside() + g.action(shown)
	g.loops--
	body += g.one("", g.action("else")+inside()) + g.action("end")
	g.inner--
	return body
}

// template is a call of a template, which is defined on the way if there is none.
func (g *generator) template(inside func() string) string {
	if len(g.defined) > 0 && g.Intn(2) == 0 {
		return g.action("template " + g.one(g.defined...) + " $")
	}
	if g.inner > 0 || g.loops > 0 {
		return g.leaf()
	}
	variables := g.variables
	g.variables = nil
	name := fmt.Sprintf("%q", fmt.Sprintf("t%d", len(g.defined))+g.one("", "", "", "\xff", "\xfe", "ü"))
	g.inner++
	out := ""
	if g.Intn(2) == 0 {
		out = g.action("block "+name+" $") + inside() + g.action("end")
	} else {
		out = g.action("template " + name + " " + g.one("$", "$", "$", "", "$.text"))
		g.definitions += g.action("define "+name) + inside() + g.action("end")
	}
	g.inner--
	g.variables = variables
	g.defined = append(g.defined, name)
	return out
}
