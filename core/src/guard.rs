//! The guards that make at-least-once delivery safe, each with a name, so that a test can take
//! one out and show what it was for. Production code only ever holds [`Guards::default`].

/// A protection that some interleaving of crashes, retries and repeats needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guard {
    /// A sink refuses a version that is not newer than what it has.
    Sequence,
    /// A sink applies a batch only from the position that it has reached.
    Position,
    /// A worker records only while it holds the newest fence.
    Fence,
    /// A PUT with no answer is sent again with the same bytes, and only those.
    SameBytesAgain,
    /// A command that is in the log already is answered from there.
    EventIdLookup,
    /// Before a refusal is answered, the log's end is read: another process may have appended.
    TailBeforeRefusal,
    /// A decision rests on the log's end as it is, not as this process last saw it.
    FreshEnd,
    /// The registry's write model advances only from the position it had.
    RegistryPosition,
    /// A delete leaves a tombstone behind.
    Tombstones,
    /// A superseded version is kept for the branches that still show it.
    SupersededVersions,
    /// What belongs to another generation is kept apart.
    Generations,
    /// A log is opened only when it is the one that the registry has seen.
    Anchor,
    /// Every append must carry the chain of what stands before it.
    Chain,
}

impl Guard {
    /// Every guard; each has a scenario that turns red without it.
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

/// The guards in force: all of them, unless a test took one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guards {
    without: Option<Guard>,
}

impl Guards {
    /// All but one. For tests.
    pub fn without(guard: Guard) -> Self {
        Self {
            without: Some(guard),
        }
    }

    /// Whether this guard is in force.
    pub fn has(self, guard: Guard) -> bool {
        self.without != Some(guard)
    }
}
