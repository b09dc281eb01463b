package main

// sequences are lists of each Go type, and what is not one.
var sequences = []string{"(list 1 2 3)", "(list)", `(list "a" nil 1.5 true)`, "(until 4)", `(splitList "," "a,b,a")`, "(list (list 1 2) (list 3))", "(list 1 1 2 1 \"1\" 1.0)", `(list "" 0 nil false (list) (dict) "x")`, "nil", "1", `"abc"`, `(dict "a" 1)`, "true", "(chunk 2 (list 1 2 3))", "(fromJson \"[1,null,[2]]\")", "now", "(slice (list))"}

func listCases() []question {
	var each []question
	for _, name := range []string{"first", "last", "rest", "initial", "reverse", "uniq", "compact", "mustFirst", "mustLast", "mustRest", "mustInitial", "mustReverse", "mustUniq", "mustCompact"} {
		each = append(each, texts(name, crossed(`{{ $r := `+name+` @ }}{{ printf "%T %#v %v" $r $r $r }}`, sequences...)...)...)
	}
	for _, call := range []row{{"append", "9"}, {"push", "nil"}, {"mustAppend", `"x"`}, {"mustPush", "(list 1)"}, {"prepend", "9"}, {"mustPrepend", "nil"}, {"without", "1 \"a\""}, {"mustWithout", "1.0"}, {"mustSlice", "1"}, {"concat", "(list 7)"}} {
		each = append(each, texts(call[0], crossed(`{{ $r := `+call[0]+` @ `+call[1]+` }}{{ printf "%T %#v" $r $r }}`, sequences...)...)...)
	}
	for _, call := range []row{{"has", "1"}, {"mustHas", `"a"`}, {"chunk", "2"}, {"mustChunk", "3"}} {
		each = append(each, texts(call[0], crossed(`{{ $r := `+call[0]+` `+call[1]+` @ }}{{ printf "%T %#v" $r $r }}`, sequences...)...)...)
	}
	return at(join(
		each,
		typed(
			row{"list", "", "1", `1 "a" nil`, "(list 1) (list)", "1.5 true 'a'"}, row{"tuple", "", "1", `1 "a" nil`, "(list 1)", "true", `1 (fail "x")`},
			row{"append", "(list) 1", "(list 1) (list 2)", "1", "nil 1", `(until 2) "a"`}, row{"push", "(list) 1", "(list 1)", "(list 1) 2 3"}, row{"prepend", "(list) 1", "(list 1) (list 2)", "nil 1", "(list 1)"},
			row{"concat", "", "(list 1)", "(list 1) (list 2)", "(list) (list)", "(list 1) nil", "(list 1) 2", "(until 2) (splitList \",\" \"a\")", "(list (list 1)) (list 2)", `"a"`, "(dict)"},
			row{"chunk", "1 (list 1 2)", "3 (list 1 2 3)", "10 (list 1)", "0 (list 1)", "-1 (list 1 2)", "2 (list)", "2 nil", `"2" (list 1)`, "2", "2 (until 5)", "1 (list)", "-2 (list)"},
			row{"mustChunk", "1 (list 1 2)", "0 (list)", "2 \"a\""},
			row{"slice", "(list 1 2 3) 1 2", "(list 1 2 3)", "(until 3) 1", "(list) 0", "(list 1 2) 5"}, row{"mustSlice", "(list 1 2 3) 1 2", "(list 1 2 3) 3", "(list 1 2 3) 2 9", "1", "nil"},
			row{"has", "1 (list 1 2)", "1.0 (list 1 2)", `"a" (splitList "," "a,b")`, "nil (list nil)", "nil nil", "1 nil", "(list 1) (list (list 1))", "(dict) (list (dict))", `1 "a"`, "1", "(int64 1) (list 1)"},
			row{"without", "(list 1 2 1)", "(list 1 2 1) 1", "(list 1 2) nil", "(list nil 1) nil", `(splitList "," "a,b") "a"`, "(list (list 1)) (list 1)"},
			row{"uniq", "(list 1 1.0 (int64 1))", "(list (list 1) (list 1))", "(list nil nil)", `(list "a" "A")`}, row{"reverse", "(list 1 (list 2 3))", `"abc"`}, row{"compact", `(list 1 "" (list "") nil)`},
			row{"rest", "(list 1)", "(list nil 1)"}, row{"initial", "(list 1)", "(list 1 nil)"}, row{"first", "(list nil)", "(list (list 1))"}, row{"last", "(list 1 nil)", "(list (dict \"a\" 1))"},
		).renamed("more "),
		texts("shared", `{{ $a := list 1 2 3 }}{{ $b := append $a 4 }}{{ $a }}{{ $b }}`, `{{ $a := list 1 2 3 }}{{ $b := slice $a 1 }}{{ $c := append $b 9 }}{{ $a }}{{ $b }}{{ $c }}`, `{{ $d := dict }}{{ $l := list $d $d }}{{ $_ := set $d "a" 1 }}{{ $l }}`, `{{ $s := splitList "," "c,b,a" }}{{ $t := sortAlpha $s }}{{ $s }}{{ $t }}`, `{{ $l := list "c" "a" }}{{ $t := sortAlpha $l }}{{ $l }}{{ $t }}`, `{{ $k := keys (dict "b" 1 "a" 2) }}{{ $_ := sortAlpha $k }}{{ $k }}`, `{{ $s := splitList "," "c,b,a" }}{{ $r := slice $s 0 2 }}{{ $_ := sortAlpha $r }}{{ $s }}`, `{{ $t := toStrings (splitList "," "b,a") }}{{ $_ := sortAlpha $t }}{{ $t }}`),
	))
}
