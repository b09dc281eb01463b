package main

// emptiness are values that are empty and values that are not.
var emptiness = []string{`""`, `"a"`, "0", "1", "0.0", "0.1", "nil", "true", "false", "(list)", "(list 0)", "(dict)", `(dict "a" nil)`, "now", "(semver \"1.0.0\")", "(split \",\" \"\")", "(until 0)", "0i", "(fromJson \"null\")", "(toDate \"2006\" \"bad\")", "(slice (list))", "(index \"\\x00\" 0)"}

func defaultCases() []question {
	return given(people, at(join(
		texts("empty", crossed("{{ empty @ }}", emptiness...)...),
		texts("default", crossed(`{{ default "d" @ }} {{ @ | default 7 }}`, emptiness...)...),
		texts("coalesce", crossed(`{{ coalesce @ "x" }}`, emptiness...)...),
		texts("all", crossed(`{{ all 1 @ }} {{ all @ }}`, emptiness...)...),
		texts("any", crossed(`{{ any "" @ }} {{ any @ }}`, emptiness...)...),
		typed(
			row{"default", `"d"`, `"d" nil`, `"d" "" "x"`, `nil ""`, `(list 1) (list)`, `1 2 3`, "", `.user .empty`, `"d" .empty`},
			row{"coalesce", "", "nil", `"" 0 nil`, `0 1 2`, `(list) (dict) "x"`, `.empty .user`},
			row{"all", "", "1 2", "1 0", `"a" (list)`, `1 (fail "x")`}, row{"any", "", "0 1", `0 ""`, `nil nil`, `"" (fail "x")`}, row{"empty", "", "1 2", ".empty", "."},
			row{"ternary", `"y" "n" true`, `"y" "n" false`, `1 2 (eq 1 1)`, `"y" "n" 1`, `"y" "n" nil`, `nil 1 true`, `"y" "n"`, `"y" "n" "true"`, `(list) (dict) false`},
			row{"deepCopy", `(semver "1.2.3")`, `((semver "1.2.3").IncMajor)`, "now", "now.Month", `(dict "v" (list ((semver "1.2.3").IncMajor) now))`},
			row{"mustDeepCopy", `(semver "1.2.3")`, `(list ((semver "v1.2.3-rc.1").IncMajor))`},
			row{"fail", `"x"`, `""`, `1`, "nil", "", `"a" "b"`, `(fail "x")`},
		).renamed("more "),
		texts("copy", `{{ deepCopy now.Location }}|{{ deepCopy (list now.Location) }}`),
		texts("pipe", `{{ .empty | default "d" }}`, `{{ .nope | default "d" }}`, `{{ index . "nope" | default "d" }}`, `{{ true | ternary "y" "n" }}`, `{{ .user | empty | ternary "none" .user }}`, `{{ default (default "c" .empty) .empty }}`, `{{ (fromJson .json).n | default "null" }}`, `{{ (fromJson .json).t | ternary 1 0 }}`, `{{ coalesce .empty (index . "nope") .user }}`, `{{ get (fromJson .json) "zz" | default "zz" }}`, `{{ dig "b" "x" "deep" (fromJson .json) }}`, `{{ default "a" }}`, `{{ if all .user .pass }}both{{ end }}`, `{{ if any .empty .user }}one{{ end }}`),
	)))
}
