//! Lists: Go's slices of anything but bytes.

use std::cell::{Ref, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::error::Fault;
use crate::types::Type;
use crate::value::{Value, free};

/// A Go slice: a window on shared items. [`List::slice`] shares them, [`List::set`] is seen through every window.
#[derive(Clone)]
pub struct List {
    store: Rc<Store>,
    start: u32,
    len: u32,
}

struct Store {
    elem: Type,
    nil: bool,
    /// How far windows on it may reach, counted from the first item. Beyond the items that are there lie zeros.
    end: usize,
    items: Items,
}

enum Items {
    Own(RefCell<Vec<Value>>),
    /// Those of a store that has its own: a window with an end of its own on them.
    Of(Rc<Store>),
}

impl Store {
    fn new(elem: Type, items: Vec<Value>, end: usize) -> Self {
        Self { elem, nil: false, end, items: Items::Own(RefCell::new(items)) }
    }

    fn items(&self) -> &RefCell<Vec<Value>> {
        match &self.items {
            Items::Own(items) => items,
            Items::Of(store) => store.items(),
        }
    }

    /// The items, if nothing else holds them.
    fn take(&mut self) -> Vec<Value> {
        match &mut self.items {
            Items::Own(items) => std::mem::take(items.get_mut()),
            Items::Of(store) => Rc::get_mut(store).map(Self::take).unwrap_or_default(),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let items = self.take();
        if items.iter().any(|item| matches!(item, Value::List(_) | Value::Map(_))) {
            free(items);
        }
    }
}

impl List {
    /// A slice of `elem`. Each item must be of that type. Of bytes use [`Value::bytes`]. Of more than `u32::MAX` items those
    /// beyond are not seen.
    #[must_use]
    pub fn new(elem: Type, items: Vec<Value>) -> Self {
        let capacity = items.len();
        Self::with_capacity(elem, items, capacity)
    }

    /// A slice that [`List::slice`] can extend to a capacity, with zeros.
    #[must_use]
    pub fn with_capacity(elem: Type, items: Vec<Value>, capacity: usize) -> Self {
        let len = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let end = capacity.max(items.len());
        Self { store: Rc::new(Store::new(elem, items, end)), start: 0, len }
    }

    /// The nil slice of `elem`: empty, prints as `[]`, `null` in JSON.
    #[must_use]
    pub fn nil(elem: Type) -> Self {
        let mut store = Store::new(elem, Vec::new(), 0);
        store.nil = true;
        Self { store: Rc::new(store), start: 0, len: 0 }
    }

    /// The type of the items.
    #[must_use]
    pub fn elem(&self) -> Type {
        self.store.elem
    }

    /// The type of the list.
    #[must_use]
    pub fn go_type(&self) -> Type {
        Type::slice_of(self.store.elem)
    }

    /// Whether it is the nil slice.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.store.nil
    }

    /// How many items.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are no items.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How far [`List::slice`] may reach.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.store.end - self.start as usize
    }

    /// The item at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value> {
        let within = index < self.len();
        within.then(|| self.store.items().borrow().get(self.start as usize + index).cloned()).flatten()
    }

    /// Replaces a number, a string or a bool at `index`, for all who share the items.
    ///
    /// # Errors
    /// If the index is out of range or the value is a list or a map.
    pub fn set(&self, index: usize, value: Value) -> Result<(), Fault> {
        if matches!(value, Value::List(_) | Value::Map(_)) {
            return Err(Fault::from("a list's item cannot be replaced by a list or a map"));
        }
        match self.store.items().borrow_mut().get_mut(self.start as usize + index) {
            Some(item) if index < self.len() => *item = value,
            _ => return Err(Fault::new(format!("index out of range: {index}"))),
        }
        Ok(())
    }

    /// The items, as they are now.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Value> {
        let start = self.start as usize;
        let items = self.store.items().borrow();
        items.get(start..start + self.len()).map(<[Value]>::to_vec).unwrap_or_default()
    }

    /// Whether nothing else holds the items.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.store.items, Items::Own(_)) && Rc::strong_count(&self.store) == 1
    }

    /// Shows each item.
    pub(crate) fn each(&self, show: impl FnMut(&Value)) {
        let start = self.start as usize;
        let items = self.store.items().borrow();
        items.get(start..start + self.len()).unwrap_or_default().iter().for_each(show);
    }

    /// The items `from..to`, shared with this list; `None` if they lie beyond the capacity.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> Option<Self> {
        if from > to || to > self.capacity() {
            return None;
        }
        self.fill(to);
        let start = self.start + u32::try_from(from).ok()?;
        Some(Self { store: Rc::clone(&self.store), start, len: u32::try_from(to - from).ok()? })
    }

    /// [`List::slice`], with a capacity that ends at `max`; `None` if that lies beyond this one's, or before `to`.
    #[must_use]
    pub fn slice_up_to(&self, from: usize, to: usize, max: usize) -> Option<Self> {
        if to > max || max > self.capacity() {
            return None;
        }
        let part = self.slice(from, to)?;
        let of = match &self.store.items {
            Items::Own(_) => &self.store,
            Items::Of(store) => store,
        };
        let (elem, nil, end) = (self.elem(), self.is_nil(), self.start as usize + max);
        Some(Self { store: Rc::new(Store { elem, nil, end, items: Items::Of(Rc::clone(of)) }), ..part })
    }

    /// Puts zeros where a window is about to show what lies beyond the items.
    fn fill(&self, to: usize) {
        let to = self.start as usize + to;
        let mut items = self.store.items().borrow_mut();
        if to > items.len() {
            items.resize_with(to, || Value::zero(self.elem()));
        }
    }

    /// Whether both are the same items, not only equal ones.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.address() == other.address() && (self.start, self.len) == (other.start, other.len)
    }

    /// Where the items lie, whatever the window.
    pub(crate) fn address(&self) -> *const () {
        std::ptr::from_ref(self.store.items()).cast()
    }

    /// All items that windows share.
    pub(crate) fn all(&self) -> Ref<'_, Vec<Value>> {
        self.store.items().borrow()
    }

    /// All items, if nothing else holds them.
    pub(crate) fn into_own_items(self) -> Vec<Value> {
        Rc::into_inner(self.store).map(|mut store| store.take()).unwrap_or_default()
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "List({}, {} items)", self.go_type(), self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abc() -> List {
        List::new(Type::String, vec!["a".into(), "b".into(), "c".into()])
    }

    #[test]
    fn a_part_of_a_list_shares_its_items() {
        let list = abc();
        let part = list.slice_up_to(1, 2, 3).and_then(|part| part.slice(0, 2)).unwrap();
        part.set(1, "d".into()).unwrap();
        assert!(matches!(list.get(2), Some(Value::Str(s)) if &*s == b"d"));
    }

    #[test]
    fn a_part_reaches_as_far_as_its_capacity() {
        let part = abc().slice_up_to(1, 1, 2).unwrap();
        assert_eq!((part.len(), part.capacity()), (0, 1));
        assert!(part.slice(0, 1).is_some() && part.slice(0, 2).is_none());
        assert!(part.slice_up_to(0, 0, 2).is_none());
        assert_eq!(part.slice_up_to(0, 1, 1).unwrap().capacity(), 1);
    }

    #[test]
    fn behind_the_items_lie_zeros() {
        let list = List::with_capacity(Type::INT, vec![Value::int(7)], 3);
        let longer = list.slice(0, 3).unwrap();
        assert!(matches!(longer.get(2), Some(Value::Int(_, 0))));
        assert!(list.len() == 1 && list.slice(0, 4).is_none());
    }

    #[test]
    fn windows_within_each_other_are_freed_without_deep_recursion() {
        let mut value = Value::list(Vec::new());
        for _ in 0..1_000_000 {
            let list = List::new(Type::Any, vec![value]);
            value = Value::List(list.slice_up_to(0, 1, 1).unwrap());
        }
        drop(value);
    }
}
