//! How much room Go's `append` leaves behind the items: `slice` shows it, as zeros. As the runtime of Go 1.26 has it
//! (`growslice`, `roundupsize`), on 64 bits.

use crate::types::{Kind, Type};
use crate::value::{List, Value};

/// The sizes of the blocks that Go's allocator hands out.
const BLOCKS: [usize; 67] = [
    8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416,
    448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200,
    3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336,
    16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
];
/// What is larger has pages of its own.
const LARGEST: usize = 32768;
const PAGE: usize = 8192;
/// What stands before the items of a block that holds pointers, if it is larger than [`HEADLESS`].
const HEADER: usize = 8;
const HEADLESS: usize = 512;
/// Up to here a capacity doubles.
const DOUBLING: usize = 256;

/// A list of what was appended, item by item, to one without any.
pub(crate) fn appended(elem: Type, items: Vec<Value>) -> Value {
    appended_to(elem, items, 0)
}

/// The same, to one that had a capacity already.
pub(super) fn appended_to(elem: Type, items: Vec<Value>, mut capacity: usize) -> Value {
    while capacity < items.len() {
        capacity = grown(elem, capacity, capacity + 1);
    }
    Value::List(List::with_capacity(elem, items, capacity))
}

/// A list of what was appended in such portions.
pub(super) fn appended_by(elem: Type, items: Vec<Value>, portions: impl Iterator<Item = usize>) -> Value {
    let (mut len, mut capacity) = (0, 0);
    for portion in portions {
        len += portion;
        if len > capacity {
            capacity = grown(elem, capacity, len);
        }
    }
    Value::List(List::with_capacity(elem, items, capacity))
}

/// The capacity of a list that had another one and that needs to hold so many items at once.
pub(crate) fn grown(elem: Type, old: usize, needed: usize) -> usize {
    let size = size_of_one(elem);
    block(wanted(old, needed) * size, has_pointers(elem)) / size
}

/// The capacity of so many bytes that are copied.
pub(super) fn copied(bytes: usize) -> usize {
    grown(Type::BYTE, 0, bytes)
}

fn wanted(old: usize, needed: usize) -> usize {
    if needed > old * 2 {
        return needed;
    }
    if old < DOUBLING {
        return old * 2;
    }
    let mut capacity = old;
    while capacity < needed {
        capacity += (capacity + 3 * DOUBLING) / 4;
    }
    capacity
}

/// The bytes of the block that Go takes for so many.
fn block(bytes: usize, pointers: bool) -> usize {
    if bytes > LARGEST - HEADER {
        return bytes.next_multiple_of(PAGE);
    }
    let header = if pointers && bytes > HEADLESS { HEADER } else { 0 };
    let least = BLOCKS.partition_point(|block| *block < bytes + header);
    BLOCKS.get(least).map_or(bytes, |block| block - header)
}

/// The bytes of an item.
const fn size_of_one(elem: Type) -> usize {
    match elem.kind() {
        Kind::Bool | Kind::Int8 | Kind::Uint8 => 1,
        Kind::Int16 | Kind::Uint16 => 2,
        Kind::Int32 | Kind::Uint32 | Kind::Float32 => 4,
        Kind::Interface | Kind::String | Kind::Complex128 => 16,
        Kind::Slice => 24,
        _ => 8,
    }
}

const fn has_pointers(elem: Type) -> bool {
    !matches!(
        elem,
        Type::Bool | Type::Int(_) | Type::Uint(_) | Type::Float(_) | Type::Complex | Type::Named(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(elem: Type, count: usize) -> usize {
        let Value::List(list) = appended(elem, vec![Value::zero(elem); count]) else { panic!() };
        list.capacity()
    }

    #[test]
    fn capacities_grow_as_in_go() {
        let strings = [0, 1, 2, 3, 5, 9, 33, 257, 1000, 5000].map(|count| after(Type::String, count));
        assert_eq!(strings, [0, 1, 2, 4, 8, 16, 71, 303, 1023, 5120]);
        let numbers = [1, 2, 3, 5, 9, 257, 600, 3000].map(|count| after(Type::INT, count));
        assert_eq!(numbers, [1, 2, 4, 8, 16, 512, 848, 3408]);
        let one_more = [0, 3, 257, 3000, 20000].map(|old| grown(Type::Any, old, old + 1));
        assert_eq!(one_more, [1, 6, 591, 4096, 25600]);
        let many_more = [3, 33, 1000, 20000].map(|more| grown(Type::Any, 1, 1 + more));
        assert_eq!(many_more, [4, 35, 1023, 20480]);
    }
}
