//! PEM as Go's `encoding/pem` reads and writes it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use memchr::{memchr, memchr2, memmem};

use super::encoding::{base64_decode_into, base64_encode};
use super::letter::trim_space;

/// What stands between `BEGIN` and `END`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// `CERTIFICATE` and the like.
    pub(super) kind: Vec<u8>,
    pub(super) headers: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) bytes: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

static FIND_END: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(END));

/// Where a part begins.
pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    memmem::find(text, part)
}

/// The line without its end and the blanks before it, and what follows.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match memchr(b'\n', text) {
        Some(end) => (text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]), &text[end + 1..]),
        None => (text, &[][..]),
    };
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let length = line.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
    (&line[..length], rest)
}

/// The first block and what follows it. Text that is no block is skipped, a damaged block too.
pub(super) fn decode(text: &[u8]) -> Option<(Block, &[u8])> {
    decode_with(text, &mut Vec::new())
}

/// As [`decode`]; the bytes of the block lie in the buffer that is taken, if it is large enough.
pub(super) fn decode_with<'t>(text: &'t [u8], buffer: &mut Vec<u8>) -> Option<(Block, &'t [u8])> {
    let mut rest = text;
    loop {
        let end = FIND_END.find(rest)?;
        let begin = memmem::rfind(&rest[..end], BEGIN);
        let starts_line = |at: usize| at == 0 || rest[at - 1] == b'\n';
        let Some(begin) = begin.filter(|at| starts_line(*at)) else {
            rest = &rest[end + END.len()..];
            continue;
        };
        match block(&rest[begin + BEGIN.len()..], buffer) {
            Attempt::Found(block, rest) => return Some((block, rest)),
            Attempt::Damaged(after) => rest = after,
            Attempt::Over => return None,
        }
    }
}

enum Attempt<'a> {
    Found(Block, &'a [u8]),
    /// With the text in which to look on.
    Damaged(&'a [u8]),
    Over,
}

/// Reads from behind `-----BEGIN `.
fn block<'t>(text: &'t [u8], buffer: &mut Vec<u8>) -> Attempt<'t> {
    let (first, mut rest) = line(text);
    // The end was found before the headers were looked at: they may stand behind it.
    let end = FIND_END.find(text).unwrap_or(text.len());
    let beyond = text.get(end + END.len()..).unwrap_or_default();
    let Some(kind) = first.strip_suffix(DASHES) else { return Attempt::Damaged(beyond) };
    let mut headers = BTreeMap::new();
    loop {
        if rest.is_empty() {
            return Attempt::Over;
        }
        let (header, next) = line(rest);
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { break };
        headers.insert(trim_space(&header[..colon]).to_vec(), trim_space(&header[colon + 1..]).to_vec());
        rest = next;
        // Go reads them up to their end, and gives up.
        if text.len() - rest.len() > end + END.len() {
            return Attempt::Over;
        }
    }
    let body_at = text.len() - rest.len();
    if !headers.is_empty() && body_at > end {
        return Attempt::Damaged(beyond);
    }
    let trailer = [kind, DASHES].concat();
    let Some(after) = beyond.strip_prefix(&*trailer).filter(|after| line(after).0.is_empty()) else {
        return Attempt::Damaged(beyond);
    };
    let body = text.get(body_at..end).unwrap_or_default();
    let body: Cow<'_, [u8]> = match memchr2(b' ', b'\t', body) {
        Some(_) => body.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t')).collect(),
        None => body.into(),
    };
    match base64_decode_into(&body, buffer) {
        Ok(()) => {
            let bytes = std::mem::take(buffer);
            Attempt::Found(Block { kind: kind.to_vec(), headers, bytes }, line(after).1)
        }
        Err(_) => Attempt::Damaged(beyond),
    }
}

/// All blocks, and what follows the last.
pub(super) fn decode_all(text: &[u8]) -> (Vec<Block>, &[u8]) {
    let (mut blocks, mut rest) = (Vec::new(), text);
    while let Some((block, after)) = decode(rest) {
        blocks.push(block);
        rest = after;
    }
    (blocks, rest)
}

/// They make 64 characters.
const BYTES_PER_LINE: usize = 48;
const FIRST_HEADER: &[u8] = b"Proc-Type";

impl Block {
    /// A block without headers.
    pub(super) fn new(kind: &str, bytes: Vec<u8>) -> Self {
        Self { kind: kind.as_bytes().to_vec(), headers: BTreeMap::new(), bytes }
    }

    /// Its text, with a line end behind it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() / 2 * 3 + 100);
        self.encode_into(&mut out);
        out
    }

    /// Its text, behind what is there already.
    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        push(out, &[BEGIN, &self.kind, DASHES, b"\n"]);
        let (first, others): (Vec<_>, Vec<_>) =
            self.headers.iter().partition(|(key, _)| *key == FIRST_HEADER);
        for (key, value) in first.into_iter().chain(others) {
            push(out, &[key, b": ", value, b"\n"]);
        }
        if !self.headers.is_empty() {
            out.push(b'\n');
        }
        for line in self.bytes.chunks(BYTES_PER_LINE) {
            push(out, &[base64_encode(line).as_bytes(), b"\n"]);
        }
        push(out, &[&END[1..], &self.kind, DASHES, b"\n"]);
    }
}

fn push(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// The text of a block without headers.
pub(super) fn encode(kind: &str, bytes: Vec<u8>) -> Vec<u8> {
    Block::new(kind, bytes).encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut block = Block::new("X Y", vec![7; 100]);
        block.headers.insert(b"A".to_vec(), b"b".to_vec());
        block.headers.insert(FIRST_HEADER.to_vec(), b"4,ENCRYPTED".to_vec());
        let text = [b"junk\n", &*block.encode(), b"rest"].concat();
        assert!(text.starts_with(b"junk\n-----BEGIN X Y-----\nProc-Type: 4,ENCRYPTED\nA: b\n\nBwcH"));
        assert_eq!(decode(&text), Some((block, &b"rest"[..])));
    }

    #[test]
    fn behind_headers_that_go_on_beyond_the_end_nothing_is_found() {
        let good = encode("B", b"a".to_vec());
        for headers in ["K: v\n", "K: v\nL: w\n"] {
            let text = [b"-----BEGIN A-----\n-----END A-----", headers.as_bytes(), &good].concat();
            assert_eq!(decode(&text), None, "{headers}");
        }
    }

    #[test]
    fn headers_are_trimmed_of_all_white_space() {
        let text = "-----BEGIN A-----\nK\u{b}:\u{2003}v\u{a0}\n\nYQ==\n-----END A-----";
        let (block, _) = decode(text.as_bytes()).unwrap();
        assert_eq!(block.headers, BTreeMap::from([(b"K".to_vec(), b"v".to_vec())]));
    }

    #[test]
    fn a_damaged_block_is_skipped() {
        let good = encode("X", b"abc".to_vec());
        for bad in [
            "-----BEGIN X-----\n!!\n-----END X-----\n",
            "-----BEGIN X-----\nYWJj\n-----END Y-----\n",
            "-----BEGIN X\nYWJj\n-----END X-----\n",
            "a -----BEGIN X-----\nYWJj\n-----END X-----\n",
            "-----BEGIN X-----\nYWJj\n-----END X----- tail\n",
            "-----BEGIN X-----\nYWJj\n",
        ] {
            let text = [bad.as_bytes(), &good].concat();
            let (block, rest) = decode(&text).unwrap();
            assert_eq!((&*block.bytes, rest), (&b"abc"[..], &b""[..]), "{bad:?}");
            assert_eq!(decode(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
