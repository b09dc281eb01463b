package main

// damagedFieldCases are certificates in which one field or one extension is another, and stores whose tags are.
func damagedFieldCases() []question {
	var out []question
	for _, name := range []string{"uris", "uri-domain", "uri-escape", "no-authority-id", "empty-authority-id", "no-constraint", "mask-constraint", "mailbox-constraint", "address-constraint", "policy-twice", "short-mapping", "empty-policy-number", "usage-no-oid", "negative-path", "point-without-name", "long-inhibit", "critical-access", "access-no-oid", "day-30", "hour-24", "no-seconds", "zone", "zone-zero", "version-behind"} {
		file := "leaf-" + name + ".crt"
		out = append(out, withFiles([]string{"c", file, "k", "leaf.key"}, texts("field "+name, `{{ certSANs .c }}`, `{{ filterCertChain "leaf" .c }}`, `{{ filterCertChain "root" .c }}`, `{{ fullPemToPkcs12 .c .k | b64dec | pkcs12cert }}`, `{{ (buildCustomCert (.c | b64enc) (.k | b64enc)).Cert | eq .c }}`))...)
	}
	return append(out, texts("store tags",
		`{{ pkcs12cert (b64dec "MBICAQMwDQYJKoZIhvcNAQcBoAA=") }}`,
		`{{ pkcs12cert (b64dec "MBICAQMwDQYJKoZIhvcNAQcBgAA=") }}`,
		`{{ pkcs12key (b64dec "MBQCAQMwDwYJKoZIhvcNAQcBoYEB") }}`,
		`{{ pkcs12key (b64dec "MBYCAQMwEQYJKoZIhvcNAQcBoAQEAjAA") }}`,
		`{{ pkcs12key (b64dec "MBgCAQMwEwYJKoZIhvcNAQcBoAYEBDACBAA=") }}`,
		`{{ pkcs12key (b64dec "MBgCAQMwEwYJKoZIhvcNAQcBoAYEBDACMAU=") }}`,
	)...)
}
