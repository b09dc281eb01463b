package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// What a document is read into: what ESO makes entries of, and what it puts under a path of a manifest.
const (
	intoStrings  = "strings"
	intoAnything = "anything"
)

// refused stands for every reason: ours must not quote the document, which Go's do.
const refused = "refused"

// read is what Kubernetes' library makes of the document, written so that every type shows.
func (q question) read() answer {
	text, err := q.document()
	if err != nil {
		return answer{ID: q.ID, Error: refused}
	}
	out := []byte(text)
	return answer{ID: q.ID, Out: &out}
}

func (q question) document() (string, error) {
	var out strings.Builder
	if q.Reads == intoStrings {
		var entries map[string]string
		if err := yaml.Unmarshal([]byte(q.text()), &entries); err != nil {
			return "", err
		}
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			fmt.Fprintf(&out, "%s=%s\n", key, entries[key])
		}
		return out.String(), nil
	}
	var value any
	useNumber := func(decoder *json.Decoder) *json.Decoder {
		decoder.UseNumber()
		return decoder
	}
	if err := yaml.Unmarshal([]byte(q.text()), &value, useNumber); err != nil {
		return "", err
	}
	write(&out, value)
	return out.String(), nil
}

// write shows a value with its types. Of numbers Kubernetes knows integers of 64 bits and floats.
func write(out *strings.Builder, value any) {
	switch value := value.(type) {
	case map[string]any:
		out.WriteString("{")
		for _, key := range slices.Sorted(maps.Keys(value)) {
			fmt.Fprintf(out, "<%s>:", key)
			write(out, value[key])
		}
		out.WriteString("}")
	case []any:
		out.WriteString("[")
		for _, item := range value {
			write(out, item)
			out.WriteString(";")
		}
		out.WriteString("]")
	case string:
		fmt.Fprintf(out, "<%s>", value)
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			out.WriteString(strconv.FormatInt(whole, 10))
			return
		}
		float, _ := value.Float64()
		fmt.Fprintf(out, "float %016x", math.Float64bits(float))
	default:
		fmt.Fprint(out, value)
	}
}

// scalars are what YAML takes for something else than text, and what looks like it.
var scalars = []string{"1", "-7", "010", "0x10", "0x1F", "0o17", "0b11", "1_000", "08", "+1", "9223372036854775807", "9223372036854775808", "12345678901234567890", "-1e19", "12345678901234567890123", "1.0", "1.50", "1.5", ".5", "1.", "-0.0", "0.1", "3.14159265358979", "123456789.5", "99999999.0", "16777217.0", "9007199254740993.0", "1e3", "1e6", "1e21", "1e40", "-1e40", "1e39", "3.4028236e38", "3.4028235e38", "1e-50", "1e-45", "1.1754944e-38", "1e308", "1e400", "-1e400", ".inf", "-.inf", ".nan", "12:30:45", "yes", "off", "y", "true", "True", "null", "~", "Null", "''", "'1.50'", "\"1e40\"", "2024-01-02", "2024-01-02T03:04:05Z", "|\n  x\n  y\n", "!!str 1.50", "!!int '7'", "!!float 1", "!!float '1e40'", "!!binary aGk=", "!custom x", "text", "a b", "[1]", "{b: 1}", "@x", "*nope"}

// structures are documents of more than one scalar, and none at all.
var structures = []string{"", "# nothing", "---\n", "a: x\na: z", "a: x\n---\nb: z", "a\n---\nb\n", "<<: {a: x}", "a: &a {b: 1}\nc: *a\nd: {<<: *a, e: 2}\n", "base: &b {a: 1, b: 2}\n<<: *b\nb: 3", "- 1\n- [x, {k: z}]\n- ~\n", "a: {b: [1, 2.5]}\n1: x\ntrue: z\n", "1: x\n2.5: y\ntrue: z\n", "{\"a\": \"\\u00e9\"}", "a: 'x'\nb: \"y", "a: b: c", "a:\n\t- 1", "~: x", "? [a]\n: x", "? {a: 1}\n: x"}

// readCases are documents, each read both ways: as a whole, as a value and as a key.
func readCases() []question {
	all := slices.Concat(structures, yamlTexts, emptyKeys, collectionKeys)
	for _, scalar := range scalars {
		all = append(all, scalar, "a: "+scalar, scalar+": x", "a: {"+scalar+": {b: c}}", "[a, "+scalar+"]")
	}
	var out []question
	for _, into := range []string{intoStrings, intoAnything} {
		cases := texts(into, all...)
		for i := range cases {
			cases[i].Reads = into
		}
		out = append(out, cases...)
	}
	return out
}
