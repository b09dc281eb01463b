//! One server with one credential: calls that carry the token, a token that is got once for many, and the two questions that make
//! an answer mean something: *is the token good?* (after a 403) and *is this mount what the store takes it for?* (after a 404).

use jiff::Timestamp;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{
    auth::{Door, Issued, Login},
    path::{self, KvVersion},
    wire::{self, Call, Mount, Reply, Wire},
};
use crate::{
    base::{Error, Kind, Result, limits},
    net::{
        client::Answer,
        retry::{Retry, jitter, retry},
        token::{Token, TokenCache},
    },
    provider::{
        entry::{Entry, Payload},
        env::Env,
    },
};

/// What a session is made of.
#[derive(Debug)]
pub(in crate::provider) struct Parts {
    /// The server.
    pub(in crate::provider) wire: Wire,
    /// The namespace of the entries.
    pub(in crate::provider) namespace: Option<String>,
    /// The namespace of the auth mount.
    pub(in crate::provider) login_namespace: Option<String>,
    /// The CA of the store, for logins with a client certificate.
    pub(in crate::provider) ca: Option<Vec<u8>>,
    /// How to get a token.
    pub(in crate::provider) login: Login,
    /// True where reads must see what the login wrote (`readYourWrites`).
    pub(in crate::provider) follows_index: bool,
    /// Time, retries, the cluster.
    pub(in crate::provider) env: Env,
}

/// An opened connection of one store.
#[derive(Debug)]
pub(in crate::provider) struct Session {
    parts: Parts,
    tokens: TokenCache<Issued>,
    /// What was last said of a token.
    judged: Mutex<Option<Judgement>>,
    /// Mounts that were looked at, and when.
    mounts: Mutex<Vec<(Mount, Timestamp)>>,
}

/// A token is good, or not.
#[derive(Debug, Clone, Copy)]
struct Judgement {
    generation: u64,
    good: bool,
    at: Timestamp,
}

impl Session {
    /// Opens without a call: the first read logs in.
    pub(in crate::provider) fn new(parts: Parts) -> Self {
        let tokens = TokenCache::new(parts.env.clock.clone());
        Self { parts, tokens, judged: Mutex::default(), mounts: Mutex::default() }
    }

    /// The entry at a path of the API.
    ///
    /// # Errors
    /// As [`Session::read`], and those of the payload.
    pub(in crate::provider) async fn value(
        &self,
        path: &str,
        version: Option<&str>,
        kv: KvVersion,
    ) -> Result<Entry> {
        let answer = self.read(path, version, kv).await?;
        let value = wire::value(&answer, kv)?.ok_or_else(|| absent(path))?;
        Ok(Entry {
            payload: Payload::Bytes(value.bytes),
            version: value.version.map(|version| version.to_string()),
        })
    }

    /// What a path of the API holds.
    ///
    /// # Errors
    /// `NotFound` once the mount is proven; `Unauthenticated`, `Forbidden`, and those of the wire.
    pub(in crate::provider) async fn read(
        &self,
        path: &str,
        version: Option<&str>,
        kv: KvVersion,
    ) -> Result<Answer> {
        let call = Call::read(path, self.parts.namespace.as_deref());
        let call = version.into_iter().fold(call, |call, version| call.query("version", version));
        self.proven(&call, kv).await
    }

    /// The names in a folder; folders end in `/`.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub(in crate::provider) async fn list(&self, path: &str, kv: KvVersion) -> Result<Vec<String>> {
        let call = Call::list(path, self.parts.namespace.as_deref());
        wire::names(&self.proven(&call, kv).await?)
    }

    async fn proven(&self, call: &Call<'_>, kv: KvVersion) -> Result<Answer> {
        match self.ask(call).await? {
            Some(answer) => Ok(answer),
            None => {
                self.prove(call.path(), kv).await?;
                Err(absent(call.path()))
            }
        }
    }

    /// Proves that `path` lies in a mount of this version. One look a mount and [`limits::LOOK_BELIEVED`], however many ask.
    ///
    /// # Errors
    /// `Invalid` where it does not; `Forbidden` where the token may not see the mount.
    pub(in crate::provider) async fn prove(&self, path: &str, kv: KvVersion) -> Result<()> {
        let path = path::segments(path)?.join("/");
        let now = self.parts.env.clock.now();
        let mut mounts = self.mounts.lock().await;
        mounts.retain(|(_, at)| is_recent(*at, now));
        if let Some((mount, _)) = mounts.iter().find(|(mount, _)| mount.covers(&path)) {
            return mount.proves(&path, kv);
        }
        let mount = self.look_at(&path).await?;
        let proof = mount.proves(&path, kv);
        mounts.push((mount, now));
        proof
    }

    /// Proves the credential and, with the same call, that `path` lies in a mount of this version.
    ///
    /// # Errors
    /// As [`Session::prove`]; `Unauthenticated` where the server does not know the token.
    pub(in crate::provider) async fn probe_mount(&self, path: &str, kv: KvVersion) -> Result<()> {
        let path = path::segments(path)?.join("/");
        self.look_at(&path).await?.proves(&path, kv)
    }

    async fn look_at(&self, path: &str) -> Result<Mount> {
        let call = Call::read(format!("sys/internal/ui/mounts/{path}"), self.parts.namespace.as_deref());
        let looked = self.ask(&call).await.map_err(|error| error.within("looking at the mount"))?;
        let nothing =
            || Error::new(Kind::Invalid, "the server does not describe the mount").with("path", path);
        Mount::of(&looked.ok_or_else(nothing)?)
    }

    /// Proves the credential.
    ///
    /// # Errors
    /// `Unauthenticated` where the server does not know the token.
    pub(in crate::provider) async fn probe(&self) -> Result<()> {
        let lease = self.token().await?;
        if self.look_up(&lease).await? {
            return Ok(());
        }
        match self.another(&lease).await? {
            Some(fresh) if fresh.value.ours || self.look_up(&fresh).await? => Ok(()),
            Some(_) | None => Err(dead_token()),
        }
    }

    /// Revokes the token that we logged in for. A failure is not told: the token ends by itself.
    pub(in crate::provider) async fn close(&self) {
        let Some(issued) = self.tokens.take().await else { return };
        if issued.ours {
            let call = Call::post(
                "auth/token/revoke-self",
                Zeroizing::default(),
                self.parts.login_namespace.as_deref(),
            );
            let _ = self.parts.wire.send(&call, &issued.headers).await;
        }
    }

    async fn token(&self) -> Result<Token<Issued>> {
        let door = Door {
            wire: &self.parts.wire,
            namespace: self.parts.login_namespace.as_deref(),
            ca: self.parts.ca.as_deref(),
            follows_index: self.parts.follows_index,
            env: &self.parts.env,
        };
        self.tokens.get(async || self.parts.login.token(&door).await).await
    }

    /// Every call of a session only reads, so every call may be repeated. ESO's client repeats none where `retrySettings` names no
    /// number.
    async fn send(&self, call: &Call<'_>, lease: &Token<Issued>) -> Result<Reply> {
        let env = &self.parts.env;
        let send = async || self.parts.wire.send(call, &lease.value.headers).await;
        retry(&*env.clock, Retry::of(env.retry, 0), jitter, send).await
    }

    /// One call with the token. `None` is an absence that nobody has proven yet.
    async fn ask(&self, call: &Call<'_>) -> Result<Option<Answer>> {
        let lease = self.token().await?;
        match self.send(call, &lease).await? {
            Reply::Done(answer) => Ok(Some(answer)),
            Reply::Absent => Ok(None),
            Reply::Unfit => Err(self.refused(Kind::Invalid, "the server refuses the request", call)),
            Reply::Denied => self.denied(call, &lease).await,
        }
    }

    /// A 403: if the token is dead, another one is tried, once.
    async fn denied(&self, call: &Call<'_>, lease: &Token<Issued>) -> Result<Option<Answer>> {
        let forbidden = || Err(self.refused(Kind::Forbidden, "the token may not do this", call));
        if self.is_good(lease).await? {
            return forbidden();
        }
        let Some(fresh) = self.another(lease).await? else { return Err(dead_token()) };
        match self.send(call, &fresh).await? {
            Reply::Done(answer) => Ok(Some(answer)),
            Reply::Absent => Ok(None),
            Reply::Unfit => Err(self.refused(Kind::Invalid, "the server refuses the request", call)),
            Reply::Denied if self.is_fresh_good(&fresh).await? => forbidden(),
            Reply::Denied => Err(dead_token()),
        }
    }

    /// A token that was issued a moment ago is good, even where its policies do not let it look itself up.
    async fn is_fresh_good(&self, fresh: &Token<Issued>) -> Result<bool> {
        if !fresh.value.ours {
            return self.is_good(fresh).await;
        }
        *self.judged.lock().await = Some(self.judgement(fresh, true));
        Ok(true)
    }

    /// Another token in the place of a dead one; `None` where the credential gives the same again.
    async fn another(&self, dead: &Token<Issued>) -> Result<Option<Token<Issued>>> {
        self.tokens.invalidate(dead.generation);
        let fresh = self.token().await?;
        let same = !fresh.value.ours && fresh.value.headers == dead.value.headers;
        if same {
            *self.judged.lock().await = Some(self.judgement(&fresh, false));
        }
        Ok((!same).then_some(fresh))
    }

    fn judgement(&self, lease: &Token<Issued>, good: bool) -> Judgement {
        Judgement { generation: lease.generation, good, at: self.parts.env.clock.now() }
    }

    /// True if the server knows the token. One look a token and [`limits::LOOK_BELIEVED`], however many ask.
    async fn is_good(&self, lease: &Token<Issued>) -> Result<bool> {
        let now = self.parts.env.clock.now();
        let mut judged = self.judged.lock().await;
        match *judged {
            Some(Judgement { generation, good, at })
                if generation == lease.generation && is_recent(at, now) =>
            {
                Ok(good)
            }
            _ => {
                let good = self.look_up(lease).await?;
                *judged = Some(self.judgement(lease, good));
                Ok(good)
            }
        }
    }

    /// Looks the token up where it was issued; then in the root namespace, since a token of a parent namespace may not look
    /// itself up in a child.
    async fn look_up(&self, lease: &Token<Issued>) -> Result<bool> {
        let own = self.parts.login_namespace.as_deref();
        for namespace in own.map(Some).into_iter().chain([None]) {
            let call = Call::read("auth/token/lookup-self", namespace);
            match self.send(&call, lease).await? {
                Reply::Done(_) => return Ok(true),
                Reply::Denied => {}
                Reply::Absent | Reply::Unfit => {
                    return Err(self.refused(Kind::Invalid, "the server cannot look a token up", &call));
                }
            }
        }
        Ok(false)
    }

    fn refused(&self, kind: Kind, what: &'static str, call: &Call<'_>) -> Error {
        Error::new(kind, what).with("host", self.parts.wire.host()).with("path", call.path())
    }
}

fn absent(path: &str) -> Error {
    Error::new(Kind::NotFound, "secret does not exist").with("path", path)
}

fn dead_token() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "the server does not know the token: it ended, was revoked or never was one",
    )
}

fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).unsigned_abs() < limits::LOOK_BELIEVED
}
