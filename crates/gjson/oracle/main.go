// Records what Go's gjson answers, for the tests of the Rust crate, which then run without Go:
// `go run . ../tests/data`. The cases are in cases.go; nothing is random but the mixed ones, whose seed is fixed.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tidwall/gjson"
)

// document is one JSON text and the paths to look up in it.
type document struct {
	json  string
	paths []string
}

func main() {
	seed := flag.Int64("seed", 1, "seed of the mixed cases")
	count := flag.Int("mixed", 320, "how many documents of mixed cases to make")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: oracle [-seed N] [-mixed N] DIRECTORY")
	}
	directory := flag.Arg(0)
	total := 0
	for _, group := range groups {
		total += write(directory, group.name, group.cases())
	}
	total += write(directory, "mixed", mixed(*seed, *count))
	total += write(directory, "damaged", damaged(*seed, *count/2))
	total += write(directory, "differences", differences)
	total += writePlain(directory)
	fmt.Println(total, "cases")
}

// write records a group: per document what was found as [path, type, raw, text], the text only if it differs from the
// raw JSON, and the paths that lead nowhere.
func write(directory, name string, documents []document) int {
	var out bytes.Buffer
	total := 0
	out.WriteString("[")
	for i, document := range documents {
		var found, absent [][]byte
		for _, path := range document.paths {
			result, ok := lookup(document.json, path)
			if !ok {
				log.Printf("skipped, Go panics: %q in %q", path, document.json)
				continue
			}
			total++
			if !result.Exists() {
				absent = append(absent, line(path))
				continue
			}
			row := []string{path, result.Type.String(), result.Raw}
			if text := result.String(); text != result.Raw {
				row = append(row, text)
			}
			found = append(found, line(row))
		}
		out.WriteString(separator(i))
		fmt.Fprintf(&out, "{\"json\": %s,\n\"found\": [\n%s\n],\n\"absent\": [\n%s\n]}", line(document.json),
			bytes.Join(found, []byte(",\n")), bytes.Join(absent, []byte(",\n")))
	}
	out.WriteString("\n]\n")
	save(directory, name, out.Bytes())
	return total
}

// writePlain records the functions that take no path.
func writePlain(directory string) int {
	var escapes, valid [][]byte
	for _, component := range components {
		escapes = append(escapes, line([]string{component, gjson.Escape(component)}))
	}
	for _, text := range append(append([]string{}, malformed...), wellFormed...) {
		valid = append(valid, line([]any{text, gjson.Valid(text)}))
	}
	save(directory, "plain", fmt.Appendf(nil, "{\"escape\": [\n%s\n],\n\"valid\": [\n%s\n]}\n",
		bytes.Join(escapes, []byte(",\n")), bytes.Join(valid, []byte(",\n"))))
	return len(escapes) + len(valid)
}

// lookup is false if the module panics.
func lookup(json, path string) (result gjson.Result, ok bool) {
	defer func() { ok = recover() == nil }()
	return gjson.Get(json, path), true
}

// line encodes a value on one line; each byte that is not UTF-8 becomes U+FFFD.
func line(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		log.Fatal(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

func separator(i int) string {
	if i == 0 {
		return "\n"
	}
	return ",\n"
}

func save(directory, name string, content []byte) {
	if err := os.WriteFile(filepath.Join(directory, name+".json"), content, 0o644); err != nil {
		log.Fatal(err)
	}
}
