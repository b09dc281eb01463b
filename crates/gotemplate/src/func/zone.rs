//! Zones of time: UTC, one of the bundled tz database, or a fixed offset with a name. The machine's own are never read.

use std::rc::Rc;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::civil::SECONDS_OF_DAY;

static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Utc,
    /// By its name in the database.
    Named(String, TimeZone),
    /// As an offset in a text gives it; the name may be empty.
    Fixed(Rc<(String, i64)>),
    /// What a copy of a location is, which lacks all that it had: UTC without a name.
    Empty(Rc<()>),
}

/// What holds in a zone at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The abbreviation, `CET`; may be empty.
    pub(super) name: String,
    /// Seconds east of UTC.
    pub(super) offset: i64,
    /// Daylight saving time.
    pub(super) summer: bool,
}

impl Zone {
    /// The zone of that name, in that spelling.
    pub(super) fn load(name: &str) -> Option<Self> {
        if name.is_empty() || name == "UTC" {
            return Some(Self::Utc);
        }
        let zone = BUNDLED.get(name).ok()?;
        (zone.iana_name() == Some(name)).then(|| Self::Named(name.to_owned(), zone))
    }

    /// An offset, in seconds east of UTC, with a name.
    pub(super) fn fixed(name: String, offset: i64) -> Self {
        Self::Fixed(Rc::new((name, offset)))
    }

    /// Whether both are one `*time.Location`. There is one of UTC, one of each name and one of each usual hour, but any
    /// other text that is read makes one of its own.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(a), Self::Fixed(b)) => Rc::ptr_eq(a, b) || a == b && is_kept(&a.0, a.1),
            (Self::Empty(a), Self::Empty(b)) => Rc::ptr_eq(a, b),
            _ => self == other,
        }
    }

    /// What holds at a moment, in seconds since 1970.
    pub(super) fn at(&self, seconds: i64) -> Rule {
        match self {
            Self::Utc | Self::Empty(_) => Rule { name: "UTC".into(), offset: 0, summer: false },
            Self::Fixed(fixed) => Rule { name: fixed.0.clone(), offset: fixed.1, summer: false },
            Self::Named(_, zone) => {
                let info = zone.to_offset_info(timestamp(seconds));
                let offset = i64::from(info.offset().seconds());
                Rule { name: info.abbreviation().to_owned(), offset, summer: info.dst().is_dst() }
            }
        }
    }

    /// The offset that goes with an abbreviation, if the zone knows it: best one that holds at that time by the clock.
    pub(super) fn offset_of(&self, name: &str, seconds: i64) -> Option<i64> {
        const NEAR: usize = 64;
        let Self::Named(_, zone) = self else { return None };
        let moment = timestamp(seconds);
        let near = zone.preceding(moment).take(NEAR).chain(zone.following(moment).take(NEAR));
        let mut offsets: Vec<i64> = near
            .filter(|change| change.abbreviation() == name)
            .map(|change| i64::from(change.offset().seconds()))
            .collect();
        let now = self.at(seconds);
        if now.name == name {
            offsets.insert(0, now.offset);
        }
        let holds = |offset: &&i64| self.at(seconds - **offset).name == name;
        offsets.iter().find(holds).or_else(|| offsets.first()).copied()
    }

    /// As `time.Location` prints it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Empty(_) => "",
            Self::Named(name, _) => name,
            Self::Fixed(fixed) => &fixed.0,
        }
    }
}

/// Whether `time.FixedZone` keeps a zone and gives it out again: without a name, of a usual whole hour.
fn is_kept(name: &str, offset: i64) -> bool {
    const HOUR: i64 = 3600;
    name.is_empty() && offset % HOUR == 0 && (-12..=14).contains(&(offset / HOUR))
}

/// Beyond the year 9999 the moment 400 years or a multiple earlier: days, months and weeks repeat. Before -9999 nothing
/// has changed yet.
fn timestamp(seconds: i64) -> Timestamp {
    const CYCLE: i64 = 146_097 * SECONDS_OF_DAY;
    let (min, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second() - CYCLE);
    let seconds = if seconds > last { last + (seconds - last) % CYCLE } else { seconds.max(min) };
    Timestamp::from_second(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_their_exact_names() {
        assert!(Zone::load("Europe/Berlin").is_some());
        assert!(Zone::load("europe/berlin").is_none());
        assert!(Zone::load("../etc/passwd").is_none());
    }

    #[test]
    fn a_zone_has_the_offset_of_the_moment() {
        let berlin = Zone::load("Europe/Berlin").unwrap();
        assert_eq!(berlin.at(1_700_000_000), Rule { name: "CET".into(), offset: 3600, summer: false });
        assert_eq!(berlin.at(1_690_000_000), Rule { name: "CEST".into(), offset: 7200, summer: true });
    }

    #[test]
    fn unnamed_zones_of_usual_hours_are_one() {
        let is_one =
            |name: &str, offset| Zone::fixed(name.into(), offset).is_same(&Zone::fixed(name.into(), offset));
        assert!(is_one("", 7200) && is_one("", -12 * 3600) && is_one("", 14 * 3600));
        assert!(
            !is_one("", -13 * 3600) && !is_one("", 15 * 3600) && !is_one("", 1800) && !is_one("CET", 3600)
        );
    }

    #[test]
    fn summers_go_on_beyond_the_year_9999() {
        let berlin = Zone::load("Europe/Berlin").unwrap();
        assert!(berlin.at(253_420_000_000).summer);
        assert!(!berlin.at(253_402_300_800).summer);
    }

    #[test]
    fn abbreviations_have_offsets_in_the_zones_that_use_them() {
        let berlin = Zone::load("Europe/Berlin").unwrap();
        assert_eq!(berlin.offset_of("CEST", 1_700_000_000), Some(7200));
        assert_eq!(berlin.offset_of("PST", 1_700_000_000), None);
    }
}
