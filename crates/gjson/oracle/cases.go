package main

import "strings"

// group is a list of documents, each of which is asked for every path.
type group struct {
	name      string
	documents []string
	paths     []string
}

func (g group) cases() []document {
	var out []document
	for _, json := range g.documents {
		out = append(out, document{json, g.paths})
	}
	return out
}

var people = `{"name":{"first":"Ada","last":"Byron"},"age":37,"kids":["Sara","Alex","Jack"],"fav.movie":"Deer",` +
	`"friends":[{"first":"Dale","last":"Murphy","age":44,"nets":["ig","fb","tw"]},` +
	`{"first":"Roger","last":"Craig","age":68,"nets":["fb","tw"]},{"first":"Jane","last":"Murphy","age":47,"nets":["ig","tw"]}]}`

var spaced = " {\n\t\"a\" : { \"b\" : [ 1 , { \"c\" : \"x y\" } , [ ] , { } ] , \"e\" : null } ,\r\n \"t\" : true , \"f\" : false }\n "

var special = `{"a.b":1,"a":{"b":2,"":3,"*":4,"c|d":5},"":{"":6},"*":7,"a*":8,"a?":9,"a\\b":10,"@this":11,"!x":12,"#":13,` +
	`"[0]":14,"{x}":15,"0":16,"-1":17,"1":{"0":18},":1":19,"..":20,"a\"q":21,"a b":22,"ü":23,"日本":24,"@pretty:1":25,"~":26,"(":27,"n\u0065w":28,"l\nf":29}`

var numbers = `{"i":1,"n":-1,"z":0,"nz":-0,"f":1.5,"e":1e3,"E":1E+3,"s":1e-7,"b":12345678901234567890,"bf":123456789012345678.5,` +
	`"h":1e308,"o":1e999,"no":-1e999,"t":0.1,"lz":007,"p":+5,"pt":.5,"d":5.,"x":0x1F,"u":1_000,"w":1__0,"m":1-2,"inf":inf,"Inf":-Inf,"nan":nan,"NaN":NaN,` +
	`"l":0.000000000000000000001,"r":4.35,"g":100000000000000000000000,"y":1.0,"q":2.50,"ee":1e,"mm":-,"k":[3,-2,1e1,0.5,"7",9007199254740993]}`

var texts = `{"q":"a\"b","s":"\/\\","c":"\b\f\n\r\t","u":"\u00fc\u20ac","p":"\ud83d\ude00","hi":"\ud83d","lo":"\ude00x","hh":"\ud83d\ud83d","hx":"\ud83d\u0041z",` +
	`"bad":"a\xb","cut":"a\u12","hex":"\uZZZZ!","ctl":"a` + "\x01" + `b","nl":"a` + "\n" + `b\n","raw":"ü€😀","html":"<&>\u2028","nul":"\u0000x","e":"","n":"null","t":"true","num":"12","js":"{\"a\":[1,2]}"}`

var types = `{"null":null,"true":true,"false":false,"num":1,"zero":0,"str":"s","empty":"","arr":[],"obj":{},"nested":{"arr":[[1,[2]],[3]],"obj":{"x":{"y":"z"}}}}`

var mixedList = `[null,true,false,0,1,-2.5,"","a","true","0","~",[],[1],{},{"a":1},{"a":null},{"a":"x","b":true},{"b":false},{"a":[1,2,3]},{"a":{"b":"c"}}]`

var rows = `{"rows":[{"id":1,"ok":true,"tags":["x","y"],"sub":{"n":"p*q"}},{"id":2,"ok":false,"tags":[],"sub":{"n":"pq"}},` +
	`{"id":"3","ok":null,"tags":["z"],"sub":{"n":"x)y"}},{"ok":"true","tags":[{"k":"v","w":1},{"k":"u","w":2}]},{"id":2.0,"sub":{}},7,"pq",null,[1,2],[[3,4],[5]]]}`

var twice = `{"a":1,"a":2,"b":{"c":1},"b":{"d":2},"a":{"x":3},"c":null,"c":[1],"ab":"first","ac":{"x":"second"},"ad":{"x":4}}`

var lists = `[[1,2,[3,[4]],[]],{"a":[5,{"b":6}]},"s",[[],[[7]]]]`

var columns = `{"id":["a","b","c"],"val":[1,2,{"z":3}],"no":"x","short":[true],"empty":[]}`

var lineDocuments = []string{
	"{\"n\":\"A\",\"v\":1}\n{\"n\":\"B\",\"v\":2}\n{\"n\":\"C\",\"v\":[3,4]}\n",
	"{\"n\":\"A\"}{\"n\":\"B\",\"v\":5}", "1\n2\n3", "[1,2]\n[3]\n\n[]\n\"x\"\nnull\ntrue", "{\"n\":\"A\"}\n]{\"n\":\"B\"}", "\"open\n{\"n\":1}", "", " ", "{\"n\":\"A\"},{\"v\":1},",
}

var wellFormed = []string{people, spaced, special, types, mixedList, rows, twice, lists, columns, `"s"`, `1`, `true`, `false`, `null`,
	`[]`, `{}`, ` [ ] `, `-0`, `0.5e-3`, `1E5`, `"\ud83d"`, `[[[[]]]]`, `{"a":[{}]}`, strings.Repeat("[", 60) + strings.Repeat("]", 60)}

var malformed = []string{"", " ", "{", "[", "}", "]", "\"", "\"abc", "nul", "tru", "truex", "-", "+1", "01", "1.", "1e", ".5", "{]", "[}", "(1)", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,",
	"{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{'a':1}", "{\"a\":\"b", "{\"a\":\"b\\", "{\"a\":\"b\\\"}", "{\"a\":{\"b\":1}", "{\"a\":[1,2", "{\"a\":[1,2}", "{\"a\":[1,{\"b\":2]}",
	"[1,2", "[1,,2]", "[,1]", "[1 2 3]", "[1,2,]", "[\"a\",\"b", "[{\"a\":1},{\"a\":2}", "[{\"a\":1},{\"a\"", "[1]]", "{\"a\":1}}", "{\"a\":1} {\"a\":2}", "{\"a\":1}x", "x{\"a\":1}", "x[1,2]",
	"{\"a\":tru}", "{\"a\":trueX}", "{\"a\":nul}", "{\"a\":nope}", "{\"a\":n}", "{\"a\":}", "{\"a\":,\"b\":2}", "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{\"a\":1;\"b\":2}", "{:1}", "{\"a\",\"b\":2}",
	"{1:2,\"b\":3}", "{\"a\":\"\t\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "// c\n{\"a\":1}", "{\"a\":1/*c*/}", "\ufeff{\"a\":1}", "plain text", "key=value", "{\"a\":{\"b\":{\"c\":",
	"[[[[", "{\"a\":[{\"b\":[", "{\"b\\", "{\"b\\\":1,\"a\":2}", "{\"a\":(1,2),\"b\":3}", "{\"a\":-x,\"b\":1}", "\"a\" \"b\"", "[\"a\":1]", "{\"a\":1,\"b\"}", "{\"a\":[1,\"b\"", "[1,[2,3]", "<a>1</a>", "a: 1\nb: 2"}

var keyPaths = []string{"", ".", "..", "|", "a", "b", "age", "name", "name.last", "name.first.x", "kids", "kids.0", "kids.1", "kids.2", "kids.3", "kids.00", "kids.01", "kids.-1", "kids.+1", "kids.x", "kids.1x",
	"kids.18446744073709551615", "kids.18446744073709551616", "kids.99999999999999999999999", "kids.", "kids.0.", "name.", ".name", "name..first", "friends.1.last", "friends.1", "friends.0.nets.2",
	"friends.0.nets", "friends.2.first.0", "fav.movie", `fav\.movie`, `fav\\.movie`, "a.b", "a.b.0", "a.b.1.c", "a.b.2", "a.b.3", "a.e", "a.e.x", "t", "f", "t.x", "a|b|1|c", "null", "true", "false", "num", "str", "empty",
	"arr", "obj", "nested.arr.0.1.0", "nested.obj.x.y", "nested.arr.1.0", "nested.arr.0", "0", "1", "3", "5", "13", "14.a", "15.a", "18.a.2", "19.a.b", "20", "name.first\x00", "na\nme"}

var escapePaths = []string{`a\.b`, `a.b`, "a.", `a.\*`, "a.*", `a.c\|d`, "a.c|d", ".", "..", `\.\.`, "...", `.a`, `*`, `\*`, `a*`, `a\*`, `a\?`, `a?`, `a??`, `a\\b`, `a\b`, `\@this`, "@this", `\!x`, "!x", `\#`, "#", `\[0\]`, "[0]", `[0`, "{x}", `\{x\}`, `{x`,
	"0", "-1", `\-1`, "1.0", ":1", `\:1`, "1:0", `a\"q`, `a"q`, "a b", `a\ b`, "ü", `\ü`, "日本", "?", "??", "日?", "?本", "日*", `\@pretty:1`, `\@pretty\:1`, "@pretty:1", "~", `\~`, "(", `\(`, "new", `n\u0065w`, "l\nf", "l?f", `a\`, `\`, `a.\`, `a\.`, `a*\`, `*\`, `\\`, `a\\\b`,
	`\a`, `a\*b`, `a*b`, `\a*`, `a\**`, `a\?*`, `*\.*`, `*.b`, `?.b`, `a\.?`, `*b`, `*\"q`, `@this.a`, `a.@this`, `a.\@this`, `a\.b|@this`, `\.`, `.\.`}

var wildPaths = []string{"*", "?", "**", "a*", "*a", "a?", "?a", "*.x", "a?.x", "a*.x", "ab*", "*d", "*d.x", "b.*", "b.d", "b.c", "*.d", "c", "c.0", "a", "a.x", "n*", "na*e", "n*.f*", "n*.l*", "k*.1", "fr*.1.f*", "fr*.#.f*", "fr*.#(l*=\"Craig\").age",
	"f*.movie", `f*\.movie`, "*e.*t", "????", "???", "?????s", "*.*.*", "nested.*.x", "nested.*.*.y", "*.obj.x", "t*e", "f*e", "n*l", "e*", "e*y", "*0*", "*.1", "*|x", "a*|x", "*a*b*", "*****", "?*", "*?", "a*b*c*d*e*f"}

var arrayPaths = []string{"#", "#.", "#.a", "#.#", "#.0", "#.1", "#.#.0", "#.#.#", "#.0.0", "#|0", "#|#", "#.a|0", "#.a|#", "#.a.#", "#.a.b", "#.a.1.b", "0.#", "0.2.#", "0.2.1.#", "3.#.#", "3.#.0.#", "3.#.0.0", "1.a.#", "1.a.#.b", "#x", "x#", "0#", "##", "#0", "#.x", "#.x|0", "#..", "#..a", "..#", "..0", "..0.1", "..#.a", "#.*", "#.?",
	"rows.#", "rows.#.id", "rows.#.id|0", "rows.#.id.0", "rows.#.tags", "rows.#.tags.#", "rows.#.tags.0", "rows.#.tags|0", "rows.#.tags|0|0", "rows.#.tags.#.k", "rows.#.tags.#.k|@flatten", "rows.#.tags|@flatten|#", "rows.#.sub.n", "rows.#.sub.n|@reverse", "rows.#.sub.n|1", "rows.#|x", "rows.#.#", "rows.#.0", "rows.8.1", "rows.9.0.1", "rows.9.#.0", "rows.9.#.#",
	"rows.#.{id,ok}", "rows.#.[id,ok]", "rows.#.[id,ok]|0", "rows.#.[id,ok].0", "rows.#.{id,\"o\":ok}|#", `rows.#.{"a|b":id}|0`, `rows.#.{"a":id}|0`, "rows.#.sub.@keys", "rows.#.sub|@keys", "rows.#.sub.@this.n", "rows.#.tags.@reverse", "rows.#.tags.@reverse|0", "rows.#.@this.id", "rows.#.tags.#(k=\"v\").w", "rows.#.tags.#(k=\"v\")#.w", "rows.#.tags.#(k=\"v\")#.w|0", "rows.#.tags.#(k=\"v|\")#.w|0",
	"friends.#", "friends.#.first", "friends.#.nets.#", "friends.#.nets.0", "friends.#.nets|1", "friends.#.nets|1|0", "kids.#", "kids.#.0", "kids|#", "kids.#|#", "friends|#.first", "friends.#.first|2", `friends.#.fi\|rst|2`, "kids.#.#", "age.#", "name.#", "#.#(#>1)", "#.#(#>1)#", "#.#(#>1)#|#"}

var operators = []string{"=", "==", "!=", "<", "<=", ">", ">=", "%", "!%", "!", "!!", "=!", "<>", "=~", "=>", "===", "%%"}

var operands = []string{"1", "2", "-2.5", `"a"`, "a", "true", "false", "null", `"true"`, `""`, "", "~true", "~false", "~null", "~*", "~x", `"*"`, "*", `"~true"`, "~", "[1]"}

// operatorPaths is every operator with every operand, on elements themselves and on a member.
func operatorPaths() []string {
	var out []string
	for _, operator := range operators {
		for _, operand := range operands {
			out = append(out, "#("+operator+operand+")#", "#(a"+operator+operand+")")
		}
	}
	return out
}

var queryPaths = []string{`rows.#(id=1).ok`, `rows.#(id==2).ok`, `rows.#(id=2)#.ok`, `rows.#(id=2)#`, `rows.#(id="3").sub.n`, `rows.#(id=3)`, `rows.#(id>1)#.id`, `rows.#(id>=1)#.id`, `rows.#(id<2)#.id`, `rows.#(id<=2)#.id`, `rows.#(id!=1)#.id`, `rows.#(id)#.id`, `rows.#(id)`, `rows.#(ok)#`, `rows.#(ok=true)#.id`, `rows.#(ok==~true)#.id`, `rows.#(ok=~false)#`, `rows.#(ok=~null)#`,
	`rows.#(ok=~*)#.ok`, `rows.#(ok!=~*)#`, `rows.#(ok!=~true)#.ok`, `rows.#(tags.#)#.tags`, `rows.#(tags.#>1)#.id`, `rows.#(tags.#>1).id`, `rows.#(tags.0="z").id`, `rows.#(tags.#(="x"))#.id`, `rows.#(tags.#(%"*"))#.id`, `rows.#(tags.#(k="u").w=2).ok`, `rows.#(tags.#(k="u")#.#=1)#.ok`, `rows.#(sub.n="pq").id`, `rows.#(sub.n%"p*q")#.id`, `rows.#(sub.n%"p\*q")#.id`, `rows.#(sub.n%"p\\*q")#.id`,
	`rows.#(sub.n!%"p*")#.id`, `rows.#(sub.n="x)y").id`, `rows.#(sub.n=x)y).id`, `rows.#(sub.n="x\)y").id`, `rows.#( sub.n = "pq" ).id`, `rows.#(  id  >  1  )#.id`, `rows.#(sub\.n="pq").id`, `rows.#(="pq")`, `rows.#(=7)`, `rows.#(>5)#`, `rows.#(%"p*")#`, `rows.#()#`, `rows.#()`, `rows.#( )#|#`, `rows.#(0=1)`, `rows.#(1=2)#`, `rows.#(#=2)#`, `rows.#(#)#`, `rows.#(0.0=3)`, `rows.#(0.#=2)#|0`,
	`rows.#[id=1].ok`, `rows.#[id=2]#.ok`, `rows.#[tags.#[="x"]]#.id`, `rows.#(id=1`, `rows.#(id=1.ok`, `rows.#(`, `rows.#[`, `rows.#(id=1)x.ok`, `rows.#(id=1)##.ok`, `rows.#(id=1)#x.ok`, `rows.#(id=1)ok`, `rows.#(id=2)#|0`, `rows.#(id=2)#.0`, `rows.#(id=2)#|0|ok`, `rows.#(id=2)#.ok|0`, `rows.#(id=2)#|#`, `rows.#(id=2)#.#`, `rows.#(id=2)#.ok|#`, `rows.#(id=9)#`, `rows.#(id=9)`, `rows.#(id=9)#.ok`, `rows.#(id=9)#|#`, `rows.#(id=9)|ok`, `rows.#(id=1)|ok`,
	`rows.#(id=1).tags.#`, `rows.#(id=1).tags|#`, `rows.#(id=1).tags.1`, `rows.#(tags)#.tags.#`, `rows.#(tags)#.tags.0|0`, `rows.#(id>0)#.tags.#(="x")`, `rows.#(id>0)#|#(ok=true).id`, `rows.#(id>0)#.@this`, `rows.#(id>0)#|@reverse|0.id`, `rows.#(id>0)#.{id,ok}`, `rows.#(id>0)#.{id,ok}|1`, `rows.#(id>0).{id,ok}`, `rows.#(id>0)|{id,ok}`, `rows.#(id>0).@keys`, `rows.#(id>0).@keys.0`, `rows.#(@this=7)`, `rows.#(@keys.#=4)#.id`, `rows.#(tags.@reverse.0="y").id`, `rows.#({id,ok}.id=1).id`,
	`rows.#(i*=1).id`, `rows.#(sub.*="pq").id`, `rows.#(sub.n>"pq")#.id`, `rows.#(sub.n>="pq")#.id`, `rows.#(sub.n<"pq")#.id`, `rows.#(sub.n<="pq")#.id`, `rows.#(sub.n>pq)#.id`, `rows.#(id="1")`, `rows.#(id=01).ok`, `rows.#(id=1.0).ok`, `rows.#(id=1e0).ok`, `rows.#(id=x)#`, `rows.#(id<x)#`, `rows.#(ok>false)#.id`, `rows.#(ok<true)#.id`, `rows.#(ok>=false)#.id`, `rows.#(ok<=x)#.id`, `rows.#(ok>=x)#.id`, `rows.#(ok!=x)#.id`, `rows.#(tags="x")`, `rows.#(sub!="x")#`, `rows.#(sub.n="p\u002aq").id`, `rows.#(sub.n="p\*q").id`, `rows.#(sub.n="p*q").id`,
	`friends.#(last=="Murphy").first`, `friends.#(last=="Murphy")#.first`, `friends.#(first%"D*").last`, `friends.#(first!%"D*").last`, `friends.#(first%"*a*")#.first`, `friends.#(nets.#(%"*fb*"))#.first`, `friends.#(nets.#(=="ig"))#.first`, `friends.#(age>45)#.last`, `friends.#(age>45)#.last|0`, `friends.#(age>45)#|0.last`, `friends.#(age>45)#.nets.#`, `friends.#(age>45)#.nets.#(="tw")`, `friends.#(age>45)#.nets.#(="ig")#`, `friends.#(age>45)#.nets|@flatten`, `friends.#(last="Murphy")#|#(age>45).first`, `friends.#(last="Murphy")#|#(age>45)#.first`, `friends.#(first="Da\u006ce").age`,
	`friends.#(last="Murphy")#.{f:first,"a":age}`, `kids.#(%"*a*")#`, `kids.#(%"*a*")`, `kids.#(!%"*a*")`, `kids.#(>"B")`, `kids.#(="Jack")`, `kids.#(=Jack)`, `kids.#(=="Jack").x`, `kids.#(="Jack")|@this`, `kids.#(!="Jack")#`, `kids.#(%"????")#`, `kids.#(%"\u0053*")#`, `kids.#(="Ja\"ck")`, `kids.#(=="x(").y`, `kids.#(=="x\\")`}

var pipePaths = []string{"kids|0", "kids.0", "friends|1|last", "friends.#.first|0", "friends.#.first.0", "friends|#|x", "friends.#|0", "age|x", "age|@this", "name|first|@this", "name|", "|name", "name||first", "name|.first", "name.|first", "name|@this|first", "name.@this.first", "name.@this|first", "friends|0|nets|#", "friends|#.nets|#", "friends|#.nets|0|0", "friends|@reverse|0|first", "friends|@this|@this|#",
	"name|@nope", "name.@nope", "name|@nope|first", "@nope", "@nope:1", "@", "@|name", "@.name", "@this", "@this|name", "@this.name.first", "@this:x|name", "@this.@this", "@thisx", "@this x", "name|@this:", "name.@this:{}|first", "name|!1", "name.!1", "name.!\"x\"", "name|{first}", "name.{first}", "name.[first]", "name|[first,last]|1", "name.[first,last].1", "kids|[0,1]", "kids.[0,1]", "kids.{0}", "name|first|x", "nope|@this", "nope|@keys", "nope|[a]", "nope|!1", "nope.!1", "nope|@tostr", "age|@tostr", "age|@valid", "age.@tostr"}

var modifiers = []string{"@this", "@reverse", "@ugly", "@pretty", "@valid", "@flatten", "@join", "@keys", "@values", "@tostr", "@fromstr", "@group"}

var arguments = []string{"", ":", ":1", ":{}", ":true", `:"x"`, ":x.y", ":[1]"}

var modifierPaths = []string{`@pretty:{"sortKeys":true}`, `@pretty:{"sortKeys":false}`, `@pretty:{"indent":"\t"}`, `@pretty:{"indent":""}`, `@pretty:{"indent":"x y"}`, `@pretty:{"prefix":"  "}`, `@pretty:{"prefix":"# "}`, `@pretty:{"width":0}`, `@pretty:{"width":-1}`, `@pretty:{"width":10}`, `@pretty:{"width":4}`, `@pretty:{"width":"20"}`, `@pretty:{"width":1e1}`, `@pretty:{"sortKeys":true,"indent":" ","prefix":"\t","width":30}`, `@pretty:{"sortKeys":"true","width":12.9}`, `@pretty:{"sortKeys":1}`, `@pretty:{bad`, `@pretty:{"sortKeys":true}|@ugly`, `@pretty|@ugly`, `@ugly|@pretty|@ugly`,
	`@flatten:{"deep":true}`, `@flatten:{"deep":false}`, `@flatten:{"deep":1}`, `@flatten|#`, `@flatten|0`, `@join:{"preserve":true}`, `@join:{"preserve":false}`, `@join|@keys`, `@keys|0`, `@keys|#`, `@keys.0`, `@keys.#`, `@values|0`, `@values.#`, `@values.1.0`, `@tostr|@fromstr`, `@tostr|@fromstr|@ugly`, `@tostr|@tostr`, `@tostr|@tostr|@fromstr|@fromstr`, `@fromstr|@tostr`, `@fromstr|a`, `js|@fromstr`, `js|@fromstr|a.1`, `js.@fromstr.a.#`, `q|@fromstr`, `u|@tostr`, `p|@tostr`, `html|@tostr`, `c|@tostr`, `raw|@fromstr`, `nl|@tostr`, `ctl|@tostr`, `num|@fromstr`, `t|@fromstr`, `n|@fromstr`,
	`@reverse|0`, `@reverse.0`, `@reverse|@reverse`, `@reverse|@keys`, `@reverse|@values`, `@valid|@this`, `@valid.a`, `@group|0`, `@group.#`, `@group|#.id`, `@group|#(val=2).id`, `@group|1.val`, `@dig:a`, `@dig:b`, `@dig:x`, `@dig:0`, `@dig:id`, `@dig:#`, `@dig:@this`, `@dig:*`, `@dig:`, `@dig`, `@dig:a|0`, `@dig:a.b`, `@dig:#(b=6)`, `@dig:#(b=6)#`, `@dig:#(id=2)#.ok|@flatten`, `@dig:[a,b]`, `@dig:{a}`, `@dig:first|#`, `@dig:"a"`, `@dig:nets.0|1`, `@dig:z|@this|0`, `@this|@dig:b|0`, `a|@dig:b`, `a.@dig:b.0`, `@dig:a|@keys`,
	`name.@keys`, `name|@keys|1`, `name.@values.0`, `name|@reverse`, `friends.@reverse.0.first`, `friends|@join`, `friends|@join|last`, `friends.@join:{"preserve":true}`, `friends.@join:{"preserve":true}|@keys`, `friends.#.nets.@flatten`, `friends.#.nets|@flatten`, `friends.#.nets|@flatten|@reverse|0`, `kids.@reverse`, `kids|@reverse|@reverse`, `kids|@join`, `kids.@keys`, `kids.@tostr`, `kids.@tostr.@fromstr.1`, `kids|@pretty:{"width":10}`, `name|@pretty:{"sortKeys":true}`, `friends.0|@pretty`, `friends|@pretty:{"indent":" "}`, `name.@ugly.first`, `@ugly.name.first`, `@pretty.name.last`, `@pretty:{"sortKeys":true}.name`, `@this:{"a":"}"}|name`, `@this:"a|b"|name`, `@this:(a|b)|name`, `@this:a(|)b|name`, `@this:a"|"b.name`, `@this:[|name`}

// modifiedPaths is every modifier with every argument, and followed by a path.
func modifiedPaths() []string {
	var out []string
	for _, modifier := range modifiers {
		for _, argument := range arguments {
			out = append(out, modifier+argument)
		}
		out = append(out, modifier+"|0", modifier+".a", "a|"+modifier, "nested."+modifier, "#."+modifier)
	}
	return out
}

var multiPaths = []string{"{}", "[]", "{", "[", "[a", "{a", "{a}", "[a]", "{a,b}", "[a,b]", "{name,age}", "[name,age]", "{name.first,age}", "[name.first,age]", `{"n":name.first,"a":age}`, `{n:name.first,a:age}`, `{"n" :age}`, `{n :age}`, `{:age}`, `{"":age}`, `{"a\"b":age}`, `{"a\u0062":age}`, `{"bad\x":age}`, `{<&>:age}`, `{"<&>":age}`, `{ü:age}`, "{age,age}", "{nope,age}", "[nope,age]", "{nope}", "[nope]", "[age,nope,age]", "{name:nope}",
	"{friends.#}", "{friends.#.first}", "{friends.#.first,kids}", `{"all":friends.#.first,"kids":kids}`, "{kids.0,kids.1}", "{friends.0.first}", "{friends|0|first}", `{fav\.movie}`, `{"m":fav\.movie}`, `[fav\.movie]`, `{friends.#(first="Jane").age}`, `{friends.#(first="Jane")}`, `{"j":friends.#(first="Jane").age,"x":kids.#(%"*a*")#}`, "{name.{first}}", "{name.[first,last]}", "[name.{f:first},[age,[age]]]", "{a:{b:{c:age}}}", "[[[age]]]", `{"a":[age,{"b":age}]}`,
	"{name,age}.age", "{name,age}|age", "{name,age}|name|first", "{name,age}.name.first", "[name,age].0.first", "[name,age]|1", "[name,age].#", "[name,age]|#", "[name,age]x", "{name,age}x", "[name,age]x.y", "{name,age}name.first", "{name,age}.@keys", "{name,age}|@keys|0", "[age,kids].@flatten", "[kids,kids]|@flatten|#", "{name,age}|{age}", "{name,age}.{age}", "[age].[0]", "[age]|[0]|[0]",
	"{@this}", "{@this.age}", "{@keys}", `{"k":@keys}`, "{k:@keys}", "{name.@keys}", `{name.@pretty:{"sortKeys":true}}`, `{"p":name.@pretty:{"indent":""}}`, `[@this.age,@keys|0,@values|1]`, `{"x":@this:a:b}`, `{"d":@dig:first}`, `[@dig:first,age]`, "{!1}", `{"l":!1}`, `{"l":!"lit"}`, `[!"a",!true,!null,!1,!{"x":1},![1,2]]`, `{"a":!true,"b":!false,"c":!null}`, `{age,"z":!"const"}`, `{!"lit"}`, `{"v":!{"k":"v"},age}`,
	"{ name , age }", "[ name , age ]", "{name, age}", "[name, age]", "{name,,age}", "[,age]", "[age,]", "{,}", "[,]", "[[]]", "[{}]", "{[]}", "{(a)}", "[(a,b)]", `["a,b",age]`, `{"a,b":age}`, `{"a]":age}`, `{"a}":age}`, `[a\,b,age]`, `{a\}b,age}`, `{"a.b":age}`, `{a.b:age}`, `{a|b:age}`, "{name:first}", "{name.first:age}", `{"x:y":age}`, `{x:y:age}`, "{age:}", "{*}", "{a*}", "{n*.f*}", "{#}", "[#]", "{..}", "[..0]", "{..#}", "{name.nope}", "{name.first.x}", "{name]", "[name}", "[name)", "(name)",
	"name.{first,last}", "name|{first,last}", "name.[first,last]", "friends.0.{first,last}", "friends.#.{first,last}", "friends.#.{first,last}|0", "friends.#.{first,last}.first", "friends.#.[first,last]", "friends.#.[first,last].0", "friends.#.[first,last]|0", "friends.#.[first,nets.#]", "friends.#.{first,\"n\":nets.#}|1.n", "friends.#.{first,nets.0}", "kids.{0,1}", "kids.[0,2]", "kids.[#,0]", "age.{x}", "age.[@this]", "age|[@this]", "nope.{x}", "nope.[x]"}

var literalPaths = []string{"!", "!1", "!-1", "!+1", "!1.5", "!1e5", "!true", "!false", "!null", "!True", "!NULL", "!nan", "!inf", "!Inf", "!tru", "!truex", `!"x"`, `!"x`, `!"x".y`, `!"x"|@this`, `!"x"|@tostr`, `!"a\"b"`, `!"a.b"`, `!"a|b"`, `!{"a":1}`, `!{"a":1}.a`, `!{"a":1}|a`, `!{"a":{"b":[1,2]}}.a.b.#`, `!{"a":"}"}.a`, `!{"a":1`, `![1,2]`, `![1,2].1`, `![1,2]|#`, `![1,2]x`, `![1,[2]]|@flatten`, "![", "!{", "!(", "!a", "!.a", "!|a", "!!1", "!1.2.3", "!1|@this", "!1|0", "!true|@this", "!true.x", "!true.@tostr", "!null|@this", "!@this", "a.!1", "a|!1", "a.b.!x", "!1,2", "! 1", "!\"\"", "![]", "!{}", `!"<>"`, `!"\u00fc"`, `!tr\ue`}

var linePaths = []string{"..", "..#", "..0", "..1", "..2", "..9", "..1.n", "..#.n", "..#.v", "..#.n|1", "..#.n.0", "..#(n=\"B\").v", "..#(v>1)#.n", "..#(v)#|#", "..0.n", "..0|n", "..@this", "..|0", "...", "..n", "..*", "..#.@this", "..#.{n}", "..{n}", "..[0,1]", "..2.v.1", "..#.v.#", "..3", "..#.0", "n", "0", "#", "@this", "@valid", "..#|@this", "@this|..#", "@this|..1", "..0.@keys", "..\\#", "..#(n=\"A\")", "..#(>1)#", "..4", "..5"}

var brokenPaths = []string{"", "a", "b", "a.b", "a.b.c", "a.0", "a.1", "a.#", "a.#.b", "a.1.b", "0", "1", "2", "#", "#.a", "#.0", "0.a", "1.a", "1.0", "*", "a*", "*.b", "..#", "..0", "..1", "..#.a", "#(a=1)", "#(a=1)#", "#(a>0)#.a", "#(=1)", "#(=2)#", "#(", "a.#(b=2)", "a.#(b=2)#", "@this", "@valid", "@ugly", "@pretty", `@pretty:{"sortKeys":true}`, `@pretty:{"width":0}`, "@reverse", "@keys", "@values", "@flatten", `@flatten:{"deep":true}`, "@join", `@join:{"preserve":true}`, "@tostr", "@fromstr", "@group", "@dig:a", "@dig:b", "{a,b}", "[a,b]", "[a,b.0,0]", "[@this]", "a|@this", "a|b", "a.@keys", "a.@values", "a.@tostr", "a|0", "#|0", "!1", "[", "@this|a", "@reverse|0"}

var components = []string{"", "a", "a.b", "a|b", "*", "?", "#", "@x", "!x", "{", "}", "[", "]", "(", ")", "~", "\\", "\"", "'", "a b", "a\tb", "a\nb", "a:b", "a-b", "a_b", "a/b", "a,b", "<>", "=", "%", "&", "+", "$", "^", "`", ";", "ü", "日本", "\x7f", "\x00", "a.b.c*#", "tls.crt", "..", "ca-bundle.pem", "😀"}

func deepDocuments() []string {
	deep := func(open, leaf, close string, n int) string {
		return strings.Repeat(open, n) + leaf + strings.Repeat(close, n)
	}
	return []string{deep("[", "1", "]", 100), deep(`{"a":`, "1", "}", 100), deep(`[{"a":`, `"x"`, "}]", 40), deep("[", "", "", 100), deep(`{"a":[`, "7", "]}", 50), deep("[1,", "2", ",3]", 30)}
}

func deepPaths() []string {
	repeat := func(component string, n int) string { return strings.TrimSuffix(strings.Repeat(component+".", n), ".") }
	return []string{repeat("0", 100), repeat("0", 99), repeat("0", 101), repeat("a", 100), repeat("a", 99), repeat("0.a", 40), repeat("a.0", 50), repeat("#", 10), repeat("#", 30), repeat("*", 50), repeat("@this", 100), strings.Repeat("@this|", 100) + "0",
		strings.Repeat("[", 30) + "a" + strings.Repeat("]", 30), strings.Repeat("{", 20) + "a" + strings.Repeat("}", 20), strings.Repeat("#(", 30) + "1" + strings.Repeat(")", 30), repeat("1", 30), `@flatten:{"deep":true}`, "@flatten", "@ugly", "@valid", "@dig:a|#", "@reverse|@reverse|0|#", "#.#.#", repeat("#(#>0)#", 8), repeat("#(#>0)", 20)}
}

var groups = []group{
	{"keys", []string{people, spaced, types, mixedList}, keyPaths},
	{"escapes", []string{special}, escapePaths},
	{"wildcards", []string{twice, people, types, special}, wildPaths},
	{"arrays", []string{lists, rows, people, mixedList}, arrayPaths},
	{"operators", []string{mixedList}, operatorPaths()},
	{"queries", []string{rows, people}, queryPaths},
	{"pipes", []string{people}, pipePaths},
	{"modifiers", []string{people, spaced, twice, lists, columns, texts}, modifierPaths},
	{"modified", []string{spaced, twice, lists, columns, `"{\"a\":1}"`, ` "x" `, "12", "null", ""}, modifiedPaths()},
	{"multipaths", []string{people}, multiPaths},
	{"literals", []string{people, "", "1", `{"a":{"b":1}}`}, literalPaths},
	{"lines", lineDocuments, linePaths},
	{"numbers", []string{numbers}, memberPaths(numbers, "#", "k", "k.2", "k.#(>1)#", "k.#(=7)#", "k.#(=\"7\")#", "k.#(=9007199254740992)#", "k.#(<0)", "k.#(>=1e1)#", "k.#(=0.50)", "k.#(=1_0)", "k.#(=0x1)", "k.#(!=nan)#", "k.#(<inf)#", "k.#(>-Inf)#", "@pretty", "@ugly", "@keys", "@values", "@reverse")},
	{"texts", []string{texts}, memberPaths(texts, "*", "@keys", "@values", "@pretty", "@ugly", "@valid", "@tostr", "@reverse")},
	{"malformed", malformed, brokenPaths},
	{"deep", deepDocuments(), deepPaths()},
}

// differences are the documented ones, a lookup each, in the order of the table in the test.
var differences = []document{
	{"[0x1p4]", []string{"#(=16)"}},
	{`{"a":[],"b":{"#(x)#":null}}`, []string{"*.#(x)#"}},
	{strings.Repeat("[", 300) + "1" + strings.Repeat("]", 300), []string{strings.Repeat("0.", 299) + "0"}},
	{`{"a":1}`, []string{strings.Repeat("@this|", 300) + "a"}},
}
