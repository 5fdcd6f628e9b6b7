//! The guards that make at-least-once delivery safe. Each has a name, so that a test can disable it
//! and show why it is needed. Production code only uses [`Guards::default`].

/// A protection against some interleaving of crashes, retries and repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A sink refuses a version that is not newer than its own.
    Sequence,
    /// A sink applies a batch only at the position that it has reached.
    Position,
    /// A worker records only while it has the newest fence.
    Fence,
    /// A PUT without an answer is repeated with the same bytes, and only those.
    SameBytesAgain,
    /// A command that is already in the log is answered from there.
    EventIdLookup,
    /// The end of the log is read before a refusal is answered, because another process may have
    /// appended.
    TailBeforeRefusal,
    /// A decision uses the log's current end, not the end that this process last saw.
    FreshEnd,
    /// The registry's write model advances only from its current position.
    RegistryPosition,
    /// A delete leaves a tombstone.
    Tombstones,
    /// A superseded version is kept for the branches that still show it.
    SupersededVersions,
    /// Data of different generations is kept separate.
    Generations,
    /// A log is opened only if it matches what the registry has seen.
    Anchor,
    /// Every append must carry the chain of everything before it.
    Chain,
}

impl Guard {
    /// Every guard; each has a scenario that fails without it.
    pub const ALL: [Self; 13] = [
        Self::Sequence,
        Self::Position,
        Self::Fence,
        Self::SameBytesAgain,
        Self::EventIdLookup,
        Self::TailBeforeRefusal,
        Self::FreshEnd,
        Self::RegistryPosition,
        Self::Tombstones,
        Self::SupersededVersions,
        Self::Generations,
        Self::Anchor,
        Self::Chain,
    ];
}

/// The active guards: all of them, unless a test disabled one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guards {
    without: Option<Guard>,
}

impl Guards {
    /// All guards except one. For tests.
    pub fn without(guard: Guard) -> Self {
        Self {
            without: Some(guard),
        }
    }

    /// Whether this guard is active.
    pub fn has(self, guard: Guard) -> bool {
        self.without != Some(guard)
    }
}
