//! What a template may use is bounded, and what is beyond ends the rendering, never the process.

#[path = "../benches/template/set.rs"]
mod set;

use std::cell::Cell;
use std::time::Duration;

use base64::Engine as _;
use gotemplate::func::map;
use gotemplate::{Engine, Env, Limits, Step, Template, Value};

fn compile(text: &str) -> Template {
    match Engine::new().compile("case", text) {
        Ok(template) => template,
        Err(error) => panic!("{error}"),
    }
}

/// The message of a rendering that reaches a limit.
fn limit(text: &str, limits: Limits) -> String {
    match compile(text).render(&Value::Nil, &Env { limits, ..Env::default() }) {
        Err(error) if error.step() == Step::Limit => error.to_string(),
        Err(error) => panic!("not a limit: {error}"),
        Ok(_) => panic!("no limit was reached"),
    }
}

fn repeat(open: &str, middle: &str, close: &str, times: usize) -> String {
    format!("{}{middle}{}", open.repeat(times), close.repeat(times))
}

#[test]
fn a_loop_ends_after_its_steps() {
    let text = "{{ range 1000000000000 }}{{ end }}";
    let limits = Limits { steps: 5000, ..Limits::default() };
    assert_eq!(
        limit(text, limits),
        "template: case:1:9: executing \"case\" at <1000000000000>: exceeded the limit of 5000 steps"
    );
}

#[test]
fn a_loop_ends_when_its_time_is_over() {
    let clock = Cell::new(Duration::ZERO);
    let elapsed = || {
        clock.set(clock.get() + Duration::from_secs(1));
        clock.get()
    };
    let env = Env { elapsed: Some(&elapsed), ..Env::default() };
    let error = compile("{{ range 1000000000000 }}{{ end }}").render(&Value::Nil, &env).unwrap_err();
    assert!(error.to_string().ends_with("exceeded the limit of 10s"), "{error}");
}

#[test]
fn output_is_bounded() {
    let limits = Limits { output: 100, ..Limits::default() };
    let message = limit("{{ range 100 }}abc{{ end }}", limits);
    assert!(message.ends_with("exceeded the limit of 100 bytes of output"), "{message}");
}

#[test]
fn a_string_is_bounded_before_it_is_written() {
    let limits = Limits { output: 100, ..Limits::default() };
    let message = limit("{{ $x := printf \"%101d\" 1 }}", limits);
    assert!(message.ends_with("a value exceeds the limit of 100 bytes"), "{message}");
}

#[test]
fn a_value_that_is_shared_again_and_again_does_not_print_for_ever() {
    let mut value = Value::from("x");
    for _ in 0..40 {
        value = Value::list(vec![value.clone(), value]);
    }
    let env = Env { limits: Limits { output: 1 << 16, ..Limits::default() }, ..Env::default() };
    assert_eq!(compile("{{ . }}").render(&value, &env).unwrap_err().step(), Step::Limit);
}

#[test]
fn templates_call_each_other_so_deep_and_no_deeper() {
    let text = "{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}";
    assert_eq!(
        limit(text, Limits::default()),
        "template: case:1:28: executing \"t\" at <{{template \"t\"}}>: exceeded maximum template depth (200)"
    );
}

#[test]
fn depth_of_every_kind_together_fits_the_stack() {
    let body = repeat("{{ if true }}", "{{ template \"t\" }}", "{{ end }}", 190);
    let text = format!("{{{{ define \"t\" }}}}{body}{{{{ end }}}}{{{{ template \"t\" }}}}");
    let message = limit(&text, Limits { depth: 1_000_000, ..Limits::default() });
    assert!(message.ends_with("exceeded maximum nesting depth (500)"), "{message}");
}

#[test]
fn parentheses_that_call_templates_fit_the_stack() {
    let body = repeat(
        "{{ range 1 }}",
        &repeat("{{ with (", "1", ") }}{{ template \"t\" }}{{ end }}", 1),
        "{{ end }}",
        90,
    );
    let text = format!("{{{{ define \"t\" }}}}{body}{{{{ end }}}}{{{{ template \"t\" }}}}");
    let message = limit(&text, Limits { depth: 1_000_000, ..Limits::default() });
    assert!(message.ends_with("exceeded maximum nesting depth (500)"), "{message}");
}

#[test]
fn nesting_is_bounded_and_what_is_allowed_runs() {
    let nested = |times| repeat("(not ", "1", ")", times);
    let fine = compile(&format!("{{{{ {} }}}}", nested(200)));
    assert_eq!(fine.render(&Value::Nil, &Env::default()).unwrap(), b"true");
    let error = Engine::new().compile("case", format!("{{{{ {} }}}}", nested(201))).unwrap_err();
    assert_eq!(
        (error.step(), error.to_string().as_str()),
        (Step::Limit, "template: case:1: max expression depth exceeded")
    );
}

#[test]
fn long_chains_of_else_if_run() {
    let arms = "{{ else if false }}".repeat(150);
    let text = format!("{{{{ if false }}}}{arms}{{{{ else }}}}x{{{{ end }}}}");
    assert_eq!(compile(&text).render(&Value::Nil, &Env::default()).unwrap(), b"x");
}

#[test]
fn a_value_nested_too_deeply_is_not_printed() {
    let mut value = Value::Nil;
    for _ in 0..100_000 {
        value = Value::list(vec![value]);
    }
    let error = compile("{{ . }}").render(&value, &Env::default()).unwrap_err();
    assert!(error.to_string().ends_with("cannot print values nested deeper than 500"), "{error}");
}

#[test]
fn many_definitions_and_variables_parse_in_time_that_grows_with_the_text() {
    let variables: String = (0..4_000).map(|i| format!("{{{{ $a{i} := $ }}}}{{{{ $a0 }}}}")).collect();
    let definitions: String =
        (0..4_000).map(|i| format!("{{{{ define \"t{i}\" }}}}x{{{{ end }}}}")).collect();
    let limits = Limits { output: 1 << 20, ..Limits::default() };
    let out = compile(&(variables + &definitions)).render(&Value::int(1), &Env { limits, ..Env::default() });
    assert_eq!(out.unwrap().len(), 4_000);
}

#[test]
fn ordinary_templates_take_few_steps() {
    for case in set::cases() {
        let spent = Cell::new(0);
        let env = Env { spent: Some(&spent), ..Env::default() };
        eso().compile("case", case.text).unwrap().render(&Value::string_map(case.values), &env).unwrap();
        assert!(spent.get() < 1000, "{}: {}", case.name, spent.get());
    }
}

fn eso() -> Engine {
    map::eso().fold(Engine::new(), Engine::functions)
}

/// That the template reaches a limit, within few steps.
fn is_refused(text: &str, data: &Value) {
    let limits = Limits { steps: 100_000, output: 1 << 20, ..Limits::default() };
    let env = Env { limits, ..Env::default() };
    let template = match eso().compile("case", text) {
        Ok(template) => template,
        Err(error) => panic!("{text}: {error}"),
    };
    match template.render(data, &env) {
        Err(error) if error.step() == Step::Limit => {}
        Err(error) => panic!("{text}: not a limit: {error}"),
        Ok(_) => panic!("{text}: no limit was reached"),
    }
}

fn text_data(text: impl Into<gotemplate::Str>) -> Value {
    Value::dict([("text", Value::str(text))])
}

#[test]
fn each_verb_of_a_format_is_bounded_whatever_it_prints() {
    is_refused("{{ $x := printf .text true }}", &text_data("%999999[1]t".repeat(20_000)));
    is_refused("{{ $x := printf .text nil }}", &text_data("%999999[1]v".repeat(20_000)));
}

#[test]
fn a_precision_beyond_the_text_takes_no_time() {
    let data = text_data("%.999999[1]s".repeat(100_000));
    let out = Engine::new().compile("case", "{{ printf .text `a` | len }}").unwrap();
    assert_eq!(out.render(&data, &Env::default()).unwrap(), b"100000");
}

#[test]
fn yaml_does_not_copy_a_text_for_each_alias_for_ever() {
    let text = format!("a: &a {}\n{}", "x".repeat(100_000), "b: *a\n".repeat(10_000));
    is_refused("{{ $x := fromYaml .text }}", &text_data(text));
}

#[test]
fn handles_of_yaml_tags_are_paid_for() {
    let handles: String = (0..20_000).map(|i| format!("%TAG !a{i}! x\n")).collect();
    is_refused("{{ $x := fromYaml .text }}", &text_data(handles + "---\na: b\n"));
}

#[test]
fn sorting_long_texts_that_begin_alike_is_paid_for() {
    is_refused("{{ $x := sortAlpha .l }}", &Value::dict([("l", same_texts())]));
}

fn same_texts() -> Value {
    let text = gotemplate::Str::from("x".repeat(100_000));
    Value::strings((0..10_000).map(|_| text.clone()))
}

#[test]
fn looking_at_long_texts_again_and_again_is_paid_for() {
    for call in
        ["upper $.text", "contains \"y\" $.text", "trimSuffix \"y\" $.text", "len $.text", "eq $.text \"\""]
    {
        let text = format!("{{{{ range 100000 }}}}{{{{ $x := {call} }}}}{{{{ end }}}}");
        is_refused(&text, &text_data("x".repeat(500_000)));
    }
}

#[test]
fn bytes_that_are_appended_to_again_and_again_are_paid_for() {
    for call in ["$.now.AppendFormat $b $.text", "$.now.AppendText $b", "$.now.AppendBinary $b"] {
        let start = "{{ $b := $.now.AppendFormat nil \"2006\" }}";
        let text = format!("{start}{{{{ range 1000000 }}}}{{{{ $b = {call} }}}}{{{{ end }}}}");
        let text = text.replace("$.now", "(toDate \"2006\" \"2024\")");
        is_refused(&text, &text_data("x".repeat(10_000)));
    }
}

#[test]
fn copies_of_a_map_in_loops_within_each_other_are_paid_for() {
    let (start, open) = ("{{ $m := split \",\" (repeat 40000 \",\") }}", "{{ range $m }}");
    is_refused(&format!("{start}{}", repeat(open, "", "{{ break }}{{ end }}", 100)), &Value::Nil);
}

#[test]
fn layouts_of_nothing_but_parts_are_paid_for() {
    let text = "{{ $t := toDate \"2006\" \"2024\" }}{{ range 40 }}{{ $x := $t.Format $.text }}{{ end }}";
    is_refused(text, &text_data("1".repeat(60_000)));
}

#[test]
fn room_behind_a_list_grows_with_its_items_alone() {
    let longer = "{{ $l = append $l 1 }}{{ $l = slice $l 0 (add (len $l) (div (sub (len $l) 1) 4)) }}";
    let text = format!("{{{{ $l := until 8 }}}}{{{{ range 60 }}}}{longer}{{{{ end }}}}");
    is_refused(&text, &Value::Nil);
}

/// An element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    match length {
        [] | [..0x80] => [&[tag, content.len() as u8], content].concat(),
        _ => [&[tag, 0x80 | length.len() as u8], length, content].concat(),
    }
}

/// A key of RSA with so many more primes than two, each as long, in PEM.
fn key_of_primes(count: usize, length: usize) -> String {
    key_of_lengths(&vec![length; count + 2])
}

/// A private key of RSA whose primes have so many bytes.
fn key_of_lengths(lengths: &[usize]) -> String {
    const INTEGER: u8 = 2;
    const SEQUENCE: u8 = 0x30;
    let one = element(INTEGER, &[1]);
    let primes: Vec<Vec<u8>> = lengths.iter().map(|length| element(INTEGER, &vec![0x7f; *length])).collect();
    let member = |prime: &Vec<u8>| element(SEQUENCE, &[&prime[..], &one, &one].concat());
    let members: Vec<u8> = primes[2..].iter().flat_map(member).collect();
    let numbers = [&one[..], &element(INTEGER, &[0x7f; 64]), &element(INTEGER, &[3]), &one].concat();
    let key =
        element(SEQUENCE, &[&numbers[..], &primes[0], &primes[1], &element(SEQUENCE, &members)].concat());
    let text = base64::engine::general_purpose::STANDARD.encode(key);
    format!("-----BEGIN RSA PRIVATE KEY-----\n{text}\n-----END RSA PRIVATE KEY-----\n")
}

#[test]
fn keys_of_many_or_of_long_primes_are_paid_for() {
    let keys = [(10_000, 1), (1_000, 100), (3, 10_000), (1, 200_000)]
        .map(|(count, length)| key_of_primes(count, length));
    let unlike = [[30_000, 2, 1], [1, 2, 30_000], [10_000; 3]].map(|lengths| key_of_lengths(&lengths));
    for key in keys.into_iter().chain(unlike) {
        let data = text_data(key);
        for call in [
            "genCAWithKey `a` 1 .text",
            "genSelfSignedCertWithKey `a` nil nil 1 .text",
            "rsaDecrypt `RSA-OAEP` `SHA256` `` .text",
        ] {
            is_refused(&format!("{{{{ $x := {call} }}}}"), &data);
        }
    }
}

#[test]
fn ranges_of_versions_are_paid_for() {
    is_refused("{{ semverCompare .text \"1.2.3\" }}", &text_data("1 - 2 ".repeat(10_000)));
}

#[test]
fn variables_of_templates_are_paid_for() {
    let variables: String = (0..10_000).map(|i| format!("{{{{ $a{i} := 1 }}}}")).collect();
    let text = format!(
        "{{{{ define \"t\" }}}}{{{{ if . }}}}{variables}{{{{ end }}}}{{{{ end }}}}{{{{ range 1000 }}}}{{{{ template \"t\" }}}}{{{{ end }}}}"
    );
    is_refused(&text, &Value::Nil);
}

#[test]
fn a_search_that_nothing_interrupts_is_paid_for_before() {
    let text = "{{ regexMatch \"(?:a?){500}(?:a{500}|b)x\" .text }}";
    is_refused(text, &text_data("a".repeat(100_000)));
}

#[test]
fn a_search_in_an_expression_of_many_letters_is_paid_for() {
    let text = "{{ regexMatch `\\pL{222}x` .text }}";
    is_refused(text, &text_data("a".repeat(100_000)));
    let template = eso().compile("case", text).unwrap();
    for (letters, answer) in [(222, "true"), (221, "false")] {
        let data = text_data("a".repeat(letters) + "x");
        assert_eq!(template.render(&data, &Env::default()).unwrap(), answer.as_bytes());
    }
    // Each match but one letter long looks at all that is left.
    let text = "{{ $x := regexReplaceAll `(?:\\pL{0,222})*y|\\pL` .text `` }}";
    is_refused(text, &text_data("a".repeat(1000)));
}

#[test]
fn products_of_many_decimals_are_paid_for() {
    let factors = " 1.2345678901234567".repeat(40_000);
    is_refused(&format!("{{{{ mulf 1{factors} }}}}"), &Value::Nil);
}

#[test]
fn what_is_put_into_a_map_is_looked_through_at_a_price() {
    let mut value = Value::int(1);
    for _ in 0..10_000 {
        value = Value::list(vec![value]);
    }
    let text = "{{ $d := dict }}{{ range 1000 }}{{ $_ := set $d \"a\" $.v }}{{ end }}";
    is_refused(text, &Value::dict([("v", value)]));
}

#[test]
fn a_template_has_so_many_nodes_and_no_more() {
    let actions = |count: usize| Engine::new().compile("case", "{{1}}".repeat(count));
    assert!(actions(16_666).is_ok());
    let error = actions(16_667).unwrap_err();
    assert_eq!(
        (error.step(), error.to_string().as_str()),
        (Step::Limit, "template: case:1: max number of nodes (50000) exceeded")
    );
    let fields = ".a".repeat(50_000);
    for operand in [format!("${fields}"), "1 ".repeat(50_000), format!("(1){fields}")] {
        let text = format!("{{{{ print {operand} }}}}");
        assert_eq!(Engine::new().compile("case", text).unwrap_err().step(), Step::Limit);
    }
}

#[test]
fn a_template_weighs_what_its_nodes_take() {
    let weight = |text: &str| compile(text).weight();
    let (empty, text) = (weight(""), "x".repeat(10_000));
    assert!((empty + 10_000..empty + 10_100).contains(&weight(&text)));
    let action = (weight(&"{{1}}".repeat(10_000)) - empty) / 10_000;
    assert!((200..500).contains(&action), "{action}");
    assert!(weight("{{ if .a }}{{ .b }}{{ end }}") > weight("{{ .b }}"));
}

/// Two texts of half a million bytes in a list, alone in a map, and a version that is as long.
fn long_values() -> Value {
    let text = "x".repeat(500_000);
    let list = || Value::list(vec![Value::str(&*text), Value::str(&*text)]);
    let map = Value::dict([("a", Value::str(&*text))]);
    let version = Value::str(format!("1.2.3+{text}"));
    Value::dict([("l", list()), ("ll", Value::list(vec![list()])), ("d", map), ("v", version)])
}

#[test]
fn texts_that_are_made_of_values_are_paid_for() {
    for call in [
        "dict $.l 1",
        "toDecimal $.l",
        "toStrings $.ll",
        "sortAlpha $.d",
        "$v.String",
        "$v.Original",
        "$v.Metadata",
        "$v.SetMetadata `a`",
        "$v.Major",
        "$v.LessThan $v",
        "trim (index $.l 0)",
    ] {
        is_refused(
            &format!("{{{{ $v := semver .v }}}}{{{{ range 300 }}}}{{{{ $x := {call} }}}}{{{{ end }}}}"),
            &long_values(),
        );
    }
}

#[test]
fn a_text_that_is_made_of_a_value_is_no_longer_than_any_other() {
    let three = Value::list(vec![Value::str("x".repeat(500_000)); 3]);
    let data = Value::dict([
        ("l", three.clone()),
        ("ll", Value::list(vec![three.clone()])),
        ("d", Value::dict([("a", three)])),
    ]);
    for call in
        ["dict $.l 1", "toDecimal $.l", "toStrings $.ll", "toStrings $.d", "sortAlpha $.d", "print $.l"]
    {
        let env = Env { limits: Limits { output: 1 << 20, ..Limits::default() }, ..Env::default() };
        let template = eso().compile("case", format!("{{{{ $x := {call} }}}}")).unwrap();
        let error = template.render(&data, &env).unwrap_err();
        assert!(error.to_string().ends_with("a value exceeds the limit of 1048576 bytes"), "{call}: {error}");
    }
}

#[test]
fn each_argument_of_a_call_is_paid_for() {
    for call in ["list", "tuple", "coalesce", "and", "or", "eq 1", "max 1", "print"] {
        let argument = if call == "and" { " 1" } else { " 0" };
        let text = format!("{{{{ range 200 }}}}{{{{ $x := {call}{} }}}}{{{{ end }}}}", argument.repeat(1000));
        is_refused(&text, &Value::Nil);
    }
}

#[test]
fn a_string_that_is_there_already_costs_nothing() {
    let text = "{{ range 1000 }}{{ $x := default `` (index $.l 0) }}{{ end }}";
    let spent = Cell::new(0);
    let env = Env { spent: Some(&spent), ..Env::default() };
    let short = Value::dict([("l", Value::strings(["x"]))]);
    let template = eso().compile("case", text).unwrap();
    template.render(&short, &env).unwrap();
    // A node and a round, and for two calls two arguments each.
    assert_eq!(spent.get(), 1 + 1000 * 6);
}

#[test]
fn escapes_of_json_do_not_make_it_longer_than_any_string() {
    let data = text_data("<".repeat(1 << 20));
    let limits = Limits { output: 1 << 20, ..Limits::default() };
    let template = eso().compile("case", "{{ $x := toJson (list .text) }}").unwrap();
    let error = template.render(&data, &Env { limits, ..Env::default() }).unwrap_err();
    assert!(error.to_string().ends_with("a value exceeds the limit of 1048576 bytes"), "{error}");
}

#[test]
fn groups_of_an_expression_do_not_take_all_memory() {
    let find = "{{ regexFind (print (repeat 5000 \"()\") \".*\") (repeat 300 \"x\") }}";
    let out = eso().compile("case", find).unwrap().render(&Value::Nil, &Env::default());
    assert_eq!(out.unwrap(), "x".repeat(300).as_bytes());
    let replace = "{{ regexReplaceAll (print (repeat 5000 \"()\") \".*\") (repeat 300 \"x\") \"$1\" }}";
    let error = eso().compile("case", replace).unwrap().render(&Value::Nil, &Env::default()).unwrap_err();
    assert!(error.to_string().ends_with("the regular expression needs more than 8388608 bytes"), "{error}");
}

#[test]
fn a_limit_tells_no_number_of_the_values() {
    let data = Value::dict([("pin", Value::str("987654321"))]);
    let template = eso().compile("case", "{{ repeat (int .pin) \"x\" }}").unwrap();
    let error = template.render(&data, &Env::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: case:1:3: executing \"case\" at <repeat (int .pin) \"x\">: \
         a value exceeds the limit of 16777216 bytes"
    );
    assert_eq!(error.without_values(), error.to_string());
}

#[test]
fn a_template_that_is_redefined_again_and_again_is_searched_once() {
    // The compiler asserts that no byte is searched twice for more than space.
    let blank = " ".repeat(500 << 10);
    let (first, again) = (format!("{{{{define \"a\"}}}}{blank}"), "{{define \"a\"}}{{end}}".repeat(24_900));
    let render = |text: &str| compile(text).render(&Value::Nil, &Env::default());
    for (text, want) in [
        (format!("{first}x{{{{end}}}}{again}{{{{template \"a\"}}}}"), format!("{blank}x")),
        (format!("{first}{{{{end}}}}{again}[{{{{template \"a\"}}}}]"), "[]".to_owned()),
        (format!("{again}{first}x{{{{end}}}}{{{{template \"a\"}}}}"), format!("{blank}x")),
    ] {
        assert!(render(&text).unwrap() == want.as_bytes(), "{}", text.len());
    }
}
