//! DER as Go's `cryptobyte` reads it, which certificates are read with: it tells only whether there is what is wanted.

use super::der::{
    self, BIT_STRING, Element, INTEGER, Number, OCTETS, OID, SEQUENCE, checked_integer, whole_number,
};

const BOOLEAN: u8 = 1;

/// Reads one element after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strict<'a>(&'a [u8]);

impl<'a> Strict<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// What has not been read.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Whether the next element has this tag. The first byte tells.
    pub(super) fn is_next(self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// Whatever comes next. Its tag is one byte, its length at most four.
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let [tag, first, long @ ..] = self.0 else { return None };
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, start) = match first {
            0..0x80 => (usize::from(*first), 2),
            _ => {
                let bytes = long.get(..usize::from(first & 0x7f))?;
                (long_length(bytes)?, 2 + bytes.len())
            }
        };
        let end = start.checked_add(length)?;
        let whole = self.0.get(..end)?;
        self.0 = &self.0[end..];
        Some(Element { tag: *tag, content: &whole[start..], whole })
    }

    pub(super) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        self.any().filter(|element| element.tag == tag)
    }

    /// The elements within one of this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.element(tag).map(|element| Self(element.content))
    }

    pub(super) fn sequence(&mut self) -> Option<Self> {
        self.inside(SEQUENCE)
    }

    /// The elements within one of this tag if it is there, which is told by its first byte.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<Self>> {
        if self.is_next(tag) { self.inside(tag).map(Some) } else { Some(None) }
    }

    /// The content of an object identifier.
    pub(super) fn oid(&mut self) -> Option<&'a [u8]> {
        let content = self.element(OID)?.content;
        der::dotted(content).ok().map(|_| content)
    }

    /// A number of any size.
    pub(super) fn number(&mut self) -> Option<Number<'a>> {
        Number::of(self.element(INTEGER)?.content).ok()
    }

    /// A Go `int`.
    pub(super) fn int(&mut self) -> Option<i64> {
        self.int_of(INTEGER)
    }

    /// A Go `int` with another tag.
    pub(super) fn int_of(&mut self, tag: u8) -> Option<i64> {
        let content = self.element(tag)?.content;
        checked_integer(content).and_then(whole_number).ok()
    }

    /// No if it is not there.
    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.optional(BOOLEAN)?.map(Self::rest) {
            None | Some([0]) => Some(false),
            Some([0xff]) => Some(true),
            Some(_) => None,
        }
    }

    pub(super) fn octets(&mut self) -> Option<&'a [u8]> {
        self.element(OCTETS).map(|octets| octets.content)
    }

    /// The bytes of a bit string, and how many bits of the last one are unused.
    pub(super) fn bits(&mut self) -> Option<(&'a [u8], u8)> {
        self.element(BIT_STRING)?.bits().ok()
    }
}

/// A length in one to four bytes, as few as it needs.
fn long_length(bytes: &[u8]) -> Option<usize> {
    if !(1..=4).contains(&bytes.len()) || bytes[0] == 0 {
        return None;
    }
    let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    (length >= 0x80).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        let content = |der: &[u8]| Strict::new(der).any().map(|element| element.content.len());
        let long = |head: &[u8], length: usize| [head, &vec![0; length]].concat();
        assert_eq!(content(&[4, 1, 7]), Some(1));
        assert_eq!(content(&long(&[4, 0x81, 0x80], 128)), Some(128));
        assert_eq!(content(&long(&[4, 0x82, 1, 0], 256)), Some(256));
        for refused in [
            vec![4],
            vec![4, 2, 7],
            vec![0x1f, 1, 7],
            vec![4, 0x80],
            long(&[4, 0x81, 0x7f], 127),
            long(&[4, 0x82, 0, 0x80], 128),
            long(&[4, 0x85, 0, 0, 0, 0, 0x80], 128),
            vec![4, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(content(&refused), None, "{refused:?}");
        }
    }

    #[test]
    fn what_may_be_there_is_told_by_its_first_byte() {
        assert!(Strict::new(&[0x82, 0x85]).optional(0xa1).unwrap().is_none());
        assert!(Strict::new(&[0x82, 0x85]).optional(0x82).is_none());
        assert_eq!(Strict::new(&[0x82, 1, 9]).optional(0x82).unwrap().unwrap().rest(), [9]);
        let read = |der: &[u8]| Strict::new(der).boolean();
        assert_eq!(
            [read(&[1, 1, 0xff]), read(&[1, 1, 0]), read(&[])],
            [Some(true), Some(false), Some(false)]
        );
        assert_eq!([read(&[1, 1, 1]), read(&[1, 0])], [None, None]);
    }
}
