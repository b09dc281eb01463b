package main

import "strings"

// The keys of tests/data/certificates/damage.py: what is changed, behind the name of the key that it is changed in.
var (
	damagedPairs     = []string{"n-even", "n-one", "n-other", "e-one", "e-even", "e-three", "e-negative", "e-long", "e-longer", "d-other", "d-long", "d-longer", "d-zero", "p-one", "p-two", "p-even", "p-other", "p-long", "q-one", "q-two", "q-negative", "p-twice", "dp-other", "dp-long", "dq-other", "qi-other", "qi-long", "qi-longer", "qi-zero", "version-one", "version-two", "version-negative", "swapped", "behind", "further-none", "bare", "bare-dp", "bare-p-two", "bare-p-even", "bare-p-long", "bare-p-other", "bare-e-three", "bare-d-other", "bare-swapped", "behind-pkcs8", "close", "uneven", "uneven-other", "tiny", "tiny-d", "tiny-e", "500", "composed", "composed-bare", "multiple", "multiple-even"}
	damagedTriples   = []string{"third-other", "third-zero", "third-negative", "third-one", "third-two", "third-even", "third-twice", "third-is-p", "third-long", "exponent-other", "exponent-negative", "version-zero", "version-two", "bare", "remainders-other", "remainder-zero", "n-other", "n-even", "e-other", "e-even", "e-one", "e-long", "d-other", "d-long", "d-longer", "p-one", "p-two", "p-is-q", "swapped", "further-none", "further-empty-member", "further-short-member", "further-long-member", "further-number", "further-cut", "further-no-list", "behind", "third-other-pkcs8", "small"}
	damagedScalars   = []string{"p224-short", "p224-empty", "p224-long", "p224-zeros", "p224-zero", "p224-high", "p224-off", "p224-no-curve", "p224-other-curve", "p224-larger-curve", "p224-version", "p224-other-curve-inside", "p224-curve-inside", "p224-zero-pkcs8", "p224-order", "p224-above", "p224-below", "p256-zero", "p256-order", "p256-above", "p256-below", "p521-order", "p521-order-twice", "p521-above", "p521-below", "p224-no-bits", "p224-bits-odd", "p224-no-name", "p224-tag-empty", "p224-tag-short", "p224-tag-long", "p224-tag-plain", "p224-tag-last"}
	damagedPoints    = []string{"p224-off", "p224-high-x", "p224-high-y", "p224-compressed", "p224-zero", "p384-off", "p384-high-x", "p384-high-y", "p384-compressed", "p384-zero", "ec-off", "ec-high-x", "ec-high-y", "ec-compressed", "ec-zero", "p224-larger-curve", "p224-other-curve", "p224-no-name", "p224-unused-bit", "p384-unused-bit", "ec-unused-bit"}
	damagedDSA       = []string{"without", "null", "no-list", "two", "more", "p-zero", "q-negative", "g-zero", "g-padded", "y-zero", "y-negative", "y-padded", "y-no-number", "y-none", "y-behind"}
	rareKeys         = []string{"p224.key", "p224-sec1.key", "primes3.key", "primes3-pkcs1.key", "primes4.key", "primes4-pkcs1.key"}
	rareCertificates = []string{"dsa.crt", "p224.crt", "p224-authority.crt", "primes3.crt", "primes4.crt"}
)

// eachOf is each text with a certificate as `.c`, each of the keys as `.k` and a hidden text as `.f`.
func eachOf(prefix string, names []string, suffix, certificate, hidden string, all ...string) []question {
	var out []question
	for _, name := range names {
		key := prefix + name + suffix
		out = append(out, withFiles([]string{"c", certificate, "k", key, "f", hidden}, texts("key "+key, all...))...)
	}
	return out
}

// reading calls every function that takes a key: they read it, some write it again, and some sign or decrypt with it.
var reading = []string{
	`{{ (buildCustomCert (.c | b64enc) (.k | b64enc)).Key | eq .k }}`,
	`{{ (genCAWithKey "a" 1 .k).Key }}`,
	`{{ pemToPkcs12 .c .k | b64dec | pkcs12key }}`,
	`{{ rsaDecrypt "RSA-OAEP" "SHA256" .f .k }}`,
}

func damagedKeyCases() []question {
	return join(
		eachOf("rsa-", damagedPairs, ".key", "leaf.crt", "oaep-sha256.bin", reading...),
		eachOf("primes3-", damagedTriples, ".key", "primes3.crt", "oaep-primes3.bin", reading...),
		eachOf("", damagedScalars, ".key", "p224.crt", "oaep-sha256.bin", reading[:3]...),
	)
}

func rareKeyCases() []question {
	issuing := []string{
		`{{ $c := genSelfSignedCertWithKey "a" (list "192.0.2.1") (list "b.example") 30 .k }}{{ certSANs $c.Cert }} {{ $c.Key }}`,
		`{{ $ca := genCAWithKey "ca" 10 .k }}{{ $c := genSignedCertWithKey "a" nil (list "b.example") 30 $ca .k }}{{ filterCertChain "leaf" (print $c.Cert $ca.Cert) | eq $c.Cert }} {{ eq $c.Key $ca.Key }}`,
		`{{ $ca := buildCustomCert (.c | b64enc) (.k | b64enc) }}{{ $c := genSignedCertWithKey "a" nil (list "b.example") 30 $ca (genPrivateKey "ecdsa") }}{{ certSANs $c.Cert }}`,
		`{{ $ca := genCAWithKey "ca" 10 (genPrivateKey "ed25519") }}{{ $c := genSignedCertWithKey "a" nil (list "b.example") 30 $ca .k }}{{ (buildCustomCert ($c.Cert | b64enc) ($c.Key | b64enc)).Key }}`,
		`{{ pemToPkcs12Pass .c .k "pw" | b64dec | pkcs12keyPass "pw" }}`,
		`{{ fullPemToPkcs12 .c .k | b64dec | pkcs12key }}`,
		`{{ fullPemToPkcs12Pass .c .k "pw" | b64dec | pkcs12certPass "pw" }}`,
		`{{ rsaDecrypt "RSA-OAEP" "SHA1" .f .k }}`,
		`{{ rsaDecrypt "RSA-OAEP" "SHA256" "short" .k }}`,
		`{{ rsaDecrypt "RSA-OAEP" "SHA256" "" .k }}`,
		`{{ rsaDecrypt "RSA-OAEP" "SHA256" (repeat 256 "\xff") .k }}`,
		`{{ rsaDecrypt "RSA-OAEP" "SHA256" (print .f "x") .k }}`,
		`{{ filterPEM "private key" .k }}`,
	}
	all := append(issuing, reading...)
	var out []question
	for _, of := range [][2]string{{"p224", "p224-authority.crt"}, {"p224-sec1", "p224.crt"}, {"p224", "leaf.crt"}, {"primes3", "primes3.crt"}, {"primes3-pkcs1", "primes3.crt"}, {"primes4", "primes4.crt"}, {"primes4-pkcs1", "leaf.crt"}, {"rsa-uneven", "leaf.crt"}, {"primes3-third-other", "primes3.crt"}} {
		hidden := "oaep-primes3.bin"
		if strings.HasPrefix(of[0], "primes4") {
			hidden = "oaep-primes4.bin"
		}
		out = append(out, withFiles([]string{"c", of[1], "k", of[0] + ".key", "f", hidden}, texts(of[0]+" with "+of[1], all...))...)
	}
	return out
}

// damagedPublicCases are certificates with rare public keys, and with such as are none.
func damagedPublicCases() []question {
	var out []question
	names := append([]string{}, rareCertificates...)
	for _, name := range damagedPoints {
		names = append(names, name+".crt")
	}
	for _, how := range damagedDSA {
		names = append(names, "dsa-"+how+".crt")
	}
	for _, name := range names {
		out = append(out, withFiles([]string{"c", name, "k", "p224.key"}, texts("point "+name, `{{ certSANs .c }}`, `{{ filterCertChain "leaf" .c }}`, `{{ filterPEM "CERTIFICATE" .c | len }}`, `{{ pemTruststoreToPKCS12 .c | regexMatch "^[A-Za-z0-9+/]+=*$" }}`, `{{ pemToPkcs12 .c .k | b64dec | pkcs12cert }}`, `{{ fullPemToPkcs12 .c .k | b64dec | pkcs12cert }}`, `{{ (buildCustomCert (.c | b64enc) (.k | b64enc)).Cert | eq .c }}`, `{{ $ca := buildCustomCert (.c | b64enc) (.k | b64enc) }}{{ certSANs (genSignedCertWithKey "a" nil (list "b.example") 30 $ca .k).Cert }}`))...)
	}
	return out
}

// rareWebKeyCases change single fields of web keys.
func rareWebKeyCases() []question {
	changed := func(fields ...string) []string {
		var all []string
		for _, field := range fields {
			all = append(all, `{{ $k := fromJson .f }}{{ $_ := set $k `+field+` }}{{ $k | toJson | jwkPrivateKeyPem }}`)
		}
		return all
	}
	unset := func(fields ...string) string {
		text := `{{ $k := fromJson .f }}`
		for _, field := range fields {
			text += `{{ $_ := unset $k "` + field + `" }}`
		}
		return text
	}
	rsa := changed(`"n" "AQ"`, `"n" ""`, `"n" "AA"`, `"n" "Ag"`, `"e" "AQ"`, `"e" "Ag"`, `"e" "Aw"`, `"e" "gAAAAQ"`, `"e" "AQAAAAAAAQAB"`, `"e" "____________"`, `"e" ""`, `"d" "AQ"`, `"d" ""`, `"d" $k.n`, `"d" (print $k.n $k.n)`, `"p" "Aw"`, `"p" $k.q`, `"p" $k.n`, `"q" ""`, `"dp" "AA"`, `"dp" "AQ"`, `"dp" ""`, `"dp" $k.n`, `"qi" "AQ"`, `"qi" $k.n`, `"qi" (print $k.n $k.n)`, `"crv" "P-224"`)
	rsa = append(rsa, unset("dp", "dq", "qi")+`{{ $k | toJson | jwkPrivateKeyPem }}`, unset("dp")+`{{ $_ := set $k "dq" "AQ" }}{{ $k | toJson | jwkPrivateKeyPem }}`, unset("p")+`{{ $k | toJson | jwkPrivateKeyPem }}`, unset("dp", "dq", "qi")+`{{ $_ := set $k "p" $k.q }}{{ $k | toJson | jwkPrivateKeyPem }}`, unset("dp", "dq", "qi")+`{{ $_ := set $k "e" "Aw" }}{{ $k | toJson | jwkPrivateKeyPem }}`)
	public := crossed(`{{ $k := fromJson .f }}{{ $_ := set $k "e" "@" }}{{ $k | toJson | jwkPublicKeyPem }}`, "AQ", "Ag", "gAAAAQ", "AQAAAAAAAQAB", "____________", "gAAAAAAAAAA", "", "AA")
	elliptic := changed(`"crv" "P-224"`, `"crv" "P-256"`, `"crv" "secp224r1"`, `"x" "AQ"`, `"d" ""`, `"d" "AQ"`, `"d" $k.x`)
	high := `{{ $k := fromJson .f }}{{ $_ := set $k "x" (repeat 43 "_") }}{{ $k | toJson | jwkPublicKeyPem }}`
	return join(named(onFile("rsa.jwk", rsa...)).renamed("changed "), named(onFile("rsa-public.jwk", public...)).renamed("changed "), named(onFile("ec.jwk", append(elliptic, high)...)).renamed("changed "), named(onFile("p224.jwk", elliptic...)).renamed("changed "))
}
