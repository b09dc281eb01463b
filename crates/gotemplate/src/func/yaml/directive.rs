//! Tokens with names in a YAML text: anchors, tags, directives.

use super::scan::{Kind, Scan, Scanner};
use super::text::{END, is_blank, is_break_or_end, is_word};

impl Scanner<'_> {
    pub(super) fn fetch_anchor(&mut self, mark: char) -> Scan<()> {
        let start = self.text.mark;
        self.text.skip(1);
        let name = self.word()?;
        if name.is_empty() || !(self.text.is_gap(0) || "?:,]}%@`".contains(self.text.char())) {
            return Err(self.fault("did not find expected alphabetic or numeric character"));
        }
        self.push(if mark == '*' { Kind::Alias(name) } else { Kind::Anchor(name) }, start);
        Ok(())
    }

    fn word(&mut self) -> Scan<String> {
        let mut word = String::new();
        self.text.need(1)?;
        while is_word(self.text.char()) {
            word.push(self.text.take());
            self.text.need(1)?;
        }
        Ok(word)
    }

    pub(super) fn fetch_tag(&mut self) -> Scan<()> {
        let start = self.text.mark;
        self.text.need(2)?;
        let (handle, suffix) = if self.text.peek(1) == '<' {
            self.text.skip(2);
            let suffix = self.uri("")?;
            if self.text.char() != '>' {
                return Err(self.fault("did not find the expected '>'"));
            }
            self.text.skip(1);
            (String::new(), suffix)
        } else {
            self.short_tag()?
        };
        self.text.need(1)?;
        if !self.text.is_gap(0) {
            return Err(self.fault("did not find expected whitespace or line break"));
        }
        self.push(Kind::Tag(handle, suffix), start);
        Ok(())
    }

    fn short_tag(&mut self) -> Scan<(String, String)> {
        let handle = self.handle(false)?;
        if handle.len() > 1 && handle.ends_with('!') {
            return Ok((handle, self.uri("")?));
        }
        let suffix = self.uri(&handle)?;
        Ok(if suffix.is_empty() { (suffix, "!".into()) } else { ("!".into(), suffix) })
    }

    fn handle(&mut self, directive: bool) -> Scan<String> {
        self.text.need(1)?;
        if self.text.char() != '!' {
            return Err(self.fault("did not find expected '!'"));
        }
        self.text.skip(1);
        let mut handle = format!("!{}", self.word()?);
        if self.text.char() == '!' {
            self.text.skip(1);
            handle.push('!');
        } else if directive && handle != "!" {
            return Err(self.fault("did not find expected '!'"));
        }
        Ok(handle)
    }

    /// The rest of a tag, after a handle that turned out to be none.
    fn uri(&mut self, head: &str) -> Scan<String> {
        let mut bytes = head.as_bytes().get(1..).unwrap_or_default().to_vec();
        let mut found = !head.is_empty();
        loop {
            self.text.need(1)?;
            let char = self.text.char();
            if char == '%' {
                self.uri_escape(&mut bytes)?;
            } else if is_word(char) || ";/?:@&=+$,.!~*'()[]".contains(char) && char != END {
                bytes.push(self.text.take() as u8);
            } else {
                break;
            }
            found = true;
        }
        if !found {
            return Err(self.fault("did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The bytes of a character, each as `%41`.
    fn uri_escape(&mut self, out: &mut Vec<u8>) -> Scan<()> {
        let first = self.uri_byte()?;
        let following = match first {
            ..=0x7f => 0,
            0xc0..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf7 => 3,
            _ => return Err(self.fault("found an incorrect leading UTF-8 octet")),
        };
        out.push(first);
        self.text.skip(3);
        for _ in 0..following {
            let byte = self.uri_byte()?;
            if byte & 0xc0 != 0x80 {
                return Err(self.fault("found an incorrect trailing UTF-8 octet"));
            }
            out.push(byte);
            self.text.skip(3);
        }
        Ok(())
    }

    /// The byte of the next `%41`.
    fn uri_byte(&mut self) -> Scan<u8> {
        self.text.need(3)?;
        let (high, low) = (self.text.peek(1).to_digit(16), self.text.peek(2).to_digit(16));
        match (self.text.char(), high, low) {
            ('%', Some(high), Some(low)) => Ok((high * 16 + low) as u8),
            _ => Err(self.fault("did not find URI escaped octet")),
        }
    }

    pub(super) fn fetch_directive(&mut self) -> Scan<()> {
        let start = self.text.mark;
        self.text.skip(1);
        let name = self.word()?;
        if name.is_empty() {
            return Err(self.fault("could not find expected directive name"));
        }
        if !self.text.is_gap(0) {
            return Err(self.fault("found unexpected non-alphabetical character"));
        }
        let kind = match name.as_str() {
            "YAML" => self.version()?,
            "TAG" => self.tag_directive()?,
            _ => return Err(self.fault("found unknown directive name")),
        };
        self.text.skip_blanks()?;
        self.text.skip_comment()?;
        if !is_break_or_end(self.text.char()) {
            return Err(self.fault("did not find expected comment or line break"));
        }
        self.text.take_break()?;
        self.push(kind, start);
        Ok(())
    }

    fn version(&mut self) -> Scan<Kind> {
        self.text.skip_blanks()?;
        let major = self.version_number()?;
        if self.text.char() != '.' {
            return Err(self.fault("did not find expected digit or '.' character"));
        }
        self.text.skip(1);
        Ok(Kind::Version(major, self.version_number()?))
    }

    fn version_number(&mut self) -> Scan<u32> {
        let (mut number, mut digits) = (0, 0);
        self.text.need(1)?;
        while let Some(digit) = self.text.char().to_digit(10) {
            digits += 1;
            if digits > 2 {
                return Err(self.fault("found extremely long version number"));
            }
            number = number * 10 + digit;
            self.text.skip(1);
            self.text.need(1)?;
        }
        if digits == 0 {
            return Err(self.fault("did not find expected version number"));
        }
        Ok(number)
    }

    fn tag_directive(&mut self) -> Scan<Kind> {
        self.text.skip_blanks()?;
        let handle = self.handle(true)?;
        self.text.need(1)?;
        if !is_blank(self.text.char()) {
            return Err(self.fault("did not find expected whitespace"));
        }
        self.text.skip_blanks()?;
        let prefix = self.uri("")?;
        self.text.need(1)?;
        if !self.text.is_gap(0) {
            return Err(self.fault("did not find expected whitespace or line break"));
        }
        Ok(Kind::TagDirective(handle, prefix))
    }
}
