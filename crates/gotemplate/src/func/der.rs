//! DER, as Go's `encoding/asn1` reads it, with its error texts.

pub(super) use super::der_write::{algorithm, bits, compound, element, int, number, sequence, small};

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

fn unmatched() -> Refused {
    structure("explicitly tagged member didn't match")
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
    #[cfg(test)]
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
        self.tagged(tag, "explicit:false application:false private:false defaultValue:<nil> tag:<nil>", name)
    }

    /// What must have this tag, where Go says this of what it wants.
    fn tagged(&mut self, tag: u8, wanted: &str, name: &str) -> Result<Element<'a>, Refused> {
        let header = self.header()?;
        if header.tag() != tag {
            return Err(structure(&format!(
                "tags don't match ({} vs {{class:{} tag:{} length:{} isCompound:{}}}) {{optional:false {wanted} \
                 stringType:0 timeType:0 set:false omitEmpty:false}} {name} @{}",
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

    /// A sequence of sequences. All of them are looked at before any is read.
    pub(super) fn list(&mut self) -> Result<Self, Refused> {
        self.list_of(SEQUENCE)
    }

    fn list_of(&mut self, tag: u8) -> Result<Self, Refused> {
        let list = self.expect(tag, "")?.fields();
        let mut members = list;
        while !members.is_empty() {
            members.member(SEQUENCE)?;
        }
        Ok(list)
    }

    /// A set of sequences that may stand here.
    pub(super) fn optional_set(&mut self) -> Result<Option<Self>, Refused> {
        if self.is_empty() || self.header()?.tag() != SET {
            return Ok(None);
        }
        self.list_of(SET).map(Some)
    }

    /// A Go `int` that may stand here.
    pub(super) fn optional_int(&mut self) -> Result<Option<i64>, Refused> {
        let found = self.optional(INTEGER)?;
        found.map(|found| whole_number(checked_integer(found.content)?)).transpose()
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

    /// What may stand here within the tag `[number]`. As in Go, what is in it ends where it says itself, whatever the tag
    /// says of its length, and what has another tag within is not there.
    pub(super) fn explicit(&mut self, number: u32, tag: u8) -> Result<Option<Element<'a>>, Refused> {
        let Some(mut inner) = self.inner(number)? else { return Ok(None) };
        let found = inner.optional(tag)?;
        if found.is_some() {
            self.at = inner.at;
        }
        Ok(found)
    }

    /// The bytes that must stand here within the tag `[0]`.
    pub(super) fn explicit_octets(&mut self) -> Result<&'a [u8], Refused> {
        // Go shows where in its memory the number of the tag is.
        const WANTED: &str = "explicit:true application:false private:false defaultValue:<nil> tag:0";
        if self.is_empty() {
            return Err(syntax("sequence truncated"));
        }
        let mut inner = self.inner(0)?.ok_or_else(unmatched)?;
        let found = inner.tagged(OCTETS, WANTED, "")?;
        self.at = inner.at;
        Ok(found.content)
    }

    /// What is within the tag `[number]`, if that is there.
    fn inner(&self, number: u32) -> Result<Option<Self>, Refused> {
        let Some(outer) = self.explicit_header(number)? else { return Ok(None) };
        if outer.length == 0 {
            return Err(structure("zero length explicit tag was not an asn1.Flag"));
        }
        Ok(Some(Self { bytes: self.bytes, at: outer.content }))
    }

    /// The tag `[number]`, if it is there with something behind it.
    fn explicit_header(&self, number: u32) -> Result<Option<Header>, Refused> {
        const CONTEXT: u8 = 2;
        if self.is_empty() {
            return Ok(None);
        }
        let outer = self.header()?;
        if outer.content == self.bytes.len() {
            return Err(structure("explicit tag has no child"));
        }
        let is_it = (outer.class, outer.number) == (CONTEXT, number) && (outer.length == 0 || outer.compound);
        Ok(Some(outer).filter(|_| is_it))
    }

    /// The content of the tag `[0]` that may stand here, whatever it is.
    pub(super) fn optional_content(&mut self) -> Result<Option<&'a [u8]>, Refused> {
        match self.explicit_header(0)? {
            None => Ok(None),
            Some(_) => self.any().map(|element| Some(element.content)),
        }
    }

    /// The content of the tag `[0]` that must stand here, whatever it is.
    pub(super) fn content(&mut self) -> Result<&'a [u8], Refused> {
        if self.is_empty() {
            return Err(syntax("sequence truncated"));
        }
        self.optional_content()?.ok_or_else(unmatched)
    }

    /// The elements of a sequence.
    pub(crate) fn sequence(&mut self, name: &str) -> Result<Self, Refused> {
        Ok(self.expect(SEQUENCE, name)?.fields())
    }

    /// A Go `int`.
    pub(super) fn int(&mut self) -> Result<i64, Refused> {
        whole_number(checked_integer(self.expect(INTEGER, "int")?.content)?)
    }

    /// A number of any size.
    pub(super) fn number(&mut self) -> Result<Number<'a>, Refused> {
        Number::of(self.expect(INTEGER, "")?.content)
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

    /// An algorithm: its identifier and its parameters, which may be absent.
    pub(super) fn algorithm(&mut self) -> Result<Algorithm<'a>, Refused> {
        algorithm_of(self.sequence("AlgorithmIdentifier")?)
    }

    /// An algorithm that may stand here.
    pub(super) fn optional_algorithm(&mut self) -> Result<Option<Algorithm<'a>>, Refused> {
        self.optional(SEQUENCE)?.map(|found| algorithm_of(found.fields())).transpose()
    }

    /// That nothing follows.
    pub(super) fn end(&self, refused: &str) -> Result<(), Refused> {
        if self.is_empty() { Ok(()) } else { Err(refused.into()) }
    }
}

/// The identifier of an algorithm, and its parameters if there are some.
pub(super) type Algorithm<'a> = (&'a [u8], Option<Element<'a>>);

fn algorithm_of(mut fields: Reader<'_>) -> Result<Algorithm<'_>, Refused> {
    let oid = fields.oid()?;
    let parameters = if fields.is_empty() { None } else { Some(fields.any()?) };
    Ok((oid, parameters))
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
    let truncated = || syntax("truncated base 128 integer");
    let too_large = || structure("base 128 integer too large");
    let mut number = 0_u64;
    for shifted in 0..5 {
        let byte = next().ok_or_else(truncated)?;
        if shifted == 0 && byte == 0x80 {
            return Err(syntax("integer is not minimally encoded"));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let small = i32::try_from(number).ok().and_then(|number| u32::try_from(number).ok());
            return small.ok_or_else(too_large);
        }
    }
    // Only another byte makes it too large.
    Err(if next().is_none() { truncated() } else { too_large() })
}

pub(super) fn checked_integer(content: &[u8]) -> Result<&[u8], Refused> {
    match content {
        [] => Err(structure("empty integer")),
        [0, second, ..] if second & 0x80 == 0 => Err(structure("integer not minimally-encoded")),
        [0xff, second, ..] if second & 0x80 != 0 => Err(structure("integer not minimally-encoded")),
        _ => Ok(content),
    }
}

/// The Go `int` that the content of an integer is.
pub(super) fn whole_number(content: &[u8]) -> Result<i64, Refused> {
    if content.len() > 8 {
        return Err(structure("integer too large"));
    }
    let sign = if content[0] & 0x80 == 0 { 0 } else { -1 };
    Ok(content.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte)))
}

/// A number of any size, in two's complement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a>(&'a [u8]);

impl<'a> Number<'a> {
    pub(super) fn of(content: &'a [u8]) -> Result<Self, Refused> {
        checked_integer(content).map(Self)
    }

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
        assert_eq!(fields.any().unwrap().bits().unwrap(), (&[1, 2][..], 0));
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
    fn what_may_be_there_is_told_by_its_header() {
        assert!(Reader::new(&[0x82, 0x85]).optional(0xa1).is_err());
        assert!(Reader::new(&[0x82, 1, 9]).optional(0xa1).unwrap().is_none());
        assert_eq!(Reader::new(&[0x82, 1, 9]).optional(0x82).unwrap().unwrap().content, [9]);
    }

    #[test]
    fn a_long_number_that_ends_early_is_truncated() {
        let identifier = |content: &[u8]| Reader::new(&element(OID, content)).oid().unwrap_err();
        assert_eq!(identifier(&[0xff; 5]), "asn1: syntax error: truncated base 128 integer");
        assert_eq!(identifier(&[0xff; 6]), "asn1: structure error: base 128 integer too large");
    }

    #[test]
    fn members_of_a_list_are_looked_at_before_they_are_read() {
        let list = |members: &[u8]| Reader::new(&sequence(&[members])).list().map(|list| list.count());
        assert_eq!(list(&[0x30, 1, 9, 0x30, 0]), Ok(2));
        let refused = [&[0x30, 0, 2, 1, 1][..], &[0x30, 0, 0x30, 1], &[0x30, 0, 0x31]].map(list);
        let want = [
            "structure error: sequence tag mismatch",
            "syntax error: truncated sequence",
            "syntax error: truncated tag or length",
        ];
        assert_eq!(refused, want.map(|text| Err(format!("asn1: {text}"))));
        let set = |bytes: &[u8]| Reader::new(bytes).optional_set().map(|set| set.map(Reader::count));
        assert_eq!([set(&[]), set(&[2, 1, 1]), set(&[0x31, 2, 0x30, 0])], [Ok(None), Ok(None), Ok(Some(1))]);
        assert!(set(&[0x31, 3, 2, 1, 1]).is_err());
    }

    #[test]
    fn what_must_be_tagged_explicitly_is_refused_with_gos_words() {
        let octets = |der: &[u8]| Reader::new(der).explicit_octets().map(<[u8]>::to_vec);
        assert_eq!(octets(&[0xa0, 3, 4, 1, 7]), Ok(vec![7]));
        let unmatched = "asn1: structure error: explicitly tagged member didn't match";
        assert_eq!(octets(&[0x80, 3, 4, 1, 7]).unwrap_err(), unmatched);
        assert_eq!(octets(&[]).unwrap_err(), "asn1: syntax error: sequence truncated");
        let other = octets(&[0xa0, 3, 2, 1, 7]).unwrap_err();
        assert!(other.starts_with("asn1: structure error: tags don't match (4 vs {class:0 tag:2 length:1"));
        let content = |der: &[u8]| Reader::new(der).content().map(<[u8]>::to_vec);
        assert_eq!((content(&[0xa0, 1, 9]), content(&[0x80, 0, 9])), (Ok(vec![9]), Ok(vec![])));
        assert_eq!(content(&[0xa1, 1, 9]).unwrap_err(), unmatched);
        assert_eq!(content(&[0xa0, 0]).unwrap_err(), "asn1: structure error: explicit tag has no child");
        assert_eq!(content(&[0xa0, 2, 9]).unwrap_err(), "asn1: syntax error: data truncated");
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
