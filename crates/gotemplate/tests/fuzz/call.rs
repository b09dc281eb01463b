//! Calls of one function with arguments that fit it, mostly; once, or again and again with its own results.

use std::fmt::Write;

use gotemplate::func::{Func, Signature};
use gotemplate::{Type, Value};

use crate::case::OUTPUT;
use crate::dice::Dice;
use crate::hostile::NUMBERS;
use crate::value::Maker;

/// What gives an object.
const OBJECTS: &[(&str, &[&str])] = &[
    ("time.Time", &["now", "(toDate `2006-01-02` `2024-02-29`)", "(now.UTC)", "(now.Add .far)"]),
    ("time.Duration", &["((now).Sub (now.Add .far))", "(now.Sub now)", ".far"]),
    ("*semver.Version", &["(semver `1.2.3-a.1+b`)", "(semver `99999999999.0.0`)"]),
    ("semver.Version", &["(semver `1.2.3-a.1+b`)"]),
    ("*time.Location", &["now.Location"]),
    ("sprig.certificate", &["(genCAWithKey `a` 1 .key)"]),
];

/// What is done with a result.
const USES: &[&str] = &[
    "{{ $r }}",
    "{{ toJson $r }}",
    "{{ toYaml $r }}",
    "{{ printf `%#v %+v %T %x %q` $r $r $r $r $r }}",
    "{{ quote $r }}",
    "{{ range $k, $v := $r }}{{ $k }}{{ $v }}{{ end }}",
    "{{ len $r }}",
    "{{ deepCopy $r | deepEqual $r }}",
    "{{ fail (toString $r) }}",
    "{{ index $r 0 }}",
    "{{ $r.Major }}{{ $r.Cert }}{{ $r.Unix }}",
];

/// A template that calls the function, and its data.
pub(crate) fn once(dice: &mut Dice, maker: &Maker<'_>, func: &Func) -> (String, Value) {
    let (call, mut data) = call(dice, maker, func);
    add_objects(dice, maker, &mut data);
    (format!("{{{{ $r := {call} }}}}{}", dice.pick(USES)), Value::dict(data))
}

/// A template in which the function gets its own results.
pub(crate) fn again(dice: &mut Dice, maker: &Maker<'_>, func: &Func) -> (String, Value) {
    let times = dice.pick(&["3", "40", "1000", "1000000"]);
    let (call, mut data) = call(dice, maker, func);
    add_objects(dice, maker, &mut data);
    let first = maker.of(dice, Type::Any);
    data.push(("first".into(), first));
    let call = fed(dice, &call);
    let keep = dice.pick(&[
        "$s = $r",
        "$s = toString $r",
        "$s = list $r $r",
        "$l = append $l $r",
        "$s = dict `a` $r `b` $r",
    ]);
    let start = dice.pick(&[".first", "`xy`", "(list)", "(dict)", "(repeat 1000 `xy`)", "(until 1000)"]);
    let text = format!(
        "{{{{ $s := {start} }}}}{{{{ $l := list }}}}{{{{ range {times} }}}}{{{{ $r := {call} }}}}{{{{ {keep} }}}}{{{{ end }}}}{{{{ $s }}}}"
    );
    (text, Value::dict(data))
}

/// A call that takes `$s` in place of some arguments.
fn fed(dice: &mut Dice, call: &str) -> String {
    let fed = call.split(' ').map(|part| {
        let is_argument = part.starts_with(".a") && !part.ends_with(')');
        if is_argument && dice.once_in(2) { "$s" } else { part }
    });
    fed.collect::<Vec<_>>().join(" ")
}

fn add_objects(dice: &mut Dice, maker: &Maker<'_>, data: &mut Vec<(String, Value)>) {
    data.push(("far".into(), maker.of(dice, Type::INT64)));
    let keys = maker.record.literals.get("buildCustomCert").map_or(&[][..], |keys| &keys[..]);
    let keys: Vec<_> = keys.iter().filter(|text| text.starts_with(b"-----BEGIN")).collect();
    let key = if keys.is_empty() { Vec::new() } else { (*dice.pick(&keys)).clone() };
    data.push(("key".into(), Value::str(key)));
}

fn call(dice: &mut Dice, maker: &Maker<'_>, func: &Func) -> (String, Vec<(String, Value)>) {
    let Signature { params, variadic, .. } = func.signature();
    let mut count = params.len();
    if variadic {
        count = count - 1 + dice.length(6);
    }
    if dice.once_in(50) {
        count = dice.below(6);
    }
    let mut text = func.name().to_owned();
    let mut data = Vec::new();
    for i in 0..count {
        let wanted = params.get(i.min(params.len().saturating_sub(1))).copied().unwrap_or(Type::Any);
        write!(text, " {}", argument(dice, maker, wanted, &mut data)).unwrap();
    }
    (text, data)
}

fn argument(dice: &mut Dice, maker: &Maker<'_>, wanted: Type, data: &mut Vec<(String, Value)>) -> String {
    if let Type::Named(name, _) = wanted
        && let Some((_, texts)) = OBJECTS.iter().find(|(known, _)| *known == name)
    {
        return (*dice.pick(texts)).into();
    }
    if wanted == Type::Any && dice.once_in(8) {
        let (_, texts) = dice.pick(OBJECTS);
        return (*dice.pick(texts)).into();
    }
    if matches!(wanted, Type::Int(_) | Type::Float(_) | Type::Any) && dice.once_in(4) {
        return (*dice.pick(NUMBERS)).into();
    }
    // Now and then one that does not fit.
    let wanted = if dice.once_in(30) { Type::Any } else { wanted };
    let name = format!("a{}", data.len());
    let value = maker.of(dice, wanted);
    let times = if let Value::Str(text) = &value { OUTPUT / text.len().max(1) } else { 0 };
    data.push((name.clone(), value));
    if times > 0 && dice.once_in(12) {
        return format!("(repeat {} .{name})", dice.length(times));
    }
    format!(".{name}")
}
