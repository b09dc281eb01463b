//! Paths into an object: `spec.rules[0].from[1].x` (reference 6.4).

use keyferry_stores::base::{Error, Kind, Result};
use serde_json::{Map, Value};

/// The largest index: a list is filled up to it.
const MAX_INDEX: usize = 10_000;
/// How many steps a path may take. With the levels that a document may have, an object stays shallow enough for every reader of JSON.
const MAX_STEPS: usize = 50;
/// How many values the paths into one object may make on their way: each index of each path may make [`MAX_INDEX`] of them.
const MAX_MADE: usize = 100_000;

/// A path: a key, and steps from there.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// As it was written.
    text: String,
    root: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// How many values paths may still make on their way.
pub(super) struct Room(usize);

impl Room {
    /// That of one object.
    pub(super) const fn new() -> Self {
        Self(MAX_MADE)
    }

    fn take(&mut self, values: usize) -> Result<(), String> {
        let full = || format!("the paths into this object make more than {MAX_MADE} values on their way");
        self.0 = self.0.checked_sub(values).ok_or_else(full)?;
        Ok(())
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// `Invalid`, in ESO's words.
    pub(super) fn parse(target: &str) -> Result<Self> {
        let invalid = |why: String| Error::new(Kind::Invalid, format!("invalid path {target:?}: {why}"));
        let mut steps = Vec::new();
        for segment in target.split('.') {
            add_steps(segment, &mut steps).map_err(invalid)?;
        }
        let mut steps = steps.into_iter();
        match steps.next() {
            Some(Step::Key(root)) => Ok(Self { text: target.into(), root, steps: steps.collect() }),
            _ => Err(invalid("path must start with a key".into())),
        }
    }

    /// The path to a field of the object.
    pub(super) fn field(name: &str) -> Self {
        Self { text: name.into(), root: name.into(), steps: Vec::new() }
    }

    /// The field of the object that it leads into.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// True if it leads to a field of the object, and not into one.
    pub(super) const fn is_single(&self) -> bool {
        self.steps.is_empty()
    }

    /// The place that it leads to. Maps and lists on the way are made where there is nothing; a place that was not there holds null.
    ///
    /// # Errors
    /// `Invalid` if something else is in the way, or if too much would be made.
    pub(super) fn slot<'v>(
        &self,
        body: &'v mut Map<String, Value>,
        room: &mut Room,
    ) -> Result<&'v mut Value> {
        let mut value = body.entry(self.root.as_str()).or_insert(Value::Null);
        for step in &self.steps {
            value = step.within(value, room).map_err(|why| failed(&self.text, &why))?;
        }
        Ok(value)
    }
}

impl Step {
    fn within<'v>(&self, value: &'v mut Value, room: &mut Room) -> Result<&'v mut Value, String> {
        match self {
            Self::Key(key) => {
                let wrong = |found: &str| format!("expected map at key {key:?} but found {found}");
                let map = map_of(value).map_err(wrong)?;
                room.take(usize::from(!map.contains_key(key)))?;
                Ok(map.entry(key.as_str()).or_insert(Value::Null))
            }
            Self::Index(index) => {
                let wrong = |found: &str| format!("expected array at index {index} but found {found}");
                let list = list_of(value).map_err(wrong)?;
                let len = list.len().max(index + 1);
                room.take(len - list.len())?;
                list.resize(len, Value::Null);
                list.get_mut(*index).ok_or_else(|| format!("there is no index {index}"))
            }
        }
    }
}

/// Why nothing can be put at a path.
pub(super) fn failed(path: &str, why: &str) -> Error {
    Error::new(Kind::Invalid, format!("failed to set path {path}: {why}"))
}

/// The map that a value is, or becomes if it is null.
///
/// # Errors
/// The type that it has instead, as Go calls it.
pub(super) fn map_of(value: &mut Value) -> Result<&mut Map<String, Value>, &'static str> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(type_of(value)),
    }
}

fn list_of(value: &mut Value) -> Result<&mut Vec<Value>, &'static str> {
    if value.is_null() {
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(list) => Ok(list),
        _ => Err(type_of(value)),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Adds the steps of what stands between two dots: a key, indexes, or a key with indexes.
fn add_steps(segment: &str, steps: &mut Vec<Step>) -> Result<(), String> {
    if segment.is_empty() {
        return Err("empty segment".into());
    }
    let (key, mut rest) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
    if !key.is_empty() {
        add(Step::Key(key.into()), steps)?;
    }
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or_else(|| format!("expected '[' near {rest:?}"))?;
        let (index, after) = inner.split_once(']').ok_or("unterminated '['")?;
        add(Step::Index(index_of(index)?), steps)?;
        rest = after;
    }
    Ok(())
}

fn add(step: Step, steps: &mut Vec<Step>) -> Result<(), String> {
    if steps.len() == MAX_STEPS {
        return Err(format!("more than {MAX_STEPS} steps"));
    }
    steps.push(step);
    Ok(())
}

fn index_of(text: &str) -> Result<usize, String> {
    let index: i64 = text.parse().map_err(|_| format!("bad index {text:?}"))?;
    if index < 0 {
        return Err(format!("negative index {index}"));
    }
    let within = usize::try_from(index).ok().filter(|index| *index <= MAX_INDEX);
    within.ok_or_else(|| format!("index {index} exceeds maximum ({MAX_INDEX})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(value: Value) -> Map<String, Value> {
        let Value::Object(body) = value else { panic!("no object") };
        body
    }

    /// The body with `"new"` at a path.
    fn set(path: &str, onto: Value) -> Result<Value> {
        let mut body = body(onto);
        *Path::parse(path)?.slot(&mut body, &mut Room::new())? = "new".into();
        Ok(Value::Object(body))
    }

    #[test]
    fn what_is_missing_on_the_way_is_made() {
        for (path, onto, expected) in [
            ("a", json!({}), json!({"a": "new"})),
            ("a", json!({"a": {"b": 1}, "c": 2}), json!({"a": "new", "c": 2})),
            ("a.b.c", json!({}), json!({"a": {"b": {"c": "new"}}})),
            ("a.b", json!({"a": null}), json!({"a": {"b": "new"}})),
            ("a.b", json!({"a": {"c": 1}}), json!({"a": {"b": "new", "c": 1}})),
            (
                "a.headers.customRequestHeaders",
                json!({}),
                json!({"a": {"headers": {"customRequestHeaders": "new"}}}),
            ),
            ("a[0]", json!({}), json!({"a": ["new"]})),
            ("a[2]", json!({}), json!({"a": [null, null, "new"]})),
            ("a[1]", json!({"a": [1, 2, 3]}), json!({"a": [1, "new", 3]})),
            ("a[3]", json!({"a": [1]}), json!({"a": [1, null, null, "new"]})),
            ("a[1][2]", json!({}), json!({"a": [null, [null, null, "new"]]})),
            (
                "a[0].b[1].c",
                json!({"a": [{"b": [7], "d": 8}]}),
                json!({"a": [{"b": [7, {"c": "new"}], "d": 8}]}),
            ),
            ("a.[1]", json!({}), json!({"a": [null, "new"]})),
            ("a[+1]", json!({}), json!({"a": [null, "new"]})),
            ("a.b]", json!({}), json!({"a": {"b]": "new"}})),
        ] {
            assert_eq!(set(path, onto).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_in_esos_words() {
        let steps = |count: usize| format!("a{}", "[0]".repeat(count - 1));
        let long = steps(MAX_STEPS + 1);
        for (path, why) in [
            ("", "empty segment"),
            (".", "empty segment"),
            ("a.", "empty segment"),
            (".a", "empty segment"),
            ("a..b", "empty segment"),
            ("[0]", "path must start with a key"),
            ("[0].a", "path must start with a key"),
            ("a[0]b", "expected '[' near \"b\""),
            ("a[0]]", "expected '[' near \"]\""),
            ("a[0", "unterminated '['"),
            ("a[", "unterminated '['"),
            ("a[]", "bad index \"\""),
            ("a[x]", "bad index \"x\""),
            // A dot is one wherever it stands.
            ("a[1.5]", "unterminated '['"),
            ("a[ 1]", "bad index \" 1\""),
            ("a[99999999999999999999]", "bad index \"99999999999999999999\""),
            ("a[-1]", "negative index -1"),
            ("a[10001]", "index 10001 exceeds maximum (10000)"),
            (long.as_str(), "more than 50 steps"),
        ] {
            let error = Path::parse(path).err().unwrap();
            assert_eq!(
                (error.kind(), error.to_string()),
                (Kind::Invalid, format!("invalid path {path:?}: {why}"))
            );
        }
        assert!(Path::parse("a[10000]").is_ok());
        assert!(Path::parse(&steps(MAX_STEPS)).is_ok());
    }

    #[test]
    fn what_is_in_the_way_is_told_by_its_type_alone() {
        for (path, onto, why) in [
            ("a.x", json!({"a": "hunter2"}), "expected map at key \"x\" but found string"),
            ("a.x", json!({"a": 7}), "expected map at key \"x\" but found int64"),
            ("a.x", json!({"a": 7.5}), "expected map at key \"x\" but found float64"),
            ("a.x", json!({"a": true}), "expected map at key \"x\" but found bool"),
            ("a.x.y", json!({"a": ["hunter2"]}), "expected map at key \"x\" but found []interface {}"),
            ("a.x.y", json!({"a": {"x": "hunter2"}}), "expected map at key \"y\" but found string"),
            (
                "a[3]",
                json!({"a": {"hunter2": 1}}),
                "expected array at index 3 but found map[string]interface {}",
            ),
            ("a[0][3]", json!({"a": ["hunter2"]}), "expected array at index 3 but found string"),
        ] {
            let error = set(path, onto).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string()),
                (Kind::Invalid, format!("failed to set path {path}: {why}"))
            );
        }
    }

    #[test]
    fn only_the_lists_of_a_path_itself_are_filled_up_and_all_of_them_together_are_bounded() {
        let (mut body, mut room) = (Map::new(), Room::new());
        Path::parse("a[10000][10000]").unwrap().slot(&mut body, &mut room).unwrap();
        let outer = body.get("a").unwrap().as_array().unwrap();
        assert_eq!((outer.len(), outer.iter().filter(|item| !item.is_null()).count()), (10_001, 1));
        assert_eq!(outer.last().unwrap().as_array().unwrap().len(), 10_001);
        // What is there is not made again.
        Path::parse("a[10000][10000]").unwrap().slot(&mut body, &mut room).unwrap();
        assert_eq!(room.0, MAX_MADE - 2 * 10_001);
        let mut refused = (0..10).filter_map(|i| {
            let path = Path::parse(&format!("k{i}[10000]")).unwrap();
            path.slot(&mut body, &mut room).err()
        });
        let error = refused.next().unwrap();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (
                Kind::Invalid,
                "failed to set path k7[10000]: the paths into this object make more than 100000 values on their way"
            )
        );
    }
}
