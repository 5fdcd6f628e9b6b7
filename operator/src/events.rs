//! Events of Kubernetes: what happened to an object, and why something was refused.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use spice_crds::{Condition, ResourceStatus};

use crate::{
    client::{Change, ChangedThing},
    condition::{find, kind, reason},
    kind::Kind,
};

const REPORTER: &str = "spice-operator";
/// The maximum length of a note, in bytes.
const NOTE: usize = 1_000;

/// Something that happened, before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happening {
    /// Whether a person should look at it.
    pub(crate) is_warning: bool,
    /// One word.
    pub(crate) reason: String,
    /// What the operator did or tried.
    pub(crate) action: &'static str,
    /// A sentence.
    pub(crate) note: String,
}

impl Happening {
    /// A warning.
    pub(crate) fn warning(
        reason: impl Into<String>,
        action: &'static str,
        note: impl Into<String>,
    ) -> Self {
        Self {
            is_warning: true,
            reason: reason.into(),
            action,
            note: note.into(),
        }
    }
}

/// Whether a change corrects what somebody else changed: the declaration was applied before.
pub(crate) fn is_correction<K: Kind>(resource: &K) -> bool {
    resource.was_synced() && resource.meta().deletion_timestamp.is_none()
}

/// What happened in a pass. A state that lasts is reported once.
pub(crate) fn happenings<K: Kind>(
    resource: &K,
    new: &ResourceStatus,
    changes: &[ChangedThing],
) -> Vec<Happening> {
    let mut all: Vec<Happening> = Vec::new();
    let is_drift = is_correction(resource);
    for (change, reason, action) in [
        (Change::Added, "Created", "Create"),
        (Change::Modified, "Updated", "Update"),
        (Change::Deleted, "Deleted", "Delete"),
    ] {
        let things: Vec<String> = changes
            .iter()
            .filter(|thing| thing.change == change)
            .map(|thing| format!("{} {}", thing.kind, thing.name))
            .collect();
        if !things.is_empty() {
            let reason = if is_drift { "DriftCorrected" } else { reason };
            all.push(Happening {
                is_warning: false,
                reason: reason.to_owned(),
                action,
                note: things.join(", "),
            });
        }
    }
    let old = resource
        .status()
        .map_or(&[][..], |status| &status.conditions);
    for (kind, action) in [
        (kind::STALLED, "Reconcile"),
        (kind::DRIFTED, "Compare"),
        (kind::DELETION_BLOCKED, "Delete"),
    ] {
        let Some(condition) = find(&new.conditions, kind) else {
            continue;
        };
        let is_same = |old: &Condition| {
            (&old.reason, &old.message) == (&condition.reason, &condition.message)
        };
        // A drift that is only reported also stalls: one event is enough.
        let is_told = kind == kind::STALLED && condition.reason == reason::DRIFTED;
        if !is_told && !find(old, kind).is_some_and(is_same) {
            let reason = if kind == kind::DELETION_BLOCKED {
                kind.to_owned()
            } else {
                condition.reason.clone()
            };
            all.push(Happening::warning(reason, action, &condition.message));
        }
    }
    all
}

/// Sends events. One for the whole process, because it counts repetitions.
#[derive(Clone)]
pub(crate) struct Events {
    recorder: Recorder,
}

impl Events {
    pub(crate) fn new(client: Client) -> Self {
        let reporter = Reporter::from(REPORTER);
        Self {
            recorder: Recorder::new(client, reporter),
        }
    }

    /// Sends an event about an object. A failure is logged only: the state is in the status.
    pub(crate) async fn send(&self, about: &ObjectReference, happening: Happening) {
        let mut note = happening.note;
        note.truncate(note.floor_char_boundary(NOTE));
        let event = Event {
            type_: if happening.is_warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason: happening.reason,
            note: Some(note),
            action: happening.action.to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, about).await {
            tracing::debug!(name = about.name, %error, "cannot send an event");
        }
    }
}
