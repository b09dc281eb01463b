//! Certificates: put in order, and asked for their names.

use std::collections::{HashMap, HashSet};

use super::alternative_names::{ADDRESS, DNS, EMAIL, URI};
use super::der::Refused;
use super::growth::appended_by;
use super::letter::equal_fold;
use super::pem;
use super::x509::Certificate;
use crate::error::Fault;
use crate::func::{Args, Func};
use crate::run::{LIST_STEPS, Run};
use crate::types::Type;
use crate::value::Value;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("filterPEM", &[Type::String, Type::String], Type::String, filter_pem),
    Func::fixed("filterCertChain", &[Type::String, Type::String], Type::String, filter_cert_chain),
    Func::fixed("certSANs", &[Type::String], Type::STRINGS, cert_sans),
];

/// The certificates from the leaf to the root. Key ids decide, as in ESO; signatures are not looked at.
pub(super) fn chain(found: &[Certificate]) -> Result<Vec<&Certificate>, Refused> {
    let mut of_id: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (i, certificate) in found.iter().enumerate() {
        let same = of_id.entry(&certificate.subject_key_id).or_default();
        // The first that is another one than itself counts, so two are enough.
        if same.len() < 2 {
            same.push(i);
        }
    }
    let issuer_of = |i: usize| {
        let id = found[i].authority_key_id.as_deref().unwrap_or_default();
        let same = of_id.get(id).map(Vec::as_slice).unwrap_or_default();
        same.iter().copied().find(|j| *j != i)
    };
    let issuers: Vec<_> = (0..found.len()).map(issuer_of).collect();
    let named: HashSet<usize> = issuers.iter().copied().flatten().collect();
    let mut leaves = (0..found.len()).filter(|i| !named.contains(i));
    let leaf = leaves.next().ok_or("no leaf certificate found")?;
    if leaves.next().is_some() {
        return Err("found multiple leaf or disjunct certificates".into());
    }
    let mut ordered = Vec::new();
    let mut next = Some(leaf);
    while let Some(i) = next {
        if ordered.len() == found.len() {
            return Err("constructing chain resulted in cycle".into());
        }
        ordered.push(&found[i]);
        next = issuers[i];
    }
    Ok(ordered)
}

/// More certificates than any chain has, and more bags than any store.
const MAX_CHAIN: usize = 1000;

/// Pays for certificates of a chain, or for bags of a store, further to those that there are already.
pub(super) fn pay(run: &mut Run<'_>, paid: usize, more: usize) -> Result<(), Fault> {
    const EACH: u64 = 100;
    if paid.saturating_add(more) > MAX_CHAIN {
        return Err(Fault::limit(format!("more than {MAX_CHAIN} certificates")));
    }
    run.spend(more as u64 * EACH)
}

/// Each block as a certificate.
pub(super) fn parse_all(run: &mut Run<'_>, blocks: &[pem::Block]) -> Result<Vec<Certificate>, Fault> {
    pay(run, 0, blocks.len())?;
    Ok(blocks.iter().map(|block| Certificate::parse(run, &block.bytes)).collect::<Result<_, _>>()?)
}

/// What begins at the first block, or all of it.
fn from_first_block(text: &[u8]) -> &[u8] {
    &text[pem::find(text, b"-----BEGIN").unwrap_or_default()..]
}

fn filter_pem(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let kind = args.str(0)?;
    run.make(args.str(1)?.len())?;
    let mut rest = from_first_block(args.str(1)?);
    let mut kept = Vec::with_capacity(rest.len());
    let mut buffer = Vec::new();
    while let Some((block, after)) = pem::decode_with(rest, &mut buffer) {
        if equal_fold(&block.kind, kind) {
            block.encode_into(&mut kept);
        }
        (rest, buffer) = (after, block.bytes);
    }
    if kept.is_empty() && !rest.is_empty() {
        return Err("error filtering pem: found junk".into());
    }
    Ok(Value::str(kept))
}

fn filter_cert_chain(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let wanted = args.str(0)?;
    run.make(args.str(1)?.len())?;
    let found = parse_all(run, &pem::decode_all(args.str(1)?).0)?;
    let ordered = chain(&found)?;
    let root = ordered.iter().skip(1).position(|certificate| certificate.is_self_issued());
    let (first, last) = (&ordered[..1], &ordered[ordered.len() - 1..]);
    let kept = match &**wanted {
        b"leaf" if !first[0].is_self_issued() => first,
        b"intermediate" => &ordered[1..root.map_or(ordered.len(), |root| root + 1)],
        b"root" if last[0].is_self_issued() => last,
        _ => &[],
    };
    Ok(Value::str(kept.iter().flat_map(|certificate| certificate.to_pem()).collect::<Vec<u8>>()))
}

fn cert_sans(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    run.make(args.str(0)?.len())?;
    let (block, _) = pem::decode(from_first_block(args.str(0)?)).ok_or("failed to decode PEM block")?;
    let certificate = Certificate::parse(run, &block.bytes)
        .map_err(|refused| format!("failed to parse certificate: {refused}"))?;
    run.spend(LIST_STEPS + certificate.names.count as u64)?;
    let (mut names, mut portions) = (Vec::new(), Vec::new());
    for (kind, at_once) in [(DNS, true), (ADDRESS, false), (EMAIL, true), (URI, false)] {
        let before = names.len();
        names.extend(certificate.names.of(kind).into_iter().map(Value::str));
        let count = names.len() - before;
        portions.extend(if at_once { vec![count] } else { vec![1; count] });
    }
    Ok(appended_by(Type::String, names, portions.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(subject: &str, authority: &str) -> Certificate {
        let id = |text: &str| text.as_bytes().to_vec();
        Certificate {
            subject_key_id: id(subject),
            authority_key_id: Some(id(authority)),
            ..Certificate::default()
        }
    }

    fn ordered(found: &[Certificate]) -> Result<Vec<String>, Refused> {
        let id = |link: &&Certificate| String::from_utf8_lossy(&link.subject_key_id).into_owned();
        Ok(chain(found)?.iter().map(id).collect())
    }

    #[test]
    fn a_chain_is_ordered_by_key_ids() {
        let (leaf, middle, root) = (linked("l", "m"), linked("m", "r"), linked("r", "r"));
        assert_eq!(ordered(&[root.clone(), leaf.clone(), middle.clone()]).unwrap(), ["l", "m", "r"]);
        assert_eq!(ordered(std::slice::from_ref(&leaf)).unwrap(), ["l"]);
        assert!(ordered(&[leaf, root]).unwrap_err().starts_with("found multiple leaf"));
        assert_eq!(ordered(&[linked("a", "b"), linked("b", "a")]).unwrap_err(), "no leaf certificate found");
        assert_eq!(ordered(&[]).unwrap_err(), "no leaf certificate found");
        let circle = [linked("l", "a"), linked("a", "b"), linked("b", "a")];
        assert_eq!(ordered(&circle).unwrap_err(), "constructing chain resulted in cycle");
    }
}
