//! Walking the folders of a mount: complete, or an error.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::{path::Layout, session::Session, wire};
use crate::{
    base::{Error, Kind, Result, limits},
    provider::entry::Found,
};

/// All names below `root` (empty, or ending in `/`), each with `root` before it.
///
/// # Errors
/// `NotFound` where `root` is proven to hold nothing; `Malformed` beyond [`limits::FIND_DEPTH`] or [`limits::FIND_VISITED`].
pub(in crate::provider) async fn below(
    session: &Session,
    layout: &Layout,
    root: String,
) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = vec![root];
    for depth in 0..limits::FIND_DEPTH {
        let listings = level(session, layout, folders, depth > 0).await?;
        (folders, names) = sorted_out(listings, names)?;
        if folders.is_empty() {
            return Ok(names);
        }
    }
    Err(Error::new(Kind::Malformed, "the folders are nested too deeply").with("limit", limits::FIND_DEPTH))
}

/// What each folder of one level holds. A folder below the root that vanished since it was listed holds nothing.
async fn level(
    session: &Session,
    layout: &Layout,
    folders: Vec<String>,
    may_vanish: bool,
) -> Result<Vec<(String, Vec<String>)>> {
    stream::iter(folders)
        .map(async |folder| {
            let listed = session.list(&layout.metadata(&folder)?, layout.version).await;
            match listed {
                Err(error) if may_vanish && error.kind() == Kind::NotFound => Ok((folder, Vec::new())),
                listed => Ok((folder, listed?)),
            }
        })
        .buffered(limits::FIND_IN_FLIGHT)
        .try_collect()
        .await
}

/// Folders to descend to, and the names so far.
fn sorted_out(
    listings: Vec<(String, Vec<String>)>,
    mut names: Vec<String>,
) -> Result<(Vec<String>, Vec<String>)> {
    let mut folders = Vec::new();
    for (folder, listed) in listings {
        let full = listed.into_iter().map(|name| format!("{folder}{name}"));
        let (below, here): (Vec<_>, Vec<_>) = full.partition(|name| name.ends_with('/'));
        folders.extend(below);
        names.extend(here);
    }
    bounded(folders.len() + names.len(), limits::FIND_VISITED)?;
    Ok((folders, names))
}

fn bounded(entries: usize, limit: usize) -> Result<()> {
    if entries > limit {
        return Err(Error::new(Kind::Malformed, "the search meets too many entries").with("limit", limit));
    }
    Ok(())
}

/// Reads the entries of these names; those whose version is deleted are left out.
///
/// # Errors
/// `Malformed` beyond [`limits::FIND_ENTRIES`]; the first error of a read that is not `NotFound`.
pub(in crate::provider) async fn read(
    session: &Session,
    layout: &Layout,
    names: Vec<String>,
) -> Result<Vec<Found>> {
    bounded(names.len(), limits::FIND_ENTRIES)?;
    let found: Vec<Option<Found>> = stream::iter(names)
        .map(async |name| match session.value(&layout.listed(&name), None, layout.version).await {
            Ok(entry) => Ok::<Option<Found>, Error>(Some(Found { name, entry })),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .buffered(limits::FIND_IN_FLIGHT)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Those names whose custom metadata hold all `tags`.
///
/// # Errors
/// Of the reads.
pub(in crate::provider) async fn tagged(
    session: &Session,
    layout: &Layout,
    names: Vec<String>,
    tags: &BTreeMap<String, String>,
) -> Result<Vec<String>> {
    let kept: Vec<Option<String>> = stream::iter(names)
        .map(async |name| {
            let own = match session.read(&layout.metadata(&name)?, None, layout.version).await {
                Ok(answer) => wire::tags(&answer)?,
                Err(error) if error.kind() == Kind::NotFound => return Ok::<Option<String>, Error>(None),
                Err(error) => return Err(error),
            };
            Ok(tags.iter().all(|(name, value)| own.get(name) == Some(value)).then_some(name))
        })
        .buffered(limits::FIND_IN_FLIGHT)
        .try_collect()
        .await?;
    Ok(kept.into_iter().flatten().collect())
}
