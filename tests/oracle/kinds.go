package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// literals are expressions of each kind, besides those that the generator makes of numbers, texts and calls.
var literals = map[string][]string{
	"str":      {`""`, `"a"`, `"abc"`, `"Hello World"`, `"a,b,c"`, `"ünï cödé ☃"`, `" padded "`, `"two\nlines"`, `"snake_case_Text"`, `"<a href='x'>&"`, `"\xff\x00"`, "`raw \\n`", `"1"`, `"true"`, `"null: x"`, `"- item"`, `.text`, `.user`, `.long`, `.bytes`, `.empty`, `(index . "a.b")`, `"a-b c.d"`, `"0x1F"`, `"😀"`},
	"int":      {"0", "1", "-1", "7", "42", "-300", "1000000", "'a'", "0x1F", "017", "9223372036854775807", "(int64 9)", `"12"`, `"-3"`, "(len .text)"},
	"small":    {"0", "1", "2", "3", "5", "8", "12", "4", "20", "(len .user)"},
	"zero":     {"0"},
	"ten":      {"10", "11", "1000"},
	"positive": {"1", "2", "3", "7"},
	"float":    {"0.0", "1.5", "-2.25", "3.14159", "1e6", "1e21", "0.1", "1e-7", "5", `"2.5"`, "100.0", "(float64 3)"},
	"bool":     {"true", "false", "(eq 1 1)", "(not .user)"},
	"list":     {"list", "(list)", "(list 1 2 3)", `(list "b" "a" "c")`, `(list 1 "x" nil 2.5 true)`, "(list (list 1) (list 2 3))", `(splitList "," .text)`, "(until 4)", `(fromJson "[1,null,{\"a\":2}]")`, `(list "" 0 "x")`},
	"list0":    {"(list 1 2 3)", `(list "a")`, "(until 3)", `(splitList "," "a,b")`},
	"dict":     {"dict", "(dict)", `(dict "a" 1)`, `(dict "a" 1 "b" (list 1 2))`, `(dict "b" "x" "a" (dict "c" 1.5))`, `(fromJson .json)`, `(dict "a" nil "d" true)`},
	"deep":     {`(dict "a" (dict "b" 1))`, `(dict "a" (dict "b" (list 1 2)))`, `(dict "a" (dict "a" "x" "b" "y"))`},
	"inner":    {`"a"`, `"b"`},
	"any":      {"nil", "true", "1", "2.5", `"x"`, `""`, "(list 1 2)", `(dict "a" 1)`, "0", ".user", "(list)", `(semver "1.2.3")`, "now"},
	"key":      {`"a"`, `"b"`, `"c"`, `"zz"`, `"a b"`},
	"time":     {"now", `(toDate "2006-01-02" "2020-02-29")`, "(dateModify \"-36h\" now)", `(toDate "2006-01-02 15:04:05" "1999-12-31 23:59:59")`},
	"layout":   {`"2006-01-02"`, `"15:04:05"`, `"Mon Jan _2 15:04:05 2006"`, `"2006-01-02T15:04:05Z07:00"`, `"3:04PM"`, `"Monday 02 January 06"`, `"002 .000 MST -0700"`, `"1/2/06 at 4"`, `""`},
	"isodate":  {`"2006-01-02"`}, "isotext": {`"2023-01-31"`, `"1970-01-01"`, `"2400-02-29"`}, "date": {`"2023-01-31"`, `"12:30:00"`, `"x"`, `""`},
	"zone":      {`"UTC"`, `"Europe/Berlin"`, `"America/New_York"`, `"Asia/Kolkata"`, `"Nope"`, `""`, `"Australia/Lord_Howe"`},
	"duration":  {`"1h"`, `"-90m"`, `"1.5h"`, `"300ms"`, `"24h"`, `"1h2m3s"`, `"2000h"`, `"0"`},
	"json":      {`"{}"`, `"[1,2.5,null,true,\"x\"]"`, `"{\"a\":{\"b\":[1]}}"`, `"1e3"`, `"\"s\""`, "`{\"a\":1,\"b\":[\"x\"]}`", ".json", `(toJson (dict "a" 1))`},
	"yaml":      {`"a: 1"`, `"a: [1, x]\nb: {c: null}"`, `"a: yes\nb: 0x1F\nc: 1e3"`, `"x: |\n  text\n"`, `"[1"`, `""`, ".json", `(toYaml (dict "k" "v"))`},
	"encoded":   {`"aGVsbG8="`, `"YWJj"`, `"NBSWY3DP"`, `"616263"`, `"!!"`, `""`, `(b64enc .text)`, `"ABCDEFGH"`},
	"typename":  {`"int"`, `"string"`, `"float64"`, `"[]interface {}"`, `"map[string]interface {}"`, `"semver.Version"`, `"x"`},
	"kindname":  {`"int"`, `"string"`, `"slice"`, `"map"`, `"invalid"`, `"ptr"`},
	"path":      {`"/a/b/../c.txt"`, `"a/b.tar.gz"`, `""`, `"/"`, `"./x/"`, `"../.."`, `".hidden"`, `"a//b"`},
	"user":      {`"ann"`, `"ünï"`, `""`},
	"algorithm": {`"sha"`, `"sha"`, `"sha"`, `"sha"`, `"sha"`, `"sha"`, `"sha"`, `"bcrypt"`},
	"keytype":   {`"ecdsa"`, `"ed25519"`, `"x"`}, "passwordtype": {`"long"`, `"maximum"`, `"medium"`, `"short"`, `"basic"`, `"pin"`, `"x"`},
	"ips": {"nil", "(list)", `(list "192.0.2.1")`, `(list "192.0.2.1" "2001:db8::1")`}, "names": {"nil", "(list)", `(list "a.example")`, `(list "a.example" "*.b.example")`},
	"aeskey": {`"secretkey"`}, "aestext": {`"30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ="`},
	"version":     {`"1.2.3"`, `"v2.0.0-rc.1+b7"`, `"1.2"`, `"0.0.1"`, `"10.20.30"`},
	"constraint":  {`"^1.2.0"`, `"~1.2"`, `">=1.0.0 <2.0.0"`, `"*"`, `"1.x || >=2.0.0-0"`, `"!=1.2.3"`, `"1.2 - 1.4"`},
	"regex":       {`"a"`, `"[a-c]+"`, `"^\\w+"`, `"(?i)HELLO"`, `"(a)(b)?"`, `"\\s*,\\s*"`, `"(?P<x>.)l"`, `""`, `"x*"`, `"[[:upper:]]"`, `"\\bc\\w*"`, `"(?m)^."`, `"\\pL{2}"`},
	"replacement": {`"<$0>"`, `"${1}x"`, `"$x"`, `"$$"`, `""`, `"$1W"`},
	"url":         {`"http://u:p@h:80/p/a?q=1#f"`, `"https://example.com"`, `"mailto:a@b"`, `"/p?q"`, `""`, `"postgres://u:p%40@db/x"`},
	"urldict":     {`(urlParse "http://u:p@h:80/p?q#f")`, `(dict "scheme" "https" "host" "h")`, `(dict "host" "h" "path" "/a b")`, "(dict)"},
	"secret":      {`"secret"`}, "blocktype": {`"CERTIFICATE"`, `"private key"`, `"x"`}, "chainpart": {`"leaf"`, `"intermediate"`, `"root"`, `"x"`},
	"scheme": {`"RSA-OAEP"`, `"RSA-OAEP"`, `"None"`}, "digest": {`"SHA256"`, `"None"`, `"x"`},
	"authority": {`(buildCustomCert (.file_intermediate_crt | b64enc) (.file_intermediate_key | b64enc))`},
	"cert64":    {"(b64enc .file_leaf_crt)", "(b64enc .file_ec_crt)"}, "key64": {"(b64enc .file_leaf_key)", "(b64enc .file_ec_sec1_key)"},
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
	"long": "The quick brown fox jumps over the lazy dog, again and again.",
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
	return g.named(g.one(literals[kind]...))
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

// named notes the files that an expression names.
func (g *generator) named(expression string) string {
	for _, file := range []string{"intermediate.crt", "intermediate.key", "leaf.crt", "leaf.key", "ec.crt", "ec-sec1.key"} {
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
