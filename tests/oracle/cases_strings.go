package main

// strange are texts that string functions treat apart.
var strange = []string{`""`, `" "`, `"a"`, `"abc"`, `"Hello World"`, `"  two  spaces  "`, `"ünïcödé ß"`, `"日本語 テキスト"`, `"a\tb\nc"`, `"\xff\xfeA"`, `"CamelCaseString"`, `"snake_case_string"`, `"kebab-case-string"`, `"HTTPServerID2x"`, `"ﬁǅ İı"`, `"e\u0301clair"`, `"😀 smile"`, `"1st 2nd"`, `"a.b,c;d/e"`, `"__x--Y  z"`}

func stringCases() []question {
	var each []question
	for _, name := range []string{"trim", "upper", "lower", "title", "untitle", "nospace", "initials", "swapcase", "snakecase", "camelcase", "kebabcase", "toString", "quote", "squote", "b64enc", "b32enc", "sha256sum", "regexQuoteMeta"} {
		each = append(each, texts(name+" of", crossed("{{ "+name+" @ }}", strange...)...)...)
	}
	return given(people, join(
		each,
		calls(
			row{"hello", "", "1", "nil", "| upper", "| len"},
			row{"abbrev", `5 "hello world"`, `3 "hello world"`, `4 "hello world"`, `20 "hello"`, `0 ""`, `-1 "abc"`, `5 "ünïcödé"`, `7 "日本語テキスト"`, `4 "abcde"`, `5 "abcde"`, `"5" "abc"`, `5`, `5.5 "abc"`, `6 "ab cd ef gh"`},
			row{"abbrevboth", `5 10 "1234 5678 9123"`, `0 10 "hello world foo"`, `5 6 "hello world"`, `5 7 "hello world foo"`, `-1 5 "abcdefgh"`, `20 10 "short"`, `3 3 "abc"`, `4 8 "ünïcödé täxt"`, `10 8 "hello wonderful world of tests"`, `100 8 "hello wonderful world"`, `0 4 "hello"`, `1 2`, `15 10 "hello wonderful world"`, `-9223372036854775808 7 "hello world foo bar"`, `-9223372036854775807 12 "hello world foo bar"`, `-9223372036854775780 7 "hello world foo bar"`},
			row{"trunc", `3 "hello"`, `0 "hello"`, `-3 "hello"`, `-10 "hello"`, `10 "hello"`, `1 "ü"`, `-1 "ü"`, `5 ""`, `"3" "a"`, `-5 "hello"`, `5 "hello"`, `1.5 "a"`},
			row{"substr", `0 5 "hello world"`, `2 5 "hello"`, `-1 3 "hello"`, `2 -1 "hello"`, `2 100 "hello"`, `3 2 "hello"`, `-1 -1 "hello"`, `10 12 "hello"`, `10 -1 "hello"`, `5 5 "hello"`, `0 1 "ü"`, `-1 10 "abc"`, `0 0 ""`, `1 "a"`},
			row{"repeat", `3 "ab"`, `0 "ab"`, `1 ""`, `-1 "a"`, `2 "ü"`, `"2" "a"`, `2.0 "a"`, `2`, `5 "-"`},
			row{"trimAll", `"$" "$5.00$"`, `"" "a"`, `"ab" "abcba"`, `"ü" "üaü"`, `"-" "---"`, `1 "a"`, `"a"`},
			row{"trimall", `"$" "$5.00$"`, `"" "a"`, `"ab" "abcba"`, `"x" ""`, `" " "  a  "`},
			row{"trimSuffix", `"-" "hello-"`, `"-" "hello--"`, `"x" "hello"`, `"" "a"`, `"hello" "hello"`, `"a"`, `1 "a"`},
			row{"trimPrefix", `"-" "-hello"`, `"-" "--hello"`, `"x" "hello"`, `"" "a"`, `"hello" "hello"`, `"a"`},
			row{"wrap", `5 "Hello World foo bar"`, `80 "short"`, `3 "abcdefghij kl"`, `0 "ab cd"`, `-1 "ab cd"`, `5 ""`, `4 "a  b   c d"`, `5 "ünï cödé täxt"`, `10 "line one\nline two is long"`, `1 "abc"`, `6 " leading space"`},
			row{"wrapWith", `5 "\t" "Hello World"`, `3 "|" "abcdefghij"`, `5 "" "Hello World"`, `10 "<br>" "the quick brown fox jumps"`, `0 "|" "a b"`, `4 "--" "ünï cödé täxt"`, `5 "|" ""`, `5 "|"`},
			row{"contains", `"cat" "catch"`, `"x" "catch"`, `"" "a"`, `"a" ""`, `"" ""`, `"ü" "grün"`, `1 "1"`, `"a"`, `"a" 1`},
			row{"hasPrefix", `"cat" "catch"`, `"x" "catch"`, `"" "a"`, `"catch" "cat"`, `"a" nil`},
			row{"hasSuffix", `"ch" "catch"`, `"x" "catch"`, `"" "a"`, `"catch" "ch"`, `"a" 1`},
			row{"quote", "", `"a"`, `1`, `nil`, `"a" "b"`, `"a" nil 1`, `"a\"b\n"`, `(list "a" 1)`, `true 1.5`, `"ü☃\x00"`, `.bytes`, `(dict "a" 1)`, "`back\\slash`", `(semver "1.2.3")`, `"\u2028\u00ad\U0001F600"`, `1e21`},
			row{"squote", "", `"a"`, `1`, `nil`, `"a" "b"`, `"a" nil 1`, `"it's"`, `(list "a" 1)`, `true`, `.bytes`, `"a" (fail "x")`},
			row{"cat", "", `"a"`, `"a" "b"`, `1 2 3`, `"a" nil "b"`, `nil`, `(list 1 2) "x"`, `"" ""`, `"a" ""`, `" a " "b"`, `true 1.5 (dict "a" 1)`, `"%d" 1`, `"a" (fail "x")`},
			row{"indent", `2 "a\nb"`, `0 "a"`, `4 ""`, `-1 "a"`, `2 "\n"`, `2 "a\n\nb\n"`, `"2" "a"`, `2`, `1 "a\r\nb"`},
			row{"nindent", `2 "a\nb"`, `0 "a"`, `4 ""`, `-1 "a"`, `2 "a\n"`, `2`},
			row{"replace", `" " "-" "a b c"`, `"a" "" "banana"`, `"" "-" "ab"`, `"x" "y" "abc"`, `"a" "aa" "aaa"`, `"" "" ""`, `"ü" "u" "grün"`, `"a" "b"`, `1 "b" "c"`, `"" "." "ü\xff"`},
			row{"plural", `"one" "many" 1`, `"one" "many" 0`, `"one" "many" 2`, `"one" "many" -1`, `"one" "many" "1"`, `"one" "many" 1.0`, `"one" "many"`, `"one" "many" (len "a")`},
			row{"toString", "1", "1.5", `"a"`, "true", "nil", "(list 1 2)", `(dict "a" 1)`, "1e6", ".bytes", `(semver "1.2.3")`, "'a'", "1i", "(list)", "", "1 2", "now"},
			row{"join", `"," (list 1 2 3)`, `"-" (list "a" nil "b")`, `"" (list)`, `"," "a"`, `"," 1`, `"," nil`, `"," (dict "a" 1)`, `", " (splitList "," "a,b")`, `"," (until 3)`, `"," (list (list 1 2) 3)`, `1 (list)`, `","`, `"," (list 1.5 true 1e6)`, `"," (list "")`},
			row{"sortAlpha", `(list "c" "a" "b")`, `(list 3 1 2 10)`, `(list)`, `"abc"`, "1", "nil", `(list "B" "a" "C" "b")`, `(list "ü" "z" "a")`, `(list nil "b" "a")`, `(keys (dict "b" 1 "a" 2))`, `(dict "a" 1)`, "", `(splitList "," "c,b,a")`},
			row{"split", `"," "a,b,c"`, `"," ""`, `"" "abc"`, `"x" "abc"`, `"," ",a,"`, `", " "a, b"`, `"ü" "aüb"`, `","`, `1 "a"`, `"" "ü日"`},
			row{"splitn", `"," 2 "a,b,c"`, `"," 0 "a,b"`, `"," -1 "a,b"`, `"," 1 "a,b"`, `"," 10 "a,b"`, `"" 2 "abc"`, `"," "2" "a"`, `"," 2`},
			row{"splitList", `"," "a,b,c"`, `"," ""`, `"" "abc"`, `"x" "abc"`, `"," ",a,"`, `"," "a,b" | join "-"`, `"\n" .multi`, `""  "aü\xffb"`, `","`},
			row{"toStrings", `(list 1 2 3)`, `(list "a" nil)`, `nil`, `1`, `"a"`, `(dict "a" 1)`, `(list (list 1))`, `(until 3)`, `(list 1.5 true)`, `""`},
		),
		typed(
			row{"split", `"," "a,b"`, `"" ""`}, row{"splitList", `"," "a,b"`, `"," ""`}, row{"toStrings", `(list 1 "a" nil)`, "nil", "(list)"}, row{"sortAlpha", `(list "b" "a")`, "1"},
			row{"len", `"abc"`}, row{"cat", "1 2"}, row{"quote", "1 nil"}, row{"toString", "1"},
		).renamed("typed "),
		calls(
			row{"b64enc", `"hello"`, `""`, "1", "nil", `.bytes`, `"ü"`, ""},
			row{"b64dec", `"aGVsbG8="`, `""`, `"aGVsbG8"`, `"!!!"`, `"aGVs\nbG8="`, `"aGVsbG8=x"`, `"_-8="`, `"/+8="`, `" aGk="`, `"aGk=="`, `"a"`, `"/w==" | printf "%x"`, `"aGk=aGk="`, `"aGl="`, "1", `"====", ""`, `"aGk=\r\n"`},
			row{"b32enc", `"hello"`, `""`, `.bytes`, "1", `"ü"`},
			row{"b32dec", `"NBSWY3DP"`, `""`, `"nbswy3dp"`, `"NBSWY3D"`, `"NBSWY3DP===="`, `"MZXQ===="`, `"MZXQ"`, `"1"`, "1", `"NBSW\nY3DP"`, `"MZXR===="`},
			row{"hexdec", `"68656c6c6f"`, `""`, `"6"`, `"zz"`, `"FFfe" | printf "%q"`, `"0x41"`, `" 41"`, "1", `"41zz"`, `"4"`, `"41 42"`, `"ü"`, ``},
			row{"sha1sum", `"hello"`, `""`, `.bytes`, `"ü"`, "1"}, row{"sha256sum", `"hello"`, `""`, `.bytes`, `"ü"`, "nil"}, row{"sha512sum", `"hello"`, `""`, `.bytes`, `"ü"`, "1"}, row{"adler32sum", `"hello"`, `""`, `.bytes`, `"ü"`, "1", `(repeat 6000 "z")`},
			row{"base", `"a/b/c.txt"`, `""`, `"/"`, `"a/"`, `"a//"`, `"//"`, `"."`, `"a"`, "1"}, row{"dir", `"a/b/c.txt"`, `""`, `"/"`, `"a/"`, `"/a"`, `"a"`, `"a//b"`, `"../a"`}, row{"clean", `"a/../b"`, `""`, `"/../a"`, `"a//b/./c"`, `"../../a"`, `"/"`, `"a/.."`, `"./a"`}, row{"ext", `"a.txt"`, `"a.tar.gz"`, `"a"`, `".hidden"`, `"a."`, `"a.b/c"`, `""`}, row{"isAbs", `"/a"`, `"a"`, `""`, `"//"`, `"./"`},
			row{"osBase", `"a/b/c.txt"`, `""`, `"/"`, `"a/"`, `"a\\b"`}, row{"osDir", `"a/b/c.txt"`, `""`, `"/"`, `"a/"`, `"a\\b"`}, row{"osClean", `"a/../b"`, `""`, `"/../a"`, `"a//b"`, `"a\\..\\b"`}, row{"osExt", `"a.txt"`, `"a.tar.gz"`, `"a"`, `".hidden"`, `""`}, row{"osIsAbs", `"/a"`, `"a"`, `""`, `"C:\\a"`, `"\\a"`},
		).renamed("call "),
		texts("random", `{{ randAlphaNum 12 | regexMatch "^[a-zA-Z0-9]{12}$" }}`, `{{ randAlphaNum 0 | len }}`, `{{ randAlphaNum -1 | len }}`, `{{ randAlphaNum "a" }}`, `{{ randAlphaNum }}`, `{{ eq (randAlphaNum 30) (randAlphaNum 30) }}`,
			`{{ randAlpha 40 | regexMatch "^[a-zA-Z]{40}$" }}`, `{{ randAlpha 0 | quote }}`, `{{ randAlpha -5 | quote }}`, `{{ randAlpha 1.5 }}`, `{{ randAlpha 3 | kindOf }}`,
			`{{ randNumeric 40 | regexMatch "^[0-9]{40}$" }}`, `{{ randNumeric 0 | quote }}`, `{{ randNumeric nil }}`, `{{ randNumeric -1 | quote }}`, `{{ randNumeric 1 | len }}`,
			`{{ randAscii 40 | regexMatch "^[ -~]{40}$" }}`, `{{ randAscii 0 | quote }}`, `{{ randAscii }}`, `{{ randAscii -1 | quote }}`, `{{ randAscii 5 | len }}`,
			`{{ randBytes 16 | b64dec | len }}`, `{{ randBytes 0 }}`, `{{ randBytes -1 }}`, `{{ randBytes "a" }}`, `{{ randBytes 3 | len }}`,
			`{{ $n := randInt 5 10 }}{{ and (ge $n 5) (lt $n 10) }}`, `{{ randInt 0 1 }}`, `{{ randInt 1 1 }}`, `{{ randInt -2 -1 }}`, `{{ randInt "a" 1 }}`, `{{ randInt 1 }}`, `{{ randInt 0 1 | typeOf }}`,
			`{{ uuidv4 | regexMatch "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" }}`, `{{ uuidv4 1 }}`, `{{ eq uuidv4 uuidv4 }}`, `{{ uuidv4 | len }}`, `{{ uuidv4 | typeOf }}`,
			`{{ shuffle "abc" | splitList "" | sortAlpha | join "" }}`, `{{ shuffle "" }}`, `{{ shuffle "a" }}`, `{{ shuffle "üüü" }}`, `{{ shuffle 1 }}`, `{{ shuffle "aaaa" }}`),
	))
}

// named is a list of cases that can be renamed as a whole, for a second list on the same functions.
type named []question

func (n named) renamed(prefix string) []question {
	for i := range n {
		n[i].ID = prefix + n[i].ID
	}
	return n
}
