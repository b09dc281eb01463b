//! Hostile documents and paths: every lookup ends soon, on a worker thread's stack, with a result of bounded size.

use std::thread;

use gjson::{MAX_STEPS, WORK_BASE, WORK_PER_BYTE};

/// Half of what the async runtime gives a worker: the caller needs room too.
const STACK: usize = 1 << 20;

/// Far more levels than a stack has room for.
const DEEP: usize = 20_000;

fn nested(open: &str, close: &str, levels: usize) -> String {
    format!("{}1{}", open.repeat(levels), close.repeat(levels))
}

fn listed(open: &str, count: usize, member: impl Fn(usize) -> String, close: &str) -> String {
    format!("{open}{}{close}", (0..count).map(member).collect::<Vec<_>>().join(","))
}

fn assert_bounded(json: &str, path: &str) {
    let bound = WORK_BASE + WORK_PER_BYTE * json.len() as u64;
    let shown: String = path.chars().take(40).collect();
    assert!(gjson::get(json, path).raw.len() as u64 <= bound, "{shown}");
}

/// Looks the paths up in all the documents, on a small stack.
fn assert_all_bounded(documents: Vec<String>, paths: Vec<String>) {
    let looks = move || {
        for json in &documents {
            paths.iter().for_each(|path| assert_bounded(json, path));
        }
    };
    thread::Builder::new().stack_size(STACK).spawn(looks).unwrap().join().unwrap();
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(String::from).collect()
}

const MODIFIERS: &[&str] = &[
    "@dig:a",
    "@dig:*",
    "@dig:@this",
    "@flatten:{\"deep\":true}",
    "@fromstr",
    "@group",
    "@join",
    "@keys",
    "@pretty",
    "@pretty:{\"indent\":\"        \",\"width\":0}",
    "@pretty:{\"sortKeys\":true}",
    "@reverse",
    "@tostr",
    "@ugly",
    "@valid",
    "@values",
];

#[test]
fn a_modifier_of_deep_json_ends() {
    for levels in [usize::from(MAX_STEPS), DEEP] {
        let documents = vec![
            nested("[", "]", levels),
            nested("{\"a\":", "}", levels),
            "[".repeat(levels),
            "{\"a\":".repeat(levels),
        ];
        assert_all_bounded(documents, owned(MODIFIERS));
    }
}

#[test]
fn a_path_as_deep_as_its_json_ends() {
    let documents = vec![nested("[", "]", DEEP), nested("{\"a\":", "}", DEEP)];
    assert_all_bounded(
        documents,
        ["0.", "a.", "*.", "#.", "@this.", "@dig:"].map(|part| part.repeat(DEEP)).into(),
    );
}

#[test]
fn a_nested_path_ends() {
    let brackets = [("[", "]"), ("{", "}"), ("#(", ")"), ("#(#>", ")"), ("#[", "]#"), ("[", ""), ("#(", "")];
    let paths = brackets.map(|(open, close)| nested(open, close, DEEP));
    assert_all_bounded(owned(&["{\"a\":1}", "[[[1]]]"]), paths.into());
}

#[test]
fn a_path_that_doubles_the_result_ends() {
    let paths = ["[@this,@this]", "{\"a\":@this,\"b\":@this}", "@tostr", "[@dig:@this,@dig:@this]"];
    assert_all_bounded(owned(&["{\"a\":\"\\\"\"}"]), paths.map(|part| [part; 60].join("|")).into());
}

#[test]
fn a_path_that_is_long_for_each_element_ends() {
    let json = listed("[", 50_000, |_| String::from("[1]"), "]");
    let letters = "x".repeat(50_000);
    let selectors = listed("[", 20_000, |_| String::from("@this"), "]");
    assert_all_bounded(
        vec![json],
        vec![format!("#.{letters}"), format!("#(0=\"{letters}\")#"), format!("#.{selectors}"), selectors],
    );
}

#[test]
fn a_pattern_of_many_stars_ends() {
    let long = format!("{{\"{}\":1}}", "a".repeat(100_000));
    let many = listed("{", 50_000, |i| format!("\"{}{i}\":{i}", "a".repeat(i % 40)), "}");
    assert_all_bounded(
        vec![long, many],
        vec!["*a".repeat(50_000) + "*b", "*a".repeat(1_000) + "*b", "*a".repeat(20) + "*b"],
    );
}

#[test]
fn text_that_a_modifier_repeats_ends_it() {
    let rows = format!("{{\"{}\":[{}1]}}", "k".repeat(100_000), "1,".repeat(100_000));
    assert!(!gjson::get(&rows, "@group").exists());
    let spaces = " ".repeat(100_000);
    let list = listed("[", 10_000, |i| format!("{{\"a\":{i}}}"), "]");
    for option in ["indent", "prefix"] {
        assert!(!gjson::get(&list, &format!("@pretty:{{\"{option}\":\"{spaces}\"}}")).exists(), "{option}");
    }
}

#[test]
fn work_that_grows_with_the_json_is_granted() {
    let list = listed("[", 20_000, |i| format!("{{\"a\":[{i},{{\"b\":\"{i}\"}}]}}"), "]");
    for path in [
        "#.a.#.b|@flatten|#",
        "@dig:b|#",
        "@pretty|#",
        "@tostr|@fromstr|#",
        "@reverse|#",
        "[@this].@this.0.#",
        "#(a.0>=0)#|#",
    ] {
        assert_eq!(gjson::get(&list, path).text(), "20000", "{path}");
    }
}

#[test]
fn a_path_of_many_components_is_followed() {
    let levels = usize::from(MAX_STEPS) - 2;
    assert_eq!(gjson::get(&nested("[", "]", levels), &vec!["0"; levels].join(".")).text(), "1");
}
