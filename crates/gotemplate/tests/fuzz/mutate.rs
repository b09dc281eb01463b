//! Templates and texts that are like others, but not quite.

use crate::dice::Dice;
use crate::hostile::{FRAMES, NUMBERS, TEXTS, WORDS};
use crate::record::Record;

/// How long a text becomes at most.
const MOST: usize = 1 << 16;

/// The words, literals and marks of a template. Together they are its text.
pub(crate) fn tokens(text: &[u8]) -> Vec<&[u8]> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (token, after) = rest.split_at(token_len(rest));
        tokens.push(token);
        rest = after;
    }
    tokens
}

fn token_len(text: &[u8]) -> usize {
    let run = |fits: fn(&u8) -> bool| text.iter().take_while(|byte| fits(byte)).count();
    match text[0] {
        b'"' | b'`' => quoted_len(text),
        b'{' | b'}' if text.get(1) == Some(&text[0]) => 2,
        b'0'..=b'9' => run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')),
        byte if byte.is_ascii_alphabetic() => run(u8::is_ascii_alphanumeric),
        _ => 1,
    }
}

fn quoted_len(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != text[0] {
        at += if text[at] == b'\\' && text[0] == b'"' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// A template made of recorded ones.
pub(crate) fn template(dice: &mut Dice, record: &Record, names: &[String]) -> (Vec<u8>, usize) {
    let chosen = dice.below(record.cases.len());
    let mut tokens: Vec<Vec<u8>> =
        tokens(&record.cases[chosen].text).into_iter().map(<[u8]>::to_vec).collect();
    for _ in 0..=dice.length(12) {
        change(dice, record, names, &mut tokens);
    }
    let mut text = tokens.concat();
    if dice.once_in(4) {
        let (open, close) = dice.pick(FRAMES);
        text = [open.as_bytes(), &text, close.as_bytes()].concat();
    }
    if dice.once_in(16) {
        text = text_like(dice, &text);
    }
    (text, chosen)
}

fn change(dice: &mut Dice, record: &Record, names: &[String], tokens: &mut Vec<Vec<u8>>) {
    let at = dice.below(tokens.len());
    match dice.below(8) {
        0 if !tokens.is_empty() => drop(tokens.remove(at)),
        1 => tokens.insert(at, dice.pick(WORDS).as_bytes().to_vec()),
        2 => splice(dice, record, tokens),
        3 if tokens.len() < 4096 => {
            let end = at + dice.below(tokens.len() - at + 1);
            let part: Vec<_> = tokens[at..end].to_vec();
            tokens.splice(at..at, part);
        }
        _ => {
            if let Some(token) = tokens.get_mut(at) {
                *token = replacement(dice, names, token);
            }
        }
    }
}

/// A part of another template in the midst of this one.
fn splice(dice: &mut Dice, record: &Record, into: &mut Vec<Vec<u8>>) {
    let other = tokens(&dice.pick(&record.cases).text);
    let from = dice.below(other.len());
    let to = from + dice.below(other.len() - from + 1);
    let at = dice.below(into.len());
    into.splice(at..at, other[from..to].iter().map(|token| token.to_vec()));
}

/// Another token of the same kind.
fn replacement(dice: &mut Dice, names: &[String], token: &[u8]) -> Vec<u8> {
    match token[0] {
        b'"' | b'`' => literal(dice),
        b'0'..=b'9' => dice.pick(NUMBERS).as_bytes().to_vec(),
        byte if byte.is_ascii_alphabetic() => dice.pick(names).clone().into_bytes(),
        _ => dice.pick(WORDS).as_bytes().to_vec(),
    }
}

fn literal(dice: &mut Dice) -> Vec<u8> {
    let text = dice.pick(TEXTS);
    if text.contains('`') { format!("{text:?}").into_bytes() } else { format!("`{text}`").into_bytes() }
}

/// A text with some of its bytes changed.
pub(crate) fn text_like(dice: &mut Dice, text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..=dice.length(8) {
        let at = dice.below(text.len());
        let end = at + dice.length(text.len() - at.min(text.len()));
        match dice.below(8) {
            0 if !text.is_empty() => text[at] ^= 1 << dice.below(8),
            1 if !text.is_empty() => text[at] = dice.bytes(1)[0],
            2 => text.truncate(at),
            3 => drop(text.drain(at..end)),
            4 if text.len() < MOST => {
                let part = text[at..end].repeat(1 + dice.length(8));
                text.splice(at..at, part);
            }
            5 => drop(text.splice(at..at, dice.pick(WORDS).bytes())),
            6 => drop(text.splice(at..at, dice.pick(NUMBERS).bytes())),
            _ => {
                let bytes = dice.bytes(3);
                text.splice(at..at, bytes);
            }
        }
    }
    text.truncate(MOST);
    text
}
