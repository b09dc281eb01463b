package main

// momentCases are dates and spans at the ends of what 64 bits hold, offsets of zones, and both halves of a day.
func momentCases() []question {
	const largest = "9223372036854775807"
	shown := crossed(`{{ dateInZone "2006-01-02 15:04:05 Mon 002 MST -07:00:00" @ "UTC" }}`, largest, "-"+largest, "9223371966579724799", "9223371966579724800", "9223371974719179007", "9223371974719179008", "-9223372028741760000", "-9223372028741760001", "-9223372028741759999", "9000000000000000000", "-9000000000000000000")
	zoned := crossed(`{{ dateInZone "2006-01-02 15:04:05 MST" @ }}`, `253402300800 "Europe/Berlin"`, `253420000000 "Europe/Berlin"`, `1000000000000000000 "America/New_York"`, `1000000000010000000 "America/New_York"`, largest+` "Australia/Lord_Howe"`, `99999999999999 "Europe/London"`, `1700000000 "America///New_York"`, `1700000000 "posix/America/New_York"`, `1700000000 "America"`, `1700000000 "localtime"`, `1700000000 "Factory"`)
	added := crossed(`{{ $t := toDate "2006-01-02T15:04:05" "2020-02-29T12:34:56.789" }}{{ $m := $t.AddDate @ }}{{ $m }} {{ $m.Unix }} {{ $m.YearDay }} {{ $m.Weekday }}`, largest+" 0 0", "-"+largest+" 0 0", "0 "+largest+" 0", "0 -"+largest+" 0", "0 -9223372036854775806 0", "0 0 "+largest, "0 0 -"+largest, "292277024627 0 0", "300000000000 0 0", "-292277024420 0 0", "-292277024421 0 0", "5000000000000000000 5000000000000000000 5000000000000000000", "0 0 106751991167300", "0 0 -106751991167300", "0 14 -14")
	stepped := crossed(`{{ $t := (toDate "2006" "2020").AddDate 292277024576 0 0 }}{{ $u := $t.@ }}{{ $u }} {{ $u.UnixNano }}`, "Add "+largest, "Add -"+largest, "Truncate 86400000000000", "Round 604800000000000", "Truncate 7", "Round "+largest, "Truncate "+largest, "UTC")
	before := crossed(`{{ $t := (toDate "2006-01-02T15:04:05" "1969-12-31T23:59:59.5").AddDate -292277020000 0 0 }}{{ $u := $t.@ }}{{ $u }} {{ $u.UnixMilli }}`, "Add -"+largest, "Truncate 86400000000000", "Round 604800000000000", "Truncate 700000000", "Round 3", "Truncate 500000000", "Round "+largest)
	compared := crossed(`{{ $t := (toDate "2006" "2020").AddDate 300000000000 0 0 }}{{ $t.@ }}`, "Sub now", "Before now", "After now", "Compare now", "Equal $t", "Sub $t", "IsZero", "MarshalBinary", "GoString", "UnixMicro")
	parsed := crossed(`{{ mustToDate @ }}`, `"2006 MST" "2020 GMT+3"`, `"2006 MST" "2020 GMT-11"`, `"2006 MST" "2020 GMT+003"`, `"2006 MST" "2020 GMT"`, `"2006 MST -0700" "2020 GMT+3 +0300"`, `"PM-pm-PM" "PM-pm-AM"`, `"3PM pm" "12AM pm"`, `"3PM pm" "12PM am"`, `"3PM pm" "1PM am"`, `"3pm PM" "12am AM"`, `"15 PM pm" "13 PM am"`, `"-07:00:00" "-00:00:30"`, `"-07:00:00" "-00:00:01"`, `"-07:00:00" "-00:01:01"`, `"-07:00" "+25:61"`, `"-07:00:00" "+25:61:61"`, `"-07:00:00" "+25:00:61"`, `"-0700" "+2460"`)
	offsets := crossed(`{{ (toDate "-07:00:00" "@").Format "-07:00:00 -070000 Z07:00:00 Z070000 -0700 -07 MST" }}`, "-00:00:30", "-00:00:02", "-00:01:30", "+00:00:30", "-01:01:01", "-23:59:60")
	same := crossed(`{{ $l := "2006-01-02 -07:00:00 MST" }}{{ $t := "2020-02-02 @" }}{{ $a := toDate $l $t }}{{ $b := toDate $l $t }}{{ $l = "2006-01-02 -07:00:00" }}{{ $c := toDate $l (trimSuffix " XYZ" $t) }}{{ $d := toDate $l (trimSuffix " XYZ" $t) }}{{ eq $a $b }} {{ eq $c $d }} {{ eq $c.Location $d.Location }} {{ deepEqual $a $b }}`, "+02:00:00 XYZ", "-12:00:00 XYZ", "-13:00:00 XYZ", "+14:00:00 XYZ", "+15:00:00 XYZ", "+02:30:00 XYZ", "+00:00:00 XYZ", "-00:30:00 XYZ")
	return at(join(
		texts("far dates", shown...), texts("far dates in zones", zoned...), texts("far AddDate", added...), texts("far steps", stepped...), texts("far steps before", before...),
		texts("far comparisons", compared...), texts("offsets and halves", parsed...), texts("shown offsets", offsets...), texts("same zones", same...),
		calls(
			row{"ago", largest, "-" + largest, "10923372036", "10923372037", "-7523372036", "-7523372037", "9223371974719179007", "9223371974719179008"},
			row{"duration", `"18446744073709551615.1"`, `"18446744073709551616.1"`, `"-9223372036854775808"`, `"9223372036854775808"`, `"99999999999999999999x"`, `"999999999999999999999x"`},
		).renamed("far "),
	))
}

// numberTextCases are texts in which digits that no number holds come before what is no digit.
func numberTextCases() []question {
	numbers := []string{"18446744073709551615.1.1", "18446744073709551616.1.1", "184467440737095516150.1", "-18446744073709551615x", "-18446744073709551616x", "-184467440737095516160x", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "+9223372036854775807", "++1", "+-1", "-+1", "+", "-", "1_0", "99999999999999999999_"}
	return join(
		texts("atoi of digits", crossed(`{{ atoi "@" }}`, numbers...)...),
		texts("int64 of digits", crossed(`{{ int64 "@" }} {{ float64 "@" }} {{ toDecimal "@" }}`, numbers...)...),
	)
}
