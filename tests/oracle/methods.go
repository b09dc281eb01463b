package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// method is one that what a function returns has, or what such a method returns, and so on.
type method struct {
	on reflect.Type
	reflect.Method
	// isOfPointer is true for a method of *T where templates have a T: no template can call it.
	isOfPointer bool
}

func (m method) name() string { return m.on.String() + "." + m.Name }

// arguments are the types of the parameters, without the receiver.
func (m method) arguments() (out []reflect.Type) {
	first := 1
	if m.on.Kind() == reflect.Interface {
		first = 0
	}
	for i := first; i < m.Type.NumIn(); i++ {
		out = append(out, m.Type.In(i))
	}
	return out
}

// isCallable is false where text/template refuses the results.
func (m method) isCallable() bool {
	results := m.Type.NumOut()
	return !m.isOfPointer && (results == 1 || results == 2 && m.Type.Out(1) == reflect.TypeFor[error]())
}

func (m method) note() string {
	switch {
	case m.isOfPointer:
		return " (of the pointer: no template has one)"
	case !m.isCallable():
		return " (several results: no template can call it)"
	}
	return ""
}

// methodName is the name of a method with its type, empty if neither the type nor its pointer has it.
func methodName(on reflect.Type, name string) string {
	_, isOwn := on.MethodByName(name)
	_, isOfPointer := reflect.PointerTo(on).MethodByName(name)
	if !isOwn && !isOfPointer {
		return ""
	}
	return on.String() + "." + name
}

// methods are all that templates can name, by reflection over the types that functions return. A *time.Location has no
// address in its text, so that no answer is left out.
func methods() (out []method) {
	known := map[reflect.Type]bool{}
	var add func(reflect.Type)
	add = func(on reflect.Type) {
		if known[on] {
			return
		}
		known[on] = true
		for _, each := range methodsOf(on) {
			out = append(out, each)
			if each.isCallable() {
				add(each.Type.Out(0))
			}
		}
	}
	all := functionsAt(moment)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		add(reflect.TypeOf(all[name]).Out(0))
	}
	slices.SortFunc(out, func(a, b method) int { return strings.Compare(a.name(), b.name()) })
	return out
}

// methodsOf are those of the type, then those of its pointer alone.
func methodsOf(on reflect.Type) (out []method) {
	for i := range on.NumMethod() {
		out = append(out, method{on, on.Method(i), false})
	}
	if on.Kind() == reflect.Interface || on.Kind() == reflect.Pointer {
		return out
	}
	pointer := reflect.PointerTo(on)
	for i := range pointer.NumMethod() {
		if _, isOwn := on.MethodByName(pointer.Method(i).Name); !isOwn {
			out = append(out, method{on, pointer.Method(i), true})
		}
	}
	return out
}

// valuesOf are expressions of each type that has methods or that a method takes.
var valuesOf = map[string][]string{
	"time.Time": {"now", "now", `(toDate "2006-01-02" "2020-02-29")`, `(toDate "2006" "bad")`, `(toDate "2006-01-02 15:04:05" "1999-12-31 23:59:59")`, `(toDate "2006-01-02T15:04:05.999999999Z07:00" "2021-03-28T02:30:00.123456789+02:00")`,
		`(toDate "2006-01-02" "0001-01-01")`, `(toDate "2006-01-02T15:04:05Z07:00" "9999-12-31T23:59:59-05:30")`, `(dateModify "-36h" now)`, `(toDate "Jan 2, 2006 at 3:04pm (MST)" "Feb 3, 2013 at 7:54pm (PST)")`},
	"time.Duration":   {`(now.Sub (toDate "2006-01-02" "2023-11-13"))`, `((toDate "2006-01-02" "2020-02-29").Sub now)`, "(now.Sub now)", `((dateModify "1500ms" now).Sub now)`, `((toDate "2006" "0001").Sub now)`, `(now.Sub (dateModify "1234567ns" now))`},
	"time.Month":      {"now.Month", `(toDate "2006-01-02" "2020-02-29").Month`},
	"time.Weekday":    {"now.Weekday", `(toDate "2006-01-02" "2020-02-29").Weekday`},
	"*time.Location":  {"now.Location", "now.Local.Location", `(toDate "2006-01-02T15:04:05Z07:00" "2021-03-28T02:30:00+02:00").Location`, `(toDate "Jan 2, 2006 at 3:04pm (MST)" "Feb 3, 2013 at 7:54pm (PST)").Location`},
	"*semver.Version": {`(semver "1.2.3")`, `(semver "v1.2.3-rc.1+b7")`, `(semver "1.2")`, `(semver "0.0.0-a")`, `(semver "18446744073709551615.1.1")`, `(semver "1.2.3+a.b")`, `(semver "10.20.30-alpha.10")`},
	"semver.Version":  {`(semver "1.2.3").IncMajor`, `(semver "v1.2.3-rc.1+b7").IncPatch`, `((semver "1.2").SetPrerelease "b.1")`, `((semver "1.2.3-a").SetMetadata "x")`, `(semver "1.2.3-a+b").IncMinor.IncPatch`},
	"error":           {`((semver "1.2.3").UnmarshalText now.MarshalText)`, `((semver "1.2.3").UnmarshalText (semver "2.0.0").MarshalText)`, `((semver "1.2.3").Scan "x")`, `((semver "1.2.3").UnmarshalJSON now.MarshalText)`, `((semver "1.2.3").UnmarshalJSON now.MarshalJSON)`},
	"string":          {`"2006-01-02"`, `"Mon Jan _2 15:04:05.000 2006 MST"`, `"rc.1"`, `""`, `"a-b.7"`, `"01"`, `"1.2.3"`, `"ü"`, `"-0700 Z07:00:00 002"`},
	"[]uint8":         {"now.MarshalText", "now.MarshalJSON", `(semver "2.0.0-x").MarshalText`, `(semver "3.1").MarshalJSON`, "nil", `(now.AppendFormat nil "06")`, "now.MarshalBinary"},
	"int":             {"0", "1", "-1", "30", "-400", `(len "ann")`, "'a'"},
	"interface {}":    {`"1.2.3"`, `"x"`, "nil", "1", "now", `(semver "1.2.3")`, `(list 1)`, "now.MarshalText"},
}

// constantsOf are constants that fit a type, besides.
var constantsOf = map[string][]string{"time.Duration": {"0", "1", "1000000000", "3600000000000", "-5400000000000", "86400000000000", "7"}}

// valueOf is an expression of a type, at most depth methods deep.
func (g *generator) valueOf(on reflect.Type, depth int) string {
	if depth > 0 && g.Intn(3) == 0 {
		if makers := g.makers[on]; len(makers) > 0 {
			made := makers[g.Intn(len(makers))]
			return "(" + g.calledOn(g.valueOf(made.on, depth-1), made, g.given(made, depth-1)) + ")"
		}
	}
	return g.one(valuesOf[on.String()]...)
}

// given are arguments that a method takes.
func (g *generator) given(m method, depth int) (out []string) {
	for _, each := range m.arguments() {
		if constants := constantsOf[each.String()]; len(constants) > 0 && g.Intn(2) == 0 {
			out = append(out, g.one(constants...))
		} else {
			out = append(out, g.valueOf(each, depth))
		}
	}
	return out
}

// calledOn writes a call of a method: the last argument in its place or piped, the receiver as it is or out of a dict or a
// list.
func (g *generator) calledOn(receiver string, m method, arguments []string) string {
	if g.Intn(8) == 0 {
		receiver = g.held(receiver)
	}
	called := receiver + "." + m.Name
	if last := len(arguments) - 1; last >= 0 && arguments[last] != "nil" && g.Intn(4) == 0 {
		return arguments[last] + " | " + strings.TrimSpace(called+" "+strings.Join(arguments[:last], " "))
	}
	return strings.TrimSpace(called + " " + strings.Join(arguments, " "))
}

// held is the value of an operand out of a dict or a list, where its type is `interface {}`.
func (g *generator) held(operand string) string {
	return fmt.Sprintf(g.one(`(dict "a" %s).a`, `(index (list %s) 0)`, `(index (dict "a" %s) "a")`, `(list (list 1 %s) | first | last)`, `(dict "a" (dict "b" %s)).a.b`, `(get (dict "a" %s) "a")`), operand)
}

// workingMethod is a case that calls a method as it should be.
func (g *generator) workingMethod(m method) question {
	asked := g.started()
	return g.onMethod(asked, g.valueOf(m.on, 2), m, g.given(m, 1))
}

// failingMethod is a case that calls a method as it should not be, or one that should not be called at all.
func (g *generator) failingMethod(m method) question {
	if !m.isCallable() && g.Intn(2) == 0 {
		return g.workingMethod(m)
	}
	asked := g.started()
	arguments := g.given(m, 0)
	bad := g.one(misfits...)
	switch choice := g.Intn(5); {
	case choice == 0 && len(arguments) > 0:
		arguments = arguments[1:]
	case choice < 2 || len(arguments) == 0:
		arguments = append(arguments, bad)
	default:
		arguments[g.Intn(len(arguments))] = bad
	}
	return g.onMethod(asked, g.valueOf(m.on, 1), m, arguments)
}

// methodForms are texts around a call `C`, or around the method `N` with arguments `A` on what is made of `R`. What comes of it
// is shown by `@`.
var methodForms = []string{
	"{{ C@ }}", "{{ C@ }}", "{{ C@ }}", "a {{- C@ -}} b", "{{ if C }}y{{ else }}n{{ end }}", "{{ $r := C }}{{ $r@ }}", `{{ $c := C }}{{ printf "%T %v" $c $c }}`, "{{ $t := R }}{{ ($t.N A)@ }}", "{{ $t := R }}{{ $t.N A }} {{ $t }}",
	"{{ with R }}{{ .N A }}{{ end }}", "{{ with $t := R }}{{ $t.N A }}{{ end }}", "{{ range list R R }}{{ (.N A)@ }} {{ end }}", `{{ define "t" }}{{ .N A }}{{ end }}{{ template "t" R }}`, `{{ $d := dict "t" R }}{{ ($d.t.N A)@ }}`,
}

func (g *generator) onMethod(asked question, receiver string, m method, arguments []string) question {
	shown := g.one("", "", " | toJson", " | quote", " | kindOf", ` | printf "%q"`, ` | printf "%d"`, ` | list | toString`)
	filled := strings.NewReplacer("@", shown, "C", g.calledOn(receiver, m, arguments), "R", receiver, "N", m.Name, "A", strings.Join(arguments, " "))
	return g.delimited(asked, filled.Replace(g.one(methodForms...)))
}

// kindOfResult is the kind of what a method gives, as signatures name it; empty for others.
func kindOfResult(m method) string {
	switch result := m.Type.Out(0); result.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "int"
	case reflect.String:
		return "str"
	case reflect.Bool:
		return "bool"
	case reflect.Float64:
		return "float"
	default:
		if result == reflect.TypeFor[time.Time]() {
			return "time"
		}
	}
	return ""
}

// learn notes what methods give.
func (g *generator) learn(all []method) {
	g.makers, g.methodsByResult = map[reflect.Type][]method{}, map[string][]method{}
	for _, each := range all {
		if each.isCallable() {
			result := each.Type.Out(0)
			g.makers[result] = append(g.makers[result], each)
			kind := kindOfResult(each)
			g.methodsByResult[kind] = append(g.methodsByResult[kind], each)
		}
	}
}

// madeByMethod is an operand of a kind that methods give.
func (g *generator) madeByMethod(kind string) string {
	made := g.methodsByResult[kind][g.Intn(len(g.methodsByResult[kind]))]
	return "(" + g.calledOn(g.valueOf(made.on, 1), made, g.given(made, 0)) + ")"
}
