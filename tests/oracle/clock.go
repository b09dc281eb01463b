package main

import (
	"text/template"
	"time"
)

// clocked is every function that reads the clock, with the given time instead: sprig's own where the time can be handed in.
func clocked(all template.FuncMap, now time.Time) template.FuncMap {
	inZone := all["dateInZone"].(func(layout string, date any, zone string) string)
	round := all["durationRound"].(func(duration any) string)
	zoned := func(layout string, date any, zone string) string {
		return inZone(layout, orNow(date, now), ownZone(zone))
	}
	return template.FuncMap{
		"now":            func() time.Time { return now },
		"date":           func(layout string, date any) string { return zoned(layout, date, "Local") },
		"dateInZone":     zoned,
		"date_in_zone":   zoned,
		"htmlDate":       func(date any) string { return zoned(time.DateOnly, date, "Local") },
		"htmlDateInZone": func(date any, zone string) string { return zoned(time.DateOnly, date, zone) },
		"ago":            func(date any) string { return ago(date, now) },
		"durationRound": func(duration any) string {
			if since, ok := duration.(time.Time); ok {
				return round(int64(now.Sub(since)))
			}
			return round(duration)
		},
	}
}

// orNow is the date if sprig takes it for one, else now.
func orNow(date any, now time.Time) any {
	switch date.(type) {
	case time.Time, *time.Time, int64, int, int32:
		return date
	}
	return now
}

// ago takes fewer types for a date than the formats do.
func ago(date any, now time.Time) string {
	from := now
	switch date := date.(type) {
	case time.Time:
		from = date
	case int64:
		from = time.Unix(date, 0)
	case int:
		from = time.Unix(int64(date), 0)
	}
	return now.Sub(from).Round(time.Second).String()
}
