package main

// jsonTexts are documents and what is not one.
var jsonTexts = []string{"{}", "[]", "null", "true", "1", "-1.5", "1e3", "1E400", "12345678901234567890", "1000000", "0.1", "1e21", "123456789.5", `""`, `"a"`, `"\u00fc\n\/"`, `"\ud83d\ude00"`, `"\ud83d"`, `{"a":1}`, `{"b":[1,{"c":null}],"a":true}`, `{"a":1,"a":2}`, ` { "x" : [ ] } `, "", " ", "{", "[1,]", "{'a':1}", "{a:1}", "01", "nul", "[1 2]", `{"a" 1}`, "\"\t\"", "\"\xff\"", `{"<&>":"\u2028<&>"}`, "1 2", "{}x", "[[[]]]", "\ufeff{}", "NaN", `{"a":{"b":{"c":{"d":1}}}}`, "-0", "+1", ".5", "1.", `"\x"`, `"\u12"`, `{"":0}`, "tru", "[,1]", `{"a":1,}`, "//c", `"a`}

// yamlTexts are documents that show what YAML takes a scalar for.
var yamlTexts = []string{"a: 1", "a: 1\nb: [1, 2]\nc: {d: e}", "a:\n  b:\n  - 1\n  - x: y\n", "", "~", "null", "[]", "- 1\n- 2", "5", "text", "a: yes\nb: no\nc: on\nd: off\ne: y\nf: n", "a: true\nb: True\nc: TRUE\nd: \"true\"", "a: 0x1F\nb: 0o17\nc: 017\nd: 0b11\ne: 1_000\nf: 08", "a: 1.5\nb: 1e3\nc: .5\nd: .inf\ne: -.inf", "a: .nan", "a: 12345678901234567890\nb: 9007199254740993\nc: -9223372036854775808\nd: 1e400", "a: ~\nb: null\nc: Null\nd:\ne: ''", "a: 2023-01-02\nb: 2023-01-02T03:04:05Z", "a: |\n  one\n  two\nb: >\n  three\n  four\n\n  five\nc: |-\n  x\nd: |+\n  y\n\n", "a: &x {b: 1}\nc: *x", "base: &b {a: 1, b: 2}\nd:\n  <<: *b\n  b: 3", "? a\n: 1", "a: !!str 1\nb: !!int \"2\"\nc: !!binary aGk=\nd: !!float 1", "a: !custom x", "1: a\n2.5: b\ntrue: c\nnull: d", "a: 1\na: 2", "a: b: c", "a: [1", "{a: 1", "a: \"x", "a:\n\t- 1", "\ta: 1", "a: 1\n b: 2", "---\na: 1\n", "---\na: 1\n---\nb: 2\n", "a: 1\n...\n", "# c\na: 1 # d", "a: 'it''s'\nb: \"q\\\"\\n\\u00fc\\x41\"", "a: @x", "a: `x", "a: %x", "a: *nope", "\"a b\": 1\n'c d': 2\ne f: 3", "a: {b, c: 1}", "[a, b: 1]", "{}", "a:   \n  b", "a: one\n  two\n  three", "key: \xff", "a: \x00", "a: 😀\nü: ß", "a: 12:30:45\nb: 1:2", "a: -\nb: - x", "- a\nb: 1", "a: \"\\ud83d\\ude00\"", "a: +1\nb: +.5\nc: 1.\nd: 1e\ne: e1", "a: <<\n<<: {b: 1}", "a: 'x\n\n  y'", "list:\n- a\n-\n- - b\n  - c", "b: { null}", "~: ~", "? null\n: [null]"}

// writable are values that YAML must quote, fold or sort.
var writable = []string{"1", "1.5", "1e6", "1e21", "0.1", "-0.0", "1000000.0", "true", "nil", `"a"`, `""`, `"true"`, `"null"`, `"~"`, `"1"`, `"1.5"`, `"0x1F"`, `"1e3"`, `"yes"`, `"no"`, `"y"`, `"on"`, `"off"`, `"a: b"`, `"a #b"`, `"#a"`, `" a"`, `"a "`, `"- a"`, `"-"`, `"a\nb"`, `"a\nb\n"`, `"a\n\n"`, `"\n"`, `" a\nb"`, `"a\tb"`, `"\t"`, `"a\\b"`, `"'"`, `"it's"`, `"\""`, `"{a}"`, `"[a"`, `"*a"`, `"&a"`, `"!a"`, `"%a"`, `"@a"`, "\"`a\"", `"a,b"`, `"? a"`, `"?"`, `":"`, `"a:"`, `":a"`, `"|"`, `">"`, `"="`, `"<<"`, `"---"`, `"..."`, `"ü☃😀"`, `"\x00"`, `"\x7f"`, `"\u0085"`, `"\u2028"`, `"\ufeff"`, `"\xff"`, `"2023-01-02"`, `"2023-01-02T03:04:05Z"`, `"12:30"`, `"0o17"`, `"017"`, `"08"`, `"1_000"`, `".5"`, `".inf"`, `".nan"`, `"+1"`, `"NaN"`, `"Infinity"`, `"0b1"`, `"0"`, `"-0"`, `"12345678901234567890"`, "(list)", "(list 1 \"a\" nil)", "(list (list 1 2) (list))", "(dict)", `(dict "b" 1 "a" 2)`, `(dict "a" (list 1 2) "b" (dict "c" nil))`, `(list (dict "a" 1 "b" 2) (dict))`, `(dict "1" 1 "true" 2 "" 3 "a b" 4 "a:" 5)`, `(dict "a10" 1 "a9" 2 "A1" 3 "_" 4 "Z" 5 "ü" 6)`, `(dict "10" 1 "9" 2 "1.5" 3)`, `(split "," "a,b")`, `(splitList "," "a,b")`, "(until 3)", `(dict "k" "multi\nline\ntext")`, `(dict "k" "line \n trailing")`, `(list "multi\nline" "x")`, `(repeat 100 "word ")`, `(dict "k" (repeat 100 "x"))`, "now", `(semver "1.2.3")`, "(list (dict \"a\" (list 1)))", `(fromJson "{\"n\":1000000,\"f\":0.5,\"big\":1e21,\"i\":12345678901234567890}")`, `"a\r\nb"`, `"\r"`, `"a  b"`, `"<a&b>"`, `(dict "<" "&")`, "'a'", "1i", "(float64 \"NaN\")", "(float64 \"Inf\")", "9007199254740993", "(index \"a\" 0)", `"null "`, `"Yes"`, `"FALSE"`, `"Null"`, `"a\u00a0b"`, `"-1"`, `"- "`, `"a - b"`, `"@"`, `"x'y\"z"`, "(list nil)", "(list \"\")"}

func documentCases() []question {
	var out []question
	for i, text := range jsonTexts {
		cases := texts("json "+string(rune('a'+i/26))+string(rune('a'+i%26)), `{{ fromJson .d }}`, `{{ mustFromJson .d | toJson }}`, `{{ fromJson .d | typeOf }} {{ fromJson .d | toRawJson }} {{ fromJson .d | toPrettyJson }}`, `{{ fromJson .d | toYaml }}`, `{{ printf "%#v" (fromJson .d) }}`)
		out = append(out, given(map[string]string{"d": text}, cases)...)
	}
	for i, text := range yamlTexts {
		cases := texts("yaml "+string(rune('a'+i/26))+string(rune('a'+i%26)), `{{ fromYaml .d | toJson }}`, `{{ fromYaml .d }}`, `{{ fromYaml .d | toYaml }}`, `{{ range $k, $v := fromYaml .d }}{{ printf "%s %T|" $k $v }}{{ end }}`)
		out = append(out, given(map[string]string{"d": text}, cases)...)
	}
	return join(out, at(join(
		texts("toYaml", crossed("{{ toYaml @ }}", writable...)...),
		texts("toYaml inside", crossed(`{{ dict "key" @ "list" (list @) | toYaml }}`, writable...)...),
		texts("toJson", crossed("{{ toJson @ }}", writable...)...),
		texts("toRawJson", crossed("{{ toRawJson @ }}", writable...)...),
		texts("toPrettyJson", crossed("{{ toPrettyJson @ }}", writable...)...),
		texts("mustToJson", crossed("{{ mustToJson @ }}", writable[80:]...)...),
		texts("mustToRawJson", crossed("{{ mustToRawJson @ }}", writable[80:]...)...),
		texts("mustToPrettyJson", crossed("{{ mustToPrettyJson @ }}", writable[80:]...)...),
		calls(row{"fromJson", "", "1", "nil", `"{}" 1`, "(list)"}, row{"mustFromJson", "", "1", "nil", `"{}" 1`}, row{"toJson", "", "1 2"}, row{"toYaml", "", "1 2"}, row{"fromYaml", "", "1", "nil", "(dict)"}, row{"toRawJson", ""}, row{"toPrettyJson", "", "(list)"}).renamed("call "),
		given(people, texts("dot", "{{ toJson . }}", "{{ toYaml . }}", "{{ toPrettyJson . }}", "{{ toRawJson . }}", "{{ . }}", "{{ .bytes | toJson }}", "{{ .bytes | toYaml }}", "{{ .html | toJson }}", "{{ .json | fromJson | toYaml }}", "{{ .json | fromYaml | toJson }}", "{{ (fromJson .json).a | printf \"%T\" }}", "{{ (fromYaml .json).a | printf \"%T\" }}", "{{ add (fromJson .json).a 1 }}", "{{ range (fromJson .json).l }}{{ . }};{{ end }}", "{{ $j := fromJson .json }}{{ set $j \"x\" 1 | toJson }}")),
	)))
}
