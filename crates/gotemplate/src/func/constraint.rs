//! What `semverCompare` asks of a version: `^1.2`, `>=1.0, <2 || ~3.1`, `1.2 - 1.4`.

use std::sync::LazyLock;

use regex_automata::meta::Regex;

use super::semver::{IDENTIFIERS, Version, compare_prereleases};
use crate::error::Fault;
use crate::pattern::{Groups, constant};

/// A version as it is asked for: numbers may be wildcards or absent.
fn wanted(names: [&str; 4]) -> String {
    let [major, minor, patch, prerelease] = names;
    let number = r"[0-9|xX*]+";
    format!(
        r"v?(?{major}{number})(?{minor}\.{number})?(?{patch}\.{number})?(?{prerelease}-{IDENTIFIERS})?(?:\+{IDENTIFIERS})?"
    )
}

const PLAIN: [&str; 4] = [":"; 4];
const NAMED: [&str; 4] = ["P<major>", "P<minor>", "P<patch>", "P<prerelease>"];
const SPACE: &str = r"[\t\n\f\r ]";
/// In this order: the empty one before those that begin otherwise, as Go's library tries them.
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

static ALL: LazyLock<Regex> = LazyLock::new(|| {
    let one = format!("(?:{OPERATORS}){SPACE}*{}{SPACE}*", wanted(PLAIN));
    constant(&format!("^{SPACE}*{one}(?:(?:{SPACE}+|,{SPACE}*){one})*$"))
});
static EACH: LazyLock<Regex> =
    LazyLock::new(|| constant(&format!("(?:{OPERATORS}){SPACE}*{}", wanted(PLAIN))));
static ONE: LazyLock<Regex> = LazyLock::new(|| {
    constant(&format!("^{SPACE}*(?P<operator>{OPERATORS}){SPACE}*{}{SPACE}*$", wanted(NAMED)))
});
static RANGE: LazyLock<Regex> = LazyLock::new(|| {
    let end = wanted(PLAIN);
    constant(&format!("{SPACE}*(?P<from>{end}){SPACE}+-{SPACE}+(?P<to>{end}){SPACE}*"))
});

/// Alternatives, each of them constraints that must all hold.
#[derive(Debug)]
pub(super) struct Constraints(Vec<Vec<Constraint>>);

impl Constraints {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut text = text.to_owned();
        let bounds = |found: &Groups<'_>| format!(">= {}, <= {} ", found.name("from"), found.name("to"));
        let ranges: Vec<_> =
            Groups::all(&RANGE, &text).map(|found| (found.whole().to_owned(), bounds(&found))).collect();
        for (range, bounds) in ranges {
            text = text.replacen(&range, &bounds, 1);
        }
        text.split("||").map(parse_all).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the version is one of those asked for. A prerelease is only for who asks for one.
    pub(super) fn allow(&self, version: &Version) -> bool {
        self.0.iter().any(|all| {
            let asks = all.iter().any(|one| !one.version.prerelease.is_empty());
            (asks || version.prerelease.is_empty()) && all.iter().all(|one| one.allows(version))
        })
    }
}

fn parse_all(text: &str) -> Result<Vec<Constraint>, Fault> {
    if !ALL.is_match(text) {
        return Err(Fault::new(format!("improper constraint: {text}")));
    }
    EACH.find_iter(text).map(|one| Constraint::parse(&text[one.range()])).collect()
}

/// Which of the numbers the constraint leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    /// All of them.
    Major,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Same,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

const BY_TEXT: &[(&str, Operator)] = &[
    ("", Operator::Same),
    ("=", Operator::Same),
    ("!=", Operator::NotEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~", Operator::Tilde),
    ("~>", Operator::Tilde),
    ("^", Operator::Caret),
];

#[derive(Debug)]
struct Constraint {
    operator: Operator,
    version: Version,
    open: Open,
}

fn is_wildcard(number: &str) -> bool {
    matches!(number, "" | "x" | "X" | "*")
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, Fault> {
        let improper = || Fault::new(format!("improper constraint: {text}"));
        let found = Groups::of(&ONE, text).ok_or_else(improper)?;
        let part = |name| found.name(name);
        let (major, minor, patch) = (part("major"), part("minor"), part("patch"));
        let prerelease = part("prerelease");
        let (open, version) = if is_wildcard(major) {
            (Open::Major, format!("0.0.0{prerelease}"))
        } else if is_wildcard(minor.trim_start_matches('.')) {
            (Open::Minor, format!("{major}.0.0{prerelease}"))
        } else if is_wildcard(patch.trim_start_matches('.')) {
            (Open::Patch, format!("{major}{minor}.0{prerelease}"))
        } else {
            (Open::Nothing, format!("{major}{minor}{patch}{prerelease}"))
        };
        let operator = BY_TEXT.iter().find(|(operator, _)| *operator == part("operator"));
        let (_, operator) = operator.ok_or_else(improper)?;
        let version = Version::parse(&version).map_err(|_| "constraint parser error")?;
        Ok(Self { operator: *operator, version, open })
    }

    fn allows(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match self.operator {
            Operator::Same if self.open == Open::Nothing => order.is_eq(),
            Operator::Same | Operator::Tilde => order.is_ge() && self.near(version),
            Operator::NotEqual => self.differs(version),
            Operator::Greater => self.exceeded_by(version),
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual => self.reaches(version),
            Operator::Caret => order.is_ge() && self.compatible(version),
        }
    }

    /// Of the same major and minor number, as far as they are given. All zeros ask for nothing.
    fn near(&self, version: &Version) -> bool {
        let wanted = &self.version;
        let zeros = wanted.major == 0 && wanted.minor == 0 && wanted.patch == 0;
        if zeros && matches!(self.open, Open::Nothing | Open::Major) {
            return true;
        }
        version.major == wanted.major && (self.open == Open::Minor || version.minor == wanted.minor)
    }

    fn differs(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.open {
            Open::Nothing => version.compare(wanted).is_ne(),
            _ if version.major != wanted.major => true,
            Open::Minor => false,
            _ if version.minor != wanted.minor => true,
            Open::Major if version.patch != wanted.patch => true,
            Open::Major => version.compare(wanted).is_ne(),
            Open::Patch if version.prerelease.is_empty() && wanted.prerelease.is_empty() => false,
            Open::Patch => compare_prereleases(&version.prerelease, &wanted.prerelease).is_ne(),
        }
    }

    fn exceeded_by(&self, version: &Version) -> bool {
        let wanted = &self.version;
        match self.open {
            Open::Nothing => version.compare(wanted).is_gt(),
            _ if version.major != wanted.major => version.major > wanted.major,
            Open::Minor => false,
            Open::Patch => version.minor > wanted.minor,
            Open::Major => version.compare(wanted).is_gt(),
        }
    }

    fn reaches(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if self.open == Open::Nothing {
            return version.compare(wanted).is_le();
        }
        let beyond = version.minor > wanted.minor && self.open != Open::Minor;
        version.major < wanted.major || version.major == wanted.major && !beyond
    }

    /// Without a change of the first number that is not zero.
    fn compatible(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if wanted.major > 0 || self.open == Open::Minor || version.major > 0 {
            return version.major == wanted.major;
        }
        if wanted.minor > 0 || self.open == Open::Patch || version.minor > 0 {
            return version.minor == wanted.minor;
        }
        version.patch == wanted.patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(constraint: &str, version: &str) -> bool {
        Constraints::parse(constraint).unwrap().allow(&Version::parse(version).unwrap())
    }

    #[test]
    fn a_caret_keeps_the_first_number_that_is_not_zero() {
        assert!(allows("^1.2", "1.9.0") && !allows("^1.2", "2.0.0"));
        assert!(allows("^0.2.3", "0.2.9") && !allows("^0.2.3", "0.3.0"));
        assert!(allows("^0.0.3", "0.0.3") && !allows("^0.0.3", "0.0.4"));
    }

    #[test]
    fn prereleases_are_for_who_asks_for_them() {
        assert!(!allows(">1.0.0", "1.1.0-beta"));
        assert!(allows(">1.0.0-0", "1.1.0-beta"));
        assert!(allows(">1.0.0 || >2.0.0-0", "3.0.0-a"));
    }

    #[test]
    fn what_is_no_constraint_is_named() {
        assert_eq!(Constraints::parse("a ||1").unwrap_err().to_string(), "improper constraint: a ");
    }
}
