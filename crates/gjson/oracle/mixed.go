package main

import (
	"math/rand"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// memberPaths is the path of each member of an object, and others.
func memberPaths(json string, others ...string) []string {
	var out []string
	gjson.Parse(json).ForEach(func(key, _ gjson.Result) bool {
		path := gjson.Escape(key.String())
		out = append(out, path, path+"|@tostr", path+"|@this")
		return true
	})
	return append(out, others...)
}

// mixer makes documents and paths out of small parts, so that features meet which no list combines.
type mixer struct{ *rand.Rand }

// mixed is a number of made documents with a few made paths each.
func mixed(seed int64, count int) []document {
	mix := mixer{rand.New(rand.NewSource(seed))}
	var out []document
	for range count {
		json := mix.value(3)
		if mix.Intn(3) == 0 {
			json = mix.damaged(json)
		}
		var paths []string
		for range 14 {
			path := mix.path(4)
			if mix.Intn(8) == 0 {
				path = mix.damaged(path)
			}
			paths = append(paths, path)
		}
		out = append(out, document{json, paths})
	}
	return out
}

// damaged is a number of the lists' documents with a few of their paths, both damaged.
func damaged(seed int64, count int) []document {
	mix := mixer{rand.New(rand.NewSource(seed))}
	var out []document
	for range count {
		from := groups[mix.Intn(len(groups))]
		json := mix.one(from.documents...)
		if len(json) > 450 {
			continue
		}
		if mix.Intn(2) == 0 {
			json = mix.damaged(json)
		}
		var paths []string
		for range 14 {
			paths = append(paths, mix.damaged(mix.one(from.paths...)))
		}
		out = append(out, document{json, paths})
	}
	return out
}

func (m mixer) one(parts ...string) string { return parts[m.Intn(len(parts))] }

func (m mixer) value(depth int) string {
	if depth == 0 || m.Intn(5) == 0 {
		return m.one("null", "true", "false", "0", "1", "2", "-3.50", "1e3", `"a"`, `"b"`, `""`, `"a\"b"`, `"\u00fc"`, `"true"`, `"{\"a\":1}"`, "[]", "{}", "12345678901234567890")
	}
	var members []string
	object := m.Intn(2) == 0
	for range m.Intn(5) {
		member := m.value(depth - 1)
		if object {
			member = m.one(`"a"`, `"b"`, `"c"`, `"ab"`, `"0"`, `"a.b"`, `"*"`, `"\u0061"`, `""`) + m.one(":", ":", " : ") + member
		}
		members = append(members, member)
	}
	list := strings.Join(members, m.one(",", ",", ", ", "\n,"))
	if object {
		return "{" + list + "}"
	}
	return "[" + list + "]"
}

func (m mixer) path(depth int) string {
	var out strings.Builder
	for i := range 1 + m.Intn(3) {
		if i > 0 {
			out.WriteString(m.one(".", ".", ".", "|"))
		}
		out.WriteString(m.component(depth))
	}
	return out.String()
}

func (m mixer) component(depth int) string {
	kinds := 10
	if depth <= 0 {
		kinds = 6
	}
	switch m.Intn(kinds) {
	case 0, 1:
		return m.one("a", "b", "c", "ab", "a", "b", `a\.b`, `\*`, "")
	case 2:
		return m.one("0", "1", "2", "0", "7")
	case 3:
		return m.one("*", "a*", "?", "*b", "??", `\a*`)
	case 4:
		return m.one("#", "#", "#", "..", "..#", "..0")
	case 5:
		return m.one(modifiers...) + m.one("", "", "", "", `:{"deep":true}`, `:{"sortKeys":true}`, `:{"preserve":true}`, ":a")
	case 6:
		return "#(" + m.one("", m.path(depth-3)) + m.one(operators[:10]...) + m.one(operands...) + ")" + m.one("", "#")
	case 7:
		return "#(" + m.path(depth-2) + ")" + m.one("", "#")
	case 8:
		return m.multipath(depth)
	default:
		return m.one("!1", `!"a"`, "!true", `!{"a":[1,{"b":2}]}`, "![1,2,3]", "@dig:a", "@dig:0", "@dig:"+m.path(depth-3))
	}
}

func (m mixer) multipath(depth int) string {
	var members []string
	keyed := m.Intn(2) == 0
	for range 1 + m.Intn(3) {
		name := ""
		if keyed {
			name = m.one("", "", "x:", `"y":`, `"a b":`)
		}
		members = append(members, name+m.path(depth-2))
	}
	if keyed {
		return "{" + strings.Join(members, ",") + "}"
	}
	return "[" + strings.Join(members, ",") + "]"
}

// damaged takes out, puts in or changes a few bytes, but none of a longer character.
func (m mixer) damaged(text string) string {
	for range 1 + m.Intn(2) {
		at := m.Intn(len(text) + 1)
		if !utf8.ValidString(text[:at]) || !utf8.ValidString(text[at:min(len(text), at+1)]) {
			continue
		}
		inserted := m.one("", "", "{", "}", "[", "]", "(", ")", `"`, `\`, ",", ":", ".", "|", "#", "@", "!", "~", "*", " ", "1", "-", "n", "t", "\n")
		text = text[:at] + inserted + text[min(len(text), at+m.Intn(2)):]
	}
	return text
}
