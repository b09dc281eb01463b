package main

import (
	"fmt"
	"strings"
)

var stores = []string{"aes256", "aes256-empty", "aes128", "triple-des", "legacy", "legacy-empty", "plain", "without-mac", "shuffled", "disjunct", "named", "ec", "ed25519", "umlauts", "without-key", "without-certificate", "cut", "wrong-mac", "p224", "primes3"}

var bundles = []string{"leaf.crt", "root.crt", "intermediate.crt", "ec.crt", "ed25519.crt", "p384.crt", "bare.crt", "expired.crt", "chain.pem", "shuffled.pem", "without-root.pem", "authorities.pem", "disjunct.pem", "two-leaves.pem", "key-and-chain.pem", "commented.pem", "crlf.pem", "chain.p7b", "leaf.der", "leaf.key", "leaf.pub", "leaf-encrypted-pkcs1.key", "dsa.key", "p224.crt", "primes3.crt"}

var keys = []string{"leaf.key", "leaf-pkcs1.key", "ec.key", "ec-sec1.key", "p384.key", "ed25519.key", "x25519.key", "leaf-encrypted.key", "leaf-encrypted-pkcs1.key", "dsa.key", "leaf.crt", "leaf.pub", "p224.key", "primes3.key"}

var webKeys = []string{"rsa.jwk", "rsa-public.jwk", "rsa-without-primes.jwk", "ec.jwk", "ec-public.jwk", "p384.jwk", "p384-public.jwk", "p521.jwk", "p521-public.jwk", "ed25519.jwk", "ed25519-public.jwk", "x25519.jwk", "x25519-public.jwk", "symmetric.jwk", "set.jwk", "off-curve.jwk", "p224.jwk", "p224-public.jwk"}

// onFile is each text with one file as `.f`.
func onFile(file string, all ...string) []question {
	return withFiles([]string{"f", file}, texts(file, all...))
}

func certificateCases() []question {
	return join(storeCases(), bundleCases(), encoderCases(), webKeyCases(), decryptCases(), rareKeyCases(), damagedKeyCases(), damagedPublicCases(), rareWebKeyCases(), jwkCases(), damagedFieldCases())
}

func storeCases() []question {
	var out []question
	for _, store := range stores {
		var all []string
		for _, call := range []string{"pkcs12key", "pkcs12cert"} {
			all = append(all, fmt.Sprintf("{{ %s .f }}", call))
			for _, password := range []string{"secret", "wrong", "pässwörd"} {
				all = append(all, fmt.Sprintf("{{ %sPass %q .f }}", call, password))
			}
		}
		out = append(out, onFile(store+".p12", all...)...)
	}
	return append(out, texts("not a store", `{{ pkcs12key "" }}`, `{{ pkcs12cert "" }}`, `{{ pkcs12keyPass "a" "b" }}`, `{{ pkcs12certPass "a" "\x30\x00" }}`, `{{ pkcs12key 1 }}`, `{{ pkcs12cert nil }}`, `{{ pkcs12keyPass "a" }}`, `{{ pkcs12certPass "a" 1 }}`, `{{ pkcs12key "\x30\x80" }}`, `{{ "MAA=" | b64dec | pkcs12cert }}`, `{{ pkcs12keyPass "\xff" "" }}`, `{{ pkcs12keyPass "😀" "x" }}`)...)
}

func bundleCases() []question {
	var out []question
	for _, bundle := range bundles {
		all := crossed(`{{ filterPEM "@" .f }}`, "CERTIFICATE", "certificate", "PRIVATE KEY", "X", "")
		all = append(all, crossed(`{{ filterCertChain "@" .f }}`, "leaf", "intermediate", "root", "Leaf", "")...)
		all = append(all, `{{ certSANs .f }}`, `{{ certSANs .f | toJson }}`, `{{ printf "%T" (certSANs .f) }}`, `{{ .f | filterPEM "CERTIFICATE" | sha256sum }}`)
		out = append(out, onFile(bundle, all...)...)
	}
	block := `-----BEGIN X-----\nYWJj\n-----END X-----\n`
	strangePEM := []string{`""`, `"x"`, `"` + block + `"`, `"junk\n` + block + `"`, `"` + block + `junk"`, `"` + block + block + `"`, `"-----BEGIN X-----\nYWJj\n-----END Y-----\n"`, `"-----BEGIN X-----\n!!\n-----END X-----\n"`, `"-----BEGIN X-----\nA: b\nC: d\n\nYWJj\n-----END X-----\n"`, `"-----BEGIN X-----\n-----END X-----\n"`, `"-----BEGIN X-----YWJj-----END X-----"`, `"  -----BEGIN X-----\nYWJj\n-----END X-----"`, `"-----BEGIN x-----\nYWJj\n-----END x-----\n"`, `"-----BEGIN X-----\r\nYWJj\r\n-----END X-----\r\n"`, `"-----BEGIN X-----\nYW\nJj\n-----END X-----\n"`, `"-----BEGIN X-----\nYWJj"`, `"-----BEGIN -----\nYWJj\n-----END -----\n"`, `"-----BEGIN ` + strings.Repeat("L", 70) + `-----\nYWJj\n-----END ` + strings.Repeat("L", 70) + `-----\n"`, `"-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\nB: c\nA: d\n\nYWJj\n-----END X-----\n"`, `"-----BEGIN BAD\n` + block + `"`, `"a -----BEGIN X-----\nYWJj\n-----END X-----\n"`}
	return join(out,
		texts("glued PEM", glued()...),
		texts("filterPEM", crossed(`{{ filterPEM "x" @ | quote }}`, strangePEM...)...),
		texts("certSANs", crossed(`{{ certSANs @ }}`, strangePEM...)...),
		texts("filterCertChain", crossed(`{{ filterCertChain "leaf" @ | quote }}`, strangePEM...)...),
		texts("fullPemToPkcs12", crossed(`{{ fullPemToPkcs12 @ "" }}`, strangePEM...)...),
		texts("pemTruststoreToPKCS12", crossed(`{{ pemTruststoreToPKCS12 @ | regexMatch "^[A-Za-z0-9+/]+=*$" }}`, strangePEM...)...),
		calls(row{"filterPEM", "", `"a"`, `1 "a"`, "nil nil", `"a" "b" "c"`}, row{"filterCertChain", "", `"leaf"`, `1 "a"`, `"leaf" nil`, `"a" "b" "c"`}, row{"certSANs", "", "1", "nil", `"a" "b"`, "(list)"}, row{"jwkPublicKeyPem", "", "1", "nil", `""`, `"{}"`}, row{"jwkPrivateKeyPem", "", "1", "nil", `""`, `"{}"`}).renamed("call "),
	)
}

// encoderCases read back what they encode: the stores are salted.
func encoderCases() []question {
	var out []question
	for _, key := range keys {
		out = append(out, withFiles([]string{"c", "leaf.crt", "k", key}, texts("store with "+key, `{{ pemToPkcs12 .c .k | b64dec | pkcs12key }}`, `{{ pemToPkcs12Pass .c .k "pw" | b64dec | pkcs12keyPass "pw" }}`, `{{ fullPemToPkcs12 .c .k | b64dec | pkcs12key }}`, `{{ fullPemToPkcs12Pass .c .k "pw" | b64dec | pkcs12certPass "pw" }}`))...)
	}
	for _, bundle := range bundles {
		out = append(out, withFiles([]string{"c", bundle, "k", "leaf.key"}, texts("store of "+bundle, `{{ pemToPkcs12 .c .k | b64dec | pkcs12cert }}`, `{{ pemToPkcs12Pass .c .k "pw" | b64dec | pkcs12certPass "pw" }}`, `{{ fullPemToPkcs12 .c .k | b64dec | pkcs12cert }}`, `{{ fullPemToPkcs12Pass .c .k "ü" | b64dec | pkcs12certPass "ü" }}`, `{{ pemTruststoreToPKCS12 .c | regexMatch "^[A-Za-z0-9+/]+=*$" }}`, `{{ pemTruststoreToPKCS12Pass .c "pw" | regexMatch "^[A-Za-z0-9+/]+=*$" }}`, `{{ pemTruststoreToPKCS12Pass .c "pw" | b64dec | pkcs12certPass "pw" }}`))...)
	}
	both := []string{"c", "chain.pem", "k", "leaf.key"}
	return join(out, withFiles(both, join(
		texts("encoder", `{{ pemToPkcs12 .c .k | b64dec | pkcs12keyPass "x" }}`, `{{ pemToPkcs12Pass .c .k "a" | b64dec | pkcs12keyPass "b" }}`, `{{ pemToPkcs12 "" .k }}`, `{{ pemToPkcs12 .c "" }}`, `{{ pemToPkcs12 .k .c }}`, `{{ pemToPkcs12 .c }}`, `{{ pemToPkcs12Pass .c .k }}`, `{{ pemToPkcs12Pass .c .k 1 }}`, `{{ fullPemToPkcs12 "" "" }}`, `{{ fullPemToPkcs12 (print .c "junk") .k }}`, `{{ fullPemToPkcs12 (print .c "\n") .k }}`, `{{ fullPemToPkcs12 (print "junk\n" .c) .k | b64dec | pkcs12cert }}`, `{{ fullPemToPkcs12Pass .c .k }}`, `{{ fullPemToPkcs12Pass 1 .k "a" }}`, `{{ pemTruststoreToPKCS12 "" | len | lt 10 }}`, `{{ pemTruststoreToPKCS12 (print .c "junk") }}`, `{{ pemTruststoreToPKCS12 1 }}`, `{{ pemTruststoreToPKCS12Pass .c }}`, `{{ pemTruststoreToPKCS12Pass 1 "a" }}`, `{{ pemTruststoreToPKCS12Pass .c 1 }}`, `{{ pemTruststoreToPKCS12 .c | kindOf }}`, `{{ eq (pemToPkcs12 .c .k) (pemToPkcs12 .c .k) }}`, `{{ pemToPkcs12Pass .c .k "ü☃" | b64dec | pkcs12keyPass "ü☃" | sha256sum }}`, `{{ pemToPkcs12Pass .c .k "😀" }}`, `{{ pemToPkcs12Pass .c .k "\xff" | b64dec | pkcs12keyPass "\xff" | sha256sum }}`, `{{ pemTruststoreToPKCS12Pass .c "" | b64dec | pkcs12key }}`),
	)))
}

func webKeyCases() []question {
	var out []question
	for _, key := range webKeys {
		out = append(out, onFile(key, "{{ jwkPublicKeyPem .f }}", "{{ jwkPrivateKeyPem .f }}", "{{ .f | jwkPrivateKeyPem | sha256sum }}")...)
	}
	return join(out, texts("jwk", crossed("{{ jwkPublicKeyPem @ }}", `""`, `"x"`, `"{}"`, `"[]"`, `"null"`, "`{\"kty\":\"RSA\"}`", "`{\"kty\":\"EC\",\"crv\":\"P-256\"}`", "`{\"kty\":\"XYZ\"}`", "`{\"kty\":1}`", "`{\"kty\":\"RSA\",\"n\":\"!!\",\"e\":\"AQAB\"}`", "`{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQ\"}`", "`{\"kty\":\"OKP\",\"crv\":\"Nope\",\"x\":\"AQ\"}`", "`{\"kty\":\"EC\",\"crv\":\"P-111\",\"x\":\"AQ\",\"y\":\"AQ\"}`", "`{\"kty\":\"oct\",\"k\":\"AQ\"}`", "`{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"use\":1}`", "`{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}`", `(dict "kty" "RSA" | toJson)`)...))
}

func decryptCases() []question {
	var out []question
	for _, text := range []string{"sha1", "sha256", "sha512", "label"} {
		for _, key := range []string{"leaf.key", "leaf-pkcs1.key"} {
			out = append(out, withFiles([]string{"f", "oaep-" + text + ".bin", "k", key}, texts(text+" with "+key, crossed(`{{ rsaDecrypt "RSA-OAEP" "@" .f .k }}`, "SHA1", "SHA256", "SHA512", "None", "", "MD5", "sha1")...))...)
		}
	}
	for _, key := range keys {
		out = append(out, withFiles([]string{"f", "oaep-sha256.bin", "k", key}, texts("decrypt with "+key, `{{ rsaDecrypt "RSA-OAEP" "SHA256" .f .k }}`))...)
	}
	return join(out, withFiles([]string{"f", "oaep-sha256.bin", "k", "leaf.key"}, texts("rsaDecrypt", `{{ rsaDecrypt "None" "" "as it is" "" }}`, `{{ rsaDecrypt "None" "SHA1" .k "" | sha256sum }}`, `{{ rsaDecrypt "RSA" "SHA256" .f .k }}`, `{{ rsaDecrypt "" "" "" "" }}`, `{{ rsaDecrypt "rsa-oaep" "SHA256" .f .k }}`, `{{ rsaDecrypt "RSA-OAEP" "SHA256" "" .k }}`, `{{ rsaDecrypt "RSA-OAEP" "SHA256" "short" .k }}`, `{{ rsaDecrypt "RSA-OAEP" "SHA256" .f "" }}`, `{{ rsaDecrypt "RSA-OAEP" "SHA256" .f "x" }}`, `{{ .k | rsaDecrypt "RSA-OAEP" "SHA256" .f }}`, `{{ .f | b64enc | b64dec | rsaDecrypt "RSA-OAEP" "SHA256" }}`, `{{ rsaDecrypt 1 2 3 4 }}`, `{{ rsaDecrypt }}`, `{{ rsaDecrypt "RSA-OAEP" "SHA256" (repeat 256 "\xff") .k }}`, `{{ rsaDecrypt "RSA-OAEP" "SHA256" (repeat 256 "\x00") .k }}`, `{{ rsaDecrypt "RSA-OAEP" "SHA256" (print .f "x") .k }}`)))
}

// glued are blocks whose END line or headers are not as usual, and types that differ in the case of letters.
func glued() []string {
	return []string{
		`{{ filterPEM "B" "-----BEGIN A-----\n-----END A-----K: v\n-----BEGIN B-----\nYQ==\n-----END B-----\n" | quote }}`,
		`{{ filterPEM "B" "-----BEGIN A-----\n-----END A-----K: v\nL: w\n\n-----BEGIN B-----\nYQ==\n-----END B-----\n" | quote }}`,
		`{{ filterPEM "B" "-----BEGIN A-----\nK: v\n-----END A-----\n-----BEGIN B-----\nYQ==\n-----END B-----\n" | quote }}`,
		`{{ filterPEM "A" "-----BEGIN A-----\nK: v\u00a0\n\nYQ==\n-----END A-----" | quote }}`, `{{ filterPEM "A" "-----BEGIN A-----\nK:\v v\n\nYQ==\n-----END A-----" | quote }}`,
		`{{ filterPEM "A" "-----BEGIN A-----\n\u2003K : \u0085v \n\nYQ==\n-----END A-----" | quote }}`,
		`{{ filterPEM "ſ" "-----BEGIN S-----\nYQ==\n-----END S-----" | quote }}`, `{{ filterPEM "ΑΣ" "-----BEGIN ας-----\nYQ==\n-----END ας-----" | quote }}`,
		`{{ filterPEM "İ" "-----BEGIN i\u0307-----\nYQ==\n-----END i\u0307-----" | quote }}`, `{{ filterPEM "K" "-----BEGIN \u212a-----\nYQ==\n-----END \u212a-----" | quote }}`,
		`{{ filterPEM "\xff" "-----BEGIN \xfe-----\nYQ==\n-----END \xfe-----" | quote }}`,
	}
}
