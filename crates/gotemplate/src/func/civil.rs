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

    /// Days since the 1st of January 1970. Months beyond 12 and days beyond the month's count on.
    pub(super) fn days(self) -> i64 {
        let months = self.month.saturating_sub(3);
        let year = self.year.saturating_add(months.div_euclid(12));
        let month = months.rem_euclid(12);
        let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * month + 2) / 5;
        let days = 365 * year + year / 4 - year / 100 + day_of_year - DAYS_TO_1970;
        cycle.saturating_mul(DAYS_OF_400_YEARS).saturating_add(days).saturating_add(self.day - 1)
    }

    /// Counted from 1.
    pub(super) fn day_of_year(self) -> i64 {
        self.days() - Self { month: 1, day: 1, ..self }.days() + 1
    }
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
