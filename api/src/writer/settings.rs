//! The settings of the writer.

use std::time::Duration;

use spice_core::guard::Guards;

/// How the writer works.
#[derive(Debug, Clone)]
pub struct WriterSettings {
    /// Commands that one batch may hold.
    pub batch_commands: usize,
    /// Bytes that one batch may hold in the log, unless it is a single command.
    pub batch_bytes: usize,
    /// Commands that may wait for a database's task before clients have to wait to send theirs.
    pub queue: usize,
    /// How long an append with no answer is settled before the client gets an error. The settling
    /// goes on after that.
    pub answer_within: Duration,
    /// How old a snapshot may be before it is compared with the log's end, because another process
    /// may have appended.
    pub behind: Duration,
    /// How long a database stays open after its last use.
    pub idle: Duration,
    /// `EVENT_STORE_IDEMPOTENCY_MISMATCH_MODE=warn`: the same id with another payload gets the
    /// first answer and a warning in the process's log, instead of a refusal.
    pub keep_first_on_mismatch: bool,
    /// The enabled guards; all of them, except in tests.
    pub guards: Guards,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self {
            batch_commands: 1_000,
            batch_bytes: 16 << 20,
            queue: 10_000,
            answer_within: Duration::from_secs(30),
            behind: Duration::from_secs(1),
            idle: Duration::from_mins(10),
            keep_first_on_mismatch: false,
            guards: Guards::default(),
        }
    }
}
