//! The keys, certificates and stores that template functions make are read by somebody else than us, and than Go.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use gotemplate::func::map;
use gotemplate::{Engine, Env, Value};

/// A folder of its own for each test.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openssl").join(test);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/certificates").join(name)).unwrap()
}

fn rendered(text: &str, data: &[(&str, &[u8])]) -> Vec<u8> {
    let engine = map::eso().fold(Engine::new(), Engine::functions);
    let chance = fs::File::open("/dev/urandom").unwrap();
    let random = |buffer: &mut [u8]| (&chance).read_exact(buffer).unwrap();
    #[expect(clippy::disallowed_methods, reason = "OpenSSL reads the same clock")]
    let env = Env { now: Some(SystemTime::now()), random: Some(&random), ..Env::default() };
    let dot = Value::string_map(data.iter().map(|(key, value)| (*key, *value)));
    engine.compile("case", text).unwrap().render(&dot, &env).unwrap()
}

/// What OpenSSL says to these arguments and this input; it must not fail.
fn openssl(arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("OpenSSL's command line is needed");
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input);
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "openssl {arguments:?}: {told}");
    String::from_utf8(ended.stdout).unwrap() + &told
}

/// The blocks of a PEM text, without what stands between them.
fn blocks(pem: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = pem.lines();
    while let Some(begin) = lines.find(|line| line.starts_with("-----BEGIN")) {
        let end = begin.replace("BEGIN", "END");
        let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        blocks.push(inside.concat());
    }
    blocks
}

fn blocks_of(names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| blocks(&String::from_utf8(file(name)).unwrap())).collect()
}

/// The key as OpenSSL writes every key.
fn canonical(key: &[u8]) -> String {
    openssl(&["pkey"], key)
}

/// Reads a store: what is said about it, its certificates, its keys.
fn read(store: &Path, password: &str) -> (String, String, String) {
    let (store, password) = (store.to_str().unwrap(), format!("pass:{password}"));
    let pkcs12 = |more: &[&str]| {
        openssl(&[&["pkcs12", "-in", store, "-passin", &password, "-nodes"], more].concat(), b"")
    };
    (pkcs12(&["-info", "-noout"]), pkcs12(&["-nokeys"]), pkcs12(&["-nocerts"]))
}

#[test]
#[ignore = "needs OpenSSL's command line"]
fn openssl_reads_the_stores_that_we_make_of_every_kind_of_key() {
    let folder = folder("stores");
    for (key, certificate) in [
        ("leaf.key", "leaf.crt"),
        ("leaf-pkcs1.key", "leaf.crt"),
        ("ec-sec1.key", "ec.crt"),
        ("p384.key", "p384.crt"),
        ("p224.key", "p224.crt"),
        ("primes3.key", "primes3.crt"),
        ("ed25519.key", "ed25519.crt"),
    ] {
        for password in ["", "secret", "pässwörd"] {
            let data = [("c", &*file(certificate)), ("k", &*file(key)), ("p", password.as_bytes())];
            let store = folder.join("key.p12");
            fs::write(&store, rendered("{{ pemToPkcs12Pass .c .k .p | b64dec }}", &data)).unwrap();
            let (info, certificates, keys) = read(&store, password);
            assert!(info.contains("AES-256-CBC") && info.contains("hmacWithSHA256"), "{key}: {info}");
            assert_eq!(blocks(&certificates), blocks_of(&[certificate]), "{key}");
            assert_eq!(canonical(keys.as_bytes()), canonical(&file(key)), "{key}");
        }
    }
}

#[test]
#[ignore = "needs OpenSSL's command line"]
fn openssl_finds_the_whole_chain_and_which_certificate_has_the_key() {
    let store = folder("chain").join("chain.p12");
    let data = [("c", &*file("chain.pem")), ("k", &*file("leaf.key"))];
    fs::write(&store, rendered("{{ fullPemToPkcs12Pass .c .k \"secret\" | b64dec }}", &data)).unwrap();
    let (_, certificates, keys) = read(&store, "secret");
    assert_eq!(blocks(&certificates), blocks_of(&["leaf.crt", "intermediate.crt", "root.crt"]));
    assert_eq!(canonical(keys.as_bytes()), canonical(&file("leaf.key")));
    // Both have the name by which readers put them together.
    let [leaf, ..] = certificates.split("-----END").collect::<Vec<_>>()[..] else { panic!("{certificates}") };
    let local = |text: &str| text.lines().find(|line| line.contains("localKeyID")).map(str::to_owned);
    assert!(local(leaf).is_some(), "{certificates}");
    assert_eq!(local(leaf), local(&keys));
}

#[test]
#[ignore = "needs OpenSSL's command line"]
fn openssl_reads_the_trust_stores_that_we_make_and_finds_java_s_mark() {
    let folder = folder("trust");
    for (bundle, password) in [("authorities.pem", "changeit"), ("chain.pem", "secret"), ("root.crt", "")] {
        let store = folder.join("trust.p12");
        let data = [("c", &*file(bundle)), ("p", password.as_bytes())];
        fs::write(&store, rendered("{{ pemTruststoreToPKCS12Pass .c .p | b64dec }}", &data)).unwrap();
        let (_, certificates, keys) = read(&store, password);
        assert_eq!(blocks(&certificates), blocks_of(&[bundle]), "{bundle}");
        assert!(blocks(&keys).is_empty(), "{bundle}");
        let marks = certificates.matches("2.16.840.1.113894.746875.1.1").count();
        assert_eq!(marks, blocks(&certificates).len(), "{certificates}");
    }
}

#[test]
#[ignore = "needs OpenSSL's command line"]
fn openssl_verifies_what_keys_of_every_kind_sign() {
    let authority = folder("signed").join("authority.crt");
    let text = "{{ $ca := genCAWithKey \"authority\" 30 .k }}{{ $c := genSignedCertWithKey \"leaf\" nil nil 7 $ca .k }}{{ $ca.Cert }}&{{ $c.Cert }}";
    for key in [
        "leaf.key",
        "ec.key",
        "p224.key",
        "p384.key",
        "p521.key",
        "ed25519.key",
        "primes3.key",
        "primes4.key",
        "rsa-uneven.key",
        "primes3-third-other.key",
    ] {
        let made = String::from_utf8(rendered(text, &[("k", &file(key))])).unwrap();
        let (own, leaf) = made.split_once('&').unwrap();
        fs::write(&authority, own).unwrap();
        openssl(&["verify", "-CAfile", authority.to_str().unwrap()], leaf.as_bytes());
    }
}

#[test]
#[ignore = "needs OpenSSL's command line"]
fn openssl_verifies_the_certificates_that_we_issue() {
    let folder = folder("issued");
    let text = "{{ $ca := genCA \"authority\" 30 }}{{ $c := genSignedCert \"leaf.example\" (list \"192.0.2.7\") (list \"leaf.example\") 7 $ca }}\
                {{ $ca.Cert }}&{{ $c.Cert }}&{{ $c.Key }}";
    let made = String::from_utf8(rendered(text, &[])).unwrap();
    let [authority, leaf, key] = made.split('&').collect::<Vec<_>>()[..] else { panic!("{made}") };
    let authority_file = folder.join("authority.crt");
    fs::write(&authority_file, authority).unwrap();
    let checks = ["verify", "-CAfile", authority_file.to_str().unwrap(), "-verify_hostname", "leaf.example"];
    openssl(&checks, leaf.as_bytes());
    let of_certificate = openssl(&["x509", "-noout", "-pubkey"], leaf.as_bytes());
    assert_eq!(openssl(&["pkey", "-pubout"], key.as_bytes()), of_certificate);
}

#[test]
#[ignore = "needs OpenSSL's command line"]
fn openssl_finds_no_fault_in_the_keys_that_we_make() {
    for kind in ["rsa", "ecdsa", "ed25519", "dsa"] {
        let key = rendered(&format!("{{{{ genPrivateKey \"{kind}\" }}}}"), &[]);
        let checks: &[&str] =
            if kind == "dsa" { &["dsa", "-noout", "-modulus"] } else { &["pkey", "-noout", "-check"] };
        openssl(checks, &key);
    }
}
