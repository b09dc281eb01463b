//! The Go program, built and running beside us.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::Failure;
use crate::set::Case;

/// It renders what it is asked for, and tells how long that took.
pub(crate) struct Golang {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    moment: u64,
}

impl Golang {
    /// Builds and starts it.
    pub(crate) fn start(moment: u64) -> Result<Self, Failure> {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle");
        let built =
            Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(source).status()?;
        if !built.success() {
            return Err("go build failed in tests/oracle".into());
        }
        let mut child =
            Command::new(program).arg("bench").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let (to, from) = to.zip(from).ok_or("the Go program has no pipes")?;
        Ok(Self { child, to, from: BufReader::new(from), moment })
    }

    /// What a template gives, and how long it took so many times.
    pub(crate) fn rendered(&mut self, case: &Case, count: u64) -> Result<(Vec<u8>, Duration), Failure> {
        let data: Map<String, Json> =
            case.values.iter().map(|(key, value)| (key.clone(), STANDARD.encode(value).into())).collect();
        let asked =
            json!({ "id": case.name, "text": case.text, "data": data, "now": self.moment, "count": count });
        writeln!(self.to, "{asked}")?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let answer: Json = serde_json::from_str(&line)?;
        let out = answer["out_b64"].as_str().ok_or("the Go program gave no output")?;
        let nanos = answer["ns"].as_u64().ok_or("the Go program gave no time")?;
        Ok((STANDARD.decode(out)?, Duration::from_nanos(nanos)))
    }

    /// Lets it end.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        drop(self.to);
        if self.child.wait()?.success() { Ok(()) } else { Err("the Go program failed".into()) }
    }
}
