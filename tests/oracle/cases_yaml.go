package main

import (
	"fmt"
	"strings"
)

// emptyKeys are brackets without anything in them before a colon.
var emptyKeys = []string{"{}: 3", "[]: 3", "{}x: 3", "[]x: 3", "a:\n  {}: 1", "- {}: 1", "- []: 1\n- 2", "{ }: 1", "[ ]: 1", "{\n}: 1", "{ # c\n}: 1", "{,}: 1", "[{}: 1]", "{{}: 1}", "{[]: 1}", "[\n{}: 1]", "[\n\n[]: 1\n]", "{a: 1,\n{}: 2}", "? {}\n: 1", "&a {}: 1", "!!map {}: 1", "{? a}: 1", "{? a: b}: 1", "[? a]: 1", "{}:", "{} : 1", "{}\n: 1", "a: {}: 1", "{}: {}: 1", "a: 1\n{}: 2", "[[]]: 1", "[{}]: 1", "{a}: 1", "{}: 1\nb: 2", "- a\n- {}: 1", "'a': {}\n[]: x", "{}#c: 1", "{}, 1", "{:}: 1", "[:]: 1", "{}:1"}

// collectionKeys are maps and lists as keys, which are printed in the refusal.
var collectionKeys = []string{"{a: 1}: 2", "[a, 1]: 2", "? {a: {b: [1, {c: ~}]}}\n: 1", "? [[], {x: []}, [[1]]]\n: 1", "{b: 1, a: 2, B: 3, '': 4, _: 5, '1': 6}: 1", "{10: a, 9: b, -1: c, 0: d}: 1", "{true: a, false: b}: 1", "{1.5: a, -2.5: b, 1e6: c, .inf: d, -.inf: e, .nan: f, 1e21: g, 0.1: h}: 1", "{x: 1, 2: b, 3.5: c, true: d, ~: e, 18446744073709551615: f, '2': g}: 1", "{~: 1}: 1", "{18446744073709551615: 9223372036854775808, 9223372036854775808: 1}: 1", "? {a: ~, b: true, c: 1.0, d: 1e400, e: 18446744073709551615, f: -0.0, g: 0x1F}\n: 1", "? {'a\"b': 'c\"d', 'e''f': \"\\n\\t\\x01\", \"\\u00e9\": \"\\u2028\\uFEFF\", '`': '\\'}\n: 1", "? {!!binary /w==: !!binary gICA}\n: 1", "? {2024-01-01: 2024-01-02}\n: 1", "{a: 1, a: 2}: 1", "{1: a, 0x1: b, 1.0: c, '1': d}: 1", "{0.0: a, -0.0: b}: 1", "{-0.0: a, 0.0: b}: 1", "{{a: 1}: 2}: 3", "a: {[b]: 2}", "- ? [b]\n  : 2", "&a {x: 1}: 2", "x: &a {b: 1}\n*a : 2", "x: &a [b, c]\n? *a\n: 2", "x: &a {b: 1}\n? {<<: *a, c: 2}\n: 1", "? {<<: [{a: 1}, {a: 2, b: 3}]}\n: 1", "{[]: 1, b: 2}: 3", "? - a\n  - b: c\n: 1", "? |\n  x\n: 1\n? [y]\n: 2", "~: {a: 1}", "~: [1, {a: ~}]", "~: ~", "~: .nan", "18446744073709551615: {a: {b: 1}}", "a: {~: 1}\na: 2", "a: {~: {b: 'c'}}", "- ~: x", "<<: {~: 1}\n~: 2", "<<: {a: 1, ~: 2}", "[a]: {b: c}", "'a': 1\n? ['', \"\"]\n: 1"}

// marked are texts with byte order marks, and with breaks and damage where portions of a text end.
func marked() []string {
	out := []string{"a: 1\n\ufeffb: 2", "---\n\ufeffa: 1", "\ufeffa: 1", "\ufeff\ufeffa: 1", "\ufeff\ufeffa: 1\nb: 2", "\ufeff\ufeff\ufeffa: 1", "\ufeff---\na: 1", "\ufeff\ufeff---\na: 1", "\ufeff\ufeff- 1\n- 2", "\ufeff\ufeff\n\na: 1\nb: 2\n", "a: \ufeff", "\ufeff", "\ufeff\ufeff", "a: 1\n\ufeff", "a: 1\n\ufeff\n", "a: 1\n\ufeff# c\n", "a: |\n  x\n\ufeffb: 1", "a: 'x\n\ufeff y'", "a: [\n\ufeffb]", "...\n\ufeffa: 1", "# c\n\ufeffa: 1", "a: x\ufeffy", "\n\ufeffa: 1", " \ufeffa: 1", "\ufeff a: 1", "\ufeff#\n\ufeffa: 1", "\ufeff%YAML 1.1\n---\na: 1", "a: 1\n\ufeff\ufeff", "a\n\ufeff", "a\n\ufeff\n\ufeff\n", "\"\\uFEFFa\": 1",
		"a: 1\n---\n\xff", "a: 1\n...\n\x00", "a: \"\xff", "a: [\xff", "a: b: c\n\xff"}
	for _, length := range []int{480, 503, 504, 505, 506, 507, 508, 509, 510, 511, 512, 513, 1016, 1020, 1024} {
		comment := "# " + strings.Repeat("x", length-2)
		out = append(out, comment+"\n\ufeffa: 1\nb: 2\n", comment[:length-1]+"\u00e9\na: 1", "a: 1\n---\n"+comment+"\n\xff", "b: c: d "+comment+"\xff", comment+"\r\na: \"b\\\r\n c\"", comment+"\xe2\x80")
	}
	return out
}

// wide is a text with two bytes for a character, the lower one first if that is asked for.
func wide(text string, low bool) string {
	var out strings.Builder
	for _, unit := range []byte(text) {
		pair := []byte{0, unit}
		if low {
			pair = []byte{unit, 0}
		}
		out.Write(pair)
	}
	return out.String()
}

func wideTexts() []string {
	const lower, upper = "\xff\xfe", "\xfe\xff"
	var out []string
	for _, text := range []string{"a: 1", "a: [b, {c: d}]\n", "", "a: |\n  x\n", "a: b: c", "# " + strings.Repeat("x", 253) + "\na: 1\nb: 2", "# " + strings.Repeat("x", 600) + "\na: 1"} {
		out = append(out, lower+wide(text, true), upper+wide(text, false), wide(text, true), lower+wide(text, false), lower+wide(text, true)+"\x00")
	}
	return append(out, lower+wide("a: ", true)+"\xe9\x00", lower+wide("a: ", true)+"\x3d\xd8\x00\xde", upper+wide("a: ", false)+"\xd8\x3d\xde\x00", lower+wide("a: ", true)+"\x00\xde", lower+wide("a: ", true)+"\x3d\xd8", lower+wide("a: ", true)+"\x3d\xd8\x00", lower+wide("a: ", true)+"\x3d\xd8a\x00", lower+wide("a: ", true)+"\xff\xff", lower+wide("a", true)+"\x00\x00", lower+"\xff\xfe"+wide("a: 1", true), lower+wide("a: 1\n", true)+"\xff\xfe"+wide("b: 2", true), "\xff\xfe\x00\x00a\x00\x00\x00", "\xff", "\xfe", "\xef\xbb", "\xef", "\xef\xbb\xbf", "\xff\xfe", "\xfe\xff", lower+"a", "a: \xc3", "a: \xc0\x80", "a: \xe0\x80\x80", "a: \xed\xa0\x80", "a: \xf4\x90\x80\x80", "a: \xf8", "a: \xc3a", "a: \xf0\x9f\x98")
}

// floatKeys are keys that 32 bits hold in part, or not at all.
var floatKeys = []string{"1e40: x", "-1e40: x", "3.4028236e38: x", "3.4028235e38: x", "1e39: {a: b}", "1e-50: x", "1e-45: x", "16777217.0: x", "0.1: x", "123456789.5: x"}

// escapedTags have characters by their numbers.
var escapedTags = []string{"!a%41 x", "!<a%41> x", "!%C3%A9 x", "!%C3 x", "!%C3%41 x", "!%ff x", "!%80 x", "!%F0%9F%98%80 x", "!%E0%80%80 x", "!%4 x", "!%zz x", "!<%C3> x", "!!%69nt 3", "!!i%6et x", "!<tag:yaml.org,2002:int> x"}

// writtenMarks are texts that begin with a byte order mark, or hold one.
var writtenMarks = []string{`"\ufeffabc"`, `"\ufeff"`, `"\ufeff\ufeff"`, `"\ufeffa b'c\"d\\e"`, `"\ufeffa\nb\tc"`, `"\ufeffé☃😀"`, `"a\ufeffb"`, `" \ufeff"`, `(repeat 60 "\ufeffa b ")`, `(cat "\ufeff" (repeat 60 "word "))`, `(cat "x" (repeat 30 "\ufeff word "))`, `(dict "\ufeffk" 1 "k\ufeff" 2 "\ufeff" 3)`, `(dict (repeat 130 "\ufeff") 1)`, `(dict "\ufeffa\nb" "\ufeffc\nd")`, `(list "\ufeff1" "\ufefftrue" "\ufeff0\u0000")`}

func yamlCases() []question {
	var out []question
	for group, all := range [][]string{emptyKeys, collectionKeys, marked(), wideTexts(), escapedTags, floatKeys} {
		for i, text := range all {
			cases := texts(fmt.Sprintf("yaml %d/%d", group+1, i+1), `{{ fromYaml .d | toJson }}`)
			out = append(out, given(map[string]string{"d": text}, cases)...)
		}
	}
	binary := []string{"aGl=", "aGl", "a Gl=", "aGk=", "aGk=x", "", "|\n  aG\n  k=", "/w==", "_w=="}
	return join(out, texts("yaml binary", crossed("{{ fromYaml \"a: !!binary @\" | toJson }}", binary...)...), texts("toYaml marks", crossed("{{ toYaml @ }}", writtenMarks...)...), texts("toYaml marks inside", crossed(`{{ dict "k" (list @) | toYaml }}`, writtenMarks...)...))
}
