package main

import "fmt"

// expressions are regular expressions, with what Go's syntax has and others lack, and what it lacks.
var expressions = []string{"", "a", "a+", "a*", "[a-c]+", "^a", "a$", "(a)(b)?", "(?P<n>a)(?P<m>b)", "(?<n>a)", `\\d+`, `\\w+`, `\\s+`, `\\bfoo\\b`, `\\pL+`, `\\p{Greek}`, `[[:alpha:]]+`, "(?i)ABC", "(?s)a.b", "(?m)^b", "(?U)a+", "a{2}", "a{2,3}", "a|b|", ".", `\\Qa.b\\E`, `\\x41`, `\\x{fc}`, "[^a]", "(", ")", "[", "a**", "a{1001}", "(?=a)", "(?!a)", `(a)\\1`, `\\z`, `\\Z`, `\\C`, "*a", "a{,2}", "x*", `[\\d\\-]`, "(?:ab)+", "(?i:a)B", `\\D`, `[[:^digit:]]`, "é", "[a-", "(?P<n>a)(?P<n>b)", "a??", "a{2}{3}", "$^", `\\8`, `\\`}

// haystacks are what the expressions look through.
var haystacks = []string{`""`, `"aab abc a.b"`, `"foo 123 bar\nbaz"`, `"ABC αβγ ünï é"`, `"a\nb\xff\x00"`}

func patternCases() []question {
	var each []question
	for i, expression := range expressions {
		var forms []string
		for _, haystack := range haystacks {
			forms = append(forms, fmt.Sprintf(`{{ mustRegexMatch "%[1]s" %[2]s }} {{ mustRegexFind "%[1]s" %[2]s | quote }} {{ mustRegexFindAll "%[1]s" %[2]s -1 | toJson }} {{ mustRegexReplaceAll "%[1]s" %[2]s "<${1}$0>" | quote }} {{ mustRegexReplaceAllLiteral "%[1]s" %[2]s "<$1>" | quote }} {{ mustRegexSplit "%[1]s" %[2]s -1 | toJson }}`, expression, haystack))
		}
		forms = append(forms, fmt.Sprintf(`{{ regexMatch "%s" "abc" }}`, expression), fmt.Sprintf(`{{ regexFind "%s" "abc" }}`, expression))
		each = append(each, texts(fmt.Sprintf("expression %02d", i+1), forms...)...)
	}
	return join(each, regexCalls(), urlCases(), semverCases())
}

func regexCalls() []question {
	return join(
		calls(
			row{"regexMatch", `"^[a-z]+$" "abc"`, `"(" "abc"`, `"" ""`, `1 "a"`, `"a"`, `"a" nil`, `"(?i)A" "xax"`, `"\\pL{222}" (repeat 222 "é")`, `"\\pL{222}" (repeat 221 "é")`, `"(?i)\\pL{500}x" (print (repeat 500 "é") "X")`}, row{"mustRegexMatch", `"a" "b"`, `"(" "b"`, `"a"`, `"[" ""`, `"a" 1`, `"^\\pL{1000}$" (repeat 1000 "é")`, `"^\\pL{1000}$" (repeat 1001 "é")`},
			row{"regexFind", `"[a-z]+" "123abc"`, `"x" "abc"`, `"(" "a"`, `"" "a"`, `"a"`, `"\\pL{222}" (repeat 300 "é")`, `"\\pL{222}x|\\pL" (repeat 300 "é")`, `"\\pL{1000}" (repeat 300 "é")`, `"(?m)^\\PL{3,300}?$" "a\n123\n45\nb"`}, row{"mustRegexFind", `"[a-z]+" "123abc"`, `"x" "abc"`, `"(" "a"`, `"" "a"`, `"a"`},
			row{"regexFindAll", `"[2,4,6,8]" "123456789" -1`, `"a" "aaa" 2`, `"a" "aaa" 0`, `"x" "a" -1`, `"(" "a" 1`, `"" "ab" -1`, `"a" "a"`, `"a" "aaa" 10`, `"a" "a" "1"`, `"\\pL{222}" (repeat 500 "é") -1`, `"\\b(?:\\pL{1,300}|\\d)\\b" "ab é 1 ä2 c" -1`}, row{"mustRegexFindAll", `"a" "aaa" 2`, `"x" "a" -1`, `"(" "a" 1`, `"a" "a" 0`, `"a" "a"`},
			row{"regexReplaceAll", `"a(x*)b" "-ab-axxb-" "${1}W"`, `"a(x*)b" "-ab-axxb-" "$1W"`, `"a(x*)b" "-ab-axxb-" "$1-$2-$0-$$"`, `"(?P<x>a)" "banana" "<$x>"`, `"(?P<x>a)" "banana" "<${x}y>"`, `"a" "banana" "${nope}"`, `"a" "banana" "$"`, `"a" "banana" "${"`, `"a" "banana" "${}"`, `"a" "banana" "$ a"`, `"(" "a" "b"`, `"" "ab" "-"`, `"x*" "axb" "-"`, `"^" "a\nb" ">"`, `"(?m)^" "a\nb" ">"`, `"a" "ü" "x"`, `"." "ü\xff" "x"`, `"(a)(b)" "ab" "$2$1"`, `"(a)(b)" "ab" "$10"`, `"(a)(b)" "ab" "${1}0"`, `"a" "a"`, `"(a)?b" "b" "[$1]"`, `"\\pL{222}" (repeat 300 "é") "<$0>"`, `"(\\pL{10}){100}(x)?" (print (repeat 500 "éa") "x") "<$1|$2>"`, `"\\pL{0,300}" "é1ab" "-"`, `"(?:(\\pL{0,300})|(\\d))*" "é1ab, 2" "<$1|$2>"`}, row{"mustRegexReplaceAll", `"a(x*)b" "-ab-axxb-" "${1}W"`, `"(" "a" "b"`, `"a" "banana" ""`, `"a" "a"`, `"" "" "x"`, `"\\pL{1000}" (repeat 1000 "é") "x"`},
			row{"regexReplaceAllLiteral", `"a(x*)b" "-ab-axxb-" "${1}"`, `"(" "a" "b"`, `"a" "banana" "$0"`, `"" "ab" "-"`, `"a" "a"`}, row{"mustRegexReplaceAllLiteral", `"a(x*)b" "-ab-axxb-" "${1}"`, `"(" "a" "b"`, `"a" "banana" "$0"`, `"" "ab" "-"`, `"a" "a"`},
			row{"regexSplit", `"z+" "pizza" -1`, `"z" "pizza" 2`, `"z" "pizza" 0`, `"" "abc" -1`, `"(" "a" 1`, `"x" "" -1`, `"," ",a,," -1`, `"z" "pizza" 1`, `"" "" -1`, `"" "abc" 2`, `"b*" "abc" -1`, `"a"`}, row{"mustRegexSplit", `"z+" "pizza" -1`, `"(" "a" 1`, `"z" "pizza" 0`, `"" "abc" -1`, `"a"`, `"\\pL{222}" (print "1" (repeat 300 "é") "2") -1`, `"\\pL{1000}" (repeat 300 "é") -1`},
			row{"regexQuoteMeta", `"a.b*c"`, `""`, `"[]{}()|^$+?\\/-"`, `"ü\n"`, "1", `"\xff."`},
		),
		typed(row{"regexFindAll", `"a" "aa" -1`, `"x" "a" -1`, `"a" "a" 0`}, row{"regexSplit", `"a" "bab" -1`, `"a" "b" 0`}, row{"mustRegexFindAll", `"(" "a" 1`, `"x" "a" 1`}).renamed("typed "),
	)
}

func urlCases() []question {
	return join(
		texts("urlParse", crossed("{{ urlParse @ | toJson }}", `"http://user:pa%20ss@host:8080/p/a?q=1&r=2#frag"`, `"https://example.com"`, `""`, `"/path"`, `"mailto:a@b.c"`, `"http://[::1]:80/"`, `"http://[::1"`, `":"`, `"http://a b/"`, `"http://h/a b"`, `"http://h/%zz"`, `"http://h/%41%2f"`, `"//host/p"`, `"host:80"`, `"1http://x"`, `"HTTP://EXAMPLE.com/Ü"`, `"http://h?x#y#z"`, `"http://h/\n"`, `"a:b:c"`, `"?q"`, `"#f"`, `"http://:80"`, `"http://h:abc/"`, `"http://h:"`, `"http://user@h"`, `"http://@h"`, `"http://u:@h"`, `"http://u:p:q@h"`, `"postgres://u:p@h:5432/db?sslmode=disable"`, `"ftp://h/;type=a"`, `"http://ü.example/ü?ü#ü"`, `"http://h/a%2Fb?c=%20d+e#%20"`, `"urn:isbn:123"`, `"//"`, `"http:///p"`, `"http:/p"`, `"http:p"`, `"*"`, `"http://[fe80::1%25en0]/"`, `"http://h/\x7f"`, `"http://a%20b/"`, `"http://u%zz@h"`, `"%zz"`, "1", "nil", `"javascript:alert(1)"`, `"http://host/?"`, `"http://host/#"`, `"../a"`, `"a/b:c"`, `"x://h/a//b/../c"`)...),
		texts("urlJoin", crossed("{{ urlJoin @ }}", `(dict "scheme" "http" "host" "h" "path" "/p" "query" "q=1" "fragment" "f" "userinfo" "u:p")`, `(dict)`, `(dict "host" "h")`, `(dict "scheme" "http" "host" "h" "path" "p")`, `(dict "scheme" "mailto" "opaque" "a@b")`, `(dict "scheme" 1)`, `(dict "userinfo" "u:p:q" "host" "h")`, `(dict "userinfo" "u@v" "host" "h")`, `(dict "userinfo" "%zz" "host" "h")`, `(dict "path" "a b/ü?#")`, `(dict "path" "//x")`, `(dict "path" "a:b")`, `(dict "query" "a b")`, `(dict "fragment" "a b#ü")`, `(dict "host" "a b")`, `(dict "scheme" "x" "path" "/p" "opaque" "o")`, `(urlParse "http://u:p%20q@h:1/p?q#f")`, `(dict "host" nil)`, `.`, `nil`, `1`, "", `(dict "nope" "x")`, `(dict "scheme" "HTTP" "host" "H")`, `(dict "host" "[::1]:80" "scheme" "http")`, `(dict "path" "/a%2Fb")`, `(dict "userinfo" "ü:ß" "host" "h")`, `(dict "host" "h" "path" "*")`)...),
	)
}

func semverCases() []question {
	return join(
		texts("semver", crossed(`{{ $v := semver @ }}{{ $v }} {{ $v.Major }} {{ $v.Minor }} {{ $v.Patch }} {{ $v.Prerelease }} {{ $v.Metadata }} {{ $v.Original }}`, `"1.2.3"`, `"v1.2.3"`, `"1.2"`, `"1"`, `"1.2.3-alpha.1+build.5"`, `"1.2.3+b"`, `"1.2.3-"`, `"x"`, `""`, `"1.2.3.4"`, `"01.2.3"`, `"1.2.3-01"`, `"1.2.3-a..b"`, `" 1.2.3"`, `"1.2.3 "`, `"V1.2.3"`, `"1.2.3-ü"`, `"18446744073709551616.0.0"`, `"1.2.3--"`, `"1.2-beta"`, `"v1-rc+x"`, `"1.2.3+"`, `"-1.2.3"`, "1", "nil", `"1..2"`, `"1.2.3-0"`)...),
		texts("semverCompare", crossed(`{{ semverCompare @ }}`, `"^1.2.0" "1.2.3"`, `"^1.2.0" "2.0.0"`, `"~1.2" "1.2.9"`, `"~1.2" "1.3.0"`, `">=1.0.0 <2.0.0" "1.5.0"`, `">=1.0.0, <2.0.0" "2.5.0"`, `"1.x" "1.9.9"`, `"*" "0.0.1"`, `"" "1.0.0"`, `"1.2 - 1.4" "1.3.0"`, `"1.2 - 1.4" "1.4.9"`, `"<1.0.0 || >2.0.0" "3.0.0"`, `"!=1.0.0" "1.0.0"`, `"=1.2.3" "1.2.3"`, `"1.2.3" "v1.2.3"`, `">1.0.0" "1.1.0-beta"`, `">1.0.0-0" "1.1.0-beta"`, `"^0.2.3" "0.2.9"`, `"^0.2.3" "0.3.0"`, `"^0.0.3" "0.0.4"`, `"~>1.2" "1.2.5"`, `"bad" "1.0.0"`, `"1.0.0" "bad"`, `">=1.2" "1.2"`, `"^1" "1.9"`, `"=>1.0" "1.0.0"`, `"=<1.0" "1.0.0"`, `"1.0.0+a" "1.0.0+b"`, `">1" "1.5.0"`, `">1.2" "1.2.5"`, `"<=1" "1.9.0"`, `"<=1.2" "1.2.9"`, `"!=1.x" "1.5.0"`, `"~1" "1.9.0"`, `"^1.x" "1.0.0"`, `"1.2.*" "1.2.0"`, `">=1.0.0-alpha" "1.0.0-beta"`, `"^1.0.0-alpha" "1.0.0-beta"`, `"~1.0.0-alpha" "1.0.1-beta"`, `"1 2" "1.0.0"`, `">= 1.0" "1.0.0"`, `"> 1.0.0 , < 2" "1.1.1"`, `"1.0.0 ||" "1.0.0"`, `1 "1.0.0"`, `"1.0.0"`, `"^0" "0.9.9"`, `"^0.0" "0.0.9"`, `"~0.0" "0.1.0"`, `"x" "1.0.0"`, `"X.1" "1.0.0"`, `"<2.0.0-0" "2.0.0-alpha"`)...),
		texts("semver method", `{{ (semver "1.2.3").Compare (semver "1.2.4") }}`, `{{ (semver "1.2.3").LessThan (semver "1.2.4") }}`, `{{ (semver "1.2.3").GreaterThan (semver "1.2.4") }}`, `{{ (semver "1.2.3").Equal (semver "v1.2.3") }}`, `{{ (semver "1.2.3-a").Compare (semver "1.2.3-b") }}`, `{{ (semver "1.2.3-a.10").Compare (semver "1.2.3-a.9") }}`, `{{ (semver "1.2.3-1").Compare (semver "1.2.3-a") }}`, `{{ (semver "1.2.3").IncMinor }}`, `{{ (semver "1.2.3").String }}`, `{{ semver "1.2.3" | toString }}`, `{{ semver "v1.2" | toJson }}`, `{{ eq (semver "1.2.3").Major 1 }}`, `{{ add (semver "1.2.3").Minor 1 }}`, `{{ typeOf (semver "1.2.3").Major }}`, `{{ (semver "1.2.3").LessThanEqual (semver "1.2.3") }}`, `{{ (semver "1.2.3").GreaterThanEqual (semver "1.2.4") }}`, `{{ $v := semver "1.2.3" }}{{ $v.Major }}.{{ $v.Minor }}`, `{{ list (semver "1.2.3") }}`, `{{ printf "%s %v %d" (semver "1.2.3") (semver "1.2.3") (semver "1.2.3").Major }}`),
		calls(row{"semver", "", `"1" "2"`, "(list)", "1.5", "true"}, row{"semverCompare", "", `"1"`, `"1" 1`, "nil nil", `"1" "1" "1"`}).renamed("call "),
	)
}
