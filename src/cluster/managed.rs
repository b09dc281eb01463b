//! What is kept of a managed Secret: digests, never values.
//!
//! The plaintext lives from the decoder's first byte of `data` to the end of the same object and is wiped there. Two steps, because
//! serde's decoders take no context: decoding leaves a SHA-256 of each value, and the feed turns that into an HMAC under the
//! process's [`DigestKey`] before anybody sees it. What stays cannot be tried against a list of likely values without that key.
//!
//! Memory: some 200 bytes a Secret and 350 in its strings (two UIDs, names, field manager), and 40 bytes and the name for each key,
//! label and annotation: about 1 kB for a Secret of three keys, whatever the size of its values.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use keyferry_stores::base::{Error, Kind, Result};
use zeroize::Zeroizing;

use super::{CREATED_BY_LABEL, DATA_HASH_ANNOTATION, FieldOwner, ObjectKey, OwnerReference, Secret};
use crate::api::digest::of_data;

/// The key of the digests. Random for each process, so that digests of two processes tell nothing about each other.
pub struct DigestKey(hmac::Key);

/// A keyed digest of a value. Equal for equal values under one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

/// An unkeyed digest: exists only between decoder and feed.
type Print = [u8; digest::SHA256_OUTPUT_LEN];

impl DigestKey {
    /// A key of these bytes, for tests and for those who bring their own chance.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// A random key.
    ///
    /// # Errors
    /// `Bug` if the system gives no random bytes.
    pub fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice())
            .map_err(|_| Error::new(Kind::Bug, "the system gives no random bytes"))?;
        Ok(Self::new(&bytes))
    }

    /// The digest of a value.
    #[must_use]
    pub fn fingerprint(&self, value: &[u8]) -> Fingerprint {
        self.seal(&print(value))
    }

    fn seal(&self, print: &Print) -> Fingerprint {
        let tag = hmac::sign(&self.0, print);
        let mut short = [0; 16];
        short.copy_from_slice(&tag.as_ref()[..16]);
        Fingerprint(short)
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey([redacted])")
    }
}

fn print(value: &[u8]) -> Print {
    let mut print = [0; digest::SHA256_OUTPUT_LEN];
    print.copy_from_slice(digest::digest(&digest::SHA256, value).as_ref());
    print
}

/// A key of `data`, a label or an annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Box<str>,
    /// Digest of its value.
    pub digest: Fingerprint,
    /// Who owns it: bit n stands for [`ManagedSecret::managers`]`[n]`. A manager behind the 64th owns nothing in our eyes; the API
    /// server keeps at most ten that use `Update`.
    pub owners: u64,
}

/// The controller that owns a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// API group, without the version.
    pub group: Box<str>,
    /// Kind.
    pub kind: Box<str>,
    /// Name.
    pub name: Box<str>,
    /// UID.
    pub uid: Box<str>,
}

/// A managed Secret without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedSecret {
    /// Namespace and name.
    pub key: ObjectKey,
    /// UID.
    pub uid: Box<str>,
    /// resourceVersion.
    pub resource_version: Box<str>,
    /// Type; empty means `Opaque`, which most are.
    pub type_: Box<str>,
    /// The label [`CREATED_BY_LABEL`].
    pub created_by: Option<Box<str>>,
    /// The owner that controls it.
    pub owner: Option<Box<Owner>>,
    /// Field managers, as the bits of [`Field::owners`] count them.
    pub managers: Box<[Box<str>]>,
    /// Keys of `data`, sorted by name.
    pub data: Box<[Field]>,
    /// Labels, sorted by name.
    pub labels: Box<[Field]>,
    /// Annotations, sorted by name.
    pub annotations: Box<[Field]>,
    /// True if the label [`super::MANAGED_LABEL`] is `true`.
    pub managed: bool,
    /// True while a deletionTimestamp is set.
    pub deleting: bool,
    /// True if it is immutable.
    pub immutable: bool,
    /// True if the annotation [`DATA_HASH_ANNOTATION`] is the digest of the data: nobody changed a value behind our back.
    pub hash_true: bool,
}

impl ManagedSecret {
    /// What is kept of a Secret, for our own writes' answers.
    #[must_use]
    pub fn of(secret: &Secret, key: &DigestKey) -> Self {
        Printed::of(secret).seal(key)
    }

    /// A key of `data`.
    #[must_use]
    pub fn data(&self, name: &str) -> Option<&Field> {
        find(&self.data, name)
    }

    /// A label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&Field> {
        find(&self.labels, name)
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&Field> {
        find(&self.annotations, name)
    }

    /// True if this field manager owns the field, whoever else does.
    #[must_use]
    pub fn owned_by(&self, field: &Field, manager: &str) -> bool {
        let place = self.managers.iter().take(64).position(|name| **name == *manager);
        place.is_some_and(|bit| field.owners & (1 << bit) != 0)
    }
}

fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    let at = fields.binary_search_by(|field| (*field.name).cmp(name)).ok()?;
    Some(&fields[at])
}

/// A managed Secret whose digests are not keyed yet: the prints stand in the order of data, labels, annotations.
#[derive(Clone)]
pub(super) struct Printed {
    secret: ManagedSecret,
    prints: Vec<Print>,
}

impl Printed {
    pub(super) fn of(secret: &Secret) -> Self {
        let mut prints =
            Vec::with_capacity(secret.data.len() + secret.labels.len() + secret.annotations.len());
        let owners = &secret.field_owners;
        let data = secret.data.iter().map(|(name, value)| (name, value.expose()));
        let data = fields(data, owners, |owner| &owner.data, &mut prints);
        let labels = secret.labels.iter().map(|(name, value)| (name, value.as_bytes()));
        let labels = fields(labels, owners, |owner| &owner.labels, &mut prints);
        let annotations = secret.annotations.iter().map(|(name, value)| (name, value.as_bytes()));
        let annotations = fields(annotations, owners, |owner| &owner.annotations, &mut prints);
        let secret = ManagedSecret { data, labels, annotations, ..head(secret) };
        Self { secret, prints }
    }

    pub(super) fn seal(self, key: &DigestKey) -> ManagedSecret {
        let Self { mut secret, prints } = self;
        let fields = secret.data.iter_mut().chain(&mut *secret.labels).chain(&mut *secret.annotations);
        for (field, print) in fields.zip(&prints) {
            field.digest = key.seal(print);
        }
        secret
    }

    pub(super) fn secret(&self) -> &ManagedSecret {
        &self.secret
    }
}

/// Everything but the fields.
fn head(secret: &Secret) -> ManagedSecret {
    let annotated = secret.annotations.get(DATA_HASH_ANNOTATION);
    ManagedSecret {
        key: secret.key(),
        uid: secret.uid.as_str().into(),
        resource_version: secret.resource_version.as_str().into(),
        type_: if secret.type_ == "Opaque" { "".into() } else { secret.type_.as_str().into() },
        created_by: secret.labels.get(CREATED_BY_LABEL).map(|hash| hash.as_str().into()),
        owner: secret.owners.iter().find(|owner| owner.controller).map(|owner| Box::new(controller(owner))),
        managers: secret.field_owners.iter().map(|owner| owner.manager.as_str().into()).collect(),
        data: Box::default(),
        labels: Box::default(),
        annotations: Box::default(),
        managed: secret.is_managed(),
        deleting: secret.deleting,
        immutable: secret.immutable.unwrap_or_default(),
        hash_true: annotated.is_some_and(|hash| *hash == of_data(&secret.data)),
    }
}

fn controller(owner: &OwnerReference) -> Owner {
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    Owner {
        group: group.into(),
        kind: owner.kind.as_str().into(),
        name: owner.name.as_str().into(),
        uid: owner.uid.as_str().into(),
    }
}

fn fields<'a>(
    values: impl Iterator<Item = (&'a String, &'a [u8])>,
    owners: &[FieldOwner],
    owned: impl Fn(&FieldOwner) -> &Vec<String>,
    prints: &mut Vec<Print>,
) -> Box<[Field]> {
    values
        .map(|(name, value)| {
            prints.push(print(value));
            let bits = owners.iter().take(64).enumerate().filter(|(_, owner)| owned(owner).contains(name));
            let owners = bits.fold(0, |all, (bit, _)| all | 1 << bit);
            Field { name: name.as_str().into(), digest: Fingerprint::default(), owners }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use keyferry_stores::base::SecretBytes;

    use super::*;
    use crate::cluster::MANAGED_LABEL;

    fn key() -> DigestKey {
        DigestKey::new(&[7; 32])
    }

    fn secret() -> Secret {
        let owner = OwnerReference {
            api_version: "external-secrets.io/v1".into(),
            kind: "ExternalSecret".into(),
            name: "e".into(),
            uid: "u".into(),
            controller: true,
            block_owner_deletion: true,
        };
        let text = |name: &str, value: &str| (name.to_string(), value.to_string());
        let mut secret = Secret {
            namespace: "ns".into(),
            name: "s".into(),
            labels: BTreeMap::from([text(MANAGED_LABEL, "true"), text(CREATED_BY_LABEL, "abc")]),
            owners: vec![owner],
            type_: "Opaque".into(),
            data: BTreeMap::from([("a".into(), "12".into()), ("b".into(), SecretBytes::new(Vec::new()))]),
            field_owners: vec![
                FieldOwner { manager: "other".into(), data: vec!["b".into()], ..FieldOwner::default() },
                FieldOwner {
                    manager: "ours".into(),
                    data: vec!["a".into()],
                    labels: vec![MANAGED_LABEL.into()],
                    ..FieldOwner::default()
                },
            ],
            ..Secret::default()
        };
        secret.annotations.insert(DATA_HASH_ANNOTATION.into(), of_data(&secret.data));
        secret
    }

    #[test]
    fn a_value_is_known_again_by_its_digest_only_under_the_same_key() {
        let kept = ManagedSecret::of(&secret(), &key());
        assert_eq!(kept.data("a").unwrap().digest, key().fingerprint(b"12"));
        assert_ne!(kept.data("a").unwrap().digest, DigestKey::new(&[8; 32]).fingerprint(b"12"));
        assert_eq!(kept.label(MANAGED_LABEL).unwrap().digest, key().fingerprint(b"true"));
    }

    #[test]
    fn a_kept_secret_stays_small() {
        assert!(size_of::<ManagedSecret>() <= 208, "{}", size_of::<ManagedSecret>());
        assert!(size_of::<Field>() <= 40, "{}", size_of::<Field>());
    }

    #[test]
    fn each_field_knows_its_managers() {
        let kept = ManagedSecret::of(&secret(), &key());
        let owned = |name, manager| kept.owned_by(kept.data(name).unwrap(), manager);
        assert_eq!((owned("a", "ours"), owned("b", "ours"), owned("b", "other")), (true, false, true));
        assert!(kept.owned_by(kept.label(MANAGED_LABEL).unwrap(), "ours"));
        assert!(!kept.owned_by(kept.label(CREATED_BY_LABEL).unwrap(), "ours"));
    }

    #[test]
    fn a_changed_value_makes_the_data_hash_untrue() {
        let mut changed = secret();
        assert!(ManagedSecret::of(&changed, &key()).hash_true);
        changed.data.insert("a".into(), "13".into());
        assert!(!ManagedSecret::of(&changed, &key()).hash_true);
    }

    #[test]
    fn owner_type_and_labels_are_kept() {
        let kept = ManagedSecret::of(&secret(), &key());
        let owner = kept.owner.as_deref().unwrap();
        assert_eq!(
            (&*owner.group, &*owner.kind, &*owner.uid),
            ("external-secrets.io", "ExternalSecret", "u")
        );
        assert_eq!((kept.managed, kept.created_by.as_deref(), &*kept.type_), (true, Some("abc"), ""));
    }
}
