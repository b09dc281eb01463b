//! Answers the cases on standard input as the Go program in `tests/oracle` does, one JSON object a line, for `diff` there.

#[path = "../tests/corpus/case.rs"]
mod case;

use std::io::{BufRead, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn main() -> Result<(), case::Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let id = &asked["id"];
        let answer = match case::answer(&asked)? {
            Ok(rendered) => json!({ "id": id, "out_b64": STANDARD.encode(rendered) }),
            Err(error) => json!({ "id": id, "error": error }),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(out.flush()?)
}
