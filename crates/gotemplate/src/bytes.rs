//! Go's `[]byte`.

use std::cell::{Ref, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::func::growth::grown;
use crate::types::Type;
use crate::value::Str;

/// A `[]byte`: a window on bytes that others may see too. [`Bytes::append`] writes behind it where there is room, into
/// what other windows may show.
#[derive(Clone)]
pub struct Bytes {
    room: Rc<Room>,
    start: u32,
    len: u32,
}

struct Room {
    /// With zeros beyond what was written.
    all: Rc<RefCell<Vec<u8>>>,
    /// How far windows may reach, counted from the first byte.
    end: usize,
    nil: bool,
}

impl Bytes {
    /// These bytes, with room up to a capacity behind them. Of more than `u32::MAX` those beyond are not seen.
    #[must_use]
    pub fn with_capacity(bytes: &[u8], capacity: usize) -> Self {
        Self::joined(bytes, &[], capacity)
    }

    fn joined(bytes: &[u8], more: &[u8], capacity: usize) -> Self {
        let len = bytes.len() + more.len();
        let end = capacity.max(len);
        let mut all = Vec::with_capacity(end);
        all.extend_from_slice(bytes);
        all.extend_from_slice(more);
        all.resize(end, 0);
        let room = Room { all: Rc::new(RefCell::new(all)), end, nil: false };
        Self { room: Rc::new(room), start: 0, len: small(len) }
    }

    /// The nil `[]byte`: empty, `null` in JSON.
    #[must_use]
    pub fn nil() -> Self {
        let room = Room { all: Rc::default(), end: 0, nil: true };
        Self { room: Rc::new(room), start: 0, len: 0 }
    }

    /// Whether it is nil.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.room.nil
    }

    /// How many bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How far [`Bytes::slice`] may reach.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.room.end - self.start as usize
    }

    /// The bytes, as they are now. Nothing may be appended meanwhile.
    pub(crate) fn borrow(&self) -> Ref<'_, [u8]> {
        let (start, end) = (self.start as usize, self.start as usize + self.len());
        Ref::map(self.room.all.borrow(), |all| all.get(start..end).unwrap_or_default())
    }

    /// A copy of the bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.borrow().to_vec()
    }

    /// The bytes `from..to`, shared with this one; `None` if they lie beyond the capacity.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> Option<Self> {
        if from > to || to > self.capacity() {
            return None;
        }
        Some(Self { start: self.start + small(from), len: small(to - from), ..self.clone() })
    }

    /// [`Bytes::slice`], with a capacity that ends at `max`; `None` if that lies beyond this one's, or before `to`.
    #[must_use]
    pub fn slice_up_to(&self, from: usize, to: usize, max: usize) -> Option<Self> {
        if to > max || max > self.capacity() {
            return None;
        }
        let (all, end) = (Rc::clone(&self.room.all), self.start as usize + max);
        let room = Room { all, end, nil: self.is_nil() };
        Some(Self { room: Rc::new(room), ..self.slice(from, to)? })
    }

    /// These bytes and more behind them: Go's `append`.
    #[must_use]
    pub fn append(&self, more: &[u8]) -> Self {
        let (old, new) = (self.len(), self.len() + more.len());
        let capacity = self.capacity();
        if new > capacity {
            return Self::joined(&self.borrow(), more, grown(Type::BYTE, capacity, new));
        }
        let at = self.start as usize + old;
        if let Some(room) = self.room.all.borrow_mut().get_mut(at..at + more.len()) {
            room.copy_from_slice(more);
        }
        Self { len: small(new), ..self.clone() }
    }

    /// How many bytes nothing else holds: all or none.
    pub(crate) fn own_bytes(&self) -> usize {
        let is_own = Rc::strong_count(&self.room) == 1 && Rc::strong_count(&self.room.all) == 1;
        if is_own { self.room.end } else { 0 }
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<T: Into<Str>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        Self::with_capacity(&bytes, bytes.len())
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::with_capacity(&[], 0)
    }
}

impl From<&Bytes> for Str {
    fn from(bytes: &Bytes) -> Self {
        Self::from(&*bytes.borrow())
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.is_nil() == other.is_nil() && *self.borrow() == *other.borrow()
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_seen_by_all_who_show_the_place() {
        let bytes = Bytes::with_capacity(b"ab", 4);
        let (one, other) = (bytes.append(b"c"), bytes.append(b"d"));
        assert_eq!((one.to_vec(), other.to_vec()), (b"abd".to_vec(), b"abd".to_vec()));
        let moved = other.append(b"efg");
        assert_eq!((moved.to_vec(), moved.capacity()), (b"abdefg".to_vec(), 8));
        assert_eq!(other.slice(0, 4).unwrap().to_vec(), b"abd\0");
    }

    #[test]
    fn a_part_reaches_as_far_as_its_capacity() {
        let part = Bytes::from("abc").slice(1, 2).unwrap();
        assert_eq!((part.to_vec(), part.capacity()), (b"b".to_vec(), 2));
        assert!(part.slice(0, 2).is_some() && part.slice(0, 3).is_none());
        let part = Bytes::from("abc").slice_up_to(0, 1, 2).unwrap();
        assert_eq!((part.capacity(), part.append(b"xy").to_vec()), (2, b"axy".to_vec()));
    }
}
