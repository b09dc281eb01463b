package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// topics is every file of recorded cases.
func topics() []topic {
	return []topic{
		{"syntax", join(syntaxCases(), percentNameCases())},
		{"parse_errors", parseErrorCases()},
		{"exec_errors", execErrorCases()},
		{"printf", join(printfCases(), addressCases())},
		{"builtins", builtinCases()},
		{"strings", stringCases()},
		{"numbers", join(numberCases(), numberTextCases())},
		{"dates", join(dateCases(), momentCases())},
		{"lists", listCases()},
		{"methods", methodCases()},
		{"dicts", dictCases()},
		{"defaults", defaultCases()},
		{"json_yaml", join(documentCases(), yamlCases())},
		{"documents", readCases()},
		{"regex_url_semver", patternCases()},
		{"crypto", cryptoCases()},
		{"certificates", certificateCases()},
		{"wrong_arguments", wrongArgumentCases()},
	}
}

// moment is the time of every case that shows one: 2023-11-14 22:13:20 UTC.
const moment = 1700000000

// texts is a case for each text, named after the group.
func texts(group string, all ...string) []question {
	var out []question
	for i, text := range all {
		out = append(out, question{ID: group + "/" + strconv.Itoa(i+1)}.withText(text))
	}
	return out
}

// row is a function and the arguments that it is called with, each as written in a template.
type row []string

// calls is a call a case, printed as it comes.
func calls(rows ...row) named { return callsIn("{{ %s }}", rows) }

// typed prints what comes with its Go type and syntax.
func typed(rows ...row) named {
	return callsIn(`{{ $r := %s }}{{ printf "%%T %%#v %%v" $r $r $r }}`, rows)
}

// callsIn puts each call into a format.
func callsIn(format string, rows []row) []question {
	var out []question
	for _, row := range rows {
		var all []string
		for _, arguments := range row[1:] {
			all = append(all, fmt.Sprintf(format, strings.TrimSpace(row[0]+" "+arguments)))
		}
		out = append(out, texts(row[0], all...)...)
	}
	return out
}

// whole is found in texts that may look at all of the data.
var whole = regexp.MustCompile(`(^|[^\w.)])\.([^\w.]|$)|\$`)

// given puts data into each case: all of it, or what the text names.
func given(data map[string]string, cases []question) []question {
	for i := range cases {
		cases[i].Data = map[string][]byte{}
		for key, value := range data {
			if text := cases[i].text(); whole.MatchString(text) || strings.Contains(text, key) {
				cases[i].Data[key] = []byte(value)
			}
		}
	}
	return cases
}

// at gives each case the moment for its time.
func at(cases []question) []question {
	for i := range cases {
		cases[i].Now = moment
	}
	return cases
}

// withFiles gives each case the files, as key and name in turn.
func withFiles(keysAndNames []string, cases []question) []question {
	for i := range cases {
		cases[i].Files = map[string]string{}
		for k := 0; k < len(keysAndNames); k += 2 {
			cases[i].Files[keysAndNames[k]] = keysAndNames[k+1]
		}
	}
	return cases
}

func join(groups ...[]question) []question {
	var out []question
	for _, group := range groups {
		out = append(out, group...)
	}
	return out
}

// crossed is the text with each of the values in the place of `@`.
func crossed(text string, values ...string) []string {
	var out []string
	for _, value := range values {
		out = append(out, strings.ReplaceAll(text, "@", value))
	}
	return out
}
