//! The error taxonomy: closed, and decided by meaning.
//!
//! A provider says *what is the case* ([`Kind`]); the edges (deletion, waits, conditions) match on the kind without a
//! wildcard and decide what follows. Only [`Kind::NotFound`] may ever lead to a deletion, so it needs positive proof: the
//! right service, the right container and the right credential answered, and *it* said that this entry is absent.
//!
//! An error never carries a secret value and never a response body. Facts are names (a key, a host, a status).

use std::{fmt, sync::Arc, time::Duration};

/// What is the case. The table with the consequences is design section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The store, reached with the right credential, says that this entry is absent. Nothing else.
    NotFound,
    /// The credential is missing, refused or expired.
    Unauthenticated,
    /// The credential is known and may not do this.
    Forbidden,
    /// Told to slow down; `after` says for how long, if the store said so.
    Throttled,
    /// Connect, TLS, time-out, 5xx, cut stream: the store gave no answer.
    Unavailable,
    /// Our write lost a race.
    Conflict,
    /// Cannot work as written: wrong mount, unknown region, bad expression, missing property.
    Invalid,
    /// The provider lacks it, or it is not built yet.
    Unsupported,
    /// We could, but must not: another owner, immutable, scope, forbidden type.
    Refused,
    /// The answer is unreadable or over a limit.
    Malformed,
    /// Our own invariant broke.
    Bug,
}

impl Kind {
    /// All kinds, for tables in tests and metrics.
    pub const ALL: [Self; 11] = [
        Self::NotFound,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Throttled,
        Self::Unavailable,
        Self::Conflict,
        Self::Invalid,
        Self::Unsupported,
        Self::Refused,
        Self::Malformed,
        Self::Bug,
    ];

    /// The stable word used in metrics and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Bug => "bug",
        }
    }

    /// True if nothing was learned of any entry: no answer came, or only that none will come for a while.
    #[must_use]
    pub const fn is_silence(self) -> bool {
        matches!(self, Self::Unavailable | Self::Throttled)
    }

    /// True if the same request may succeed a moment later without anybody changing anything.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Throttled | Self::Unavailable | Self::Conflict => true,
            Self::NotFound
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::Invalid
            | Self::Unsupported
            | Self::Refused
            | Self::Malformed
            | Self::Bug => false,
        }
    }
}

/// The source of an error: an error of a library, kept for logs at debug level and never part of the text.
pub type Source = Arc<dyn std::error::Error + Send + Sync + 'static>;

/// One error: kind, what we did, facts, an optional wait, an optional source. Cheap to clone, because one failed read
/// answers every object that waited for it.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    what: String,
    facts: Vec<(&'static str, String)>,
    after: Option<Duration>,
    lost: bool,
    source: Option<Source>,
}

/// The result of everything below the edges.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`; `what` says in lower case, without a full stop, what we did or what is wrong. It must hold no value.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            what: what.into(),
            facts: Vec::new(),
            after: None,
            lost: false,
            source: None,
        }))
    }

    /// Adds a fact: a name a user can act on. Never a secret, never a body.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        Arc::make_mut(&mut self.0).facts.push((name, value.to_string()));
        self
    }

    /// Only the facts of these names: what is true of the store, and not of one entry or one consumer.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        Arc::make_mut(&mut self.0).facts.retain(|(name, _)| names.contains(name));
        self
    }

    /// Says that the connection ended before an answer came.
    #[must_use]
    pub fn lost(mut self) -> Self {
        Arc::make_mut(&mut self.0).lost = true;
        self
    }

    /// True if the connection ended before an answer came: a server may close an idle one at any time.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.lost
    }

    /// Adds how long the store told us to wait.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        Arc::make_mut(&mut self.0).after = wait;
        self
    }

    /// Keeps the library's error as source.
    #[must_use]
    pub fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::new(source));
        self
    }

    /// The same error, said at a higher level: `what` goes before the text, kind, facts and wait stay.
    #[must_use]
    pub fn within(mut self, what: impl fmt::Display) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.what = format!("{what}: {}", inner.what);
        self
    }

    /// The same error under another kind, for an edge that knows better (Vault's 403 after `lookup-self`).
    #[must_use]
    pub fn as_kind(mut self, kind: Kind) -> Self {
        Arc::make_mut(&mut self.0).kind = kind;
        self
    }

    /// The same error in other words: kind, facts and wait stay, the source goes.
    #[must_use]
    pub fn reworded(mut self, what: impl Into<String>) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        (inner.what, inner.source) = (what.into(), None);
        self
    }

    /// What we did or what is wrong, without the facts.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// What is the case.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// How long the store told us to wait.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.0.after
    }

    /// The facts, in the order they were added.
    #[must_use]
    pub fn facts(&self) -> &[(&'static str, String)] {
        &self.0.facts
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        for (i, (name, value)) in self.0.facts.iter().enumerate() {
            write!(f, "{}{name}={value}", if i == 0 { " (" } else { ", " })?;
        }
        if self.0.facts.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.kind.word())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_holds_facts_in_order_and_no_source() {
        let error = Error::new(Kind::Invalid, "unknown mount")
            .with("mount", "kv")
            .with("server", "vault.example")
            .because(std::io::Error::other("inner text"));
        assert_eq!(error.to_string(), "unknown mount (mount=kv, server=vault.example)");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn a_wider_sentence_keeps_kind_and_wait() {
        let error = Error::new(Kind::Throttled, "slow down")
            .after(Some(Duration::from_secs(3)))
            .within("reading a key");
        assert_eq!((error.kind(), error.wait()), (Kind::Throttled, Some(Duration::from_secs(3))));
        assert_eq!(error.to_string(), "reading a key: slow down");
    }

    #[test]
    fn every_kind_has_its_own_word() {
        let words: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }
}
