//! What a user of the crate relies on beyond the recorded corpus: typed data, objects, hints, spans, options.

use gotemplate::func::{self, Args, Func, Method, Signature};
use gotemplate::{
    Engine, Env, Error, Fault, Kind, List, MissingKey, Object, Run, Step, Template, Type, Uint, Value,
};

fn rendered(engine: &Engine, text: &str, dot: &Value) -> Result<String, Error> {
    let bytes = engine.compile("case", text)?.render(dot, &Env::default())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The output, or the message behind the place.
fn outcome(text: &str, dot: &Value) -> String {
    match rendered(&Engine::new().functions(ROWS), text, dot) {
        Ok(out) => out,
        Err(error) => {
            error.to_string().split_once(">: ").map_or(error.to_string(), |(_, message)| message.to_owned())
        }
    }
}

const VERSION: Type = Type::Named("*semver.Version", Kind::Ptr);

struct Version {
    major: u64,
}

static METHODS: &[Method<Version>] = &[
    Method::new("Major", &[], Type::Uint(Uint::Uint64), |version, _, _| {
        Ok(Value::Uint(Uint::Uint64, version.major))
    }),
    Method::new("Plus", &[Type::INT], Type::INT, |version, _, args| {
        Ok(Value::int(args.int(0)? + i64::try_from(version.major).unwrap_or_default()))
    }),
    Method::new("Bad", &[], Type::Any, |_, _, _| Err("it is bad".into())),
];

impl Object for Version {
    fn go_type(&self) -> Type {
        VERSION
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Label", "beta".into())]
    }

    fn method(&self, name: &str) -> Option<Signature> {
        func::find(METHODS, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        func::call(METHODS, name, self, run, args)
    }
}

static ROWS: &[Func] = &[
    Func::fixed("version", &[], VERSION, |_, _| Ok(Value::object(Version { major: 3 }))),
    Func::fixed("join", &[Type::STRINGS], Type::INT, |_, args| Ok(Value::int(args.list(0)?.len() as i64))),
    Func::fixed("size", &[Type::DICT], Type::INT, |_, args| Ok(Value::int(args.map(0)?.len() as i64))),
    Func::variadic("sum", &[Type::INT64], Type::INT64, |_, args| {
        let numbers = (0..args.len()).map(|i| args.int(i)).collect::<Result<Vec<_>, _>>()?;
        Ok(Value::int64(numbers.iter().sum()))
    }),
];

#[test]
fn methods_and_fields_of_objects_are_reached() {
    for (text, want) in [
        ("{{ version.Major }}", "3"),
        ("{{ version.Plus 4 }}", "7"),
        ("{{ 4 | version.Plus }}", "7"),
        ("{{ (version).Label }}", "beta"),
        ("{{ version }}", "&{beta}"),
        ("{{ version.Minor }}", "can't evaluate field Minor in type *semver.Version"),
        ("{{ version.Plus }}", "wrong number of args for Plus: want 1 got 0"),
        ("{{ version.Plus \"a\" }}", "expected integer; found \"a\""),
        ("{{ version.Label 1 }}", "Label has arguments but cannot be invoked as function"),
        ("{{ version.Bad }}", "error calling Bad: it is bad"),
    ] {
        assert_eq!(outcome(text, &Value::Nil), want, "{text}");
    }
}

#[test]
fn arguments_are_checked_by_type() {
    let dot = Value::string_map([("a", "b")]);
    for (text, want) in [
        ("{{ size . }}", "wrong type for value; expected map[string]interface {}; got map[string]string"),
        ("{{ size nil }}", "0"),
        ("{{ join .a }}", "wrong type for value; expected []string; got string"),
        ("{{ join 1 }}", "can't handle 1 for arg of type []string"),
        ("{{ join }}", "wrong number of args for join: want 1 got 0"),
        ("{{ sum 1 0x10 'a' 1e3 }}", "1114"),
        ("{{ sum 1 (len .a) }}", "wrong type for value; expected int64; got int"),
        ("{{ sum 1.5 }}", "expected integer; found 1.5"),
        ("{{ sum nil }}", "cannot assign nil to int64"),
    ] {
        assert_eq!(outcome(text, &dot), want, "{text}");
    }
}

#[test]
fn call_calls_the_functions_in_the_data() {
    let half = Func::fixed("half", &[Type::INT], Type::INT, |_, args| Ok(Value::int(args.int(0)? / 2)));
    let dot =
        Value::dict([("half", Value::Func(std::rc::Rc::new(half))), ("n", Value::Uint(Uint::Uint8, 8))]);
    for (text, want) in [
        ("{{ call .half .n }}", "4"),
        ("{{ call .half }}", "error calling call: wrong number of args for .half: got 0 want 1"),
        ("{{ call .half \"a\" }}", "error calling call: arg 0: value has type string; should be int"),
        ("{{ call .n }}", "error calling call: non-function .n of type uint8"),
        ("{{ call nil }}", "error calling call: call of nil"),
        ("{{ .half }}", "can't print {{.half}} of type func(int) int"),
    ] {
        assert_eq!(outcome(text, &dot), want, "{text}");
    }
}

#[test]
fn a_variable_declared_on_a_path_not_taken_is_that_of_the_path_around_it() {
    for (text, want) in [
        ("{{ $x := 1 }}{{ if false }}{{ $x := 2 }}{{ else }}{{ $x }}{{ end }}", "1"),
        ("{{ if false }}{{ $x := 2 }}{{ else }}{{ $x }}{{ end }}", "undefined variable: $x"),
        ("{{ range $i, $e := . }}{{ else }}{{ $e }}{{ end }}", "<no value>"),
        ("{{ $x = 1 }}", "undefined variable: $x"),
    ] {
        assert_eq!(outcome(text, &Value::Nil), want, "{text}");
    }
}

#[test]
fn a_map_that_changes_under_a_loop_is_looped_over_as_it_was() {
    static GROW: &[Func] = &[Func::fixed("grow", &[Type::DICT], Type::String, |_, args| {
        let map = args.map(0)?;
        map.insert(format!("k{}", map.len()), Value::Nil)?;
        Ok("".into())
    })];
    let dot = Value::dict([("a", Value::Nil), ("b", Value::Nil)]);
    let text = "{{ range $k, $_ := . }}{{ $k }}{{ grow $ }}{{ end }} {{ len . }}";
    assert_eq!(rendered(&Engine::new().functions(GROW), text, &dot).unwrap(), "ab 4");
}

#[test]
fn later_functions_win_even_over_keywords_of_loops_and_built_ins() {
    static OTHERS: &[Func] = &[
        Func::fixed("len", &[Type::Any], Type::String, |_, _| Ok("long".into())),
        Func::fixed("break", &[], Type::String, |_, _| Ok("broken".into())),
    ];
    let engine = Engine::new().functions(OTHERS);
    assert_eq!(rendered(&engine, "{{ len . }} {{ break }}", &Value::Nil).unwrap(), "long broken");
}

#[test]
fn missing_keys_do_what_the_option_says() {
    let dot = Value::dict([("l", Value::Map(gotemplate::Map::new::<&str>(Type::INT, [])))]);
    for (option, want) in [
        (MissingKey::Default, "<no value>"),
        (MissingKey::Zero, "0"),
        (
            MissingKey::Error,
            "template: case:1:5: executing \"case\" at <.l.x>: map has no entry for key \"x\"",
        ),
    ] {
        let got = rendered(&Engine::new().missing_key(option), "{{ .l.x }}", &dot);
        assert_eq!(got.unwrap_or_else(|error| error.to_string()), want);
    }
}

#[test]
fn errors_show_where_and_what_was_perhaps_meant() {
    let engine = Engine::new().missing_key(MissingKey::Error);
    let dot = Value::string_map([("password", "marker"), ("user", "marker")]);
    let error = rendered(&engine, "a\n  {{ .pasword }}", &dot).unwrap_err();
    assert_eq!((error.step(), error.did_you_mean()), (Step::Execute, Some("password")));
    assert_eq!(error.excerpt(), "2 |   {{ .pasword }}\n  |      ^^^^^^^^");
    let error = rendered(&engine, "{{ prinft .user }}", &dot).unwrap_err();
    assert_eq!((error.step(), error.did_you_mean()), (Step::Parse, Some("printf")));
    assert_eq!(error.excerpt(), "1 | {{ prinft .user }}\n  |    ^^^^^^");
    assert!(!format!("{error:?}").contains("marker"));
}

#[test]
fn delimiters_are_the_caller_s_and_an_empty_one_is_the_default() {
    assert_eq!(rendered(&Engine::new().delims("[[", "]]"), "[[ 1 ]]{{", &Value::Nil).unwrap(), "1{{");
    assert_eq!(rendered(&Engine::new().delims("<", ""), "< 1 }}", &Value::Nil).unwrap(), "1");
}

#[test]
fn bytes_pass_unchanged() {
    let dot = Value::string_map([("raw", &b"\x00\xff\xfe"[..])]);
    let template = Engine::new().compile("case", b"\xf0{{ .raw }}{{ `\xf1` }}").unwrap();
    assert_eq!(template.render(&dot, &Env::default()).unwrap(), b"\xf0\x00\xff\xfe\xf1");
}

#[test]
fn a_part_of_a_typed_list_keeps_its_type() {
    let dot = Value::List(List::new(Type::INT, (0..4).map(Value::int).collect()));
    for (text, want) in [
        ("{{ printf \"%T %v\" (slice . 1 3) (slice . 1 3) }}", "[]int [1 2]"),
        ("{{ slice . 3 1 }}", "error calling slice: invalid slice index: 3 > 1"),
        ("{{ slice . 0 5 }}", "error calling slice: index out of range: 5"),
        ("{{ slice \"abc\" 1 }}{{ slice \"abc\" 1 2 }}", "bcb"),
        ("{{ slice \"abc\" 0 1 2 }}", "error calling slice: cannot 3-index slice a string"),
        ("{{ slice 1 }}", "error calling slice: can't slice item of type int"),
        ("{{ index . 4 }}", "error calling index: reflect: slice index out of range"),
    ] {
        assert_eq!(outcome(text, &dot), want, "{text}");
    }
}

#[test]
fn a_compiled_template_is_shared_between_threads() {
    let template: Template = Engine::new().compile("case", "{{ . }}").unwrap();
    let outputs = std::thread::scope(|scope| {
        let render = |n| {
            let template = &template;
            scope.spawn(move || template.render(&Value::int(n), &Env::default()).unwrap_or_default())
        };
        [render(1), render(2)].map(|thread| thread.join().unwrap())
    });
    assert_eq!(outputs, [b"1", b"2"]);
}

static FAIL: &[Func] = &[Func::fixed("fail", &[Type::String], Type::String, |_, args| {
    Err(Fault::new(args.str(0)?.to_text().into_owned()))
})];

#[test]
fn a_message_can_be_had_without_the_values_in_it() {
    let dot = Value::string_map([("p", "hunter22")]);
    let engine = Engine::new().functions(FAIL);
    for (text, told) in [
        ("{{ range .p }}{{ end }}", "range can't iterate over <value>"),
        ("{{ fail .p }}", "error calling fail: <value>"),
        ("{{ .p | printf \"no %s here\" | fail }}", "error calling fail: <value>"),
        ("{{ fail \"set a port\" }}", "error calling fail: set a port"),
        ("{{ $m := \"set a port\" }}{{ $m | fail }}", "error calling fail: set a port"),
        ("{{ .q }}", "map has no entry for key \"q\""),
    ] {
        let engine = engine.clone().missing_key(MissingKey::Error);
        let error = engine.compile("t", text).unwrap().render(&dot, &Env::default()).unwrap_err();
        assert!(error.without_values().ends_with(&format!(": {told}")), "{text}: {}", error.without_values());
        assert_eq!(error.without_values() == error.to_string(), !told.contains("<value>"), "{text}");
    }
}

#[test]
fn a_panic_in_a_function_is_an_error() {
    static PANICKING: &[Func] = &[Func::fixed("burst", &[Type::String], Type::String, |_, args| {
        panic!("{}", args.str(0)?.to_text())
    })];
    let error =
        rendered(&Engine::new().functions(PANICKING), "a{{ burst \"secret\" }}", &Value::Nil).unwrap_err();
    assert_eq!(error.step(), Step::Execute);
    assert_eq!(
        error.to_string(),
        "template: case:1:10: executing \"case\" at <\"secret\">: the template engine panicked; this is a fault of its own"
    );
}
