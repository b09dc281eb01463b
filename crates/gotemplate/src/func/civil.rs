//! The Gregorian calendar, for years of any size: days and dates.

/// The names of the months, January first.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The names of the days of the week, Sunday first.
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const DAYS_OF_400_YEARS: i64 = 146_097;
/// From the 1st of March of the year 0 to the 1st of January 1970.
const DAYS_TO_1970: i64 = 719_468;
/// How long before the year 0 Go begins to count, on a 1st of March. What is earlier is much later: it wraps.
const YEARS_BEFORE_0: i64 = 292_277_022_400;
/// From there to 1970.
const ALL_DAYS_TO_1970: i64 = YEARS_BEFORE_0 / 400 * DAYS_OF_400_YEARS + DAYS_TO_1970;

pub(super) const SECONDS_OF_DAY: i64 = 86_400;

/// A date. The month is 1 to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Date {
    /// The date so many days after the 1st of January 1970. Years are counted from March, so a leap day is the last.
    pub(super) fn of_days(days: i64) -> Self {
        let days = days + DAYS_TO_1970;
        let (cycle, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self { year: cycle * 400 + year + i64::from(month <= 2), month, day }
    }

    /// Days since the 1st of January 1970. Months beyond 12 and days beyond the month's count on; what is beyond Go's
    /// years wraps as there.
    pub(super) fn days(self) -> i64 {
        let months = self.month.wrapping_sub(1);
        let year = self.year.wrapping_add(months.div_euclid(12)).wrapping_add(YEARS_BEFORE_0);
        // From March on.
        let (year, month) = match months.rem_euclid(12) {
            month @ (0 | 1) => (year.wrapping_sub(1).cast_unsigned(), month + 10),
            month => (year.cast_unsigned(), month - 2),
        };
        let (century, year) = (year / 100, year % 100);
        let of_centuries = century.wrapping_mul(DAYS_OF_400_YEARS.cast_unsigned()) / 4;
        let day_of_year = (153 * month + 2) / 5;
        let days = (of_centuries + 1461 * year / 4).cast_signed() + day_of_year;
        days.wrapping_add(self.day).wrapping_sub(1).wrapping_sub(ALL_DAYS_TO_1970)
    }

    /// Counted from 1.
    pub(super) fn day_of_year(self) -> i64 {
        (1..self.month).map(|month| days_of_month(self.year, month)).sum::<i64>() + self.day
    }
}

/// The days since 1970, and the second of the day, at so many seconds since 1970.
pub(super) const fn split(seconds: i64) -> (i64, i64) {
    let all = seconds.wrapping_add(ALL_DAYS_TO_1970 * SECONDS_OF_DAY).cast_unsigned();
    let (days, second) = (all / SECONDS_OF_DAY.cast_unsigned(), all % SECONDS_OF_DAY.cast_unsigned());
    (days.cast_signed() - ALL_DAYS_TO_1970, second.cast_signed())
}

/// The day of the week, 0 for Sunday.
pub(super) const fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

pub(super) const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days a month has.
pub(super) const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_a_millennium_goes_there_and_back() {
        for days in -400_000..=800_000 {
            assert_eq!(Date::of_days(days).days(), days);
        }
    }

    #[test]
    fn moments_before_gos_first_year_are_in_its_last() {
        let first = -ALL_DAYS_TO_1970 * SECONDS_OF_DAY;
        let shown = |seconds| Date::of_days(split(seconds).0);
        assert_eq!(shown(first), Date { year: -YEARS_BEFORE_0, month: 3, day: 1 });
        assert_eq!(shown(-i64::MAX), Date { year: 292_277_026_596, month: 12, day: 4 });
    }

    #[test]
    fn known_dates() {
        assert_eq!(Date::of_days(0), Date { year: 1970, month: 1, day: 1 });
        assert_eq!(
            Date { year: 2024, month: 14, day: 29 }.days(),
            Date { year: 2025, month: 3, day: 1 }.days()
        );
        assert_eq!(Date { year: 2024, month: 12, day: 31 }.day_of_year(), 366);
        assert_eq!(weekday(0), 4);
    }
}
