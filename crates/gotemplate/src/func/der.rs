//! DER, as Go's `encoding/asn1` reads it, with its error texts, and writing it.

/// Why bytes are not what they should be: Go's text.
pub(crate) type Refused = String;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8: u8 = 0x0c;
pub(super) const PRINTABLE: u8 = 0x13;
pub(super) const BMP: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag `[number]` of a constructed element.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The tag `[number]` of a primitive element.
pub(super) const fn implicit(number: u8) -> u8 {
    0x80 | number
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    /// Class, form and number; 0xff stands for the numbers above 30, which nothing here has.
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Its elements, if it is a sequence or the like.
    pub(super) const fn fields(self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// The bytes of a bit string, and how many bits of the last one are unused.
    pub(super) fn bits(self) -> Result<(&'a [u8], u8), Refused> {
        let (unused, bytes) = self.content.split_first().ok_or_else(|| syntax("zero length BIT STRING"))?;
        let padding = 1_u8.checked_shl((*unused).into()).unwrap_or_default().wrapping_sub(1);
        if *unused > 7 || bytes.last().map_or(*unused > 0, |last| last & padding != 0) {
            return Err(syntax("invalid padding bits in BIT STRING"));
        }
        Ok((bytes, *unused))
    }
}

struct Header {
    class: u8,
    number: u32,
    compound: bool,
    length: usize,
    /// Where the content begins.
    content: usize,
}

impl Header {
    fn tag(&self) -> u8 {
        let number = u8::try_from(self.number).ok().filter(|number| *number < 0x1f);
        number.map_or(0xff, |number| self.class << 6 | u8::from(self.compound) << 5 | number)
    }
}

fn syntax(text: &str) -> Refused {
    format!("asn1: syntax error: {text}")
}

fn structure(text: &str) -> Refused {
    format!("asn1: structure error: {text}")
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// How many elements are left, up to one that is none.
    pub(super) fn count(mut self) -> usize {
        let mut count = 0;
        while !self.is_empty() && self.any().is_ok() {
            count += 1;
        }
        count
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn header(&self) -> Result<Header, Refused> {
        let mut at = self.at;
        let mut next = || {
            let byte = self.bytes.get(at).copied();
            at += 1;
            byte
        };
        let first = next().ok_or_else(|| syntax("sequence truncated"))?;
        let mut number = u32::from(first & 0x1f);
        if number == 0x1f {
            number = base128(&mut next)?;
            if number < 0x1f {
                return Err(syntax("non-minimal tag"));
            }
        }
        let length = length(&mut next)?;
        Ok(Header { class: first >> 6, number, compound: first & 0x20 != 0, length, content: at })
    }

    /// The tag of what comes next.
    pub(super) fn peek(&self) -> Option<u8> {
        self.header().ok().map(|header| header.tag())
    }

    /// Whatever comes next.
    pub(super) fn any(&mut self) -> Result<Element<'a>, Refused> {
        let header = self.header()?;
        let end = header.content.saturating_add(header.length);
        let content = self.bytes.get(header.content..end).ok_or_else(|| syntax("data truncated"))?;
        let whole = &self.bytes[self.at..end];
        self.at = end;
        Ok(Element { tag: header.tag(), content, whole })
    }

    /// What must have this tag. The name is that of the type in Go.
    pub(super) fn expect(&mut self, tag: u8, name: &str) -> Result<Element<'a>, Refused> {
        let header = self.header()?;
        if header.tag() != tag {
            return Err(structure(&format!(
                "tags don't match ({} vs {{class:{} tag:{} length:{} isCompound:{}}}) {{optional:false \
                 explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 \
                 timeType:0 set:false omitEmpty:false}} {name} @{}",
                tag & 0x1f,
                header.class,
                header.number,
                header.length,
                header.compound,
                header.content
            )));
        }
        self.any()
    }

    /// What must have this tag as a member of a list.
    pub(super) fn member(&mut self, tag: u8) -> Result<Element<'a>, Refused> {
        if self.header()?.tag() != tag {
            return Err(structure("sequence tag mismatch"));
        }
        self.any().map_err(|_| syntax("truncated sequence"))
    }

    /// What may stand here with this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Refused> {
        if self.is_empty() {
            return Ok(None);
        }
        if self.header()?.tag() == tag { self.any().map(Some) } else { Ok(None) }
    }

    /// What may stand here with this tag. As Go's `cryptobyte` does it, only the first byte tells whether it is there.
    pub(super) fn present(&mut self, tag: u8) -> Result<Option<Element<'a>>, Refused> {
        if self.rest().first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// What may stand here within the tag `[number]`. As in Go, what is in it ends where it says itself, whatever the tag
    /// says of its length, and what has another tag within is not there.
    pub(super) fn explicit(&mut self, number: u32, tag: u8) -> Result<Option<Element<'a>>, Refused> {
        const CONTEXT: u8 = 2;
        if self.is_empty() {
            return Ok(None);
        }
        let outer = self.header()?;
        if outer.content == self.bytes.len() {
            return Err(structure("explicit tag has no child"));
        }
        if (outer.class, outer.number) != (CONTEXT, number) || outer.length > 0 && !outer.compound {
            return Ok(None);
        }
        if outer.length == 0 {
            return Err(structure("zero length explicit tag was not an asn1.Flag"));
        }
        let mut inner = Self { bytes: self.bytes, at: outer.content };
        let found = inner.optional(tag)?;
        if found.is_some() {
            self.at = inner.at;
        }
        Ok(found)
    }

    /// The elements of a sequence.
    pub(crate) fn sequence(&mut self, name: &str) -> Result<Self, Refused> {
        Ok(self.expect(SEQUENCE, name)?.fields())
    }

    /// A Go `int`.
    pub(super) fn int(&mut self) -> Result<i64, Refused> {
        let content = checked_integer(self.expect(INTEGER, "int")?.content)?;
        if content.len() > 8 {
            return Err(structure("integer too large"));
        }
        let sign = if content[0] & 0x80 == 0 { 0 } else { -1 };
        Ok(content.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
    }

    /// A number of any size.
    pub(super) fn number(&mut self) -> Result<Number<'a>, Refused> {
        Ok(Number(checked_integer(self.expect(INTEGER, "")?.content)?))
    }

    pub(super) fn octets(&mut self) -> Result<&'a [u8], Refused> {
        Ok(self.expect(OCTETS, "")?.content)
    }

    /// The content of an object identifier.
    pub(super) fn oid(&mut self) -> Result<&'a [u8], Refused> {
        let content = self.expect(OID, "ObjectIdentifier")?.content;
        dotted(content)?;
        Ok(content)
    }

    /// The bytes of a bit string, and how many bits of the last one are unused.
    pub(super) fn bits(&mut self) -> Result<(&'a [u8], u8), Refused> {
        self.expect(BIT_STRING, "BitString")?.bits()
    }

    /// An algorithm: its identifier and its parameters, which may be absent.
    pub(super) fn algorithm(&mut self) -> Result<(&'a [u8], Option<Element<'a>>), Refused> {
        let mut fields = self.sequence("AlgorithmIdentifier")?;
        let oid = fields.oid()?;
        let parameters = if fields.is_empty() { None } else { Some(fields.any()?) };
        Ok((oid, parameters))
    }

    /// That nothing follows.
    pub(super) fn end(&self, refused: &str) -> Result<(), Refused> {
        if self.is_empty() { Ok(()) } else { Err(refused.into()) }
    }
}

fn length(next: &mut impl FnMut() -> Option<u8>) -> Result<usize, Refused> {
    let truncated = || syntax("truncated tag or length");
    let first = next().ok_or_else(truncated)?;
    if first & 0x80 == 0 {
        return Ok(first.into());
    }
    if first == 0x80 {
        return Err(syntax("indefinite length found (not DER)"));
    }
    let mut length = 0_usize;
    for _ in 0..first & 0x7f {
        let byte = next().ok_or_else(truncated)?;
        if length >= 1 << 23 {
            return Err(structure("length too large"));
        }
        length = length << 8 | usize::from(byte);
        if length == 0 {
            return Err(structure("superfluous leading zeros in length"));
        }
    }
    if length < 0x80 { Err(structure("non-minimal length")) } else { Ok(length) }
}

fn base128(next: &mut impl FnMut() -> Option<u8>) -> Result<u32, Refused> {
    let mut number = 0_u64;
    for shifted in 0..5 {
        let byte = next().ok_or_else(|| syntax("truncated base 128 integer"))?;
        if shifted == 0 && byte == 0x80 {
            return Err(syntax("integer is not minimally encoded"));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let small = i32::try_from(number).ok().and_then(|number| u32::try_from(number).ok());
            return small.ok_or_else(|| structure("base 128 integer too large"));
        }
    }
    Err(structure("base 128 integer too large"))
}

fn checked_integer(content: &[u8]) -> Result<&[u8], Refused> {
    match content {
        [] => Err(structure("empty integer")),
        [0, second, ..] if second & 0x80 == 0 => Err(structure("integer not minimally-encoded")),
        [0xff, second, ..] if second & 0x80 != 0 => Err(structure("integer not minimally-encoded")),
        _ => Ok(content),
    }
}

/// A number of any size, in two's complement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a>(&'a [u8]);

impl<'a> Number<'a> {
    pub(super) fn is_negative(self) -> bool {
        self.0[0] & 0x80 != 0
    }

    pub(super) fn is_positive(self) -> bool {
        !self.is_negative() && self.0 != [0]
    }

    /// Big-endian without leading zeros, if it is not negative.
    pub(super) fn magnitude(self) -> &'a [u8] {
        trimmed(self.0)
    }
}

/// Without leading zeros.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    &bytes[first..]
}

/// An object identifier as it is printed.
pub(super) fn dotted(content: &[u8]) -> Result<String, Refused> {
    if content.is_empty() {
        return Err(syntax("zero length OBJECT IDENTIFIER"));
    }
    let mut bytes = content.iter().copied().peekable();
    let mut parts = Vec::new();
    while bytes.peek().is_some() {
        let part = base128(&mut || bytes.next())?;
        if parts.is_empty() {
            let first = (part / 40).min(2);
            parts.extend([first, part - first * 40]);
        } else {
            parts.push(part);
        }
    }
    Ok(parts.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
}

/// An element with this content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    if let Some(short) = u8::try_from(length).ok().filter(|short| *short < 0x80) {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = trimmed(&bytes);
        out.push(0x80 | bytes.len() as u8);
        out.extend(bytes);
    }
    out.extend(content);
    out
}

/// An element of these elements.
pub(super) fn compound(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// A sequence of these elements.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    compound(SEQUENCE, parts)
}

/// A number that is not negative, big-endian.
pub(super) fn number(magnitude: &[u8]) -> Vec<u8> {
    let magnitude = trimmed(magnitude);
    match magnitude.first() {
        Some(first) if first & 0x80 == 0 => element(INTEGER, magnitude),
        _ => element(INTEGER, &[&[0], magnitude].concat()),
    }
}

/// A Go `int`.
pub(super) fn int(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let is_superfluous = |pair: &[u8]| matches!(pair, [0, 0..=0x7f] | [0xff, 0x80..=0xff]);
    let extra = bytes.windows(2).take_while(|pair| is_superfluous(pair)).count();
    element(INTEGER, &bytes[extra..])
}

/// A small number.
pub(super) fn small(number: u32) -> Vec<u8> {
    self::number(&number.to_be_bytes())
}

/// Bits, all eight of each byte used.
pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

/// An algorithm with these encoded parameters.
pub(super) fn algorithm(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
    sequence(&[&element(OID, oid), parameters])
}

/// The parameters of an algorithm that has none but must say so.
pub(super) const NULL: &[u8] = &[5, 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let der = sequence(&[&small(300), &element(OCTETS, &[7; 200]), &bits(&[1, 2])]);
        let mut outer = Reader::new(&der);
        let mut fields = outer.sequence("x").unwrap();
        assert_eq!(fields.int(), Ok(300));
        assert_eq!(fields.octets().unwrap(), [7; 200]);
        assert_eq!(fields.bits().unwrap(), (&[1, 2][..], 0));
        assert!(fields.is_empty() && outer.is_empty());
    }

    #[test]
    fn what_is_not_der_is_refused_with_gos_words() {
        for (bytes, want) in [
            (&b""[..], "syntax error: sequence truncated"),
            (b"\x30", "syntax error: truncated tag or length"),
            (b"\x30\x80", "syntax error: indefinite length found (not DER)"),
            (b"\x30\x81\x05", "structure error: non-minimal length"),
            (b"\x30\x82\x00\x85", "structure error: superfluous leading zeros in length"),
            (b"\x30\x02\x01", "syntax error: data truncated"),
            (b"\x3f\x1e\x01\x01", "syntax error: non-minimal tag"),
        ] {
            let got = Reader::new(bytes).sequence("x").unwrap_err();
            assert_eq!(got, format!("asn1: {want}"));
        }
    }

    #[test]
    fn what_is_tagged_explicitly_ends_where_it_says_itself() {
        let read = |der: &[u8]| {
            let mut reader = Reader::new(der);
            let found = reader.explicit(1, INTEGER)?.map(|found| found.content.to_vec());
            Ok::<_, Refused>((found, reader.rest().len()))
        };
        assert_eq!(read(&[0xa1, 3, 2, 1, 7, 9]), Ok((Some(vec![7]), 1)));
        assert_eq!(read(&[0xa1, 1, 2, 1, 7, 9]), Ok((Some(vec![7]), 1)));
        assert_eq!(read(&[0xa1, 0x7f, 2, 1, 7, 9]), Ok((Some(vec![7]), 1)));
        assert_eq!(read(&[0xa1, 3, 4, 1, 7, 9]), Ok((None, 6)));
        assert_eq!((read(&[0xa0, 3, 2, 1, 7]), read(&[0x81, 1, 7])), (Ok((None, 5)), Ok((None, 3))));
        assert_eq!(read(&[]), Ok((None, 0)));
        let refused = [&[0xa1, 0][..], &[0xa1, 0, 9], &[0xa1, 3, 2, 3, 7]].map(|der| read(der).unwrap_err());
        let want = [
            "structure error: explicit tag has no child",
            "structure error: zero length explicit tag was not an asn1.Flag",
            "syntax error: data truncated",
        ];
        assert_eq!(refused, want.map(|text| format!("asn1: {text}")));
    }

    #[test]
    fn what_may_be_there_is_told_by_its_first_byte_or_by_its_header() {
        let other = &[0x82, 0x85];
        assert!(Reader::new(other).present(0xa1).unwrap().is_none());
        assert!(Reader::new(other).optional(0xa1).is_err());
        assert!(Reader::new(other).present(0x82).is_err());
        assert_eq!(Reader::new(&[0x82, 1, 9]).present(0x82).unwrap().unwrap().content, [9]);
    }

    #[test]
    fn numbers_are_signed() {
        assert_eq!(Reader::new(&[2, 1, 0xff]).int(), Ok(-1));
        assert!(Reader::new(&[2, 1, 0xff]).number().unwrap().is_negative());
        assert_eq!(Reader::new(&number(&[0x80])).number().unwrap().magnitude(), [0x80]);
        assert_eq!(number(&[]), [2, 1, 0]);
        for value in [0, 1, -1, 127, 128, -128, -129, 65537, i64::MAX, i64::MIN] {
            assert_eq!(Reader::new(&int(value)).int(), Ok(value));
        }
    }

    #[test]
    fn identifiers_are_printed() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]).unwrap(), "1.2.840.113549");
    }
}
