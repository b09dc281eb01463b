//! UIDs and resourceVersions in the bytes that they need: the API server's are UUIDs and decimals, kept as numbers. Any other text is
//! kept as it is, so that each reads back as it came.

use std::{cmp::Ordering, fmt};

/// A UID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Uid {
    /// A UUID as Kubernetes writes it: lower case, with four dashes.
    Uuid([u8; 16]),
    /// Anything else.
    Text(Box<str>),
}

/// How many digits each group of a UUID has.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        uuid(text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }
}

impl From<String> for Uid {
    fn from(text: String) -> Self {
        uuid(&text).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut digits = text.bytes().filter(|byte| *byte != b'-').map(digit);
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    text.split('-').map(str::len).eq(GROUPS).then_some(bytes)
}

/// The value of a lower-case hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Uuid(bytes) => bytes.iter().enumerate().try_for_each(|(at, byte)| {
                let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                write!(f, "{dash}{byte:02x}")
            }),
        }
    }
}

/// A resourceVersion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Version {
    /// A decimal without leading zeros.
    Number(u64),
    /// Anything else.
    Text(Box<str>),
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        number(text).map_or_else(|| Self::Text(text.into()), Self::Number)
    }
}

impl From<String> for Version {
    fn from(text: String) -> Self {
        number(&text).map_or_else(|| Self::Text(text.into()), Self::Number)
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
    text.parse().ok().filter(|_| plain)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Version {
    /// True if this one is certainly older than another; what does not compare is not.
    #[must_use]
    pub fn is_older(&self, known: &Self) -> bool {
        let order = match (self, known) {
            (Self::Number(one), Self::Number(other)) => Some(one.cmp(other)),
            _ => compare(&self.to_string(), &known.to_string()),
        };
        order == Some(Ordering::Less)
    }
}

/// Compares two resourceVersions as decimals of any length; `None` if one is not a decimal, and then nothing is known.
fn compare(one: &str, other: &str) -> Option<Ordering> {
    let decimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (short, long) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    (decimal(one) && decimal(other)).then(|| short.len().cmp(&long.len()).then_with(|| short.cmp(long)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_reads_back_as_it_came_and_a_uuid_takes_sixteen_bytes() {
        let uuid = "0192f0a3-7b1c-4d5e-8f90-a1b2c3d4e5f6";
        assert_eq!(Uid::from(uuid).to_string(), uuid);
        let Uid::Uuid(bytes) = Uid::from(uuid) else { panic!("{uuid} is a UUID") };
        assert_eq!((bytes[0], bytes[5], bytes[15]), (0x01, 0x1c, 0xf6));
        assert_eq!((size_of::<Uid>(), size_of::<Option<Uid>>()), (24, 24));
    }

    #[test]
    fn what_is_not_written_as_a_uuid_is_kept_as_text() {
        for text in [
            "",
            "uid",
            "0192F0A3-7B1C-4D5E-8F90-A1B2C3D4E5F6",
            "0192f0a37b1c4d5e8f90a1b2c3d4e5f6",
            "0192f0a37-b1c-4d5e-8f90-a1b2c3d4e5f6",
            "0192f0a3-7b1c-4d5e-8f90-a1b2c3d4e5fg",
            "0192f0a3-7b1c-4d5e-8f90-a1b2c3d4e5f60",
            "0192f0a3-7b1c-4d5e-8f90-a1b2c3d4e5f6-",
        ] {
            assert_eq!((Uid::from(text), Uid::from(text.to_string())), (Uid::Text(text.into()), text.into()));
        }
    }

    #[test]
    fn a_version_reads_back_as_it_came() {
        for (text, is_number) in [
            ("0", true),
            ("12", true),
            ("18446744073709551615", true),
            ("18446744073709551616", false),
            ("012", false),
            ("+1", false),
            ("00", false),
            ("", false),
            ("abc", false),
        ] {
            let version = Version::from(text);
            assert_eq!(version.to_string(), text);
            assert_eq!(matches!(version, Version::Number(_)), is_number, "{text}");
        }
        assert_eq!(size_of::<Version>(), 16);
    }

    #[test]
    fn versions_compare_as_numbers_of_any_length() {
        let table = [
            ("9", "10", Some(Ordering::Less)),
            ("10", "10", Some(Ordering::Equal)),
            ("010", "10", Some(Ordering::Equal)),
            ("9", "123456789012345678901234567890", Some(Ordering::Less)),
            ("123456789012345678901234567890", "9", Some(Ordering::Greater)),
            ("", "1", None),
            ("abc", "1", None),
        ];
        for (one, other, order) in table {
            assert_eq!(compare(one, other), order, "{one} {other}");
            let older = Version::from(one).is_older(&other.into());
            assert_eq!(older, order == Some(Ordering::Less), "{one} {other}");
        }
    }
}
