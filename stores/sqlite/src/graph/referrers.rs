//! The referrers of an instance: candidates in order of their id, as many as the page needs; the
//! visible version decides.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, params};
use spice_core::{
    id::InstanceRef,
    lineage::View,
    name::{ClassName, PropertyName},
    port::graph::Page,
};

use super::rows::{Versions, find_link};
use crate::{
    columns::text,
    failure::Attempt,
    layers::Layer,
    lookup::{PointReader, layers_of},
    scopes::Part,
};

/// The referrers to find.
pub(super) struct Question {
    pub(super) view: View,
    pub(super) source: ClassName,
    pub(super) predicate: PropertyName,
    pub(super) targets: Vec<InstanceRef>,
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

/// The minimum number of candidates in one lookup.
const CANDIDATES: usize = 64;

pub(super) fn referrers(connection: &Connection, question: &Question) -> Attempt<Page> {
    let part = Part::instances(&question.source);
    let layers = layers_of(connection, &Versions, &question.view, &part)?;
    let wanted: HashSet<&InstanceRef> = question.targets.iter().collect();
    let mut reader = PointReader::new(connection, &Versions)?;
    let mut page = Page {
        versions: Vec::new(),
        more: false,
    };
    let mut after = question.after.clone().unwrap_or_default();
    loop {
        let missing = question.limit.saturating_sub(page.versions.len());
        let most = missing.saturating_add(1).max(CANDIDATES);
        let ids = candidates(connection, question, &layers, &after, most)?;
        let Some(last) = ids.last() else {
            return Ok(page);
        };
        after.clone_from(last);
        for id in ids {
            let Some(found) = reader.read(&question.view, &layers, &part, &id)? else {
                continue;
            };
            let mut held = found.references.iter();
            let refers = found.state.data.is_some()
                && held.any(|(name, it)| *name == question.predicate && wanted.contains(it));
            if !refers {
                continue;
            }
            if page.versions.len() == question.limit {
                page.more = true;
                return Ok(page);
            }
            page.versions.push(found);
        }
    }
}

/// Returns the first ids after `after` with a reference from a version below the layers' bounds.
fn candidates(
    connection: &Connection,
    question: &Question,
    layers: &[Layer],
    after: &str,
    most: usize,
) -> Attempt<BTreeSet<String>> {
    let mut ids: BTreeSet<String> = BTreeSet::new();
    let mut find = connection.prepare_cached(
        "SELECT source_id FROM referrers
         WHERE link = ?1 AND target_id = ?2 AND source_id > ?3 AND position <= ?4
         ORDER BY source_id",
    )?;
    for layer in layers {
        let mut links: HashMap<&ClassName, Option<i64>> = HashMap::new();
        for target in &question.targets {
            let link = if let Some(link) = links.get(&target.class) {
                *link
            } else {
                let link = find_link(connection, layer.scope, &question.predicate, &target.class)?;
                links.insert(&target.class, link);
                link
            };
            let Some(link) = link else { continue };
            let mut rows = find.query(params![link, target.id.as_str(), after, layer.until])?;
            while let Some(row) = rows.next()? {
                if !keep(&mut ids, text(row, 0)?, most) {
                    break;
                }
            }
        }
    }
    Ok(ids)
}

/// Keeps an id if it is one of the first. Returns false if it is not; then no later id is either.
fn keep(ids: &mut BTreeSet<String>, id: &str, most: usize) -> bool {
    let is_full = ids.len() == most;
    if is_full && ids.last().is_some_and(|last| id >= last.as_str()) {
        return false;
    }
    if !ids.contains(id) {
        ids.insert(id.to_owned());
    }
    if ids.len() > most {
        ids.pop_last();
    }
    true
}
