//! The logs that a person names.

use spice_core::{
    error::{ErrorCode, Refusal},
    id::StreamId,
    port::{log::Log, registry::Anchors},
};
use spice_workers::audit::streams;

/// The newest log of a database; `demo.g1` is its first, `demo.g2` the second.
pub async fn find_log(log: &dyn Log, name: &str) -> Result<StreamId, Refusal> {
    let streams = log.streams().await?;
    let first = name.strip_suffix(".g1").map(str::parse).transpose()?;
    let wanted = match first {
        Some(database) => Some(StreamId::first(database)),
        None if name.contains(".g") => Some(name.parse()?),
        None => {
            let mut newest = streams.iter().rev();
            newest.find(|it| it.database.as_str() == name).cloned()
        }
    };
    let found = wanted.filter(|wanted| streams.contains(wanted));
    found.ok_or_else(|| refuse_missing(name, &streams))
}

/// The logs of a database (`demo`), or one log (`demo.g2`), of those that exist and those that a store
/// has seen; all of them without a name.
pub async fn find_logs(
    log: &dyn Log,
    seen_by: &[&dyn Anchors],
    name: Option<&str>,
) -> Result<Vec<StreamId>, Refusal> {
    let all = streams(log, seen_by).await?;
    let Some(name) = name else {
        return Ok(all);
    };
    let is_meant = |it: &&StreamId| it.database.as_str() == name || it.to_string() == name;
    let found: Vec<StreamId> = all.iter().filter(is_meant).cloned().collect();
    if found.is_empty() {
        return Err(refuse_missing(name, &all));
    }
    Ok(found)
}

/// The refusal of a log that is not among the existing ones.
pub(crate) fn refuse_missing(name: &str, existing: &[StreamId]) -> Refusal {
    let names: Vec<String> = existing.iter().map(ToString::to_string).collect();
    let message = format!("no log {name:?} here; existing logs: {}", names.join(", "));
    Refusal::new(ErrorCode::NotFound, message)
}
