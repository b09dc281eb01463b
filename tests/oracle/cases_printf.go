package main

import (
	"fmt"
	"strings"
)

// verbs are all of fmt's and two that it does not know. %p prints addresses of maps and lists, so these are left out there.
var verbs = strings.Split("v d s q x X t T c b o O e E f F g G U p z !", " ")

var flags = []string{"", "#", "+", "-", " ", "0", "#0", "+0", "-0", "+ ", "# ", "+#"}

var widths = []string{"", "8", ".2", "8.3", "-8", "08", ".0", "."}

// values are one of each kind, as written in a template.
var values = []string{"42", "-42", "0", "1.5", "-0.0", "1e21", "1234567.891", `"text"`, `"ü☃\xff"`, `""`, "'A'", "true", "nil", `(list 1 "a" nil)`, `(dict "k" 1.5 "b" "x")`, "(int64 7)", "(list)", "1i", `(split "," "a,b")`, `(splitList "," "a,b")`, "(until 3)", `(fromJson "{\"a\":[1,null,true,\"s\"]}")`, `(printf "%c" 300)`, "(toDate \"2006\" \"2023\")", `(semver "1.2.3-a")`}

func printfCases() []question {
	return at(join(
		texts("verb", everyVerb()...),
		texts("flag", everyFlag()...),
		texts("width", everyWidth()...),
		texts("print", crossed("{{ print @ }}", values...)...),
		texts("println", crossed("{{ println @ @ }}", values...)...),
		texts("plain", crossed("{{ @ }}", values[:12]...)...),
		texts("arguments", `{{ printf "%d %d" 1 }}`, `{{ printf "%d" 1 2 }}`, `{{ printf "%d" }}`, `{{ printf "" 1 }}`, `{{ printf }}`, `{{ printf 1 }}`, `{{ printf nil }}`, `{{ printf "%" }}`, `{{ printf "%%" }}`, `{{ printf "100%" 1 }}`, `{{ printf "%[2]d %[1]d" 1 2 }}`, `{{ printf "%[3]d" 1 2 }}`, `{{ printf "%[x]d" 1 }}`, `{{ printf "%[1]" 1 }}`, `{{ printf "%[1" 1 }}`, `{{ printf "%[0]d" 1 }}`, `{{ printf "%[-1]d" 1 }}`, `{{ printf "%[1]d %d" 1 2 }}`, `{{ printf "%[2]d" 1 2 }}`, `{{ printf "%*d" 5 1 }}`, `{{ printf "%-*d|" 5 1 }}`, `{{ printf "%*d" -5 1 }}`, `{{ printf "%.*f" 2 1.555 }}`, `{{ printf "%[2]*[1]d" 1 5 }}`, `{{ printf "%[1]*d" 1 5 }}`, `{{ printf "%*d" "a" 1 }}`, `{{ printf "%.*d" -1 1 }}`, `{{ printf "%.[2]*[1]f" 1.25 1 }}`, `{{ printf "%*d" 99999999 1 }}`, `{{ printf "%99999999d" 1 }}`, `{{ printf "%d%s" "a" 1 }}`, `{{ printf "%!" 1 }}`, `{{ printf "%z" 1 }}`, `{{ printf "%ü" 1 }}`, `{{ printf "%-010d|" 5 }}`, `{{ printf "%+-5d|" 5 }}`, `{{ printf "% x" "abc" }}`, `{{ printf "%# x" "abc" }}`, `{{ printf "% X" "äb" }}`, `{{ printf "%x" "" }}`, `{{ printf "%s" nil }}`, `{{ printf "%d" nil }}`, `{{ printf "%v %v" nil nil }}`, `{{ printf "%d" (list 1 "a" 1.5) }}`, `{{ printf "%s" (list 1 "a" nil) }}`, `{{ printf "%q" (list "a" "b") }}`, `{{ printf "%x" (list "a" 255) }}`, `{{ printf "%05d" (list 1 -2) }}`, `{{ printf "%6.2f" (list 1.5 2.25) }}`, `{{ printf "%v" (dict "b" 1 "a" (dict "c" nil)) }}`, `{{ printf "%+v" (dict "b" 1) }}`, `{{ printf "%#v" (dict "b" (list 1 "x" 1.0 true nil)) }}`, `{{ printf "%#v" (split "," "a,b") }}`, `{{ printf "%#v" (list) }}`, `{{ printf "%#v" (dict) }}`, `{{ printf "%T" (list) }}`, `{{ printf "%T" nil }}`, `{{ printf "%T" (chunk 1 (list 1)) }}`, `{{ printf "%T" (fromJson "1") }}`, `{{ printf "%T" (add 1 1) }}`, `{{ printf "%T" (len "a") }}`, `{{ printf "%T" 'a' }}`, `{{ printf "%T" now }}`, `{{ printf "%T" (semver "1.0.0") }}`, `{{ printf "%T" . }}`, `{{ printf "%v" . }}`, `{{ printf "%#v" . }}`, `{{ printf "%c%c" 65 0x1F600 }}`, `{{ printf "%c" -1 }}`, `{{ printf "%c" 0x110000 }}`, `{{ printf "%q" 65 }}`, `{{ printf "%#q" "a" }}`, "{{ printf \"%#q\" \"a`b\" }}", `{{ printf "%+q" "ü☃" }}`, `{{ printf "%q" "a\nb\x00\xff\u2028" }}`, `{{ printf "%#+q" "ü" }}`, `{{ printf "%U" 0x1F600 }}`, `{{ printf "%#U" 0x1F600 }}`, `{{ printf "%#U" 7 }}`, `{{ printf "%t" "a" }}`, `{{ printf "%8t|%-8t|" true false }}`, `{{ printf "%.3s|%.10s|%5.1s|" "abcdef" "abc" "ü☃" }}`, `{{ printf "%-5s|%5s|%05s|" "ü" "ü" "ü" }}`, `{{ printf "%x %X %#x %o %#o %O %b %#b" 255 255 255 8 8 8 5 5 }}`, `{{ printf "%x" -255 }}`, `{{ printf "%x %X" 1.5 -1.5 }}`, `{{ printf "%.3x" 1.0 }}`, `{{ printf "%e %E %g %G %f" 1234.5 1234.5 1e-7 1e21 1e21 }}`, `{{ printf "%.3g %.10g %g" 1234.5678 1234.5678 100000.0 }}`, `{{ printf "%#g %#.3g" 1.0 1.0 }}`, `{{ printf "%08.3f|%+08.3f|%-8.3f|" 3.14159 3.14159 3.14159 }}`, `{{ printf "%b" 1.0 }}`, `{{ printf "%6d|%-6d|%06d|%+d|% d" 42 42 -42 42 42 }}`, `{{ printf "%.5d|%8.5d|%-8.5d|%.0d" 42 42 42 0 }}`, `{{ printf "%s" 1.5 }}`, `{{ printf "%d" 1.5 }}`, `{{ printf "%d" "1" }}`, `{{ printf "%f" 1 }}`, `{{ printf "%s" true }}`, `{{ printf "%v" 1e6 }}`, `{{ printf "%v" 123456789.0 }}`, `{{ printf "%v" 0.000001 }}`, `{{ printf "%v" 1e20 }}`, `{{ printf "%v" 0.1 }}`, `{{ printf "%s %s" "a" }}`, `{{ printf "%v %s" (list) (dict) }}`, `{{ printf "%s" now }}`, `{{ printf "%d" (now).Weekday }}`, `{{ printf "%v" (now).Month }}`, `{{ printf "%s" (duration 5) }}`, `{{ printf "%s" (semver "1.2.3") }}`, `{{ printf "%v|%q" (semver "1.2.3") (semver "1.2.3") }}`, `{{ printf "%d %s" .user .nope }}`),
		texts("pointer within", crossed(`{{ printf "@" (list (semver "1.2.3-a")) (dict "a" (list now.Location)) }}`, "%e %t", "%+e %5c", "%#U %.2f", "%6.1g %-9t|", "%s %q")...),
		texts("zone", crossed(`{{ printf "%@" ((toDate "2006 MST" "2020 CET").Location) }}`, "c", "t", "e", "f", "s", "q", "+t", "#c")...),
		texts("spaces", `{{ print 1 2 }}`, `{{ print "a" "b" }}`, `{{ print 1 "a" 2 }}`, `{{ print "a" 1 2 "b" }}`, `{{ print true false }}`, `{{ print nil nil }}`, `{{ print 1.5 2.5 }}`, `{{ print (list 1) (list 2) }}`, `{{ print "a" nil "b" }}`, `{{ print }}`, `{{ println }}`, `{{ println 1 "a" }}`, `{{ print "" "" }}`, `{{ print 'a' 'b' }}`, `{{ print (dict) 1 "x" }}`),
		floats(),
		texts("half way", crossed(`{{ @ }} {{ mulf @ 1 }} {{ divf @ 3 }} {{ toJson @ }} {{ printf "%v %e" @ @ }}`, "1449636820308485.25", "-1449636820308485.75", "131791975919521.171875", "4503599627370496.5", "4503599627370497.5", "2251799813685248.25", "9007199254740993.0", "5e-324", "1125899906842624.125")...),
		texts("bare", bare()...),
	))
}

func everyVerb() []string {
	var out []string
	for _, verb := range verbs {
		for i, value := range values {
			if address(verb, i) {
				continue
			}
			out = append(out, fmt.Sprintf(`{{ printf "%%%s" %s }}`, verb, value))
		}
	}
	return out
}

// address is true where Go prints where a value stands in memory.
func address(verb string, value int) bool {
	return verb == "p" && (strings.HasPrefix(values[value], "(list") || strings.HasPrefix(values[value], "(dict") || value >= 18)
}

func everyFlag() []string {
	var out []string
	for _, verb := range []string{"v", "d", "s", "q", "x", "c", "o", "b", "e", "f", "g", "U", "t", "T"} {
		for _, flag := range flags[1:] {
			var shown []string
			for _, value := range []string{"42", "-1.5", `"aü"`, "true", `(list 1 "b")`} {
				shown = append(shown, value)
			}
			out = append(out, fmt.Sprintf(`{{ printf "%s" %s }}`, strings.Repeat("%"+flag+"6"+verb+"|", len(shown)), strings.Join(shown, " ")))
		}
	}
	return out
}

func everyWidth() []string {
	var out []string
	for _, verb := range []string{"v", "d", "s", "q", "x", "c", "e", "f", "g", "t", "U"} {
		for _, width := range widths[1:] {
			format := strings.Repeat("%"+width+verb+"|", 6)
			out = append(out, fmt.Sprintf(`{{ printf "%s" 42 -7.125 "añb" true nil (list 1.25 "xyz") }}`, format))
		}
	}
	return out
}

// floats are numbers whose shortest form is hard to find, printed in the usual ways.
func floats() []question {
	return texts("float", crossed(`{{ $f := float64 @ }}{{ $f }} {{ printf "%g %e %f %.3f %.0f %G" $f $f $f $f $f $f }} {{ toJson $f }} {{ toString $f }}`,
		"0.1", "0.2", "0.3", "1", "10", "100000", "1000000", "10000000", "123456789", "1e20", "1e21", "1e22", "1e100", "1.7976931348623157e308", "5e-324", "2.2250738585072014e-308", "1e-4", "1e-5", "1e-6", "1e-7", "0.000012345", "3.141592653589793", "2.5", "3.5", "0.5", "1.5", "-2.5", "9007199254740993", "4.35", "0.615", "1.005", "8.41", "1e23", "123456.789e3", "0.1e-6", "-0.0", "\"NaN\"", "\"Inf\"", "\"-Inf\"", "1e15", "1e16", "1e17", "99999999999999990000", "999999999999999900000")...)
}

// bare are structs by verbs that their String methods do not serve: their fields show, those too that are not exported.
func bare() []string {
	var out []string
	for _, verb := range verbs {
		if verb != "p" {
			out = append(out, crossed(fmt.Sprintf(`{{ printf "%%%s|%%+9%s|%%#-9.3%s" @ @ @ }}`, verb, verb, verb), `now`, `(semver "v1.2.3-rc.1+b7")`, `((semver "1.2.3").IncMinor)`, `(list now (1 | list))`)...)
		}
	}
	return append(out, `{{ now.wall }}`, `{{ now.loc.x }}`, `{{ (semver "1.2.3").major }}`, `{{ (semver "1.2.3").IncMinor.pre }}`, `{{ (semver "1.2.3").nope }}`, `{{ (semver "1.2.3").major 1 }}`, `{{ 1 | (semver "1.2.3").major }}`)
}
