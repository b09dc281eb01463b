//! `urlParse` and `urlJoin`: Go's `net/url`.

use crate::error::Fault;
use crate::func::ip::{self, Family};
use crate::func::logic::NIL_POINTER;
use crate::func::{Args, Func};
use crate::print::quote;
use crate::run::Run;
use crate::types::Type;
use crate::value::{Map, Value};

/// The table.
pub static ROWS: &[Func] = &[
    Func::fixed("urlParse", &[Type::String], Type::DICT, url_parse),
    Func::fixed("urlJoin", &[Type::DICT], Type::String, url_join),
];

fn url_parse(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let text = args.str(0)?;
    let url = Url::parse(text).map_err(|why| {
        run.conceal(Value::str(decoded(text)));
        Fault::new(format!("unable to parse url: {why}"))
    })?;
    let user = url.user.as_ref().map(User::escaped).unwrap_or_default();
    let hostname = hostname(&url.host).to_vec();
    Ok(Value::dict([
        ("scheme", Value::str(url.scheme)),
        ("host", Value::str(url.host)),
        ("hostname", Value::str(hostname)),
        ("path", Value::str(url.path)),
        ("query", Value::str(url.query)),
        ("opaque", Value::str(url.opaque)),
        ("fragment", Value::str(url.fragment)),
        ("userinfo", Value::str(user)),
    ]))
}

fn url_join(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let dict = args.map(0)?;
    let mut url = Url {
        scheme: part(dict, "scheme")?,
        host: part(dict, "host")?,
        path: part(dict, "path")?,
        query: part(dict, "query")?,
        opaque: part(dict, "opaque")?,
        fragment: part(dict, "fragment")?,
        ..Url::default()
    };
    let user = part(dict, "userinfo")?;
    if !user.is_empty() {
        let parsed = Url::parse(&[b"proto://", &user[..], b"@host"].concat());
        url.user = parsed.map_err(|why| Fault::new(format!("unable to parse userinfo in dict: {why}")))?.user;
    }
    let joined = url.joined();
    run.make(joined.len())?;
    Ok(Value::str(joined))
}

/// What the dict has under the key: a string, or nothing.
fn part(dict: &Map, key: &str) -> Result<Vec<u8>, Fault> {
    match dict.get(key.as_bytes()).map(|value| value.plain()) {
        None => Ok(Vec::new()),
        Some(Value::Str(text)) => Ok(text.to_vec()),
        Some(Value::Nil | Value::NoValue) => Err(NIL_POINTER.into()),
        Some(other) => {
            let kind = other.kind();
            Err(Fault::new(format!("unable to parse {key} key, must be of type string, but {kind} found")))
        }
    }
}

/// A part of a URL, which decides what stands in it as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Host,
    /// The zone of an IPv6 address.
    Zone,
    User,
    Fragment,
}

impl Part {
    /// What stands in the part as it is, besides letters and digits.
    const fn plain(self) -> &'static [u8] {
        match self {
            Self::Path => b"$&+,-./:;=@_~",
            Self::Host | Self::Zone => b"!\"$&'()*+,-.:;<=>[]_~",
            Self::User => b"$&+,-.;=_~",
            Self::Fragment => b"!$&()*+,-./:;=?@_~",
        }
    }

    fn is_plain(self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || self.plain().contains(&byte)
    }
}

fn escape(text: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if part.is_plain(*byte) {
            out.push(*byte);
        } else {
            out.extend(format!("%{byte:02X}").bytes());
        }
    }
    out
}

/// The text as it was read, if everything that must be escaped was, else escaped.
fn escaped(text: &[u8], read: &[u8], part: Part) -> Vec<u8> {
    let is_right = |byte: &u8| b"!$&'()*+,;=:@[]%".contains(byte) || part.is_plain(*byte);
    if !read.is_empty() && read.iter().all(is_right) { read.to_vec() } else { escape(text, part) }
}

/// A text in Go's quotes.
pub(super) fn quoted(text: &[u8]) -> String {
    String::from_utf8_lossy(&quote(text)).into_owned()
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn unescape(text: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte == b'%' {
            out.push(escaped_byte(&text[at..], part)?);
            at += 3;
            continue;
        }
        if matches!(part, Part::Host | Part::Zone) && byte.is_ascii() && !part.is_plain(*byte) {
            return Err(format!("invalid character {} in host name", quoted(&[*byte])));
        }
        out.push(*byte);
        at += 1;
    }
    Ok(out)
}

/// The byte that an escape at the beginning stands for. A host may escape only what is not ASCII, a zone only what could
/// stand there anyway, or a space.
fn escaped_byte(text: &[u8], part: Part) -> Result<u8, String> {
    let escape = &text[..text.len().min(3)];
    let invalid = || format!("invalid URL escape {}", quoted(escape));
    let (high, low) = hex(text.get(1)).zip(hex(text.get(2))).ok_or_else(invalid)?;
    let byte = high << 4 | low;
    let is_allowed = match part {
        _ if escape == b"%25" => true,
        Part::Host => !byte.is_ascii(),
        Part::Zone => byte == b' ' || Part::Host.is_plain(byte),
        Part::Path | Part::User | Part::Fragment => true,
    };
    if is_allowed { Ok(byte) } else { Err(invalid()) }
}

/// The text with every escape decoded that is one, wherever it stands.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escape = text.get(at..at + 3).filter(|escape| escape[0] == b'%');
        let escaped = escape.and_then(|escape| hex(escape.get(1)).zip(hex(escape.get(2))));
        out.push(escaped.map_or(*byte, |(high, low)| high << 4 | low));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

/// Who asks.
struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl User {
    fn parse(text: &[u8]) -> Result<Self, String> {
        if !text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte)) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        let (name, password) = cut(text, b':');
        let password = password.map(|password| unescape(password, Part::User));
        Ok(Self { name: unescape(name, Part::User)?, password: password.transpose()? })
    }

    fn escaped(&self) -> Vec<u8> {
        let mut out = escape(&self.name, Part::User);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape(password, Part::User));
        }
        out
    }
}

/// The text before the first such byte, and what follows it.
fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(found) => (&text[..found], Some(&text[found + 1..])),
        None => (text, None),
    }
}

/// The parts of a URL, unescaped but for the query and what is opaque.
#[derive(Default)]
pub(super) struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<User>,
    pub(super) host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
    read: AsRead,
}

/// How what was parsed was written.
#[derive(Default)]
struct AsRead {
    path: Vec<u8>,
    fragment: Vec<u8>,
    /// There is a query, if an empty one.
    has_query: bool,
    /// There are no slashes for a host.
    omits_host: bool,
}

impl Url {
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let named = |text: &[u8], why| format!("parse {}: {why}", quoted(text));
        let (before, fragment) = cut(text, b'#');
        let mut url = Self::without_fragment(before).map_err(|why| named(before, why))?;
        url.read.fragment = fragment.unwrap_or_default().to_vec();
        let fragment = unescape(&url.read.fragment, Part::Fragment);
        url.fragment = fragment.map_err(|why| named(text, why))?;
        Ok(url)
    }

    fn without_fragment(text: &[u8]) -> Result<Self, String> {
        if text.iter().any(u8::is_ascii_control) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        if text == b"*" {
            return Ok(Self { path: text.to_vec(), ..Self::default() });
        }
        let (scheme, rest) = scheme_of(text)?;
        let (rest, query) = cut(rest, b'?');
        let mut url = Self {
            scheme: scheme.to_ascii_lowercase(),
            query: query.unwrap_or_default().to_vec(),
            read: AsRead { has_query: query.is_some(), ..AsRead::default() },
            ..Self::default()
        };
        if !rest.starts_with(b"/") {
            if !scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        url.set_rest(rest)?;
        Ok(url)
    }

    /// Sets user, host and path.
    fn set_rest(&mut self, rest: &[u8]) -> Result<(), String> {
        let has_host = !self.scheme.is_empty() || !rest.starts_with(b"///");
        let authority = rest.strip_prefix(b"//").filter(|_| has_host);
        let Some(authority) = authority else {
            self.read.omits_host = !self.scheme.is_empty();
            return self.set_path(rest);
        };
        let slash = authority.iter().position(|byte| *byte == b'/').unwrap_or(authority.len());
        let (authority, path) = authority.split_at(slash);
        let at = authority.iter().rposition(|byte| *byte == b'@');
        self.host = host(&self.scheme, &authority[at.map_or(0, |at| at + 1)..])?;
        self.user = at.map(|at| User::parse(&authority[..at])).transpose()?;
        self.set_path(path)
    }

    fn set_path(&mut self, path: &[u8]) -> Result<(), String> {
        self.path = unescape(path, Part::Path)?;
        self.read.path = path.to_vec();
        Ok(())
    }

    /// Go's `URL.String`.
    pub(super) fn joined(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.join_hierarchy(&mut out);
        } else {
            out.extend(&self.opaque);
        }
        if self.read.has_query || !self.query.is_empty() {
            out.push(b'?');
            out.extend(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escaped(&self.fragment, &self.read.fragment, Part::Fragment));
        }
        out
    }

    /// User, host and path.
    fn join_hierarchy(&self, out: &mut Vec<u8>) {
        let has_authority = !self.host.is_empty() || self.user.is_some();
        let has_path = !self.read.omits_host && !self.scheme.is_empty() && !self.path.is_empty();
        if has_authority || has_path {
            out.extend(b"//");
        }
        if let Some(user) = &self.user {
            out.extend(user.escaped());
            out.push(b'@');
        }
        out.extend(escape(&self.host, Part::Host));
        let path = match &*self.path {
            b"*" if self.read.path.is_empty() => self.path.clone(),
            path => escaped(path, &self.read.path, Part::Path),
        };
        if !path.is_empty() && path[0] != b'/' && !self.host.is_empty() {
            out.push(b'/');
        }
        // Else what is before the colon would be taken for a scheme.
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend(b"./");
        }
        out.extend(path);
    }
}

/// The scheme, without its colon, and the rest; no scheme if what is before the colon cannot be one.
fn scheme_of(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let end = text.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"+-.".contains(byte));
    match end {
        Some(end) if text[end] == b':' => match text[0] {
            b':' => Err("missing protocol scheme".to_owned()),
            first if first.is_ascii_alphabetic() => Ok((&text[..end], &text[end + 1..])),
            _ => Ok((b"", text)),
        },
        _ => Ok((b"", text)),
    }
}

/// Whether it is nothing, or a colon and digits.
fn is_port(text: &[u8]) -> bool {
    text.is_empty() || text[0] == b':' && text[1..].iter().all(u8::is_ascii_digit)
}

fn check_port(text: &[u8]) -> Result<(), String> {
    if is_port(text) { Ok(()) } else { Err(format!("invalid port {} after host", quoted(text))) }
}

/// A host with its port, unescaped.
fn host(scheme: &[u8], text: &[u8]) -> Result<Vec<u8>, String> {
    match text.iter().rposition(|byte| *byte == b'[') {
        Some(0) => return bracketed_host(text),
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    // Lists of hosts, as databases have them, hold colons; the web's hosts do not.
    let is_colon = |byte: &u8| *byte == b':';
    let is_web = scheme == b"http" || scheme == b"https";
    let colon = if is_web { text.iter().position(is_colon) } else { text.iter().rposition(is_colon) };
    check_port(&text[colon.unwrap_or(text.len())..])?;
    unescape(text, Part::Host)
}

/// An IPv6 address in brackets, with its port.
fn bracketed_host(text: &[u8]) -> Result<Vec<u8>, String> {
    let end = text.iter().rposition(|byte| *byte == b']').ok_or("missing ']' in host")?;
    let port = &text[end + 1..];
    check_port(port)?;
    let name = &text[1..end];
    let zone = name.windows(3).position(|escape| escape == b"%25").unwrap_or(name.len());
    let mut address = unescape(&name[..zone], Part::Host)?;
    address.extend(unescape(&name[zone..], Part::Zone)?);
    match ip::parse(&address) {
        Ok(Family::Six) => Ok([b"[", &address[..], b"]", port].concat()),
        Ok(Family::Four) => Err("invalid IP-literal".to_owned()),
        Err(why) => Err(format!("invalid host: {why}")),
    }
}

/// The host without its port and brackets.
fn hostname(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|byte| *byte == b':').filter(|at| is_port(&host[*at..]));
    let name = &host[..colon.unwrap_or(host.len())];
    name.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(name)
}
