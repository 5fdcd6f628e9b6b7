//! The check that no log was changed, cut or exchanged, over whatever stores are named.

use spice_core::{
    chain::{Anchor, ChainHead, KeptHead},
    error::{Refusal, StoreError},
    id::StreamId,
    port::{Store, StoreResult, log::Log, registry::Anchors},
};
pub use spice_workers::audit::{Loss, accept, check, loss};

use crate::{logs::find_logs, stores::Witness};

/// The result of a check.
pub enum Checked {
    /// A store that cannot be read, so that a log cannot be compared with what the store has seen.
    Store(Store, StoreError),
    /// A log: the chain at its end, or why it is refused, and what the stores have seen of it.
    Log(StreamId, StoreResult<ChainHead>, Vec<(Store, Anchor)>),
}

/// Checks the logs that a name means, and compares them with what the stores have seen. The newest one
/// must contain the kept heads. Open the stores first: the log may grow in between, and is then longer,
/// not shorter.
pub async fn check_all(
    log: &dyn Log,
    witnesses: Vec<Witness>,
    name: Option<&str>,
    kept: &[KeptHead],
) -> Result<Vec<Checked>, Refusal> {
    let (mut checked, mut opened) = (Vec::new(), Vec::new());
    for (store, witness) in witnesses {
        match witness {
            Ok(witness) => opened.push((store, witness)),
            Err(error) => checked.push(Checked::Store(store, error)),
        }
    }
    let seen_by: Vec<&dyn Anchors> = opened.iter().map(|(_, witness)| &**witness).collect();
    let streams = find_logs(log, &seen_by, name).await?;
    let newest = streams.last().cloned();
    for stream in streams {
        let mut seen = Vec::new();
        for (store, witness) in &opened {
            let anchor = witness.anchor(&stream).await?;
            seen.extend(anchor.map(|anchor| (*store, anchor)));
        }
        let kept = kept.iter().filter(|_| newest.as_ref() == Some(&stream));
        let kept: Vec<KeptHead> = kept.copied().collect();
        let anchors: Vec<Anchor> = seen.iter().map(|(_, anchor)| *anchor).collect();
        let head = check(log, &stream, &anchors, &kept).await;
        checked.push(Checked::Log(stream, head, seen));
    }
    Ok(checked)
}
