//! Arbitrary values, of a type or of any.

use gotemplate::{Float, Int, List, Map, Type, Uint, Value};

use crate::dice::Dice;
use crate::hostile::TEXTS;
use crate::mutate::text_like;
use crate::record::Record;

/// Numbers at edges.
const INTS: &[i64] = &[
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    10,
    12,
    16,
    31,
    32,
    64,
    72,
    80,
    100,
    255,
    256,
    1000,
    4096,
    65_536,
    1_000_000,
    16_777_216,
    2_147_483_647,
    4_294_967_296,
    1_700_000_000,
    1_000_000_000_000,
    i64::MAX - 1,
    i64::MAX,
    -1,
    -2,
    -10,
    -1_000_000,
    i64::MIN,
    i64::MIN + 1,
];
const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    0.5,
    -1.5,
    1e15,
    1e21,
    -1e22,
    9_007_199_254_740_993.0,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e300,
    9.3e18,
    1.8e19,
];
const ITEMS: usize = 12;
const DEPTH: usize = 4;

/// Makes values.
pub(crate) struct Maker<'r> {
    pub(crate) record: &'r Record,
    /// The function that they are for: texts like those beside it are likely.
    pub(crate) name: &'r str,
}

impl Maker<'_> {
    pub(crate) fn text(&self, dice: &mut Dice) -> Vec<u8> {
        let near = self.record.literals.get(self.name).filter(|near| !near.is_empty());
        let text = match (dice.below(8), near) {
            (0..=3, Some(near)) => dice.pick(near).clone(),
            (4, _) => dice.pick(&self.record.texts).clone(),
            (5, _) => {
                let len = dice.length(5000);
                dice.bytes(len)
            }
            (6, _) => dice.pick(TEXTS).repeat(1 + dice.length(2000)).into_bytes(),
            _ => dice.pick(TEXTS).as_bytes().to_vec(),
        };
        if dice.once_in(3) { text_like(dice, &text) } else { text }
    }

    pub(crate) fn of(&self, dice: &mut Dice, wanted: Type) -> Value {
        match wanted {
            Type::Bool => Value::Bool(dice.once_in(2)),
            Type::Int(of) => int(dice, of),
            Type::Uint(of) => uint(dice, of),
            Type::Float(of) => float(dice, of),
            Type::Complex => Value::Complex(*dice.pick(FLOATS), *dice.pick(FLOATS)),
            Type::String => Value::str(self.text(dice)),
            Type::Slice(&Type::BYTE) => Value::bytes(self.text(dice)),
            Type::Slice(elem) => {
                let items = (0..dice.length(ITEMS)).map(|_| self.of(dice, *elem)).collect();
                Value::List(List::new(*elem, items))
            }
            Type::Map(elem) => {
                let entries = (0..dice.length(ITEMS)).map(|_| (self.key(dice), self.of(dice, *elem)));
                Value::Map(Map::new(*elem, entries.collect::<Vec<_>>()))
            }
            Type::Any | Type::Reflect | Type::Error | Type::Func | Type::Named(..) => self.any(dice, DEPTH),
        }
    }

    fn key(&self, dice: &mut Dice) -> Vec<u8> {
        if dice.once_in(2) { b"abcdefgh"[dice.below(8)..][..1].to_vec() } else { self.text(dice) }
    }

    fn any(&self, dice: &mut Dice, depth: usize) -> Value {
        match dice.below(if depth == 0 { 9 } else { 14 }) {
            0 => Value::Nil,
            1 => Value::Bool(dice.once_in(2)),
            2 => {
                let of = *dice.pick(&[Int::Int, Int::Int8, Int::Int16, Int::Int32, Int::Int64]);
                int(dice, of)
            }
            3 => {
                let of = *dice.pick(&[Uint::Uint, Uint::Uint8, Uint::Uint16, Uint::Uint32, Uint::Uint64]);
                uint(dice, of)
            }
            4 => {
                let of = *dice.pick(&[Float::Float32, Float::Float64]);
                float(dice, of)
            }
            5 => self.of(dice, Type::Complex),
            6 => Value::bytes(self.text(dice)),
            7 | 8 => Value::str(self.text(dice)),
            9 => self.of(dice, Type::STRINGS),
            10 => self.of(dice, Type::STRING_MAP),
            11 => Value::dict(
                (0..dice.length(ITEMS))
                    .map(|_| (self.key(dice), self.any(dice, depth - 1)))
                    .collect::<Vec<_>>(),
            ),
            12 => Value::list((0..dice.length(ITEMS)).map(|_| self.any(dice, depth - 1)).collect()),
            _ => {
                let base = self.any(dice, depth - 1);
                tower(dice, base)
            }
        }
    }
}

/// A value in lists in lists, or in lists that hold it twice.
fn tower(dice: &mut Dice, mut value: Value) -> Value {
    let (levels, copies) = (dice.length(2000), 1 + dice.below(2));
    for _ in 0..levels / copies {
        let is_map = dice.once_in(2);
        value = if is_map {
            Value::dict([("a", value.clone()), ("b", value)].into_iter().take(copies))
        } else {
            Value::list(vec![value; copies])
        };
    }
    value
}

fn number(dice: &mut Dice) -> i64 {
    if dice.once_in(4) { dice.next().cast_signed() >> dice.below(64) } else { *dice.pick(INTS) }
}

fn int(dice: &mut Dice, of: Int) -> Value {
    let number = number(dice);
    let fitting = match of {
        Int::Int | Int::Int64 => number,
        Int::Int8 => number.clamp(i8::MIN.into(), i8::MAX.into()),
        Int::Int16 => number.clamp(i16::MIN.into(), i16::MAX.into()),
        Int::Int32 => number.clamp(i32::MIN.into(), i32::MAX.into()),
    };
    Value::Int(of, fitting)
}

fn uint(dice: &mut Dice, of: Uint) -> Value {
    let number = number(dice).cast_unsigned();
    let fitting = match of {
        Uint::Uint | Uint::Uint64 => number,
        Uint::Uint8 => number.min(u8::MAX.into()),
        Uint::Uint16 => number.min(u16::MAX.into()),
        Uint::Uint32 => number.min(u32::MAX.into()),
    };
    Value::Uint(of, fitting)
}

fn float(dice: &mut Dice, of: Float) -> Value {
    let number = if dice.once_in(4) { f64::from_bits(dice.next()) } else { *dice.pick(FLOATS) };
    match of {
        Float::Float64 => Value::Float(of, number),
        Float::Float32 => Value::Float(of, f64::from(number as f32)),
    }
}
