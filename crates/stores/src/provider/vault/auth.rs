//! Logins: from the references of a store to a token. Each login reads its Secret anew, so a store holds no credential between
//! two logins, and a rotated one counts from the next login on.
//!
//! Not vaultrs' request types: its certificate login sends `cert_name` where the API reads `name` (a role would not be pinned), and
//! the rest are two fields of JSON each, which it keeps in plain strings that print themselves with `Debug`.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::wire::{self, Call, Reply, TokenHeaders, Wire};
use crate::{
    base::{
        Error, Kind, Result, SecretBytes,
        refs::{SecretKeySelector, ServiceAccountSelector},
    },
    net::{client::Trust, tls::client_identity, token::Fresh},
    provider::env::{Env, TokenRequest},
};

/// How a store gets its token. Paths are those of the auth mount, without `auth/`.
#[derive(Debug, Clone)]
pub(in crate::provider) enum Login {
    /// No `auth`: calls go without a token (an agent beside the server may add one).
    Absent,
    /// `tokenSecretRef`.
    Token(SecretKeySelector),
    /// `appRole`.
    AppRole {
        /// Auth mount.
        path: String,
        /// The role's id.
        id: RoleId,
        /// The secret id.
        secret: SecretKeySelector,
    },
    /// `kubernetes` and `jwt`, which differ only in where the JWT may come from.
    Jwt {
        /// Auth mount.
        path: String,
        /// The role; a JWT mount may have a default.
        role: Option<String>,
        /// The JWT.
        jwt: Jwt,
    },
    /// `userPass` and `ldap`.
    Password {
        /// Auth mount.
        path: String,
        /// The user.
        user: String,
        /// The field that names the password, for messages.
        field: &'static str,
        /// The password.
        secret: SecretKeySelector,
    },
    /// `cert`.
    Certificate {
        /// Auth mount.
        path: String,
        /// The role to log in to; without one the server tries all.
        role: Option<String>,
        /// The certificate.
        certificate: SecretKeySelector,
        /// Its key.
        key: SecretKeySelector,
    },
}

/// The id of an AppRole.
#[derive(Debug, Clone)]
pub(in crate::provider) enum RoleId {
    /// Written in the store.
    Given(String),
    /// In a Secret.
    Secret(SecretKeySelector),
}

/// Where a JWT comes from.
#[derive(Debug, Clone)]
pub(in crate::provider) enum Jwt {
    /// A Secret; the field is for messages, the key is the default one.
    Secret(&'static str, SecretKeySelector, &'static str),
    /// A token requested for a ServiceAccount, anew for each login.
    Account {
        /// The field, for messages.
        field: &'static str,
        /// Whose token.
        account: ServiceAccountSelector,
        /// Audiences besides those of the selector.
        audiences: Vec<String>,
        /// Its life.
        ttl: Duration,
    },
}

/// What a login needs of the outside.
#[derive(Debug)]
pub(in crate::provider) struct Door<'a> {
    /// The server.
    pub(in crate::provider) wire: &'a Wire,
    /// The namespace of the auth mount.
    pub(in crate::provider) namespace: Option<&'a str>,
    /// The CA of the store, for a login with its own client certificate.
    pub(in crate::provider) ca: Option<&'a [u8]>,
    /// True where reads must see what the login wrote.
    pub(in crate::provider) follows_index: bool,
    /// The cluster and the clients.
    pub(in crate::provider) env: &'a Env,
}

/// A token in use.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Issued {
    /// As it goes on the wire.
    pub(in crate::provider) headers: TokenHeaders,
    /// True if we logged in for it, and so must revoke it.
    pub(in crate::provider) ours: bool,
}

impl Login {
    /// Gets a token.
    ///
    /// # Errors
    /// `Unauthenticated` where the credential is missing or refused; `Invalid` where there is no such auth mount; those of the wire.
    pub(in crate::provider) async fn token(&self, door: &Door<'_>) -> Result<Fresh<Issued>> {
        match self {
            Self::Absent => Ok(given(TokenHeaders::none())),
            Self::Token(selector) => {
                let token = door.secret("auth.tokenSecretRef", selector, "").await?;
                Ok(given(TokenHeaders::new(&token, None)?))
            }
            Self::Certificate { certificate, key, .. } => {
                let wire = door.presenting(certificate, key).await?;
                let call = self.call(door).await?;
                door.log_in(&wire, &call).await
            }
            Self::AppRole { .. } | Self::Jwt { .. } | Self::Password { .. } => {
                let call = self.call(door).await?;
                door.log_in(door.wire, &call).await
            }
        }
    }

    /// The call that logs in.
    async fn call<'a>(&self, door: &Door<'a>) -> Result<Call<'a>> {
        let (path, body) = match self {
            Self::Absent | Self::Token(_) => return Err(Error::new(Kind::Bug, "this method has no login")),
            Self::AppRole { path, id, secret } => {
                let role_id = id.read(door).await?;
                let secret_id = door.text("auth.appRole.secretRef", secret).await?;
                (format!("auth/{path}/login"), body(&[("role_id", &role_id), ("secret_id", &secret_id)])?)
            }
            Self::Jwt { path, role, jwt } => {
                let jwt = jwt.read(door).await?;
                let role = role.iter().map(|role| ("role", role.as_str()));
                let fields: Vec<_> = role.chain([("jwt", jwt.as_str())]).collect();
                (format!("auth/{path}/login"), body(&fields)?)
            }
            Self::Password { path, user, field, secret } => {
                let password = door.secret(field, secret, "").await?;
                let password = password.expose_str().ok_or_else(|| not_text(field))?;
                (format!("auth/{path}/login/{user}"), body(&[("password", password)])?)
            }
            Self::Certificate { path, role, .. } => {
                let fields: Vec<_> = role.iter().map(|role| ("name", role.as_str())).collect();
                (format!("auth/{path}/login"), body(&fields)?)
            }
        };
        Ok(Call::post(path, body, door.namespace))
    }
}

/// A token that is not ours: it serves until it is refused.
fn given(headers: TokenHeaders) -> Fresh<Issued> {
    Fresh { value: Issued { headers, ours: false }, expires: None }
}

impl RoleId {
    async fn read(&self, door: &Door<'_>) -> Result<Zeroizing<String>> {
        match self {
            Self::Given(id) => Ok(Zeroizing::new(id.clone())),
            Self::Secret(selector) => door.text("auth.appRole.roleRef", selector).await,
        }
    }
}

impl Jwt {
    async fn read(&self, door: &Door<'_>) -> Result<Zeroizing<String>> {
        match self {
            Self::Secret(field, selector, key) => text(field, &door.secret(field, selector, key).await?),
            Self::Account { field, account, audiences, ttl } => {
                let own = account.audiences.iter().flatten();
                let audiences: Vec<_> = own.chain(audiences).cloned().collect();
                let request = TokenRequest { account, audiences: &audiences, ttl: *ttl };
                text(field, &door.env.credentials.token(field, &request).await?.value)
            }
        }
    }
}

impl Door<'_> {
    async fn secret(
        &self,
        field: &'static str,
        selector: &SecretKeySelector,
        key: &str,
    ) -> Result<SecretBytes> {
        self.env.credentials.secret(field, selector, key).await
    }

    async fn text(&self, field: &'static str, selector: &SecretKeySelector) -> Result<Zeroizing<String>> {
        text(field, &self.secret(field, selector, "").await?)
    }

    /// The same server, reached with this client certificate.
    async fn presenting(&self, certificate: &SecretKeySelector, key: &SecretKeySelector) -> Result<Wire> {
        let certificate = self.secret("auth.cert.clientCert", certificate, "tls.crt").await?;
        let key = self.secret("auth.cert.secretRef", key, "tls.key").await?;
        let trust =
            Trust { ca: self.ca.map(<[u8]>::to_vec), client: Some(client_identity(&certificate, &key)?) };
        let client = self.env.http.client(&trust)?;
        Ok(Wire {
            client,
            server: self.wire.server.clone(),
            headers: self.wire.headers.clone(),
            clock: self.wire.clock.clone(),
            calls: self.wire.calls.clone(),
        })
    }

    async fn log_in(&self, wire: &Wire, call: &Call<'_>) -> Result<Fresh<Issued>> {
        let fail = |kind, what: &str| {
            Err(Error::new(kind, what).with("host", wire.host()).with("path", call.path()))
        };
        match wire.send(call, &TokenHeaders::none()).await? {
            Reply::Done(answer) => {
                let grant = wire::grant(&answer)?;
                let index = answer.headers.get(&wire::INDEX).filter(|_| self.follows_index).cloned();
                let value = Issued { headers: TokenHeaders::new(&grant.token, index)?, ours: true };
                Ok(Fresh { value, expires: ends(self.env.clock.now(), grant.seconds) })
            }
            Reply::Unfit => fail(Kind::Unauthenticated, "the login was refused"),
            // The server answers alike for an auth mount that is not there, so as not to tell strangers which there are.
            Reply::Denied => {
                fail(Kind::Unauthenticated, "the login was refused, or there is no such auth mount")
            }
            Reply::Absent => fail(Kind::Invalid, "there is no such auth mount"),
        }
    }
}

/// When a token ends that lives for `seconds` from `now`; 0 = never.
fn ends(now: Timestamp, seconds: u64) -> Option<Timestamp> {
    let life = i64::try_from(seconds).ok().filter(|life| *life > 0)?;
    now.checked_add(SignedDuration::from_secs(life)).ok()
}

/// A credential as text, without the white space around it that editors and `echo` leave. Not for passwords, which may end in it.
fn text(field: &'static str, secret: &SecretBytes) -> Result<Zeroizing<String>> {
    let text = secret.expose_str().map(|text| Zeroizing::new(text.trim().to_string()));
    text.filter(|text| !text.is_empty()).ok_or_else(|| not_text(field))
}

fn not_text(field: &'static str) -> Error {
    Error::new(Kind::Unauthenticated, "the credential is empty or no text").with("field", field)
}

/// A JSON object of texts.
fn body(fields: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>> {
    // Escapes at most sixfold; with that room the buffer never moves and so leaves no unwiped copy.
    let room = fields.iter().map(|(name, value)| name.len() + 6 * value.len() + 8).sum::<usize>() + 2;
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    let fields: BTreeMap<_, _> = fields.iter().copied().collect();
    serde_json::to_writer(&mut *body, &fields)
        .map_err(|error| Error::new(Kind::Bug, "could not write a login").because(error))?;
    Ok(body)
}
