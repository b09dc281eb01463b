package main

// jwkCases are web keys whose JSON is not as one would write it.
func jwkCases() []question {
	return join(jwkTexts(), jwkFields(), jwkSeeds())
}

// bothKeys asks for both keys of the text that is made of a file's `.f`, in front of it or in its place.
func bothKeys(group, file string, made ...string) []question {
	var all []string
	for _, text := range made {
		all = append(all, `{{ `+text+` | jwkPublicKeyPem }}`, `{{ `+text+` | jwkPrivateKeyPem }}`)
	}
	return named(withFiles([]string{"f", file}, texts(file, all...))).renamed(group + " ")
}

// members put more of them in front of the others.
func members(all ...string) []string {
	return crossed("printf \"{%s,%s\" `@` (.f | trim | trimPrefix \"{\")", all...)
}

// jwkTexts are no JSON, or JSON that is seldom seen.
func jwkTexts() []question {
	whole := []string{`print .f " x"`, `print .f "{}"`, `.f | trim | trimSuffix "}"`, `.f | trunc 30`, `print "[" .f "]"`, `print "\ufeff" .f`, `print " \t\r\n" .f`, `.f | replace "\"kty\"" "\"KTY\""`, `.f | replace "\"kty\"" "\"\\u212atY\""`, `.f | replace "\"kty\"" "\"k\\u0074y\""`, `.f | replace "\"n\"" "\"N\""`, `printf "{\"a\":\"\xff\",%s" (.f | trim | trimPrefix "{")`, `printf "{\"a\":%s%s,%s" (repeat 200 "[") (repeat 200 "]") (.f | trim | trimPrefix "{")`, `printf "{\"a\":%s%s,%s" (repeat 9999 "[") (repeat 9999 "]") (.f | trim | trimPrefix "{")`, `printf "{\"a\":%s%s,%s" (repeat 10000 "[") (repeat 10000 "]") (.f | trim | trimPrefix "{")`}
	wrong := []string{`""`, `" "`, `"1x"`, `"-"`, `"tru"`, `"trux"`, `"\"a"`, `"\"a\" b"`, `"null"`, `"true"`, `"{"`, `"{}"`, `"{\"a\""`, `"{\"a\":"`, `"{\"a\":1"`, `"{'kty':1}"`, `"{\"a\" 1}"`, `"{\"a\":1 \"b\"}"`, `"{\"a\":1,}"`, `"{,}"`, `"{\"a\":[1 2]}"`, `"{\"a\":01}"`, `"{\"a\":1.}"`, `"{\"a\":1e}"`, `"{\"a\":\"\\x\"}"`, `"{\"a\":\"\\u12g\"}"`, `"{\"a\":\"\x00\"}"`, `"{\"a\":\"\n\"}"`, `"{\"a\":\x00}"`, `"{\"a\":\x7f}"`, `"{\"a\":\xe9}"`, `"{\"kty\":1,}"`, `"{\"kty\":1,\"d\":2}"`, `"{\"kty\":1,\"kty\":[]}"`, `"{\"kty\":\"RSA\",\"kty\":null}"`}
	return join(bothKeys("text of", "rsa-public.jwk", whole...), texts("no web key", crossed(`{{ jwkPublicKeyPem @ }}`, wrong...)...))
}

// jwkFields are fields of other types, twice, or known to other keys alone.
func jwkFields() []question {
	common := members(`"key_ops":"sign"`, `"key_ops":["sign",1]`, `"key_ops":[null,"sign"]`, `"key_ops":null`, `"x5c":"a"`, `"x5c":["a",{}]`, `"x5c":null`, `"x5t":1`, `"alg":1`, `"alg":null`, `"kid":[]`, `"use":null`, `"crv":1`, `"crv":null`, `"kty":"EC"`, `"kty":"oct"`, `"kty":null`, `"kty":1`, `"n":"!"`, `"n":1`, `"n":"AQ"`, `"x":"!"`, `"x":null`, `"p":1`, `"D":1`, `"d":null`, `"a":1e999`, `"a":{"b":[1,-1e999,1e998]}`, `"a":"\ud800"`, `"":1`, `"\u0061\"":1e999`, `"e":"!","n":1`, `"n":1,"e":"!"`, `"y":{},"x":[]`)
	last := crossed("printf \"%s,%s}\" (.f | trim | trimSuffix \"}\") `@`", `"kty":"EC"`, `"kty":null`, `"n":"AQ"`, `"x":"AQ"`, `"crv":"X25519"`, `"D":""`)
	var out []question
	for _, file := range []string{"rsa-public.jwk", "ec.jwk", "ec-public.jwk", "x25519.jwk", "symmetric.jwk"} {
		out = append(out, bothKeys("fields before", file, common...)...)
		out = append(out, bothKeys("fields after", file, last...)...)
	}
	return out
}

// jwkSeeds are keys of Edwards' and Montgomery's curves whose halves do not fit.
func jwkSeeds() []question {
	last := crossed("printf \"%s,%s}\" (.f | trim | trimSuffix \"}\") `@`", `"d":""`, `"d":null`, `"d":"AQ"`, `"d":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"`, `"d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","x":"L-V9o0fNYkMVKNqsX7spBzD_9oSvxM_C7ZCZX1jLO3Q"`, `"x":""`, `"x":"AQ"`, `"crv":"Ed448"`, `"crv":"X448","d":""`, `"crv":"Ed25519"`, `"crv":"X25519"`)
	return join(bothKeys("seeds", "x25519.jwk", last...), bothKeys("seeds", "ed25519.jwk", last...))
}
