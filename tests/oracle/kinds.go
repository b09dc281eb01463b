package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// literals are expressions of each kind, besides those that the generator makes of numbers, texts and calls.
var literals = map[string][]string{
	"str":      {`""`, `"a"`, `"abc"`, `"Hello World"`, `"a,b,c"`, `"ünï cödé ☃"`, `" padded "`, `"two\nlines"`, `"snake_case_Text"`, `"<a href='x'>&"`, `"\xff\x00"`, "`raw \\n`", `"1"`, `"true"`, `"null: x"`, `"- item"`, `.text`, `.user`, `.long`, `.bytes`, `.empty`, `(index . "a.b")`, `"a-b c.d"`, `"0x1F"`, `"😀"`, `"\ufeff"`, `"\ufeffa: b"`, `"a\x00b"`, `"\xe2\x82"`, `"\xc0\xaf"`, `"\xed\xa0\x80x"`, `"line\r\nline\r\n"`, `"\u2028\u0085"`, `(repeat 40 "long words, again ")`, `"Ǆ ß ŉ İı ΑΣ"`, `"{{"`, `"%s%d%!"`, `"\u202eabc"`, `"e\u0301a"`, `(index . "crlf")`},
	"int":      {"0", "1", "-1", "7", "42", "-300", "1000000", "'a'", "0x1F", "017", "9223372036854775807", "(int64 9)", `"12"`, `"-3"`, "(len .text)", `127`, `-128`, `128`, `255`, `256`, `32767`, `-32768`, `65535`, `65536`, `2147483647`, `-2147483648`, `2147483648`, `4294967295`, `4294967296`, `-9223372036854775808`, `-9223372036854775807`, `9007199254740993`, `0b101`, `0o17`, `1_000`, `1e3`, `"0x10"`, `"08"`, `"9223372036854775808"`, `"-9223372036854775809"`, `1.9`, `"1.5"`, `true`},
	"small":    {"0", "1", "2", "3", "5", "8", "12", "4", "20", "(len .user)"},
	"zero":     {"0"},
	"ten":      {"10", "11", "1000"},
	"positive": {"1", "2", "3", "7"},
	"float":    {"0.0", "1.5", "-2.25", "3.14159", "1e6", "1e21", "0.1", "1e-7", "5", `"2.5"`, "100.0", "(float64 3)", `-0.0`, `(float64 "NaN")`, `(float64 "-Inf")`, `(float64 "+Inf")`, `(float64 "-0")`, `5e-324`, `2.2250738585072014e-308`, `1.7976931348623157e308`, `-1e308`, `0x1p-2`, `123456789012345678`, `1e20`, `999999999999999.9`, `0.30000000000000004`, `2.5`, `-0.5`, `"1e-5"`, `"0x1p4"`, `""`, `9007199254740993.0`},
	"bool":     {"true", "false", "(eq 1 1)", "(not .user)"},
	"list":     {"list", "(list)", "(list 1 2 3)", `(list "b" "a" "c")`, `(list 1 "x" nil 2.5 true)`, "(list (list 1) (list 2 3))", `(splitList "," .text)`, "(until 4)", `(fromJson "[1,null,{\"a\":2}]")`, `(list "" 0 "x")`, `(list (list) (dict) "" nil)`, `(fromJson "[[[[[[[[[[[[1]]]]]]]]]]]]")`, `(list "\ufeff" "\x00" "\xff")`, `(list (list (list (list (dict "a" (list))))))`, `(list 1 1.0 "1" true 1)`, `(list -0.0 0.0 (float64 "NaN"))`, `(splitList "" .text)`, `(list 9223372036854775807 -9223372036854775808)`},
	"list0":    {"(list 1 2 3)", `(list "a")`, "(until 3)", `(splitList "," "a,b")`},
	"dict":     {"dict", "(dict)", `(dict "a" 1)`, `(dict "a" 1 "b" (list 1 2))`, `(dict "b" "x" "a" (dict "c" 1.5))`, `(fromJson .json)`, `(dict "a" nil "d" true)`, `(dict "" nil)`, `(dict "a" (dict "a" (dict "a" (dict "a" (dict "a" (list (dict)))))))`, `(dict "\ufeff" 1 "\x00" 2)`, `(dict "a" (list) "b" (dict))`, `(dict 1 2 true 3)`, `(dict "~" "null" "yes" "no" "1" "01")`, `(fromYaml "{a: 1}: b")`, `(fromYaml "1: a\ntrue: b\n1.5: c\nnull: d")`},
	"deep":     {`(dict "a" (dict "b" 1))`, `(dict "a" (dict "b" (list 1 2)))`, `(dict "a" (dict "a" "x" "b" "y"))`},
	"inner":    {`"a"`, `"b"`},
	"any":      {"nil", "true", "1", "2.5", `"x"`, `""`, "(list 1 2)", `(dict "a" 1)`, "0", ".user", "(list)", `(semver "1.2.3")`, "now", `(float64 "NaN")`, `"\ufeff"`, `(dict)`, `""`, `false`, `(toDate "2006" "0000")`, `-9223372036854775808`, `'c'`, `(list nil)`, `now.Month`},
	"key":      {`"a"`, `"b"`, `"c"`, `"zz"`, `"a b"`, `""`, `"\ufeff"`, `"ü"`, `"a\x00"`},
	"time":     {"now", `(toDate "2006-01-02" "2020-02-29")`, "(dateModify \"-36h\" now)", `(toDate "2006-01-02 15:04:05" "1999-12-31 23:59:59")`, `(toDate "2006" "0000")`, `(toDate "2006-01-02" "9999-12-31")`, `(dateModify "87600h" (toDate "2006" "9999"))`, `(dateModify "-87600h" (toDate "2006" "0000"))`, `(toDate "2006-01-02 MST" "2020-02-29 GMT+3")`, `(toDate "2006-01-02 15:04 -0700" "2024-12-31 23:59 -1234")`, `(toDate "2006-01-02T15:04:05.999999999Z07:00" "1969-12-31T23:59:59.999999999Z")`, `(toDate "2006-01-02 15:04 -07:00:00" "1883-11-18 12:03 -04:56:02")`},
	"layout":   {`"2006-01-02"`, `"15:04:05"`, `"Mon Jan _2 15:04:05 2006"`, `"2006-01-02T15:04:05Z07:00"`, `"3:04PM"`, `"Monday 02 January 06"`, `"002 .000 MST -0700"`, `"1/2/06 at 4"`, `""`, `"2006-01-02 MST"`, `"Jan 2 2006 15:04 MST"`, `"03:04 PM pm"`, `"3:04pm PM"`, `"2006-002"`, `"2006-01-02T15:04:05.000000000Z07:00:00"`, `"Z0700 -07 -0700 -070000"`, `"06 6 1 01 _2 __2 Jan January Mon Monday"`, `"20060102150405"`, `"2006\x00"`, `"\ufeff2006-01-02"`, `"05.999 05,000"`, `"MST MST"`, `"15 03 3"`, `"Monday, 02-Jan-06 15:04:05 MST"`},
	"isodate":  {`"2006-01-02"`}, "isotext": {`"2023-01-31"`, `"1970-01-01"`, `"2400-02-29"`, `"0000-01-01"`, `"9999-12-31"`, `"1900-03-01"`, `"1582-10-15"`}, "date": {`"2023-01-31"`, `"12:30:00"`, `"x"`, `""`, `"2023-01-31 GMT+3"`, `"GMT-12"`, `"Feb 29 2024 10:00 GMT+14"`, `"2023-02-30"`, `"0000-01-01"`, `"9999-12-31"`, `"10000-01-01"`, `"-0001-01-01"`, `"2020-366"`, `"2021-366"`, `"12:30 PM am"`, `"11:59pm PM"`, `"24:00:00"`, `"23:59:60"`, `"2024-02-29T23:59:59.123456789+23:59"`, `"2023-01-31\r\n"`, `"\ufeff2023-01-31"`, `"20240229235959"`},
	"zone":      {`"UTC"`, `"Europe/Berlin"`, `"America/New_York"`, `"Asia/Kolkata"`, `"Nope"`, `""`, `"Australia/Lord_Howe"`, `"Africa/Casablanca"`, `"Africa/Cairo"`, `"Africa/Johannesburg"`, `"America/Sao_Paulo"`, `"America/St_Johns"`, `"Antarctica/Troll"`, `"Asia/Kathmandu"`, `"Asia/Pyongyang"`, `"Atlantic/Reykjavik"`, `"Asia/Tokyo"`, `"Pacific/Apia"`, `"Pacific/Chatham"`, `"Indian/Maldives"`, `"Europe/Dublin"`, `"Etc/GMT+12"`, `"Etc/GMT-14"`, `"GMT"`, `"EST5EDT"`, `"Asia/Tehran"`, `"Local"`, `"CET"`, `"../etc"`, `"europe/berlin"`, `"GMT+3"`},
	"duration":  {`"1h"`, `"-90m"`, `"1.5h"`, `"300ms"`, `"24h"`, `"1h2m3s"`, `"2000h"`, `"0"`, `"-0"`, `"+5s"`, `"2540400h10m10s"`, `"9223372036854775807ns"`, `"9223372036854775808ns"`, `"-9223372036854775808ns"`, `"1.0000000001s"`, `".5h"`, `"1us"`, `"1µs"`, `"1μs"`, `"1d"`, `""`, `"1h-1m"`, `"3601s"`, `"99999999h"`, `"0.5ns"`, `"1e3s"`},
	"json":      {`"{}"`, `"[1,2.5,null,true,\"x\"]"`, `"{\"a\":{\"b\":[1]}}"`, `"1e3"`, `"\"s\""`, "`{\"a\":1,\"b\":[\"x\"]}`", ".json", `(toJson (dict "a" 1))`, `"\ufeff{}"`, `"{\"a\":1,\"a\":2}"`, `"[[[[[[[[[[]]]]]]]]]]"`, `"1e400"`, `"-0"`, `"9007199254740993"`, `"1.0"`, `"\"\\ud800\""`, `"\"\\ud83d\\ude00\""`, `"{\"\":null}"`, `"[1]\r\n"`, `"[] []"`, `"\"\\u2028<>&\""`, `"null"`, `"12345678901234567890"`, `(repeat 30 "[")`},
	"yaml":      {`"a: 1"`, `"a: [1, x]\nb: {c: null}"`, `"a: yes\nb: 0x1F\nc: 1e3"`, `"x: |\n  text\n"`, `"[1"`, `""`, ".json", `(toYaml (dict "k" "v"))`, `"\ufeffa: 1"`, `"a: 1\r\nb: 2\r\n"`, `"{a: 1}: b"`, `"? [1, 2]\n: x"`, `"? {a: {b: 1}}\n: x"`, `"1: a\n1.0: b\ntrue: c\n~: d"`, `"a: &x [1]\nb: *x"`, `"<<: {a: 1}\nb: 2"`, `"a: 1\na: 2"`, `"a: !!binary aGk="`, `"a: 2001-01-01"`, `"a: 0o17\nb: 017\nc: 1_000\nd: 1:30"`, `"a: .inf\nb: -.INF\nc: .nan"`, `"a: >-\n  x\n  y\n\nb: |+\n  z\n\n"`, `"---\na: 1\n---\nb: 2"`, `"a: \"\\x41\\u00e9\\0\""`, `"{}"`, `"[]"`, `"a: {b: {c: {d: {e: [[[]]]}}}}"`, `"a:\n\t- 1"`, `"%YAML 1.1\n---\na: on"`, `"\"a\": \u2028"`, `"a: 9223372036854775808\nb: -9223372036854775809\nc: 18446744073709551616"`},
	"encoded":   {`"aGVsbG8="`, `"YWJj"`, `"NBSWY3DP"`, `"616263"`, `"!!"`, `""`, `(b64enc .text)`, `"ABCDEFGH"`, `"aGVsbG8"`, `"aGVs bG8="`, `"aGVs\nbG8=\r\n"`, `"aGVsbG9="`, `"-_-_"`, `"+/+/"`, `"0"`, `"ZZ"`, `"nbswy3dp"`, `"MY======"`, `"MY=="`, `"ff00FF"`, `"===="`, `"\ufeff"`},
	"typename":  {`"int"`, `"string"`, `"float64"`, `"[]interface {}"`, `"map[string]interface {}"`, `"semver.Version"`, `"x"`, `""`, `"time.Time"`, `"*semver.Version"`, `"nil"`, `"<nil>"`, `"[]string"`, `"float"`, `"bool"`},
	"kindname":  {`"int"`, `"string"`, `"slice"`, `"map"`, `"invalid"`, `"ptr"`, `""`, `"map "`, `"struct"`, `"float64"`, `"bool"`, `"int64"`},
	"path":      {`"/a/b/../c.txt"`, `"a/b.tar.gz"`, `""`, `"/"`, `"./x/"`, `"../.."`, `".hidden"`, `"a//b"`, `"a\x00b"`, `"//"`, `"a/"`, `"..."`, `"/../a"`, `"a.b/c"`, `"C:\\x"`, `"ü/ñ.é"`, `"."`, `".."`, `"a.tar."`, `"\xff/x"`},
	"user":      {`"ann"`, `"ünï"`, `""`},
	"algorithm": {`"sha"`, `"sha"`, `"sha"`, `"sha"`, `"sha"`, `"sha"`, `"sha"`, `"bcrypt"`},
	"keytype":   {`"ecdsa"`, `"ed25519"`, `"x"`, `"X"`, `"ecdsa "`}, "passwordtype": {`"long"`, `"maximum"`, `"medium"`, `"short"`, `"basic"`, `"pin"`, `"x"`},
	"ips": {"nil", "(list)", `(list "192.0.2.1")`, `(list "192.0.2.1" "2001:db8::1")`, `(list "::ffff:192.0.2.1" "::")`, `(list "0.0.0.0")`}, "names": {"nil", "(list)", `(list "a.example")`, `(list "a.example" "*.b.example")`, `(list "" "a b")`, `(list "xn--nxa.example" "-")`},
	"aeskey": {`"secretkey"`}, "aestext": {`"30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ="`},
	"version":     {`"1.2.3"`, `"v2.0.0-rc.1+b7"`, `"1.2"`, `"0.0.1"`, `"10.20.30"`, `"1"`, `"v1"`, `"18446744073709551615.0.0"`, `"1.2.3-0"`, `"1.2.3--"`, `"1.2.3-alpha.10.x-y"`, `"1.2.3+001"`, `"01.2.3"`, `"V1.2.3"`, `"1.2.3-rc.1-2"`},
	"constraint":  {`"^1.2.0"`, `"~1.2"`, `">=1.0.0 <2.0.0"`, `"*"`, `"1.x || >=2.0.0-0"`, `"!=1.2.3"`, `"1.2 - 1.4"`, `">1.2.3"`, `"=>1.0"`, `"=<2"`, `"~>1.2"`, `"^0.0.1"`, `"^0"`, `"~0"`, `"~1.2.3-0"`, `">=1.2.3-0, <2"`, `"1.2.x - 2"`, `"x"`, `"X.1"`, `"1.*.3"`, `""`, `"!=1.x"`, `"^1.2.3-beta.2"`, `">=1 || <0.1 || 3"`, `"<=1.2.3+b"`, `"1 2"`, `">v1.2"`},
	"regex":       {`"a"`, `"[a-c]+"`, `"^\\w+"`, `"(?i)HELLO"`, `"(a)(b)?"`, `"\\s*,\\s*"`, `"(?P<x>.)l"`, `""`, `"x*"`, `"[[:upper:]]"`, `"\\bc\\w*"`, `"(?m)^."`, `"\\pL{2}"`, `"[^a-z]+"`, `"[[:^digit:]]+"`, `"[[:word:]-]"`, `"\\d{2,}?"`, `"(?s).+"`, `"(?U)a+"`, `"(?i:É|ß)"`, `"(?-i)x"`, `"(?<n>a)(?P<m>b)?"`, `"((a)|(b))*"`, `"(|a)+"`, `"a{0}"`, `"a{2,3}?"`, `"\\p{Greek}|\\P{L}"`, `"\\x{1F600}"`, `"\\Qa.b\\E"`, `"\\A.*\\z"`, `"\\B"`, `"[\\d\\s]"`, `"[]a]"`, `"[a-]"`, `"[\\x00-\\x1f]"`, `"$"`, `"^$"`, `"(?m)$"`, `"(\\?=a)"`, `"[(?=a)]"`, `"(?:?)"`, `"\\07"`, `"\\pN+"`, `"\\C"`, `"[^\\S\\n]"`, `"((((((a))))))"`, `".{3}"`, `"\ufeff"`},
	"replacement": {`"<$0>"`, `"${1}x"`, `"$x"`, `"$$"`, `""`, `"$1W"`, `"$0$0"`, `"${0}"`, `"$10"`, `"${x}"`, `"${"`, `"$"`, `"$-"`, `"$1_"`, `"\\1"`, `"${n}$m"`, `"$$0"`, `"$é"`, `"\x00$1"`},
	"url":         {`"http://u:p@h:80/p/a?q=1#f"`, `"https://example.com"`, `"mailto:a@b"`, `"/p?q"`, `""`, `"postgres://u:p%40@db/x"`, `"http://[::1]:80/"`, `"http://[fe80::1%25en0]/"`, `"//h/p"`, `"http://h?"`, `"http://h#"`, `"http://h/%2f%41?a=%zz"`, `"a:b:c"`, `"?q"`, `"#f"`, `"http://ü.example/é?ü#é"`, `"http://u@h"`, `"http://u:@h"`, `"http://:p@h"`, `"http://h:"`, `"file:///a b"`, `"HTTP://H/P"`, `"./a:b"`, `"*"`, `"http://h//a/../b"`, `"http://h/a;b=c"`, `"urn:a:b?c#d"`, `"http://h/<>\"{}|^"`, `"http://u:a/b@h"`, `"http://h:99999"`, `"http://h/\u2028"`, `"a%20b"`},
	"urldict":     {`(urlParse "http://u:p@h:80/p?q#f")`, `(dict "scheme" "https" "host" "h")`, `(dict "host" "h" "path" "/a b")`, "(dict)", `(dict "scheme" "mailto" "opaque" "a@b")`, `(dict "host" "[::1]" "path" "a" "query" "a b" "fragment" "ü")`, `(dict "host" "h" "userinfo" "u:p%40")`, `(dict "path" "//x")`, `(dict "path" "a:b")`, `(dict "scheme" "HTTP" "host" "h:1" "path" "p" "userinfo" "")`, `(urlParse "//u@h/%2f?#")`},
	"secret":      {`"secret"`}, "blocktype": {`"CERTIFICATE"`, `"private key"`, `"x"`}, "chainpart": {`"leaf"`, `"intermediate"`, `"root"`, `"x"`},
	"scheme": {`"RSA-OAEP"`, `"RSA-OAEP"`, `"None"`}, "digest": {`"SHA256"`, `"None"`, `"x"`, `"SHA256"`, `"SHA256"`},
	"authority": {`(buildCustomCert (.file_intermediate_crt | b64enc) (.file_intermediate_key | b64enc))`},
	"cert64":    {"(b64enc .file_leaf_crt)", "(b64enc .file_ec_crt)"}, "key64": {"(b64enc .file_leaf_key)", "(b64enc .file_ec_sec1_key)"},
	"badregex": {`"("`, `"[a"`, `"(?!a)"`, `"(?=a)"`, `"(?<=a)b"`, `"(?<!a)"`, `"(?>a)"`, `"*"`, `"a{2,1}"`, `"\\1"`, `"[z-a]"`, `"(?P<n"`, `"(?P<1>a)(?P<1>b)"`, `"\\pX"`, `"\\p{Nope}"`, `"a**"`, `"(?i"`, `"(?z)"`, `"\xff"`, `"[[:foo:]]"`, `"x{1001}"`, `"\\8"`, `"a)"`, `"\\"`, `"(a{500}){500}"`, `"\\k<n>"`, `"\\Z"`, `"(?#c)"`, `"[\\b]"`, `"[]"`, `"x{2}{3}"`},
}

// fileKinds are kinds that stand in files of the certificates folder.
var fileKinds = map[string][]string{
	"store": {"aes256.p12", "aes128.p12", "triple-des.p12", "legacy.p12", "shuffled.p12", "named.p12", "ec.p12", "ed25519.p12"}, "openstore": {"aes256-empty.p12", "legacy-empty.p12", "plain.p12"},
	"certs": {"leaf.crt", "chain.pem", "shuffled.pem", "without-root.pem", "root.crt", "ec.crt"}, "pem": {"chain.pem", "key-and-chain.pem", "leaf.key", "commented.pem"},
	"privatekey": {"leaf.key", "leaf-pkcs1.key", "ec-sec1.key", "ed25519.key"}, "eckey": {"ec-sec1.key", "ed25519.key", "leaf-pkcs1.key"}, "rsakey": {"leaf.key", "leaf-pkcs1.key"},
	"publicjwk": {"rsa-public.jwk", "ec-public.jwk", "p384-public.jwk", "ed25519-public.jwk"}, "privatejwk": {"rsa.jwk", "ec.jwk", "p521.jwk", "ed25519.jwk"}, "hidden": {"oaep-sha256.bin"},
}

// generatedData is the data of every generated case, besides the files that its text names.
var generatedData = map[string]string{
	"text": "one,two three;four", "user": "ann", "empty": "", "bytes": "\x00\xff\xfeA", "a.b": "dotted", "json": `{"a":1,"b":{"c":[1,2]},"s":"x","t":true,"n":null}`,
	"crlf": "one\r\ntwo\r\n", "long": "The quick brown fox jumps over the lazy dog, again and again.",
}

// fileKey is the key under which a file stands in the data.
func fileKey(file string) string {
	return "file_" + strings.NewReplacer(".", "_", "-", "_").Replace(file)
}

// expression is one of a kind, at most depth calls deep.
func (g *generator) expression(kind string, depth int) string {
	if files := fileKinds[kind]; files != nil {
		return g.file(g.one(files...))
	}
	switch {
	case kind == "format":
		return g.format()
	case kind == "any" && g.Intn(3) > 0:
		return g.expression(g.one("str", "int", "float", "bool", "list", "dict"), depth)
	case depth > 0 && g.Intn(2) == 0 && len(g.byResult[kind]) > 0:
		made := g.byResult[kind][g.Intn(len(g.byResult[kind]))]
		return "(" + g.call(made, depth-1) + ")"
	case depth > 0 && g.Intn(10) == 0:
		return g.held(g.expression(kind, depth-1))
	case depth > 0 && g.Intn(8) == 0 && len(g.methodsByResult[kind]) > 0:
		return g.madeByMethod(kind)
	case kind == "int" && g.Intn(2) == 0:
		return strconv.Itoa(g.Intn(2000) - 1000)
	case kind == "float" && g.Intn(2) == 0:
		return strconv.FormatFloat(g.NormFloat64()*1000, 'f', g.Intn(6)+1, 64)
	case kind == "str" && g.Intn(4) == 0 && len(g.variables) > 0:
		return g.one(g.variables...)
	}
	literal := g.one(literals[kind]...)
	if slices.Contains(parsedKinds, kind) && g.Intn(100) < g.harm {
		literal = g.damagedText(literal)
	}
	return g.named(literal)
}

// call writes a call in one of the ways there are: the last argument in its place or piped.
func (g *generator) call(s signature, depth int) string {
	return g.written(s, g.arguments(s, depth))
}

// choosy are functions that look at the types of their arguments: every third comes out of a dict or a list.
var choosy = []string{"index", "slice", "mustSlice", "eq", "ne", "lt", "le", "gt", "ge"}

func (g *generator) arguments(s signature, depth int) []string {
	var out []string
	for _, kind := range s.arguments {
		count := 1
		if many := strings.TrimSuffix(kind, "*"); many != kind {
			kind, count = many, g.Intn(4)
		}
		for range count {
			argument := g.expression(kind, depth)
			if slices.Contains(choosy, s.name) && g.Intn(3) == 0 {
				argument = g.held(argument)
			}
			out = append(out, argument)
		}
	}
	return out
}

func (g *generator) written(s signature, arguments []string) string {
	call := strings.TrimSpace(s.name + " " + strings.Join(arguments, " "))
	if last := len(arguments) - 1; last >= 0 && arguments[last] != "nil" && g.Intn(3) == 0 {
		call = arguments[last] + " | " + strings.TrimSpace(s.name+" "+strings.Join(arguments[:last], " "))
	}
	return strings.ReplaceAll(s.form, "@", call)
}

// file writes a file of the data.
func (g *generator) file(name string) string {
	g.files[fileKey(name)] = name
	return g.rooted("." + fileKey(name))
}

// namedFiles are those that literals name.
var namedFiles = []string{"intermediate.crt", "intermediate.key", "leaf.crt", "leaf.key", "ec.crt", "ec-sec1.key"}

// named notes the files that an expression names.
func (g *generator) named(expression string) string {
	for _, file := range namedFiles {
		if strings.Contains(expression, "."+fileKey(file)) {
			g.files[fileKey(file)] = file
		}
	}
	return g.rooted(expression)
}

var fieldOfDot = regexp.MustCompile(`(^|[ (])\.([a-z])`)

// rooted writes the fields of dot as those of `$` where dot is something else.
func (g *generator) rooted(expression string) string {
	if g.inner == 0 {
		return expression
	}
	return strings.ReplaceAll(fieldOfDot.ReplaceAllString(expression, "$1$$.$2"), "(index . ", "(index $ ")
}

// format is a printf format and its arguments.
func (g *generator) format() string {
	var format strings.Builder
	var arguments []string
	for range g.Intn(3) + 1 {
		verb := g.one(verbs...)
		kind := g.one("str", "int", "float", "bool", "list", "dict", "any")
		if verb == "p" {
			kind = "int"
		}
		width := g.one("", "", "5", "12", ".2", "8.3", "-6", "06")
		format.WriteString(g.one("", "x", "%%", " ", "ü") + "%" + g.one(flags...) + width + verb)
		argument := g.one(literals[kind]...)
		if g.Intn(5) == 0 {
			argument = g.held(argument)
		}
		if g.Intn(8) == 0 && verb != "p" {
			argument = g.one("(list "+argument+")", "(dict `a` "+argument+")")
		}
		arguments = append(arguments, argument)
	}
	if g.Intn(12) == 0 {
		arguments = append(arguments, "1")
	} else if g.Intn(12) == 0 && !strings.Contains(format.String(), "p") {
		// Behind %p there must stay what is none: an address is another in each run.
		arguments = arguments[1:]
	}
	return strings.TrimSpace(strconv.Quote(format.String()) + " " + strings.Join(arguments, " "))
}
