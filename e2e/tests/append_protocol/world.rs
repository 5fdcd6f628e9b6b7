//! The state: the log, what is in flight, the api processes, the registry and a sink.

use std::collections::{BTreeMap, BTreeSet};

/// A position in the log, counted in envelopes.
pub(crate) type Position = u8;
/// The number of a command, which is its id.
pub(crate) type Command = u8;

/// A command in a segment, with its assigned sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Accepted {
    pub(crate) command: Command,
    pub(crate) sequence: u8,
}

/// One segment's content: "the same bytes" are an equal batch.
pub(crate) type Batch = Vec<Accepted>;

/// What was read of the log: everything below `at`. It stands for an anchor, a position with the
/// chain there: two views have the same chain if they are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct View {
    pub(crate) at: Position,
    /// Positions below this one were read before the log was cut there; zero if none of them is
    /// lost.
    pub(crate) lost: Position,
}

/// A batch whose PUT has no answer yet, with the refusals that depend on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) held: Vec<(Command, u8)>,
}

/// The writer and follower of an api process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Writer {
    /// Stopped, or it has refused the log; it remembers nothing.
    Down,
    /// Running. Its snapshot is the log up to `view`. It remembers the log from `low` on; below
    /// `low` it asks the registry.
    Up {
        low: Position,
        view: View,
        queue: BTreeSet<Command>,
        waiting: Option<Waiting>,
    },
}

/// The mark in the registry that says that a process appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Mark {
    #[default]
    Absent,
    Set,
    /// It was lost with the registry, and the process has not noticed.
    Lost,
}

/// An api process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Process {
    /// Whether clients send their commands here. Only in a model with homes.
    pub(crate) home: bool,
    /// Only in a model with marks.
    pub(crate) mark: Mark,
    pub(crate) writer: Writer,
}

/// The registry's write model: the positions whose envelopes it holds, and its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Registry {
    pub(crate) view: View,
    pub(crate) holds: u16,
}

/// The answer to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// None yet.
    Open,
    /// 202 with this sequence.
    Accepted(u8),
    /// 409 with this `actual_seq`.
    Refused(u8),
}

/// A PUT in flight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Put {
    /// The log as its writer has read it; the batch follows from there.
    pub(crate) after: View,
    pub(crate) batch: Batch,
}

/// What must never happen, and cannot be read from a state alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Wrong {
    /// A client got two different answers.
    TwoAnswers,
    /// A read that named a position was answered from a snapshot before it.
    StaleRead,
    /// A batch was sent to the end of a log of which the registry had seen more.
    ExtendsCutLog,
    /// A process opened a log that is not the one that registry or sink had seen.
    OpensOtherLog,
}

/// The whole state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Segments by their first position.
    pub(crate) log: BTreeMap<Position, Batch>,
    /// The segments that the log has lost.
    pub(crate) lost: BTreeMap<Position, Batch>,
    /// PUTs in flight, whether or not a writer still waits for them.
    pub(crate) puts: BTreeSet<Put>,
    /// The processes, in a canonical order: they are alike.
    pub(crate) processes: Vec<Process>,
    /// The registry.
    pub(crate) registry: Registry,
    /// The registry that a restored log came without.
    pub(crate) set_aside: Option<Registry>,
    /// Whether a process that stopped has left its mark.
    pub(crate) left_mark: bool,
    /// Whether the registry was lost, and not every log was read into the new one.
    pub(crate) is_sweep_due: bool,
    /// Registry transactions in flight: the position that they start from, and what they bring.
    pub(crate) advances: BTreeSet<(Position, View)>,
    /// A sink's anchor.
    pub(crate) sink: View,
    /// The answer to each client.
    pub(crate) answers: Vec<Answer>,
    pub(crate) wrongs: BTreeSet<Wrong>,
    /// Whether a process has refused the log.
    pub(crate) refused_log: bool,
    pub(crate) crashes: u8,
    pub(crate) wipes: u8,
    pub(crate) moves: u8,
    pub(crate) cuts: u8,
}

impl View {
    /// The view after more was read, up to `at`.
    pub(crate) fn up_to(self, at: Position) -> Self {
        Self { at, ..self }
    }

    /// Returns whether a log that ends here cannot go on from this view.
    pub(crate) fn is_cut(self, end: Position) -> bool {
        end < self.at || (end > self.at && self.lost > 0)
    }
}

impl Process {
    pub(crate) fn new(home: bool) -> Self {
        Self {
            home,
            mark: Mark::Absent,
            writer: Writer::Down,
        }
    }

    /// The end of its snapshot, if it runs.
    pub(crate) fn at(&self) -> Option<Position> {
        match &self.writer {
            Writer::Up { view, .. } => Some(view.at),
            Writer::Down => None,
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(&self.writer, Writer::Up { waiting, .. } if waiting.is_some())
    }

    pub(crate) fn holds(&self, command: Command) -> bool {
        let Writer::Up { queue, waiting, .. } = &self.writer else {
            return false;
        };
        queue.contains(&command)
            || waiting.as_ref().is_some_and(|waiting| {
                waiting.batch.iter().any(|one| one.command == command)
                    || waiting.held.iter().any(|(held, _)| *held == command)
            })
    }
}

impl World {
    /// Returns the position after the last envelope.
    pub(crate) fn end(&self) -> Position {
        end_of(&self.log).unwrap_or(0)
    }

    /// Returns every envelope, with its position.
    pub(crate) fn envelopes(&self) -> impl Iterator<Item = (Position, Accepted)> + '_ {
        positions(&self.log)
    }

    /// Returns the envelopes of the log as someone has read it, which may be lost by now.
    pub(crate) fn list_seen(&self, view: View) -> impl Iterator<Item = (Position, Accepted)> + '_ {
        let cut = self.lost.keys().next().copied();
        let kept = move |position: Position| cut.is_none_or(|cut| position < cut);
        let lost = positions(&self.lost).filter(move |(position, _)| *position < view.lost);
        let current = self.envelopes();
        current
            .filter(move |(position, _)| kept(*position) || *position >= view.lost)
            .chain(lost)
    }

    /// Returns whether this is the beginning of the log as it is now.
    pub(crate) fn is_prefix(&self, view: View) -> bool {
        view.lost == 0 && view.at <= self.end()
    }

    /// Returns the position of a command in the log.
    pub(crate) fn position_of(&self, command: Command) -> Option<Position> {
        let mut envelopes = self.envelopes();
        let found = envelopes.find(|(_, one)| one.command == command);
        found.map(|(position, _)| position)
    }

    /// Returns whether any part of this batch could still be stored at its position.
    pub(crate) fn may_land(&self, put: &Put) -> bool {
        put.after.at >= self.end()
    }

    pub(crate) fn holders(&self, command: Command) -> usize {
        let processes = self.processes.iter();
        processes.filter(|process| process.holds(command)).count()
    }

    pub(crate) fn answer(&mut self, command: Command, answer: Answer) {
        let told = &mut self.answers[usize::from(command)];
        match *told {
            Answer::Open => *told = answer,
            earlier => self.note(Wrong::TwoAnswers, earlier != answer),
        }
    }

    pub(crate) fn note(&mut self, wrong: Wrong, has_happened: bool) {
        if has_happened {
            self.wrongs.insert(wrong);
        }
    }

    /// Returns the clients with an answer.
    pub(crate) fn list_answers(&self) -> impl Iterator<Item = (Command, Answer)> + '_ {
        (0..)
            .zip(self.answers.iter().copied())
            .filter(|(_, answer)| *answer != Answer::Open)
    }

    pub(crate) fn all_are_answered(&self) -> bool {
        self.list_answers().count() == self.answers.len()
    }

    /// Returns whether nothing is on its way to the log or to the registry.
    pub(crate) fn is_quiet(&self) -> bool {
        let waits = self.processes.iter().any(Process::is_waiting);
        self.puts.is_empty() && self.advances.is_empty() && !waits
    }

    /// Returns whether a mark says that the log may have more than the registry.
    pub(crate) fn is_marked(&self) -> bool {
        let mut processes = self.processes.iter();
        self.left_mark || processes.any(|process| process.mark == Mark::Set)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        let mut processes = self.processes.iter();
        processes.all(|process| process.writer == Writer::Down)
    }
}

fn positions(log: &BTreeMap<Position, Batch>) -> impl Iterator<Item = (Position, Accepted)> + '_ {
    log.iter()
        .flat_map(|(first, batch)| (*first..).zip(batch.iter().copied()))
}

fn end_of(log: &BTreeMap<Position, Batch>) -> Option<Position> {
    let (first, batch) = log.last_key_value()?;
    Some(first + length(batch))
}

pub(crate) fn length(batch: &Batch) -> Position {
    Position::try_from(batch.len()).unwrap_or(Position::MAX)
}

/// Returns the set of the positions below `end`.
pub(crate) fn below(end: Position) -> u16 {
    (1 << end) - 1
}
