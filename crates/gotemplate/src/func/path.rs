//! Sprig's functions on paths. Those for the paths of the operating system are those of Linux, on which ESO runs, and so
//! the same as those for paths with slashes.

use crate::error::Fault;
use crate::func::{Args, Func};
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

const TEXT: &[Type] = &[Type::String];

/// The table.
pub static ROWS: &[Func] = &[
    Func::fixed("base", TEXT, Type::String, base),
    Func::fixed("osBase", TEXT, Type::String, base),
    Func::fixed("dir", TEXT, Type::String, dir),
    Func::fixed("osDir", TEXT, Type::String, dir),
    Func::fixed("clean", TEXT, Type::String, |_, args| Ok(Value::str(clean(args.str(0)?)))),
    Func::fixed("osClean", TEXT, Type::String, |_, args| Ok(Value::str(clean(args.str(0)?)))),
    Func::fixed("ext", TEXT, Type::String, ext),
    Func::fixed("osExt", TEXT, Type::String, ext),
    Func::fixed("isAbs", TEXT, Type::Bool, is_absolute),
    Func::fixed("osIsAbs", TEXT, Type::Bool, is_absolute),
];

fn after_last_slash(path: &[u8]) -> usize {
    path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1)
}

/// The last element; `/` if there are only slashes, `.` if there is nothing.
fn base(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let path = args.str(0)?;
    let Some(end) = path.iter().rposition(|byte| *byte != b'/') else {
        return Ok(if path.is_empty() { "." } else { "/" }.into());
    };
    let path = &path[..=end];
    Ok(Value::str(&path[after_last_slash(path)..]))
}

/// All but the last element.
fn dir(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let path = args.str(0)?;
    Ok(Value::str(clean(&path[..after_last_slash(path)])))
}

/// The shortest path to the same place, by its text alone.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut kept: Vec<&[u8]> = Vec::new();
    for element in path.split(|byte| *byte == b'/') {
        match element {
            b"" | b"." => {}
            b".." if kept.last().is_some_and(|last| *last != b"..") => drop(kept.pop()),
            b".." if rooted => {}
            _ => kept.push(element),
        }
    }
    match (rooted, kept.is_empty()) {
        (true, _) => [b"/", &kept.join(&b'/')[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => kept.join(&b'/'),
    }
}

/// From the last dot of the last element on.
fn ext(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let path = args.str(0)?;
    let name = &path[after_last_slash(path)..];
    let dot = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
    Ok(Value::str(&name[dot..]))
}

fn is_absolute(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    Ok(args.str(0)?.starts_with(b"/").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_path_has_no_detours() {
        for (path, want) in [
            ("", "."),
            ("/", "/"),
            ("//a//b/", "/a/b"),
            ("a/../..", ".."),
            ("/../a", "/a"),
            ("./a/./b/..", "a"),
            ("../../a", "../../a"),
        ] {
            assert_eq!(clean(path.as_bytes()), want.as_bytes(), "{path}");
        }
    }
}
