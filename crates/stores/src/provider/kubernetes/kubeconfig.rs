//! What a kubeconfig says of its current context. Pure.
//!
//! The file comes out of a Secret that a tenant may write, and is read with the operator's rights. So what would reach beyond it is
//! refused: files of this process, programs, and other ways to get a credential. What changes how the connection is made in a way
//! that the shared client does not know (another server name, a proxy of its own, no check of the certificate) is `Unsupported`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use zeroize::Zeroizing;

use crate::base::{Error, Kind, Result, SecretBytes};

/// Address, trust and credentials of one context.
pub(super) struct Context {
    /// The API server.
    pub(super) server: String,
    /// PEM of the certificate authorities to trust, if it names some.
    pub(super) ca: Option<Vec<u8>>,
    /// PEM of a client certificate and of its key.
    pub(super) client: Option<(SecretBytes, SecretBytes)>,
    /// A bearer token.
    pub(super) token: Option<SecretBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    contexts: Vec<NamedContext>,
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Pair,
}

#[derive(Deserialize)]
struct Pair {
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority_data: Option<Text>,
    certificate_authority: Option<IgnoredAny>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<IgnoredAny>,
    proxy_url: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct User {
    token: Option<Text>,
    client_certificate_data: Option<Text>,
    client_key_data: Option<Text>,
    #[serde(rename = "tokenFile")]
    token_file: Option<IgnoredAny>,
    client_certificate: Option<IgnoredAny>,
    client_key: Option<IgnoredAny>,
    exec: Option<IgnoredAny>,
    auth_provider: Option<IgnoredAny>,
    username: Option<IgnoredAny>,
    #[serde(rename = "as")]
    impersonate: Option<IgnoredAny>,
}

/// Text that is wiped.
struct Text(Zeroizing<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// Reads a kubeconfig, YAML or JSON.
///
/// # Errors
/// `Invalid` where it cannot be read or lacks what its current context names; `Refused` and `Unsupported` as above.
pub(super) fn read(file: &SecretBytes) -> Result<Context> {
    let text = file.expose_str().ok_or_else(|| invalid("the kubeconfig is not text"))?;
    // The parser's own error may quote the file.
    let file: File = serde_saphyr::from_str(text).map_err(|_| invalid("the kubeconfig cannot be read"))?;
    let pair = file.contexts.into_iter().find(|context| context.name == file.current_context);
    let pair =
        pair.ok_or_else(|| invalid("the kubeconfig has no context of the name current-context"))?.context;
    let cluster = file.clusters.into_iter().find(|cluster| cluster.name == pair.cluster);
    let cluster = cluster.ok_or_else(|| invalid("the kubeconfig lacks the cluster of its context"))?.cluster;
    let user = file.users.into_iter().find(|user| user.name == pair.user).map(|named| named.user);
    let user = match user {
        None if pair.user.is_empty() => User::default(),
        user => user.ok_or_else(|| invalid("the kubeconfig lacks the user of its context"))?,
    };
    check(&cluster, &user)?;
    context(cluster, user)
}

fn check(cluster: &Cluster, user: &User) -> Result<()> {
    let refused = [
        ("certificate-authority", cluster.certificate_authority.is_some()),
        ("tokenFile", user.token_file.is_some()),
        ("client-certificate", user.client_certificate.is_some()),
        ("client-key", user.client_key.is_some()),
        ("exec", user.exec.is_some()),
        ("auth-provider", user.auth_provider.is_some()),
    ];
    let unsupported = [
        ("insecure-skip-tls-verify", cluster.insecure_skip_tls_verify),
        ("tls-server-name", cluster.tls_server_name.is_some()),
        ("proxy-url", cluster.proxy_url.is_some()),
        ("username", user.username.is_some()),
        ("as", user.impersonate.is_some()),
    ];
    let rows = [
        (Kind::Refused, "a kubeconfig of a store names no files and no programs", refused.as_slice()),
        (Kind::Unsupported, "the kubeconfig asks for what is not supported", unsupported.as_slice()),
    ];
    for (kind, what, fields) in rows {
        if let Some((field, _)) = fields.iter().find(|(_, set)| *set) {
            return Err(Error::new(kind, what).with("field", field));
        }
    }
    Ok(())
}

fn context(cluster: Cluster, user: User) -> Result<Context> {
    let ca = cluster.certificate_authority_data.as_ref().map(decode).transpose()?;
    let client = match (&user.client_certificate_data, &user.client_key_data) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            Some((SecretBytes::from(decode(certificate)?), SecretBytes::from(decode(key)?)))
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(invalid("a client certificate and its key go together in a kubeconfig"));
        }
    };
    let token = user.token.map(|Text(token)| SecretBytes::new(token.as_bytes().to_vec()));
    Ok(Context { server: cluster.server, ca: ca.map(|ca| ca.to_vec()), client, token })
}

fn decode(Text(text): &Text) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bare: Zeroizing<Vec<u8>> = Zeroizing::new(bytes);
    let decoded = STANDARD.decode(&*bare).map_err(|_| invalid("data in the kubeconfig is not base64"));
    decoded.map(Zeroizing::new)
}

fn invalid(what: &'static str) -> Error {
    Error::new(Kind::Invalid, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kubeconfig with these further lines of its cluster and of its user.
    fn file(cluster: &str, user: &str) -> SecretBytes {
        SecretBytes::from(format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\npreferences: {{}}\n\
             contexts: [{{name: other, context: {{cluster: x, user: x}}}}, {{name: here, context: {{cluster: c, user: u, namespace: n}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://api.example:6443', {cluster}}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n"
        ))
    }

    fn text(bytes: Option<SecretBytes>) -> Option<String> {
        bytes.map(|bytes| bytes.expose_str().unwrap().to_string())
    }

    #[test]
    fn the_current_context_counts() {
        let file = file(
            "certificate-authority-data: Y2E=",
            "token: t, client-certificate-data: Y2VydA==, client-key-data: a2V5",
        );
        let context = read(&file).unwrap();
        assert_eq!((context.server.as_str(), context.ca), ("https://api.example:6443", Some(b"ca".to_vec())));
        let (certificate, key) = context.client.unzip();
        let told = [text(context.token), text(certificate), text(key)];
        assert_eq!(told.map(Option::unwrap), ["t", "cert", "key"]);
    }

    #[test]
    fn json_is_read_too() {
        let file = r#"{"current-context":"a","contexts":[{"name":"a","context":{"cluster":"b"}}],"clusters":[{"name":"b","cluster":{"server":"s"}}]}"#;
        assert_eq!(read(&file.into()).unwrap().server, "s");
    }

    #[test]
    fn nothing_in_a_kubeconfig_reaches_this_process() {
        let table = [
            ("certificate-authority: /etc/ca", "", Kind::Refused),
            ("", "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token", Kind::Refused),
            ("", "client-certificate: /a", Kind::Refused),
            ("", "client-key: /a", Kind::Refused),
            ("", "exec: {command: sh}", Kind::Refused),
            ("", "auth-provider: {name: gcp}", Kind::Refused),
            ("insecure-skip-tls-verify: true", "", Kind::Unsupported),
            ("tls-server-name: a", "", Kind::Unsupported),
            ("proxy-url: 'http://a'", "", Kind::Unsupported),
            ("", "username: a, password: b", Kind::Unsupported),
            ("", "as: admin", Kind::Unsupported),
        ];
        for (cluster, user, kind) in table {
            let error = read(&file(cluster, user)).err().unwrap();
            assert_eq!(error.kind(), kind, "{cluster}{user}: {error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_invalid_and_not_repeated() {
        let half = file("", "client-key-data: a2V5");
        let garbled = file("", "token: [marker]");
        let base64 = file("certificate-authority-data: 'marker!'", "");
        let table =
            ["".into(), "marker".into(), "{".into(), "current-context: marker".into(), half, garbled, base64];
        for file in table {
            let error = read(&file).err().unwrap();
            assert_eq!(error.kind(), Kind::Invalid, "{error}");
            assert!(!format!("{error:?}").contains("marker"), "{error}");
        }
    }
}
