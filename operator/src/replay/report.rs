//! The events of a job. A state that lasts is reported once.

use spice_crds::{Condition, ReplayJob, ReplayJobStatus};

use crate::{
    condition::{find, kind, reason},
    events::Happening,
};

/// What happened in a pass.
pub(crate) fn happenings(before: &ReplayJobStatus, after: &ReplayJobStatus) -> Vec<Happening> {
    let mut all = Vec::new();
    let mut note = |is_warning, reason: &str, action, note: &str| {
        all.push(Happening {
            is_warning,
            ..Happening::warning(reason, action, note)
        });
    };
    if let Some(id) = after
        .external_id
        .as_ref()
        .filter(|_| before.external_id.is_none())
    {
        let database = after.database.as_deref().unwrap_or_default();
        let started = format!("replay {id} of database {database}");
        note(false, "Started", "Start", &started);
    }
    let changed = |kind| {
        let new = find(&after.conditions, kind)?;
        let is_same = |old: &Condition| {
            (old.status, &old.reason, &old.message) == (new.status, &new.reason, &new.message)
        };
        (!find(&before.conditions, kind).is_some_and(is_same)).then_some(new)
    };
    if let Some(ready) = changed(kind::READY) {
        let is_told = [
            reason::AWAITING_APPROVAL,
            reason::COMPLETE,
            reason::SUSPENDED,
        ];
        if is_told.contains(&ready.reason.as_str()) {
            note(false, &ready.reason, "Replay", &ready.message);
        }
    }
    if let Some(stalled) = changed(kind::STALLED) {
        note(true, &stalled.reason, "Replay", &stalled.message);
    }
    if let Some(blocked) = changed(kind::DELETION_BLOCKED) {
        note(true, kind::DELETION_BLOCKED, "Delete", &blocked.message);
    }
    all
}

/// The object goes, and its replay may go on.
pub(crate) fn abandonment(job: &ReplayJob) -> Happening {
    let status = job.status.as_ref();
    let id = status.and_then(|status| status.external_id.as_deref());
    let note = format!(
        "replay {} goes on in the api, because it could not be cancelled in time",
        id.unwrap_or("of this object")
    );
    Happening::warning("Kept", "Delete", note)
}
