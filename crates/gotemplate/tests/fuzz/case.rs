//! A case: a template, its data and its limits, made from a seed and a number.

use std::time::Duration;

use gotemplate::func::{Func, builtin, map};
use gotemplate::{Limits, MissingKey, Value};

use crate::call;
use crate::dice::{Dice, Noise};
use crate::mutate;
use crate::record::Record;
use crate::value::Maker;

/// Bytes of output, and of each string.
pub(crate) const OUTPUT: usize = 1 << 20;

/// What is fuzzed, and with what.
pub(crate) struct World {
    pub(crate) record: Record,
    functions: Vec<Func>,
    names: Vec<String>,
    /// How long a rendering may take.
    time: Duration,
}

/// A case.
pub(crate) struct Case {
    /// How it was made, and the function that it calls.
    pub(crate) kind: String,
    pub(crate) text: Vec<u8>,
    pub(crate) dot: Value,
    pub(crate) missing_key: MissingKey,
    pub(crate) limits: Limits,
    /// Where chance begins for the template itself.
    pub(crate) chance: u64,
}

impl World {
    pub(crate) fn new(time: Duration) -> Self {
        let mut functions: Vec<Func> = builtin::ROWS.to_vec();
        functions.extend(map::eso().flatten().cloned());
        let names = functions.iter().map(|func| func.name().to_owned()).collect();
        Self { record: Record::read(), functions, names, time }
    }

    pub(crate) fn case(&self, seed: u64, number: u64) -> Case {
        let bytes = Noise::new(seed, number).case();
        let dice = &mut Dice::new(&bytes);
        let steps = *dice.pick(&[2_000, 20_000, 100_000, 1_000_000]);
        let limits = Limits { steps, output: OUTPUT, time: self.time, ..Limits::default() };
        let missing_key = *dice.pick(&[MissingKey::Error, MissingKey::Default, MissingKey::Zero]);
        let (kind, text, dot) = self.made(dice);
        Case { kind, text, dot, missing_key, limits, chance: dice.next() }
    }

    fn made(&self, dice: &mut Dice) -> (String, Vec<u8>, Value) {
        let func = dice.pick(&self.functions);
        let maker = Maker { record: &self.record, name: func.name() };
        match dice.below(20) {
            0 => {
                let len = dice.length(4000);
                ("bytes".into(), dice.bytes(len), Value::Nil)
            }
            1 => {
                let text = &dice.pick(&self.record.cases).text;
                ("bytes".into(), mutate::text_like(dice, text), self.data(dice, 0))
            }
            2 => {
                let chosen = dice.below(self.record.cases.len());
                ("damaged".into(), self.record.cases[chosen].text.clone(), self.data(dice, chosen))
            }
            3..=7 => {
                let (text, chosen) = mutate::template(dice, &self.record, &self.names);
                ("mutated".into(), text, self.data(dice, chosen))
            }
            8..=15 => {
                let (text, dot) = call::once(dice, &maker, func);
                (func.name().into(), text.into_bytes(), dot)
            }
            _ => {
                let (text, dot) = call::again(dice, &maker, func);
                (func.name().into(), text.into_bytes(), dot)
            }
        }
    }

    /// The data of a recorded case, some of it changed.
    fn data(&self, dice: &mut Dice, chosen: usize) -> Value {
        let entries = self.record.cases[chosen].data.iter().map(|(key, value)| {
            let value = if dice.once_in(3) { mutate::text_like(dice, value) } else { value.clone() };
            (key.as_str(), value)
        });
        Value::string_map(entries.collect::<Vec<_>>())
    }
}
