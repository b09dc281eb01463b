package main

// addressCases print where something lies. What they print is another in each build of Go's side: that is the difference.
func addressCases() []question {
	return at(texts("address", `{{ printf "%p" now.Location }}`, `{{ printf "at %p" now.Location }}`))
}

// percentNameCases have names that Go takes for formats.
func percentNameCases() []question {
	out := texts("percent_name", `{{ .nope }}`, `{{ fail "x" }}`, `{{ upper }}`, `{{ range 1.5 }}{{ end }}`, `{{ fail "at <x>: y" }}`, `{{`, `{{ nope }}`, "a\n{{ if }}{{ end }}")
	for i := range out {
		out[i].Name = []string{"%%", "5%!", "%x", "100%d", "a %s", "a%sb", "%%", "5%!"}[i]
	}
	return out
}
