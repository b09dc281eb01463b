//! What templates may and may not, and what their errors tell.

use keyferry_stores::base::clock::SystemClock;

use super::*;

const SECRET: &str = "hunter2-correct-horse";

fn templates(left: &str, right: &str) -> Templates {
    let clock = SystemClock::starting_at(Timestamp::from_second(1_700_000_000).unwrap());
    Templates::new(&Delimiters { left: left.into(), right: right.into() }, Arc::new(clock))
}

fn values() -> BTreeMap<String, SecretBytes> {
    let pairs = [("user", "ann"), ("pass", SECRET), ("json", r#"{"deep-field": {"x": "hunter2-nested"}}"#)];
    pairs.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect()
}

/// What a template of the process with these delimiters renders, or its error.
fn run(templates: &Templates, purpose: Purpose, text: &str) -> Result<String> {
    let dot = dot(&values());
    let text = Text { name: "k", bytes: text.as_bytes(), secret: false };
    let rendered = templates.session(Pace::Long).render(purpose, text, || &dot)?;
    Ok(String::from_utf8_lossy(rendered.expose()).into_owned())
}

fn target(text: &str) -> Result<String> {
    run(&templates("{{", "}}"), Purpose::Target, text)
}

fn failure(text: &str) -> String {
    let error = target(text).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    error.to_string()
}

#[tokio::test]
async fn values_and_functions_are_rendered() {
    assert_eq!(target("{{ .user | upper }}:{{ .pass }}").unwrap(), format!("ANN:{SECRET}"));
    assert_eq!(target("{{ now | date \"2006-01-02\" }}").unwrap(), "2023-11-14");
    assert_eq!(target("no action }}").unwrap(), "no action }}");
    assert_eq!(target("{{ randAlphaNum 12 | len }}").unwrap(), "12");
    assert_ne!(target("{{ uuidv4 }}").unwrap(), target("{{ uuidv4 }}").unwrap());
}

#[tokio::test]
async fn delimiters_hold_for_targets_and_not_for_rewrites() {
    let other = templates("[[", "]]");
    assert_eq!(run(&other, Purpose::Target, "[[ .user ]] {{ .user }}").unwrap(), "ann {{ .user }}");
    assert_eq!(run(&other, Purpose::Rewrite, "[[ .user ]] {{ .user }}").unwrap(), "[[ .user ]] ann");
    assert_eq!(run(&templates("", ""), Purpose::Target, "{{ .user }}").unwrap(), "ann");
}

#[tokio::test]
async fn a_missing_key_is_an_error_in_targets_and_no_value_in_rewrites() {
    assert_eq!(run(&templates("{{", "}}"), Purpose::Rewrite, "{{ .nope }}").unwrap(), "<no value>");
    assert_eq!(
        failure("{{ .nope }}"),
        "unable to execute template at key k: template: k:1:3: executing \"k\" at <.nope>: map has no entry for key \"nope\""
    );
}

#[tokio::test]
async fn errors_name_key_and_place_in_esos_words() {
    assert_eq!(
        failure("a\n {{ if }}"),
        "unable to parse template at key k: template: k:2: missing value for if (column 8)"
    );
    assert!(failure("x\n{{ .usr }}").ends_with("(did you mean \"user\"?)"), "{}", failure("x\n{{ .usr }}"));
    assert!(
        failure("{{ uper .user }}")
            .contains("function \"uper\" not defined (column 4; did you mean \"upper\"?)")
    );
    let error = run(&templates("{{", "}}"), Purpose::Rewrite, "{{ if }}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "unable to parse transform template: template: k:1: missing value for if (column 7)"
    );
}

#[tokio::test]
async fn sec_08_no_error_of_a_template_shows_a_value() {
    for text in [
        "{{ fail .pass }}",
        "{{ fail (printf \"wrong password %s\" .pass) }}",
        "{{ fail (.pass | upper | lower) }}",
        "{{ fail (.pass | b64enc | b64dec) }}",
        "{{ range .pass }}{{ end }}",
        "{{ range $i, $x := (atoi \"3\") }}{{ end }}{{ range .pass | trim }}{{ end }}",
        "{{ index (list 1 2) .pass }}",
        "{{ mustToDate \"2006-01-02\" .pass }}",
        "{{ mustRegexMatch (printf \"(%s\" .pass) \"x\" }}",
        "{{ semver .pass }}",
        "{{ mustFromJson .pass }}",
        "{{ (.json | fromJson).deep }}",
        "{{ pkcs12key .pass }}",
        "{{ jwkPublicKeyPem .pass }}",
        "{{ rsaDecrypt .pass .pass .pass .pass }}",
        "{{ .pass | call }}",
        "{{ filterPEM \"x\" .pass }}",
        "{{ certSANs .pass }}",
    ] {
        let error = failure(text);
        assert!(!error.contains("hunter2"), "{text}: {error}");
        assert!(!error.to_lowercase().contains("horse"), "{text}: {error}");
        // No key of what lies inside of a value is offered as a hint.
        assert!(!error.contains("deep-field"), "{text}: {error}");
    }
    assert!(failure("{{ fail \"set a password\" }}").ends_with("error calling fail: set a password"));
}

#[tokio::test]
async fn sec_08_the_text_of_a_template_from_a_secret_is_not_shown() {
    let templates = templates("{{", "}}");
    for text in ["a\n  {{ \"hunter2\" | nope }}", "a\n  {{ fail \"hunter2\" }}", "a\n  {{ \"hunter2"] {
        let dot = dot(&values());
        let text = Text { name: "k", bytes: text.as_bytes(), secret: true };
        let error =
            templates.session(Pace::Long).render(Purpose::Target, text, || &dot).unwrap_err().to_string();
        assert!(
            error.contains("template at key k: line 2, column ") && !error.contains("hunter2"),
            "{error}"
        );
    }
    assert_eq!(templates.kept.lock().unwrap().size(), (0, 0), "what lies in a Secret is not kept");
}

#[tokio::test]
async fn sec_22_a_template_that_never_ends_is_ended() {
    for (text, limit) in [
        ("{{ range 1000000000000 }}{{ end }}", "exceeded the limit of"),
        ("{{ range until 100000000 }}{{ end }}", "limit"),
        ("{{ repeat 1000000000 .pass }}", "exceeds the limit of"),
        (
            "{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}",
            "exceeded maximum template depth",
        ),
        ("{{ range 1000000 }}{{ $.json }}{{ end }}", "exceeded the limit of"),
    ] {
        let error = failure(text);
        assert!(error.contains(limit), "{text}: {error}");
    }
}

#[tokio::test]
async fn the_templates_of_one_object_share_one_limit() {
    let templates = templates("{{", "}}");
    let (session, dot) = (templates.session(Pace::Long), dot(&values()));
    let text = format!("{{{{ repeat {} \"x\" }}}}", limits::TEMPLATE_BYTES / 2);
    let text = Text { name: "k", bytes: text.as_bytes(), secret: false };
    let render = || session.render(Purpose::Target, text, || &dot);
    assert!(render().is_ok() && render().is_ok());
    assert_eq!(render().unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn time_that_one_template_took_is_gone_for_the_next() {
    let templates = templates("{{", "}}");
    let (session, dot) = (templates.session(Pace::Long), dot(&values()));
    let text = Text { name: "k", bytes: b"{{ range 3000 }}{{ end }}", secret: false };
    assert!(session.render(Purpose::Target, text, || &dot).is_ok());
    tokio::time::advance(limits::TEMPLATE_TIME + Duration::from_secs(1)).await;
    let plain = Text { name: "k", bytes: b"no action", secret: false };
    let document = SecretBytes::from("a: b");
    for error in [
        session.render(Purpose::Target, text, || &dot).unwrap_err(),
        session.render(Purpose::Target, plain, || &dot).unwrap_err(),
        session.string_map(&document).unwrap_err(),
    ] {
        assert!(error.to_string().starts_with("the templates take longer than they may"), "{error}");
    }
}

/// A template that takes some thousand steps, and how many they are.
fn work() -> (Text<'static>, u64) {
    let text = Text { name: "k", bytes: b"{{ range 1800 }}{{ end }}", secret: false };
    let (templates, dot) = (templates("{{", "}}"), dot(&values()));
    let session = templates.session(Pace::Long);
    session.render(Purpose::Target, text, || &dot).unwrap();
    let steps = session.spent.get();
    assert!((1_800..limits::TEMPLATE_STEPS_IN_PLACE).contains(&steps), "{steps}");
    (text, steps)
}

#[test]
fn a_document_is_read_with_what_is_left_of_steps_and_bytes() {
    let templates = templates("{{", "}}");
    let session = templates.session(Pace::Long);
    let document: String = (0..3_000).map(|i| format!("k{i}: x\n")).collect();
    assert_eq!(session.string_map(&SecretBytes::from(document)).unwrap().len(), 3_000);
    let spent = session.spent.get();
    assert!(spent > limits::TEMPLATE_STEPS_IN_PLACE, "{spent}");
    let aliases: String = (0..39).map(|i| format!("k{i}: *a\n")).collect();
    let document = SecretBytes::from(format!("a: &a {}\n{aliases}", "x".repeat(20_000)));
    let read = (0..10).take_while(|_| session.string_map(&document).is_ok()).count();
    assert!((1..=limits::TEMPLATE_BYTES / 800_000).contains(&read), "{read}");
}

#[test]
fn keys_of_a_document_count_as_its_values_do() {
    let templates = templates("{{", "}}");
    let session = templates.session(Pace::Long);
    let document: String = (0..1_000).map(|i| format!("k{i:0900}: x\n")).collect();
    let document = SecretBytes::from(document);
    let read = (0..10).take_while(|_| session.string_map(&document).is_ok()).count();
    assert_eq!(read, limits::TEMPLATE_BYTES / (1_000 * 902));
}

/// A template of so many bytes that renders `1`.
fn large(bytes: usize) -> String {
    format!("{{{{ 1 }}}}{{{{/* {} */}}}}", "x".repeat(bytes))
}

/// What a quick session renders of a text: `None` if that is put off.
fn quick(session: &Session<'_>, text: Text<'_>) -> Option<Result<SecretBytes>> {
    let dot = dot(&values());
    let rendered = session.render(Purpose::Target, text, || &dot);
    (!session.is_put_off()).then_some(rendered)
}

#[test]
fn what_is_large_is_put_off_before_it_is_compiled_and_what_is_small_is_not() {
    let templates = templates("{{", "}}");
    for (bytes, is_put_off) in [(60_000, false), (100_000, true)] {
        let text = large(bytes);
        let text = Text { name: "k", bytes: text.as_bytes(), secret: false };
        let rendered = quick(&templates.session(Pace::Quick), text);
        assert_eq!(rendered.is_none(), is_put_off, "{bytes}");
        let long = templates.session(Pace::Long).render(Purpose::Target, text, || &Value::Nil);
        assert_eq!(long.unwrap().expose(), b"1");
    }
}

#[test]
fn a_large_text_without_actions_and_a_large_document_are_put_off_too() {
    let templates = templates("{{", "}}");
    let plain = "x".repeat(2 << 20);
    let text = Text { name: "k", bytes: plain.as_bytes(), secret: false };
    assert!(quick(&templates.session(Pace::Quick), text).is_none());
    let document: String = (0..20_000).map(|i| format!("k{i}: x\n")).collect();
    let document = SecretBytes::from(document);
    for (pace, is_put_off) in [(Pace::Quick, true), (Pace::Long, false)] {
        let session = templates.session(pace);
        assert_eq!(session.string_map(&document).is_err(), is_put_off);
        assert_eq!(session.is_put_off(), is_put_off);
    }
}

#[test]
fn a_text_is_compiled_once_however_often_an_object_uses_it() {
    let (templates, large) = (templates("{{", "}}"), large(600_000));
    let (session, dot) = (templates.session(Pace::Long), dot(&values()));
    let compiling = (large.len() / limits::TEMPLATE_COMPILED_STEP) as u64;
    for secret in [true, true, true, false] {
        let text = Text { name: "k", bytes: large.as_bytes(), secret };
        assert_eq!(session.render(Purpose::Target, text, || &dot).unwrap().expose(), b"1");
    }
    let spent = session.spent.get();
    assert!((compiling..2 * compiling).contains(&spent), "{spent}");
    assert_eq!(templates.kept().size(), (0, 0), "it is too large to be kept longer");
}

#[test]
fn what_an_object_holds_compiled_is_bounded() {
    let templates = templates("{{", "}}");
    let (session, dot) = (templates.session(Pace::Long), dot(&values()));
    for i in 0..5 {
        let text = large(300_000 + i);
        let text = Text { name: "k", bytes: text.as_bytes(), secret: true };
        session.render(Purpose::Target, text, || &dot).unwrap();
    }
    let held = session.compiled.borrow();
    assert_eq!(held.templates.len(), 3);
    assert!(held.bytes <= limits::TEMPLATE_HELD_BYTES, "{}", held.bytes);
}

#[tokio::test]
async fn a_document_may_define_templates_of_every_name_and_a_value_none_of_its_own() {
    let templates = templates("{{", "}}");
    for text in [
        "{{ define \"k\" }}x{{ end }}a: {{ template \"k\" . }}",
        "{{ block \"k\" . }}a: x{{ end }}",
        "{{ define \"\" }}x{{ end }}a: {{ template \"\" . }}",
    ] {
        assert_eq!(run(&templates, Purpose::Document, text).unwrap(), "a: x", "{text}");
    }
    let why = |purpose, text| run(&templates, purpose, text).unwrap_err().to_string();
    let defines = "{{ define \"k\" }}x{{ end }}a: x";
    assert!(why(Purpose::Target, defines).contains("multiple definition of template \"k\""));
    assert_eq!(
        why(Purpose::Document, "{{ template \"k\" }}"),
        "unable to execute template at key k: template: k:1:12: executing \"k\" at <{{template \"k\"}}>: template \"k\" not defined"
    );
    assert_eq!(
        why(Purpose::Document, "{{ if }}"),
        "unable to parse template at key k: template: k:1: missing value for if (column 7)"
    );
}

#[test]
fn a_system_without_random_bytes_is_told_as_such_and_makes_no_value() {
    let dot = dot(&values());
    let render = |templates: &Templates| {
        let text = Text { name: "k", bytes: b"{{ randAlphaNum 4 }}", secret: false };
        templates.session(Pace::Long).render(Purpose::Target, text, || &dot)
    };
    let even = templates("{{", "}}").with_chance(|buffer| {
        buffer.fill(0);
        true
    });
    assert_eq!(render(&even).unwrap(), render(&even).unwrap());
    assert_eq!(render(&even.with_chance(|_| false)).unwrap_err().kind(), Kind::Bug);
}

#[test]
fn templates_that_take_few_steps_each_are_put_off_once_they_took_many() {
    let ((text, steps), templates) = (work(), templates("{{", "}}"));
    let in_place = usize::try_from(limits::TEMPLATE_STEPS_IN_PLACE / steps).unwrap();
    for (pace, rendered) in [(Pace::Quick, in_place), (Pace::Long, 20)] {
        let session = templates.session(pace);
        assert_eq!((0..20).map_while(|_| quick(&session, text)?.ok()).count(), rendered, "{pace:?}");
    }
}

#[test]
fn what_meets_another_limit_than_that_of_steps_is_not_tried_again() {
    let ((_, steps), templates) = (work(), templates("{{", "}}"));
    let text = "{{ range 1800 }}{{ end }}{{ repeat 100000000 \"x\" }}";
    let text = Text { name: "k", bytes: text.as_bytes(), secret: false };
    for pace in [Pace::Quick, Pace::Long] {
        let session = templates.session(pace);
        assert!(quick(&session, text).unwrap().is_err());
        assert!(session.spent.get() < 2 * steps, "{}", session.spent.get());
    }
}

#[tokio::test]
async fn small_templates_take_room_among_what_is_kept_too() {
    let templates = templates("{{", "}}");
    for i in 0..2_000 {
        run(&templates, Purpose::Target, &format!("{{{{{i}}}}}")).unwrap();
    }
    let (count, _) = templates.kept.lock().unwrap().size();
    assert!(count <= 2 * limits::TEMPLATES_KEPT_BYTES / limits::TEMPLATE_KEPT_BYTES, "{count}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn long_work_is_done_aside() {
    assert_eq!(target("{{ range 50000 }}{{ end }}done").unwrap(), "done");
    assert!(failure("{{ range 1000000000000 }}{{ end }}").contains("limit"));
}

#[tokio::test]
async fn what_was_compiled_is_kept_within_bounds_and_by_all_that_it_hangs_on() {
    let templates = templates("[[", "]]");
    let both = "[[ 1 ]]{{ 1 }}";
    assert_eq!(run(&templates, Purpose::Target, both).unwrap(), "1{{ 1 }}");
    assert_eq!(run(&templates, Purpose::Rewrite, both).unwrap(), "[[ 1 ]]1");
    assert_eq!(run(&templates, Purpose::Target, both).unwrap(), "1{{ 1 }}");
    let (count, bytes) = templates.kept.lock().unwrap().size();
    assert!(count == 2 && bytes > 2 * (limits::TEMPLATE_KEPT_BYTES + both.len()), "{count} {bytes}");
    for i in 0..200 {
        let text = format!("[[ {i} ]]{}", "x".repeat(4 << 10));
        run(&templates, Purpose::Target, &text).unwrap();
    }
    let (count, bytes) = templates.kept.lock().unwrap().size();
    assert!(bytes <= 2 * limits::TEMPLATES_KEPT_BYTES && count > 10, "{count} {bytes}");
}

/// Every function that a template can call, beside those of Go's own.
const FUNCTIONS: &str = include_str!("functions.txt");

#[test]
fn sec_03_templates_call_what_is_listed_and_nothing_else() {
    let mut names: Vec<&str> = func::map::eso().flatten().map(func::Func::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, FUNCTIONS.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn sec_03_no_function_reads_the_cluster_and_sec_04_none_the_host() {
    for name in
        ["getSecretKey", "lookup", "getHostByName", "env", "expandenv", "readFile", "include", "tpl", "exec"]
    {
        let error = failure(&format!("{{{{ {name} \"x\" }}}}"));
        assert!(error.contains(&format!("function \"{name}\" not defined")), "{error}");
    }
}

#[test]
fn one_object_at_a_time_does_long_work() {
    let templates = templates("{{", "}}");
    let text = large(100_000);
    let text = Text { name: "k", bytes: text.as_bytes(), secret: false };
    let (first, second) = (templates.session(Pace::Long), templates.session(Pace::Long));
    first.render(Purpose::Target, text, || &Value::Nil).unwrap();
    assert!(templates.aside.try_lock().is_err(), "until the end of its session");
    second.render(Purpose::Target, Text { bytes: b"{{ 1 }}", ..text }, || &Value::Nil).unwrap();
    drop(first);
    second.render(Purpose::Target, text, || &Value::Nil).unwrap();
    drop(second);
    assert!(templates.aside.try_lock().is_ok());
}
