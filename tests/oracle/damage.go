package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// How many of a hundred files and texts to be parsed are damaged: in most cases that are to work, in the rest of them, in those
// that are to fail, and in those that are to fail within the function.
const (
	harmless = 0
	harmed   = 10
	harmful  = 30
	hostile  = 60
)

// parsedKinds are the kinds of texts that functions parse.
var parsedKinds = strings.Fields("layout isodate isotext date zone duration json yaml encoded regex url version constraint aestext replacement")

// filesIn reads the folder of certificates.
func filesIn(directory string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, names := range fileKinds {
		for _, name := range slices.Concat(names, namedFiles) {
			content, err := os.ReadFile(filepath.Join(directory, name))
			if err != nil {
				return nil, err
			}
			out[name] = content
		}
	}
	return out, nil
}

// filled puts the files that the case names into its data, damaged or not.
func (g *generator) filled(asked question) question {
	asked.Files = nil
	for _, key := range slices.Sorted(maps.Keys(g.files)) {
		name := g.files[key]
		content := g.contents[name]
		if g.Intn(100) < g.harm {
			content = g.damagedFile(name, content)
		}
		asked.Data[key] = content
	}
	return asked
}

// damagedFile never has numbers that make its reader count far: the rounds of a store stay below 2^15.
func (g *generator) damagedFile(name string, content []byte) []byte {
	if filepath.Ext(name) != ".p12" {
		return g.damagedAs(name, content)
	}
	for range 20 {
		if out := g.damagedAs(name, content); longIntegers(out) <= longIntegers(content) {
			return out
		}
	}
	return content
}

func (g *generator) damagedAs(name string, content []byte) []byte {
	if g.Intn(4) == 0 {
		return g.damagedBytes(content)
	}
	switch filepath.Ext(name) {
	case ".p12":
		return g.damagedDER(content)
	case ".bin":
		return g.damagedBytes(content)
	case ".jwk":
		return g.damagedJSON(content)
	}
	return g.damagedPEM(content)
}

// longIntegers is how often bytes look like the start of an integer of three to eight octets.
func longIntegers(content []byte) (count int) {
	for size := byte(3); size <= 8; size++ {
		count += bytes.Count(content, []byte{0x02, size})
	}
	return count
}

// letters are what is put into texts and bytes.
var letters = []string{"\x00", "\xff", "\ufeff", "\r\n", "\n", " ", "-", "+", "/", "=", "0", "9", "a", "Z", ".", ",", ":", ";", "(", ")", "[", "]", "{", "}", "<", ">", "*", "?", "|", "^", "$", "\\", "\"", "'", "%", "&", "#", "@", "!", "~", "_", "ü", "\u2028", "\t"}

// damagedBytes has up to three places changed, cut out, doubled, swapped or put in.
func (g *generator) damagedBytes(content []byte) []byte {
	out := slices.Clone(content)
	for range g.Intn(3) + 1 {
		at := g.Intn(len(out) + 1)
		end := min(len(out), at+1+g.Intn(6))
		switch g.Intn(6) {
		case 0:
			out = slices.Concat(out[:at], out[end:])
		case 1:
			out = slices.Concat(out[:end], out[at:])
		case 2:
			if other := g.Intn(len(out) + 1); at < len(out) && other < len(out) {
				out[at], out[other] = out[other], out[at]
			}
		case 3:
			if at < len(out) {
				out[at] = byte(g.Intn(256))
			}
		case 4:
			out = slices.Concat(out[:at], []byte(g.one(letters...)), out[end:])
		default:
			out = slices.Concat(out[:at], []byte(g.one(letters...)), out[at:])
		}
	}
	return out
}

// damagedPEM has the DER of one block changed, its type, or the order of the blocks.
func (g *generator) damagedPEM(content []byte) []byte {
	var blocks []*pem.Block
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		blocks = append(blocks, block)
	}
	if blocks == nil {
		return g.damagedBytes(content)
	}
	at := g.Intn(len(blocks))
	switch g.Intn(12) {
	case 0:
		blocks[at].Type = g.one("CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "PUBLIC KEY", "X", "")
	case 1:
		blocks = append(blocks, blocks[at])
	case 2:
		blocks = slices.Delete(blocks, at, at+1)
	default:
		for range g.Intn(2) + 1 {
			blocks[at].Bytes = g.damagedDER(blocks[at].Bytes)
		}
	}
	var out bytes.Buffer
	for _, block := range blocks {
		out.Write(pem.EncodeToMemory(block))
	}
	return out.Bytes()
}

// field is one of a JSON object.
type field struct {
	name  string
	value string
}

// damagedJSON has one or two fields renamed, dropped, doubled, of another type or with other base64.
func (g *generator) damagedJSON(content []byte) []byte {
	var read map[string]json.RawMessage
	if json.Unmarshal(content, &read) != nil || len(read) == 0 {
		return g.damagedBytes(content)
	}
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(read)) {
		fields = append(fields, field{name, string(read[name])})
	}
	for range g.Intn(2) + 1 {
		if len(fields) > 0 {
			fields = g.damagedFields(fields)
		}
	}
	var written []string
	for _, each := range fields {
		written = append(written, quotedJSON(each.name)+":"+each.value)
	}
	return []byte(g.one("", "", "", "", "", "", "", "", "\ufeff", "[", " ") + "{" + strings.Join(written, ",") + "}" + g.one("", "", "", "", "", "", "", "", "\n", " x", "{}"))
}

func (g *generator) damagedFields(fields []field) []field {
	at, other := g.Intn(len(fields)), g.Intn(len(fields))
	hit := &fields[at]
	switch g.Intn(8) {
	case 0:
		hit.name = g.one(strings.ToUpper(hit.name), hit.name+"x", g.one("kty", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "oth", "k", "kid", "use", "alg", "key_ops", "x5c", "x5t", "x5u"))
	case 1:
		return slices.Delete(fields, at, at+1)
	case 2:
		return append(fields, field{hit.name, g.one(hit.value, `"AQ"`, "null", "1", fields[other].value)})
	case 3:
		hit.value = g.one("null", "1", "true", "[]", "{}", `""`, `["a"]`, `[1]`, "1e999", `"\ud800"`)
	case 4:
		hit.value, fields[other].value = fields[other].value, hit.value
	case 5:
		return append(fields, field{g.one("kid", "use", "alg", "key_ops", "x5c", "x5t", "x5u", "oth", "foo"), g.one("null", "1", `"sig"`, `"x"`, `"RS256"`, `["sign"]`, `["x"]`, "[]", "{}", `""`)})
	default:
		hit.value = g.damagedBase64(hit.value)
	}
	return fields
}

// damagedBase64 changes a string in its letters or in the bytes that they stand for.
func (g *generator) damagedBase64(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) != nil {
		return `""`
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || g.Intn(3) == 0 {
		return quotedJSON(string(g.damagedBytes([]byte(text))))
	}
	return quotedJSON(base64.RawURLEncoding.EncodeToString(changedInteger(g.Rand, decoded)))
}

// quotedJSON keeps bytes that are not UTF-8.
func quotedJSON(text string) string {
	out := []byte{'"'}
	for _, octet := range []byte(text) {
		if octet < ' ' || octet == '"' || octet == '\\' {
			out = append(out, "\\u00"+string("0123456789abcdef"[octet>>4])+string("0123456789abcdef"[octet&15])...)
		} else {
			out = append(out, octet)
		}
	}
	return string(append(out, '"'))
}

// damagedText is a literal with its text damaged; what is no literal stays.
func (g *generator) damagedText(literal string) string {
	text, err := strconv.Unquote(literal)
	if err != nil {
		return literal
	}
	return strconv.Quote(string(g.damagedBytes([]byte(text))))
}
