//! Snapshot reads through the layers of a view.

use std::{collections::BTreeSet, ops::ControlFlow};

use rusqlite::{CachedStatement, Connection, params};
use spice_core::{
    id::{BranchGeneration, LogPosition},
    lineage::View,
    name::ClassName,
    port::graph::{Entity, Page, Version},
    query::Filter,
};

use super::rows::{Versions, version, version_columns};
use crate::{
    candidates,
    columns::{bound, from_column, optional_text, position, text},
    failure::Attempt,
    index::Indexer,
    layers::{KeyRange, Keys, Layer, Shown, walk},
    looks::Sieve,
    lookup::{PointReader, layers_of, level_of},
    scopes::{Part, scopes_of},
};

/// The part to list.
pub(super) struct Scan {
    pub(super) view: View,
    pub(super) class: ClassName,
    pub(super) filters: Vec<Filter>,
    pub(super) after: Option<String>,
    pub(super) limit: usize,
    pub(super) indexer: Indexer,
}

/// A page, and the indexes that would have helped: scope and property.
pub(super) struct Scanned {
    pub(super) page: Page,
    pub(super) missing: Vec<(i64, String)>,
}

const KEYS: Keys = Keys {
    all: "SELECT id, position, row FROM versions
          WHERE scope = ?1 AND id >= ?2 AND id < ?3 ORDER BY id, position DESC",
    newest: "SELECT position, row FROM versions
             WHERE scope = ?1 AND id = ?2 AND position <= ?3 ORDER BY position DESC LIMIT 1",
};

pub(super) fn scan(connection: &Connection, scan: &Scan) -> Attempt<Scanned> {
    let part = Part::instances(&scan.class);
    let layers = layers_of(connection, &Versions, &scan.view, &part)?;
    let found = candidates::find(connection, &scan.indexer, &scan.filters, &layers)?;
    let ids = match found.ids {
        Some(ids) => Some(ids),
        None => find_earlier_ids(
            connection,
            &layers,
            scan.after.as_deref(),
            scan.indexer.from,
        )?,
    };
    let page = match ids {
        Some(ids) => scan_candidates(connection, scan, &layers, &part, ids)?,
        None => scan_class(connection, scan, &layers, &part)?,
    };
    Ok(Scanned {
        page,
        missing: found.missing,
    })
}

/// Returns the ids that existed at the layers' positions, if there are only a few: looking them up
/// is cheaper than reading everything that came since.
fn find_earlier_ids(
    connection: &Connection,
    layers: &[Layer],
    after: Option<&str>,
    few: usize,
) -> Attempt<Option<BTreeSet<String>>> {
    if layers.iter().all(|layer| layer.until == i64::MAX) {
        return Ok(None);
    }
    let mut find = connection.prepare_cached(
        "SELECT id FROM versions WHERE scope = ?1 AND position <= ?2 AND first = 1 LIMIT ?3",
    )?;
    let most = i64::try_from(few.saturating_add(1)).unwrap_or(i64::MAX);
    let mut ids = BTreeSet::new();
    let mut seen = 0;
    for layer in layers {
        let mut rows = find.query(params![layer.scope, layer.until, most])?;
        while let Some(row) = rows.next()? {
            seen += 1;
            if seen > few {
                return Ok(None);
            }
            let id = text(row, 0)?;
            if after.is_none_or(|after| id > after) {
                ids.insert(id.to_owned());
            }
        }
    }
    Ok(Some(ids))
}

fn scan_class(
    connection: &Connection,
    scan: &Scan,
    layers: &[Layer],
    part: &Part,
) -> Attempt<Page> {
    let mut page = Page {
        versions: Vec::new(),
        more: false,
    };
    let mut fetch = connection.prepare_cached(concat!(
        "SELECT ",
        version_columns!(),
        " FROM versions WHERE row = ?1"
    ))?;
    let sieve = Sieve::new(&scan.filters);
    let range = KeyRange::after(scan.after.as_deref());
    walk(connection, &KEYS, layers, &range, |shown| {
        let found = fetch_live(&mut fetch, scan, &sieve, part, shown)?;
        Ok(add(&mut page, scan.limit, found))
    })?;
    Ok(page)
}

fn add(page: &mut Page, limit: usize, found: Option<Version>) -> ControlFlow<()> {
    let Some(found) = found else {
        return ControlFlow::Continue(());
    };
    if page.versions.len() == limit {
        page.more = true;
        return ControlFlow::Break(());
    }
    page.versions.push(found);
    ControlFlow::Continue(())
}

fn scan_candidates(
    connection: &Connection,
    scan: &Scan,
    layers: &[Layer],
    part: &Part,
    ids: BTreeSet<String>,
) -> Attempt<Page> {
    let mut page = Page {
        versions: Vec::new(),
        more: false,
    };
    let sieve = Sieve::new(&scan.filters);
    let mut reader = PointReader::new(connection, &Versions)?;
    for id in ids {
        if scan.after.as_ref().is_some_and(|after| id <= *after) {
            continue;
        }
        let Some(found) = reader.read(&scan.view, layers, part, &id)? else {
            continue;
        };
        let Some(data) = &found.state.data else {
            continue;
        };
        let passes = sieve.passes(&id, data.as_str())?;
        if passes && add(&mut page, scan.limit, Some(found)).is_break() {
            break;
        }
    }
    Ok(page)
}

/// Returns the visible version if it is live and passes the filters.
fn fetch_live(
    fetch: &mut CachedStatement<'_>,
    scan: &Scan,
    sieve: &Sieve<'_>,
    part: &Part,
    shown: &Shown<'_>,
) -> Attempt<Option<Version>> {
    let mut rows = fetch.query([shown.row])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let Some(data) = optional_text(row, 5)? else {
        return Ok(None);
    };
    if !sieve.passes(shown.key, data)? {
        return Ok(None);
    }
    let position = LogPosition(from_column(shown.position)?);
    let branch = level_of(&scan.view, &shown.layer).generation;
    version(row, 0, branch, part.entity(shown.key)?, position).map(Some)
}

pub(super) fn classes(connection: &Connection, view: &View) -> Attempt<Vec<Version>> {
    let part = Part::classes();
    let layers = layers_of(connection, &Versions, view, &part)?;
    let mut ids = Vec::new();
    walk(
        connection,
        &KEYS,
        &layers,
        &KeyRange::after(None),
        |shown| {
            ids.push(shown.key.to_owned());
            Ok(ControlFlow::Continue(()))
        },
    )?;
    let mut reader = PointReader::new(connection, &Versions)?;
    let mut classes = Vec::new();
    for id in ids {
        let found = reader.read(view, &layers, &part, &id)?;
        classes.extend(found.filter(|found| found.state.data.is_some()));
    }
    Ok(classes)
}

pub(super) fn history(
    connection: &Connection,
    view: &View,
    entity: &Entity,
    before: LogPosition,
    limit: usize,
) -> Attempt<Vec<Version>> {
    let (part, id) = Part::of(entity);
    let mut find = connection.prepare_cached(concat!(
        "SELECT position, ",
        version_columns!(),
        " FROM versions WHERE scope = ?1 AND id = ?2 AND position <= ?3 AND position < ?4
          ORDER BY position DESC LIMIT ?5"
    ))?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut versions = Vec::new();
    for layer in layers_of(connection, &Versions, view, &part)? {
        let mut rows = find.query(params![layer.scope, id, layer.until, bound(before), most])?;
        while let Some(row) = rows.next()? {
            let branch = level_of(view, &layer).generation;
            versions.push(version(row, 1, branch, entity.clone(), position(row, 0)?)?);
        }
    }
    versions.sort_by_key(|version| std::cmp::Reverse(version.state.position));
    versions.truncate(limit);
    Ok(versions)
}

pub(super) fn latest(
    connection: &Connection,
    sink: i64,
    branch: BranchGeneration,
    after: Option<&Entity>,
    limit: usize,
) -> Attempt<Vec<Version>> {
    let mut versions = Vec::new();
    let mut fetch = connection.prepare_cached(concat!(
        "SELECT position, ",
        version_columns!(),
        " FROM versions WHERE row = ?1"
    ))?;
    for (scope, part) in scopes_of(connection, sink, bound(branch.0))? {
        let Some(range) = part.range_after(after) else {
            continue;
        };
        let layer = Layer {
            scope,
            until: i64::MAX,
            level: 0,
        };
        if versions.len() >= limit {
            break;
        }
        walk(connection, &KEYS, &[layer], &range, |shown| {
            let mut rows = fetch.query([shown.row])?;
            if let Some(row) = rows.next()? {
                let entity = part.entity(shown.key)?;
                versions.push(version(row, 1, branch, entity, position(row, 0)?)?);
            }
            Ok(if versions.len() >= limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
    }
    Ok(versions)
}
