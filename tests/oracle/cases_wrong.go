package main

import (
	"reflect"
	"slices"
	"strings"
)

// samples are an argument of each type that a function's parameter has, and what is none of it.
var samples = map[string]string{
	"string": `"abc"`, "int": "3", "int64": "3", "uint32": "1", "float64": "1.5", "bool": "true", "interface {}": `"x"`, "time.Time": "now",
	"map[string]interface {}": `(dict "a" 1)`, "[]interface {}": "(list 1)", "main.hashAlgorithm": `"sha"`, "sprig.certificate": "nil",
}

var wrong = []string{"1", "1.5", `"s"`, "nil", "true", "(list 1)", `(dict "a" 1)`, "now", `'c'`, `(split "," "a")`, "-1", "(len \"abc\")", "(fromJson \"2\")", "(coalesce nil)", "1i", "."}

// loud are functions whose results are random or take long; only their errors are recorded.
var loud = []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "uuidv4", "shuffle", "bcrypt", "htpasswd", "genPrivateKey", "derivePassword",
	"genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "encryptAES", "keys", "values", "pemToPkcs12", "fullPemToPkcs12"}

// wrongArgumentCases call each function with too few and too many arguments, and with each argument in turn of a wrong type.
func wrongArgumentCases() []question {
	all := functionsAt(moment)
	var out []question
	for _, name := range functionNames() {
		if slices.Contains(builtins, name) {
			continue
		}
		texts := texts(name, callsWithWrongArguments(name, reflect.TypeOf(all[name]))...)
		if slices.Contains(loud, name) {
			texts = slices.DeleteFunc(texts, func(q question) bool { q.Now = moment; return q.answer().Error == "" })
		}
		out = append(out, texts...)
	}
	return at(out)
}

func callsWithWrongArguments(name string, function reflect.Type) []string {
	var right []string
	for i := range function.NumIn() {
		parameter := function.In(i)
		if function.IsVariadic() && i == function.NumIn()-1 {
			parameter = parameter.Elem()
		}
		right = append(right, samples[parameter.String()])
	}
	call := func(arguments ...string) string {
		return "{{ " + strings.Join(append([]string{name}, arguments...), " ") + " }}"
	}
	out := []string{call(), call(append(slices.Clone(right), `"one too many"`)...), `{{ "piped" | ` + strings.TrimSpace(name+" "+strings.Join(right, " ")) + ` }}`}
	if len(right) > 1 {
		out = append(out, call(right[1:]...))
	}
	for i := range right {
		if right[i] == samples["interface {}"] && len(right) > 1 {
			continue
		}
		for _, other := range wrong {
			arguments := slices.Clone(right)
			arguments[i] = other
			out = append(out, call(arguments...))
		}
	}
	return out
}
