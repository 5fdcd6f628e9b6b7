//! The append protocol as a state machine: the possible next steps and their effects. The text is
//! `docs/append-protocol.md`; both use the same words.

use std::collections::{BTreeMap, BTreeSet};

use stateright::{Model, Property};

use crate::properties;

/// A position in the log, counted in envelopes.
pub(crate) type Position = u8;
/// The number of a command, which is its id.
pub(crate) type Command = u8;

/// A client's request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// The aggregate.
    pub(crate) aggregate: u8,
    /// The sequence that the client saw; none for a command without an expectation.
    pub(crate) expected: Option<u8>,
}

/// The guards of the protocol; a test removes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A PUT succeeds only at a free position.
    CompareAndSet,
    /// A PUT without an answer is sent again only with the same bytes.
    SameBytesAgain,
    /// A command that is already in the log is answered from the log.
    EventIdLookup,
    /// The registry advances only from its own position.
    RegistryPosition,
    /// A refusal that depends on a member of its own batch waits for that batch.
    RefusalWaits,
    /// A refusal depends on the log's end, not on a writer's memory.
    TailBeforeRefusal,
    /// A writer notices that the registry has fallen behind the part that the writer forgot.
    WipeNoticed,
}

/// The protocol with its bounds.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    /// The number of writers.
    pub(crate) writers: usize,
    /// The clients' requests.
    pub(crate) wishes: Vec<Wish>,
    /// The maximum number of crashes.
    pub(crate) crashes: u8,
    /// The maximum number of times the registry is wiped.
    pub(crate) wipes: u8,
    /// The maximum number of writers that have the same command at the same time.
    pub(crate) attempts: usize,
    /// The removed guard.
    pub(crate) without: Option<Guard>,
}

/// A command in a segment, with its assigned sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Accepted {
    pub(crate) command: Command,
    pub(crate) sequence: u8,
}

/// One segment's content: "the same bytes" are an equal batch.
pub(crate) type Batch = Vec<Accepted>;

/// A batch whose PUT has no answer yet, with the refusals that depend on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) held: Vec<(Command, u8)>,
}

/// A writer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Writer {
    /// Stopped; it remembers nothing.
    Down,
    /// Running. It remembers the log from `low` up to `at`; below `low` it asks the registry.
    Up {
        low: Position,
        at: Position,
        queue: BTreeSet<Command>,
        waiting: Option<Waiting>,
    },
}

/// The registry's write model: the positions whose envelopes it holds, and its reflected position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Registry {
    pub(crate) reflected: Position,
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

/// The whole state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// Segments by their first position.
    pub(crate) log: BTreeMap<Position, Batch>,
    /// PUTs in flight, whether or not a writer still waits for them.
    pub(crate) puts: BTreeSet<(Position, Batch)>,
    /// The writers, in a canonical order: they are alike.
    pub(crate) writers: Vec<Writer>,
    /// The registry.
    pub(crate) registry: Registry,
    /// Registry transactions in flight: from, to.
    pub(crate) advances: BTreeSet<(Position, Position)>,
    /// The answer to each client.
    pub(crate) answers: Vec<Answer>,
    /// A client got two different answers.
    pub(crate) contradiction: bool,
    pub(crate) crashes: u8,
    pub(crate) wipes: u8,
}

/// A possible next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A client sends its command to a writer, for the first time or again.
    Submit(Command, usize),
    /// A writer decides its queue and sends the accepted commands.
    Decide(usize, Order),
    /// A writer gets the answer that its PUT succeeded.
    Confirm(usize),
    /// A writer gets 412 or no answer, and reads the position.
    Settle(usize),
    /// A writer reads the envelopes that others appended.
    ReadTail(usize),
    /// A PUT arrives at the store.
    Land(Position, Batch),
    /// A writer sends the missing entries to the registry.
    StartAdvance(usize),
    /// The registry executes such a transaction.
    FinishAdvance(Position, Position),
    /// A writer's process ends.
    Crash(usize),
    /// A writer's process starts.
    Start(usize),
    /// The registry is lost.
    Wipe,
}

/// The order in which a writer processes its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Backward,
}

impl World {
    /// Returns the position after the last envelope.
    pub(crate) fn end(&self) -> Position {
        self.log
            .last_key_value()
            .map_or(0, |(first, batch)| first + length(batch))
    }

    /// Returns every envelope, with its position.
    pub(crate) fn envelopes(&self) -> impl Iterator<Item = (Position, Accepted)> + '_ {
        self.log
            .iter()
            .flat_map(|(first, batch)| (*first..).zip(batch.iter().copied()))
    }

    /// Returns whether any part of this batch could still be stored at its position.
    pub(crate) fn may_land(&self, first: Position) -> bool {
        first >= self.end()
    }

    fn holders(&self, command: Command) -> usize {
        self.writers
            .iter()
            .filter(|writer| holds(writer, command))
            .count()
    }

    pub(crate) fn answer(&mut self, command: Command, answer: Answer) {
        let told = &mut self.answers[usize::from(command)];
        match *told {
            Answer::Open => *told = answer,
            earlier => self.contradiction |= earlier != answer,
        }
    }

    /// Removes state that can make no difference any more, and sorts what has no order.
    fn normalise(&mut self, compare_and_set: bool) {
        if compare_and_set {
            let end = self.end();
            self.puts.retain(|(first, _)| *first >= end);
        }
        self.writers.sort();
    }
}

pub(crate) fn length(batch: &Batch) -> Position {
    Position::try_from(batch.len()).unwrap_or(Position::MAX)
}

/// Returns the set of the positions below `end`.
pub(crate) fn below(end: Position) -> u16 {
    (1 << end) - 1
}

pub(crate) fn holds(writer: &Writer, command: Command) -> bool {
    let Writer::Up { queue, waiting, .. } = writer else {
        return false;
    };
    queue.contains(&command)
        || waiting.as_ref().is_some_and(|waiting| {
            waiting.batch.iter().any(|one| one.command == command)
                || waiting.held.iter().any(|(held, _)| *held == command)
        })
}

impl Protocol {
    pub(crate) fn has(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }

    pub(crate) fn wish(&self, command: Command) -> Wish {
        self.wishes[usize::from(command)]
    }

    /// Returns the sequence of an aggregate, from the envelopes at `known` positions.
    pub(crate) fn sequence(&self, world: &World, aggregate: u8, known: u16) -> u8 {
        world
            .envelopes()
            .filter(|(position, one)| {
                known & (1 << position) != 0 && self.wish(one.command).aggregate == aggregate
            })
            .map(|(_, one)| one.sequence)
            .max()
            .unwrap_or(0)
    }

    /// Returns whether a client may send its command: one with a sequence only after the client got
    /// that sequence, a create at any time.
    pub(crate) fn is_wished(&self, world: &World, command: Command) -> bool {
        let wish = self.wish(command);
        let Some(expected) = wish.expected.filter(|expected| *expected > 0) else {
            return true;
        };
        (0..).zip(&world.answers).any(|(other, answer)| {
            self.wish(other).aggregate == wish.aggregate && *answer == Answer::Accepted(expected)
        })
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            log: BTreeMap::new(),
            puts: BTreeSet::new(),
            writers: vec![Writer::Down; self.writers],
            registry: Registry::default(),
            advances: BTreeSet::new(),
            answers: vec![Answer::Open; self.wishes.len()],
            contradiction: false,
            crashes: self.crashes,
            wipes: self.wipes,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (index, writer) in world.writers.iter().enumerate() {
            let alike = index > 0 && world.writers[index - 1] == *writer;
            if !alike {
                self.steps_of(world, index, writer, steps);
            }
        }
        let landing = world.puts.iter().cloned();
        steps.extend(landing.map(|(first, batch)| Step::Land(first, batch)));
        let finishing = world.advances.iter();
        steps.extend(finishing.map(|(from, to)| Step::FinishAdvance(*from, *to)));
        if world.wipes > 0 && world.registry.reflected > 0 {
            steps.push(Step::Wipe);
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        self.take(&mut world, step);
        world.normalise(self.has(Guard::CompareAndSet));
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Protocol {
    fn steps_of(&self, world: &World, index: usize, writer: &Writer, steps: &mut Vec<Step>) {
        let Writer::Up {
            at, queue, waiting, ..
        } = writer
        else {
            steps.push(Step::Start(index));
            return;
        };
        for command in (0..).take(self.wishes.len()) {
            if world.answers[usize::from(command)] == Answer::Open
                && self.is_wished(world, command)
                && !holds(writer, command)
                && world.holders(command) < self.attempts
            {
                steps.push(Step::Submit(command, index));
            }
        }
        match waiting {
            Some(_) => steps.extend([Step::Confirm(index), Step::Settle(index)]),
            None if queue.is_empty() => {}
            None => {
                steps.push(Step::Decide(index, Order::Forward));
                if queue.len() > 1 {
                    steps.push(Step::Decide(index, Order::Backward));
                }
            }
        }
        if *at < world.end() && waiting.is_none() {
            steps.push(Step::ReadTail(index));
        }
        if *at > world.registry.reflected {
            steps.push(Step::StartAdvance(index));
        }
        if world.crashes > 0 {
            steps.push(Step::Crash(index));
        }
    }
}
