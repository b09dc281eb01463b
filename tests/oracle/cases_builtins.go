package main

func builtinCases() []question {
	return given(people, at(join(
		calls(
			row{"and", "", "1", "0", "1 2", "0 2", "1 0", `1 "a" true`, `"" 1`, "nil", "nil 1", "1 nil", "(list) 1", "(dict) 1", "true false", "1 (fail \"x\")", "0 (fail \"x\")", ".user .pass", ".user .empty", "1 2 3 4 5", "0.0 1", ". 1"},
			row{"or", "", "1", "0", "1 2", "0 2", `0 "" 3`, `0 "" nil`, "nil", "nil 1", "(list) (dict)", "false true", "1 (fail \"x\")", "0 (fail \"x\")", ".empty .user", ".empty \"d\"", "0 0.0 \"\" false", "0 . "},
			row{"not", "", "1", "0", `""`, `"a"`, "true", "false", "nil", "(list)", "(list 1)", "1 2", ".user", ".empty", "(not 1)", "now"},
			row{"len", "", `"abc"`, `"ü☃"`, `""`, "(list 1 2)", "(list)", "(dict)", `(dict "a" 1)`, ".", "1", "nil", "true", "1.5", `"a" "b"`, "(until 4)", ".bytes", "(now)", "(split \",\" \"a,b\")", "(fromJson \"[1,2,3]\")"},
			row{"index", "", "(list 1 2)", "(list 1 2) 0", "(list 1 2) 1", "(list 1 2) 2", "(list 1 2) -1", `(list 1 2) "0"`, "(list 1 2) 1.0", "(list 1 2) 1.5", "(list (list 1 2) (list 3)) 0 1", "(list (list 1 2)) 0 5", `(dict "a" 1) "a"`, `(dict "a" 1) "b"`, `(dict "a" (dict "b" 2)) "a" "b"`, `(dict "a" 1) "a" "b"`, `(dict "a" 1) 1`, `(dict "a" 1) nil`, `. "user"`, `. "nope"`, `. "tls.crt"`, `. 1`, `"abc" 0`, `"abc" 3`, `"ü" 1`, `"abc" -1`, "nil", "nil 1", "1", "1 1", "true 0", `(split "," "a,b") "_1"`, `(split "," "a,b") "x"`, "(list 1) nil", "(list 1) 99999999999", `(dict "a" (list 1 2)) "a" 1`, "(list) 0", `(fromJson .json) "b" "c" 1`, `(fromJson .json) "n"`, `(fromJson .json) "n" "x"`, "(list 1 2) (int64 1)", "(list 1 2) 'a'", "(list nil) 0", "(until 3) 2", `(dict "a" nil) "a"`, "(list 1) true", "(list 1) (len \"\")", "now 1"},
			row{"slice", "", "(list 1 2 3)", "(list 1 2 3) 1", "(list 1 2 3) 1 2", "(list 1 2 3) 0 0", "(list 1 2 3) 3", "(list 1 2 3) 4", "(list 1 2 3) 2 1", "(list 1 2 3) 0 4", "(list 1 2 3) -1", `"abc"`, `"abc" 1`, "(list)", "(list) 1", "nil", "1", "(dict)", `(list 1 2 3) "1"`, `(list 1 2 3) "x"`, "(list 1 2 3) 1.9", "(list 1 2 3) nil 2", "(list 1 2 3) true", "(list 1 2 3) 0 1 2", "(until 5) 1 3", `(splitList "," "a,b,c") 1`},
			row{"print", "", "1", `"a"`, `1 2`, `"a" 1`, "nil", "true 1.5", "(list 1) (dict)", ". | len", "1e6", "'a'"},
			row{"printf", `"x"`, `"%s" "a"`, `"%d" 1`, `"%v" nil`, `"%5.2f" 1.0`, `"%s"`},
			row{"println", "", "1", `"a" "b"`, "1 2", "nil", "(list 1 2)", `"a" (fail "x")`},
			row{"html", "", `"<a href=\"x\">&'</a>"`, `""`, "1", "nil", "(list \"<\" 1)", `"<" ">"`, ".html", ".bytes", `"\x00"`, "(dict \"<\" 1)", "true", "\"ü\"", "1 2", `"a" (fail "x")`},
			row{"js", "", `"it's \"x\" <b>&=\\"`, `""`, "1", "nil", `"\n\t\x00\u2028ü"`, ".html", ".bytes", `"a" "b"`, "(list \"'\" 1)", `"\x7f\u00ad"`, "`\\`", "1 2", `"a" (fail "x")`},
			row{"urlquery", "", `"a b&c=d/ü"`, `""`, "1", "nil", ".bytes", `"a" "b"`, "(list \"a b\")", `"~-_.!*'()"`, `"%41+ "`, "1 2", `"a" (fail "x")`},
			row{"call", "", "1", "nil", `"upper"`, "(list)", ".user", "upper", `now.Unix`},
			row{"eq", "", "1", "1 1", "1 2", "1 2 1", `"a" "a"`, `"a" "b" "c"`, "1.5 1.5", "true true", "true false", "1 1.0", `1 "1"`, "1 true", "nil nil", "nil 1", "1 nil", "(list) (list)", "(dict) (dict)", "(list) nil", "nil (list)", ".user \"ann\"", ".user .pass", "(len .user) 3", "(add 1 2) 3", "(fromJson \"1\") 1.0", "(fromJson \"1\") 1", "'a' 97", "1i 1i", "(int64 5) 5", "1 1 (fail \"x\")", "1 2 (list)", "\"\" nil", "now now", "(index (until 3) 1) 1", "(float64 1) 1.0", "(dict \"a\" 1) 1", "1 (dict)", "(semver \"1.0.0\") nil", "(index \"a\" 0) 97", "-1 (index \"a\" 0)", "(index \"a\" 0) (index \"b\" 0)"},
			row{"ne", "", "1", "1 1", "1 2", `"a" "b"`, "1 1.0", "nil nil", "nil 1", "true false", "1 2 3", "(list) 1", ".user .pass", "1.5 2.5"},
			row{"lt", "", "1", "1 2", "2 1", "1 1", `"a" "b"`, `"B" "a"`, "1.5 2.5", "1 1.5", `1 "a"`, "true false", "nil 1", "(list) (list)", "1 2 3", "-1 (index \"a\" 0)", "(index \"a\" 0) -1", "(index \"a\" 0) (index \"b\" 0)", "1i 2i", "(int64 1) 2", `"" "a"`, `"ü" "z"`, "(float64 \"NaN\") 1.0"},
			row{"le", "", "1 2", "2 1", "1 1", `"a" "a"`, "1.5 1.5", "1 1.0", "true true", "nil nil", "1i 1i", "(index \"a\" 0) 97", "(float64 \"NaN\") (float64 \"NaN\")", "(list) 1"},
			row{"gt", "", "1 2", "2 1", "1 1", `"b" "a"`, "2.5 1.5", "1 \"a\"", "true false", "nil 1", "(index \"a\" 0) -1", "(add 1 1) 1", "(float64 \"Inf\") 1.0"},
			row{"ge", "", "1 2", "2 1", "1 1", `"b" "a"`, "1.5 1.5", "1 \"a\"", "nil nil", "-1 (index \"a\" 0)", "(index \"a\" 0) -1", "(float64 \"NaN\") 1.0", "now now"},
		),
		texts("deepEqual", crossed("{{ deepEqual @ }}", "1 1", "1 1.0", "1 (int64 1)", "(list 1 2) (list 1 2)", "(list 1 2) (list 2 1)", `(dict "a" 1) (dict "a" 1)`, `(dict "a" 1) (dict "a" 1.0)`, "nil nil", "nil 1", `"a" "a"`, "(list) (list)", "(list) (slice (list))", "(splitList \",\" \"a\") (list \"a\")", "(dict) (split \",\" \"\")", "1", "1 2 3", "(fromJson \"[1]\") (list 1.0)", "(semver \"1.2.3\") (semver \"1.2.3\")", "now now", "(float64 \"NaN\") (float64 \"NaN\")", "(list nil) (list nil)")...),
		texts("typeOf", crossed("{{ typeOf @ }} {{ kindOf @ }} {{ printf \"%T\" @ }}", values...)...),
		texts("kindOf", crossed("{{ kindOf @ }}", "1", "(until 2)", "(dict)", "(split \",\" \"a\")", "now", "(semver \"1.0.0\")", "nil", ".", "(index \"a\" 0)", "(add 1 2)", "(len \"a\")", "(regexFindAll \"a\" \"a\" 1)", "(urlParse \"http://a\")", "(fromYaml \"a: 1\").a", "(round 1.5 0)", "(chunk 1 (list 1 2))", "(duration 5)", "(keys (dict))", "(values (dict))", "(fromJson \"true\")")...),
		texts("typeIs", crossed("{{ typeIs @ }}", `"int" 1`, `"int64" 1`, `"string" "a"`, `"float64" 1.5`, `"[]interface {}" (list)`, `"map[string]interface {}" (dict)`, `"<nil>" nil`, `1 1`, `"bool" true`, `"time.Time" now`, `"semver.Version" (semver "1.0.0")`, `"*semver.Version" (semver "1.0.0")`)...),
		texts("typeIsLike", crossed("{{ typeIsLike @ }}", `"int" 1`, `"semver.Version" (semver "1.0.0")`, `"*semver.Version" (semver "1.0.0")`, `"string" 1`, `"" nil`, `"<nil>" nil`)...),
		texts("kindIs", crossed("{{ kindIs @ }}", `"int" 1`, `"slice" (list)`, `"map" (dict)`, `"map" .`, `"string" .user`, `"invalid" nil`, `"ptr" (semver "1.0.0")`, `"struct" now`, `"float64" (fromJson "1")`, `"bool" 1`, `1 1`)...),
	)))
}
