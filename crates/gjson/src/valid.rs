//! Whether a text is one JSON document. Strict, unlike the rest of the crate, and without recursion, so that
//! no depth of nesting is refused.

use crate::scan::string_end;

/// What may come next.
#[derive(Clone, Copy, PartialEq)]
enum Want {
    Value,
    FirstElement,
    FirstKey,
    Key,
    Colon,
    CommaOrClose,
    End,
}

/// True if the text is a single JSON value, with white space around it.
pub(crate) fn valid(json: &[u8]) -> bool {
    let mut check = Check { json, at: 0, open: Vec::new() };
    let mut want = Want::Value;
    loop {
        check.skip_space();
        let Some(byte) = json.get(check.at) else { return want == Want::End };
        match check.step(want, *byte) {
            Some(next) => want = next,
            None => return false,
        }
    }
}

struct Check<'a> {
    json: &'a [u8],
    at: usize,
    /// The closing brackets that are due, innermost last.
    open: Vec<u8>,
}

impl Check<'_> {
    fn skip_space(&mut self) {
        while matches!(self.json.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn step(&mut self, want: Want, byte: u8) -> Option<Want> {
        match (want, byte) {
            (Want::Value | Want::FirstElement, b'{') => Some(self.enter(b'}', Want::FirstKey)),
            (Want::Value | Want::FirstElement, b'[') => Some(self.enter(b']', Want::FirstElement)),
            (Want::FirstElement, b']') | (Want::FirstKey, b'}') => self.leave(byte),
            (Want::CommaOrClose, b']' | b'}') => self.leave(byte),
            (Want::Value | Want::FirstElement, _) => {
                self.at = self.scalar_end(byte)?;
                Some(self.after_value())
            }
            (Want::FirstKey | Want::Key, b'"') => {
                self.at = self.string_end()?;
                Some(Want::Colon)
            }
            (Want::Colon, b':') => Some(self.pass(Want::Value)),
            (Want::CommaOrClose, b',') => {
                let next = if self.open.last() == Some(&b'}') { Want::Key } else { Want::Value };
                Some(self.pass(next))
            }
            _ => None,
        }
    }

    fn pass(&mut self, next: Want) -> Want {
        self.at += 1;
        next
    }

    fn enter(&mut self, close: u8, next: Want) -> Want {
        self.open.push(close);
        self.pass(next)
    }

    fn leave(&mut self, close: u8) -> Option<Want> {
        if self.open.pop() != Some(close) {
            return None;
        }
        let next = self.after_value();
        Some(self.pass(next))
    }

    fn after_value(&self) -> Want {
        if self.open.is_empty() { Want::End } else { Want::CommaOrClose }
    }

    fn scalar_end(&self, first: u8) -> Option<usize> {
        let word = |word: &[u8]| self.json[self.at..].starts_with(word).then_some(self.at + word.len());
        match first {
            b'"' => self.string_end(),
            b't' => word(b"true"),
            b'f' => word(b"false"),
            b'n' => word(b"null"),
            b'-' | b'0'..=b'9' => self.number_end(),
            _ => None,
        }
    }

    fn string_end(&self) -> Option<usize> {
        let end = string_end(self.json, self.at)?;
        let mut rest = &self.json[self.at + 1..end - 1];
        while let Some((byte, after)) = rest.split_first() {
            rest = match (byte, after) {
                (0..b' ', _) => return None,
                (b'\\', [b'u', after @ ..]) => {
                    after.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
                    &after[4..]
                }
                (b'\\', [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', after @ ..]) => after,
                (b'\\', _) => return None,
                _ => after,
            };
        }
        Some(end)
    }

    fn number_end(&self) -> Option<usize> {
        let mut at = self.at + usize::from(self.json[self.at] == b'-');
        at = if self.json.get(at) == Some(&b'0') { at + 1 } else { self.digits_end(at)? };
        if self.json.get(at) == Some(&b'.') {
            at = self.digits_end(at + 1)?;
        }
        if matches!(self.json.get(at), Some(b'e' | b'E')) {
            let sign = matches!(self.json.get(at + 1), Some(b'+' | b'-'));
            at = self.digits_end(at + 1 + usize::from(sign))?;
        }
        Some(at)
    }

    /// The index after one or more digits.
    fn digits_end(&self, start: usize) -> Option<usize> {
        let digits = self.json.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (digits > 0).then_some(start + digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_one_value_with_white_space_around_it() {
        for json in ["1", " [ ] ", r#"{"a":[1,{"b":null}],"c":"\u00fc\n"}"#, "-0.5e+3", "\"\""] {
            assert!(valid(json.as_bytes()), "{json}");
        }
        let broken = [
            "", "[1,]", "{\"a\"}", "{a:1}", "01", "+1", "1.", "[}", "1 2", "\"\\x\"", "\"\n\"", "\"a", "nul",
            "[1]]",
        ];
        for json in broken {
            assert!(!valid(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn no_depth_is_too_deep() {
        assert!(valid(["[".repeat(100_000), "]".repeat(100_000)].concat().as_bytes()));
    }
}
