package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// blamed is a text that fails, and the function or the method whose call fails, if it is a call.
var blamed = [][2]string{
	{`{{ upper (trim (list 1)) }}`, "trim"},
	{`{{ upper (list 1) }}`, "upper"},
	{`{{ trim (repeat 2 "x" | list) }}`, "trim"},
	{`{{ upper .nope }}`, ""},
	{`{{ (upper "a").lower }}`, ""},
	{`{{ upper (fail "x") }}`, "fail"},
	{`{{ upper 1 2 }}`, "upper"},
	{`{{ (upper 1).x }}`, "upper"},
	{`{{ nope 1 }}`, ""},
	{`{{ and }}`, "and"},
	{`{{ or 1 (upper 2) | trim 3 }}`, "trim"},
	{`{{ print 9223372036854775808 }}`, "print"},
	{`{{ 9223372036854775808 | print }}`, ""},
	{`{{ index (list) 3 | upper }}`, "index"},
	{`{{ $x := (upper "a" | trim 1) }}`, "trim"},
	{`{{ range list "a" 1 }}{{ upper (trim .) }}{{ end }}`, "trim"},
	{`{{ define "a" }}{{ upper . }}{{ end }}{{ template "a" 1 }}`, "upper"},
	{`{{ template "a" (upper 2) }}{{ define "a" }}{{ end }}`, "upper"},
	{`{{ call now.Unix }}`, "call"},
	{`{{ (now.Add "x").Year }}`, "time.Time.Add"},
	{`{{ now.UTC.Add.Year }}`, "time.Time.Add"},
	{`{{ $t := now }}{{ $t.AddDate 1 2 nil }}`, "time.Time.AddDate"},
	{`{{ with now }}{{ .Year 1 }}{{ end }}`, "time.Time.Year"},
	{`{{ (dict "a" now).a.In nil }}`, "time.Time.In"},
	{`{{ now.ISOWeek }}`, "time.Time.ISOWeek"},
	{`{{ now.GobDecode nil }}`, "time.Time.GobDecode"},
	{`{{ ((semver "1").UnmarshalText now.MarshalText).Error 1 }}`, "error.Error"},
}

func TestTheCallThatFailsIsBlamed(t *testing.T) {
	for _, each := range blamed {
		asked := question{Now: moment}.withText(each[0])
		message := asked.answer().Error
		if name := watched(asked, functionsAt(moment)).culprit(message); message == "" || name != each[1] {
			t.Errorf("%s: blamed %q, not %q: %s", each[0], name, each[1], message)
		}
	}
}

// ran is a text that renders, and what has returned in it.
var ran = [][2]string{
	{`{{ if false }}{{ upper "x" }}{{ end }}{{ or 1 (lower "x") }}{{ and 0 (fail "x") }}`, "and or"},
	{`{{ (dict "Year" 1).Year }}{{ (now.Sub now).Hours }}`, "dict now time.Duration.Hours time.Time.Sub"},
	{`{{ range list }}{{ upper . }}{{ else }}{{ (semver "1.2.3").IncMajor.Minor }}{{ end }}`, "*semver.Version.IncMajor list semver semver.Version.Minor"},
	{`{{ define "a" }}{{ lower . }}{{ end }}{{ define "b" }}{{ upper . }}{{ end }}{{ template "a" "x" }}`, "lower"},
	{`{{ printf "%d" (len list) }}`, "len list printf"},
}

func TestWhatHasReturnedIsCounted(t *testing.T) {
	for _, each := range ran {
		seen := watched(question{Now: moment}.withText(each[0]), functionsAt(moment))
		names := strings.Join(slices.Sorted(maps.Keys(seen.returned)), " ")
		if seen.failure != nil || names != each[1] {
			t.Errorf("%s: %s, not %s: %v", each[0], names, each[1], seen.failure)
		}
	}
}
