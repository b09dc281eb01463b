//! What is kept of a managed Secret: digests, never values.
//!
//! The plaintext lives from the decoder's first byte of `data` to the end of the same object and is wiped there. Two steps, because
//! serde's decoders take no context: decoding leaves a SHA-256 of each value, and the feed turns that into an HMAC under the
//! process's [`DigestKey`] before anybody sees it. What stays cannot be tried against a list of likely values without that key.
//!
//! Names of keys, labels, annotations, types and field managers are kept as [`Tag`]s: whoever asks brings the name, and what is written
//! is made from a fresh read. So a Secret is some 150 bytes and 24 for each key, label and annotation, in two pieces of memory, whatever
//! the length of its names and values.

use std::{
    fmt,
    hash::{DefaultHasher, Hasher},
    slice,
};

use aws_lc_rs::{digest, hmac};
use keyferry_stores::base::{Error, Kind, Result};
use zeroize::Zeroizing;

use super::{
    CREATED_BY_LABEL, DATA_HASH_ANNOTATION, FieldOwner, Meta, ObjectKey, OwnerReference, Secret,
    identity::{Uid, Version},
};
use crate::api::digest::of_data;

/// The key of the digests. Random for each process, so that digests of two processes tell nothing about each other.
pub struct DigestKey {
    values: hmac::Key,
    names: u128,
}

/// A keyed digest of a value. Equal for equal values under one key; 96 bits, for nobody who does not know the key can aim at one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 12]);

/// A keyed hash of a name. Equal for equal names under one key. That two of one Secret's names share their 64 bits happens in none of
/// 10^15 Secrets, and the names' owner cannot bring it about without the key; a label could then stay that should go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag([u8; 8]);

/// An unkeyed digest: exists only between decoder and feed.
type Print = [u8; digest::SHA256_OUTPUT_LEN];

impl DigestKey {
    /// A key of these bytes, for tests and for those who bring their own chance.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        let values = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let mut names = [0; 16];
        names.copy_from_slice(&hmac::sign(&values, b"names").as_ref()[..16]);
        Self { values, names: u128::from_ne_bytes(names) }
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

    /// The tag of a name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Tag {
        let mut hasher = DefaultHasher::new();
        hasher.write_u128(self.names);
        hasher.write(name.as_bytes());
        Tag(hasher.finish().to_ne_bytes())
    }

    fn seal(&self, print: &Print) -> Fingerprint {
        let full = hmac::sign(&self.values, print);
        let mut short = Fingerprint::default();
        short.0.copy_from_slice(&full.as_ref()[..12]);
        short
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
    pub name: Tag,
    /// Digest of its value.
    pub digest: Fingerprint,
    /// Who owns it: bit n stands for the nth of the Secret's managers. A manager behind the 32nd owns nothing in our eyes; the API
    /// server keeps at most ten that use `Update`.
    owners: u32,
}

/// The controller that owns a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The ExternalSecret with this UID.
    ExternalSecret(Uid),
    /// Something else.
    Other,
}

impl From<&OwnerReference> for Owner {
    fn from(owner: &OwnerReference) -> Self {
        if owner.is_external_secret() { Self::ExternalSecret(owner.uid.as_str().into()) } else { Self::Other }
    }
}

/// Field managers, as the bits of [`Field`] count them. Most Secrets have one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Managers {
    One(Tag),
    Any(Box<[Tag]>),
}

impl Managers {
    fn of(tags: &[Tag]) -> Self {
        if let [tag] = tags { Self::One(*tag) } else { Self::Any(tags.into()) }
    }

    fn as_slice(&self) -> &[Tag] {
        match self {
            Self::One(tag) => slice::from_ref(tag),
            Self::Any(tags) => tags,
        }
    }
}

/// A managed Secret without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedSecret {
    /// Namespace and name.
    pub key: ObjectKey,
    /// UID.
    pub uid: Uid,
    /// resourceVersion.
    pub resource_version: Version,
    /// The owner that controls it.
    pub owner: Option<Owner>,
    type_: Tag,
    managers: Managers,
    /// `data`, labels and annotations one after the other, each part sorted by tag.
    fields: Box<[Field]>,
    data: u32,
    labels: u32,
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

    /// The keys of `data`, sorted by tag.
    #[must_use]
    pub fn data(&self) -> &[Field] {
        &self.fields[..self.data as usize]
    }

    /// The labels, sorted by tag.
    #[must_use]
    pub fn labels(&self) -> &[Field] {
        &self.fields[self.data as usize..][..self.labels as usize]
    }

    /// The annotations, sorted by tag.
    #[must_use]
    pub fn annotations(&self) -> &[Field] {
        &self.fields[self.data as usize..][self.labels as usize..]
    }

    /// True if this field manager owns the field, whoever else does.
    #[must_use]
    pub fn owned_by(&self, field: &Field, manager: Tag) -> bool {
        let place = self.managers.as_slice().iter().take(OWNERS).position(|known| *known == manager);
        place.is_some_and(|bit| field.owners & (1 << bit) != 0)
    }

    /// True if it is of this type; empty means `Opaque`.
    #[must_use]
    pub fn is_of_type(&self, type_: &str, key: &DigestKey) -> bool {
        self.type_ == key.tag(full_type(type_))
    }

    /// True if the ExternalSecret with this UID controls it.
    #[must_use]
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        matches!(&self.owner, Some(Owner::ExternalSecret(owner)) if *owner == Uid::from(uid))
    }

    /// The label [`CREATED_BY_LABEL`].
    #[must_use]
    pub fn created_by(&self, key: &DigestKey) -> Option<Fingerprint> {
        find(self.labels(), key.tag(CREATED_BY_LABEL)).map(|label| label.digest)
    }
}

/// A field of a sorted part.
#[must_use]
pub fn find(part: &[Field], name: Tag) -> Option<&Field> {
    let at = part.binary_search_by_key(&name, |field| field.name).ok()?;
    Some(&part[at])
}

/// How many managers a field has bits for.
const OWNERS: usize = u32::BITS as usize;

fn full_type(type_: &str) -> &str {
    if type_.is_empty() { "Opaque" } else { type_ }
}

/// A managed Secret whose names and values are not keyed yet. Of the values it has prints only.
#[derive(Clone)]
pub(super) struct Printed {
    /// Without the fields below.
    secret: ManagedSecret,
    type_: String,
    managers: Vec<String>,
    fields: Vec<PrintedField>,
}

#[derive(Clone)]
struct PrintedField {
    name: String,
    print: Print,
    owners: u32,
}

impl Printed {
    pub(super) fn of(secret: &Secret) -> Self {
        let Meta { labels, annotations, field_owners: owners, .. } = &secret.meta;
        let data = secret.data.iter().map(|(name, value)| (name, value.expose()));
        let labels = labels.iter().map(|(name, value)| (name, value.as_bytes()));
        let annotations = annotations.iter().map(|(name, value)| (name, value.as_bytes()));
        let data = data.map(|field| print_field(field, owners, |owner| &owner.data));
        let labels = labels.map(|field| print_field(field, owners, |owner| &owner.labels));
        let annotations = annotations.map(|field| print_field(field, owners, |owner| &owner.annotations));
        Self {
            secret: head(secret),
            type_: full_type(&secret.type_).into(),
            managers: owners.iter().map(|owner| owner.manager.clone()).collect(),
            fields: data.chain(labels).chain(annotations).collect(),
        }
    }

    pub(super) fn seal(self, key: &DigestKey) -> ManagedSecret {
        let managers: Vec<Tag> = self.managers.iter().map(|name| key.tag(name)).collect();
        let fields = self.fields.iter().map(|PrintedField { name, print, owners }| Field {
            name: key.tag(name),
            digest: key.seal(print),
            owners: *owners,
        });
        let mut fields: Box<[Field]> = fields.collect();
        let (data, rest) = fields.split_at_mut(self.secret.data as usize);
        let (labels, annotations) = rest.split_at_mut(self.secret.labels as usize);
        for part in [data, labels, annotations] {
            part.sort_unstable_by_key(|field| field.name);
        }
        let (type_, managers) = (key.tag(&self.type_), Managers::of(&managers));
        ManagedSecret { type_, managers, fields, ..self.secret }
    }

    pub(super) fn secret(&self) -> &ManagedSecret {
        &self.secret
    }
}

fn print_field<'a>(
    (name, value): (&String, &[u8]),
    owners: &'a [FieldOwner],
    owned: impl Fn(&'a FieldOwner) -> &'a Vec<String>,
) -> PrintedField {
    let bits = owners.iter().take(OWNERS).enumerate().filter(|(_, owner)| owned(owner).contains(name));
    let owners = bits.fold(0, |all, (bit, _)| all | 1 << bit);
    PrintedField { name: name.clone(), print: print(value), owners }
}

/// Everything but what needs the key.
fn head(secret: &Secret) -> ManagedSecret {
    let meta = &secret.meta;
    let annotated = meta.annotations.get(DATA_HASH_ANNOTATION);
    let count = |fields: usize| u32::try_from(fields).unwrap_or(u32::MAX);
    ManagedSecret {
        key: meta.key(),
        uid: meta.uid.as_str().into(),
        resource_version: meta.resource_version.as_str().into(),
        owner: meta.controller().map(Into::into),
        type_: Tag::default(),
        managers: Managers::of(&[]),
        fields: Box::default(),
        data: count(secret.data.len()),
        labels: count(meta.labels.len()),
        managed: meta.is_managed(),
        deleting: meta.deleting,
        immutable: secret.immutable.unwrap_or_default(),
        hash_true: annotated.is_some_and(|hash| *hash == of_data(&secret.data)),
    }
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
        let mut meta = Meta {
            labels: BTreeMap::from([text(MANAGED_LABEL, "true"), text(CREATED_BY_LABEL, "abc")]),
            owners: vec![owner],
            field_owners: vec![
                FieldOwner { manager: "other".into(), data: vec!["b".into()], ..FieldOwner::default() },
                FieldOwner {
                    manager: "ours".into(),
                    data: vec!["a".into()],
                    labels: vec![MANAGED_LABEL.into()],
                    ..FieldOwner::default()
                },
            ],
            ..Meta::new(&ObjectKey::new("ns", "s"))
        };
        let data = BTreeMap::from([("a".into(), "12".into()), ("b".into(), SecretBytes::new(Vec::new()))]);
        meta.annotations.insert(DATA_HASH_ANNOTATION.into(), of_data(&data));
        Secret { meta, type_: "Opaque".into(), data, immutable: None }
    }

    #[test]
    fn a_value_is_known_again_by_its_digest_only_under_the_same_key() {
        let kept = ManagedSecret::of(&secret(), &key());
        let digest = |part, name| find(part, key().tag(name)).unwrap().digest;
        assert_eq!(digest(kept.data(), "a"), key().fingerprint(b"12"));
        assert_ne!(digest(kept.data(), "a"), DigestKey::new(&[8; 32]).fingerprint(b"12"));
        assert_eq!(digest(kept.labels(), MANAGED_LABEL), key().fingerprint(b"true"));
    }

    #[test]
    fn a_name_is_known_again_by_its_tag_only_under_the_same_key() {
        let kept = ManagedSecret::of(&secret(), &key());
        assert!(find(kept.data(), key().tag("a")).is_some());
        assert!(find(kept.data(), key().tag("c")).is_none());
        assert!(find(kept.data(), DigestKey::new(&[8; 32]).tag("a")).is_none());
        assert!(find(kept.labels(), key().tag("a")).is_none());
    }

    #[test]
    fn the_parts_are_told_apart() {
        let kept = ManagedSecret::of(&secret(), &key());
        assert_eq!((kept.data().len(), kept.labels().len(), kept.annotations().len()), (2, 2, 1));
        assert!(find(kept.annotations(), key().tag(DATA_HASH_ANNOTATION)).is_some());
    }

    #[test]
    fn a_kept_secret_stays_small() {
        let mut typical = secret();
        typical.meta.uid = "0192f0a3-7b1c-4d5e-8f90-a1b2c3d4e5f6".into();
        typical.meta.resource_version = "123456".into();
        typical.meta.owners[0].uid = "0192f0a3-7b1c-4d5e-8f90-a1b2c3d4e5f7".into();
        typical.meta.field_owners.truncate(1);
        let kept = ManagedSecret::of(&typical, &key());
        let in_place = matches!(
            (&kept.uid, &kept.resource_version, &kept.owner, &kept.managers),
            (Uid::Uuid(_), Version::Number(_), Some(Owner::ExternalSecret(Uid::Uuid(_))), Managers::One(_))
        );
        assert!(in_place, "{kept:?}");
        assert_eq!(size_of::<Field>(), 24);
        let beside_the_key = size_of::<ManagedSecret>() - size_of::<ObjectKey>();
        assert!(beside_the_key <= 120, "{beside_the_key}");
    }

    #[test]
    fn each_field_knows_its_managers() {
        let kept = ManagedSecret::of(&secret(), &key());
        let owned =
            |part, name, manager| kept.owned_by(find(part, key().tag(name)).unwrap(), key().tag(manager));
        let data = kept.data();
        assert_eq!(
            (owned(data, "a", "ours"), owned(data, "b", "ours"), owned(data, "b", "other")),
            (true, false, true)
        );
        assert!(owned(kept.labels(), MANAGED_LABEL, "ours"));
        assert!(!owned(kept.labels(), CREATED_BY_LABEL, "ours"));
    }

    #[test]
    fn a_manager_beyond_the_bits_owns_nothing() {
        let mut crowded = secret();
        let manager = |n: usize| FieldOwner {
            manager: format!("m{n}"),
            data: vec!["a".into()],
            ..FieldOwner::default()
        };
        crowded.meta.field_owners = (0..=OWNERS).map(manager).collect();
        let kept = ManagedSecret::of(&crowded, &key());
        let owned = |name: &str| kept.owned_by(find(kept.data(), key().tag("a")).unwrap(), key().tag(name));
        assert_eq!((owned("m0"), owned("m31"), owned("m32"), owned("m33")), (true, true, false, false));
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
        assert_eq!(kept.owner, Some(Owner::ExternalSecret("u".into())));
        assert!(kept.is_controlled_by("u") && !kept.is_controlled_by("v"));
        assert_eq!((kept.managed, kept.created_by(&key())), (true, Some(key().fingerprint(b"abc"))));
        let types = ["", "Opaque", "kubernetes.io/tls"].map(|type_| kept.is_of_type(type_, &key()));
        assert_eq!(types, [true, true, false]);
    }

    #[test]
    fn a_controller_of_another_kind_is_no_external_secret() {
        for (api_version, kind) in [("apps/v1", "ExternalSecret"), ("external-secrets.io/v1", "PushSecret")] {
            let mut other = secret();
            other.meta.owners[0].api_version = api_version.into();
            other.meta.owners[0].kind = kind.into();
            let kept = ManagedSecret::of(&other, &key());
            assert_eq!((&kept.owner, kept.is_controlled_by("u")), (&Some(Owner::Other), false), "{kind}");
        }
    }
}
