//! Whether a text is an IP address, with the reasons that Go's `netip.ParseAddr` gives.

use crate::print::quote;

/// Which kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// `192.0.2.1`
    Four,
    /// `2001:db8::1`, with or without a zone
    Six,
}

/// Reads an address.
///
/// # Errors
/// If it is none, why.
pub(super) fn parse(text: &[u8]) -> Result<Family, String> {
    let result = match text.iter().find(|byte| b".:%".contains(byte)) {
        Some(b'.') => four(text).map(|()| Family::Four),
        Some(b':') => six(text).map(|()| Family::Six),
        Some(_) => Err(Why("missing IPv6 address", b"")),
        None => Err(Why("unable to parse IP", b"")),
    };
    result.map_err(|Why(why, at)| {
        let place = if at.is_empty() { String::new() } else { format!(" (at {})", quoted(at)) };
        format!("ParseAddr({}): {why}{place}", quoted(text))
    })
}

/// What is wrong, and where, if that is told.
struct Why<'t>(&'static str, &'t [u8]);

fn quoted(text: &[u8]) -> String {
    String::from_utf8_lossy(&quote(text)).into_owned()
}

fn four(text: &[u8]) -> Result<(), Why<'_>> {
    let mut digits: &[u8] = b"";
    let mut fields = 0;
    for (i, byte) in text.iter().enumerate() {
        if *byte == b'.' {
            if digits.is_empty() || i + 1 == text.len() {
                return Err(Why("IPv4 field must have at least one digit", &text[i..]));
            }
            if fields == 3 {
                return Err(Why("IPv4 address too long", b""));
            }
            fields += 1;
            digits = b"";
            continue;
        }
        if !byte.is_ascii_digit() {
            return Err(Why("unexpected character", &text[i..]));
        }
        if digits == b"0" {
            return Err(Why("IPv4 field has octet with leading zero", b""));
        }
        digits = &text[i - digits.len()..=i];
        let value = digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        if value > 255 {
            return Err(Why("IPv4 field has value >255", b""));
        }
    }
    if fields < 3 { Err(Why("IPv4 address too short", b"")) } else { Ok(()) }
}

/// How many groups of 16 bits an IPv6 address has.
const GROUPS: usize = 8;

fn six(text: &[u8]) -> Result<(), Why<'_>> {
    let zone = text.iter().position(|byte| *byte == b'%');
    if zone.is_some_and(|zone| zone + 1 == text.len()) {
        return Err(Why("zone must be a non-empty string", b""));
    }
    let mut address = Six { rest: &text[..zone.unwrap_or(text.len())], groups: 0, gap: false };
    if let Some(rest) = address.rest.strip_prefix(b"::") {
        address.rest = rest;
        address.gap = true;
        if rest.is_empty() {
            return Ok(());
        }
    }
    while address.groups < GROUPS && address.read_group()? {}
    if !address.rest.is_empty() {
        return Err(Why("trailing garbage after address", address.rest));
    }
    match (address.groups < GROUPS, address.gap) {
        (true, false) => Err(Why("address string too short", b"")),
        (false, true) => Err(Why("the :: must expand to at least one field of zeros", b"")),
        _ => Ok(()),
    }
}

/// An IPv6 address that is being read.
struct Six<'t> {
    rest: &'t [u8],
    groups: usize,
    /// Whether there was a `::`.
    gap: bool,
}

impl<'t> Six<'t> {
    /// Reads a group and the colons behind it, or an IPv4 address at the end. Says whether more must follow.
    fn read_group(&mut self) -> Result<bool, Why<'t>> {
        let rest = self.rest;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        match digits {
            0 => return Err(Why("each colon-separated field must have at least one digit", rest)),
            1..=4 => {}
            _ => return Err(Why("each group must have 4 or less digits", rest)),
        }
        if rest.get(digits) == Some(&b'.') {
            self.read_four()?;
            return Ok(false);
        }
        self.groups += 1;
        self.rest = &rest[digits..];
        match self.rest {
            [] => return Ok(false),
            [b':'] => return Err(Why("colon must be followed by more characters", self.rest)),
            [b':', after @ ..] => self.rest = after,
            _ => return Err(Why("unexpected character, want colon", self.rest)),
        }
        let Some(after) = self.rest.strip_prefix(b":") else { return Ok(true) };
        if self.gap {
            return Err(Why("multiple :: in address", self.rest));
        }
        self.gap = true;
        self.rest = after;
        Ok(!after.is_empty())
    }

    fn read_four(&mut self) -> Result<(), Why<'t>> {
        if !self.gap && self.groups != GROUPS - 2 {
            return Err(Why(
                "embedded IPv4 address must replace the final 2 fields of the address",
                self.rest,
            ));
        }
        if self.groups + 2 > GROUPS {
            let why = "too many hex fields to fit an embedded IPv4 at the end of the address";
            return Err(Why(why, self.rest));
        }
        four(self.rest)?;
        self.rest = b"";
        self.groups += 2;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["::", "::1", "1::", "2001:db8::1%en0", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"] {
            assert_eq!(parse(good.as_bytes()), Ok(Family::Six), "{good}");
        }
        assert_eq!(parse(b"1.2.3.4"), Ok(Family::Four));
        for (bad, why) in [
            ("a", "ParseAddr(\"a\"): unable to parse IP"),
            ("1.2.3", "ParseAddr(\"1.2.3\"): IPv4 address too short"),
            ("1..2.3", "ParseAddr(\"1..2.3\"): IPv4 field must have at least one digit (at \".2.3\")"),
            ("01.2.3.4", "ParseAddr(\"01.2.3.4\"): IPv4 field has octet with leading zero"),
            ("1:2", "ParseAddr(\"1:2\"): address string too short"),
            ("1::2::3", "ParseAddr(\"1::2::3\"): multiple :: in address (at \":3\")"),
            ("12345::", "ParseAddr(\"12345::\"): each group must have 4 or less digits (at \"12345::\")"),
            (
                "1:2:3:4:5:6:7:8:9",
                "ParseAddr(\"1:2:3:4:5:6:7:8:9\"): trailing garbage after address (at \"9\")",
            ),
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(why.to_owned()), "{bad}");
        }
    }
}
