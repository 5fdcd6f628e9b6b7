//! The append protocol as a state machine: its guards, its bounds and the possible next steps. The
//! text is `docs/append-protocol.md`; both use the same words.

use std::collections::{BTreeMap, BTreeSet};

use stateright::{Model, Property};

use crate::{
    properties,
    world::{Answer, Command, Mark, Position, Process, Put, Registry, View, World, Writer},
};

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
    /// A PUT succeeds only after the tail that its writer has read.
    SameTail,
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
    /// The log's end comes from the log, not from a cache.
    FreshEnd,
    /// A read that names a position beyond the snapshot looks at the log first.
    NamedLook,
    /// A writer notices that the registry has fallen behind the part that the writer forgot.
    WipeNoticed,
    /// A running writer compares the log with what the registry has seen, if that is more than the
    /// writer has.
    SeenByRegistry,
    /// A process opens only the log that the registry has seen.
    Anchor,
    /// The registry's anchor holds the chain, not only the position.
    AnchorChain,
    /// A process opens only the log that the sinks have seen.
    SinkAnchor,
    /// A writer marks the log before it appends.
    Mark,
    /// The mark stays until the registry has what was appended.
    MarkStays,
    /// A writer marks the log again if its mark was lost with the registry.
    MarkAgain,
    /// After the registry was lost, every log is read into the new one.
    Sweep,
}

/// The protocol with its bounds.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    /// The number of api processes.
    pub(crate) processes: usize,
    /// The clients' requests.
    pub(crate) wishes: Vec<Wish>,
    /// The maximum number of crashes.
    pub(crate) crashes: u8,
    /// The maximum number of times the registry is wiped.
    pub(crate) wipes: u8,
    /// The maximum number of processes that have the same command at the same time.
    pub(crate) attempts: usize,
    /// How often the home moves; none if clients send their commands to any process.
    pub(crate) moves: Option<u8>,
    /// Whether clients read at positions that they know from answers.
    pub(crate) reads: bool,
    /// Whether writers mark the log, and rest.
    pub(crate) marks: bool,
    /// How the log is cut, at most once.
    pub(crate) cut: Option<Cut>,
    /// Whether a sink follows the log.
    pub(crate) sink: bool,
    /// The removed guard.
    pub(crate) without: Option<Guard>,
    /// The only property to check; all of them without one.
    pub(crate) only: Option<&'static str>,
}

/// How a log loses its last segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// While processes run.
    Live,
    /// While all are stopped, by a restore of an older copy, without its registry. The registry may
    /// come back.
    Restore,
}

/// A possible next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A client sends its command to a process, for the first time or again.
    Submit(Command, usize),
    /// A writer decides its queue and sends the accepted commands.
    Decide(usize, Order),
    /// A writer gets the answer that its PUT succeeded.
    Confirm(usize),
    /// A writer gets 412 or no answer, and reads the position.
    Settle(usize),
    /// A process reads what others appended: a hint came, or a second has passed.
    ReadTail(usize),
    /// A client with an accepted command reads at its position, at any process.
    Read(usize, Command),
    /// A PUT arrives at the store.
    Land(Put),
    /// A writer sends the missing entries to the registry.
    StartAdvance(usize),
    /// The registry executes such a transaction.
    FinishAdvance(Position, View),
    /// A writer has nothing to append for a while, and removes its mark.
    Rest(usize),
    /// Another process becomes the home.
    Move(usize),
    /// A process that looks for an unknown command reads the log into a new registry.
    Sweep,
    /// A sink applies the log up to its end.
    Project,
    /// A process ends.
    Crash(usize),
    /// A process starts and opens the log.
    Start(usize),
    /// The registry is lost.
    Wipe,
    /// The log loses everything from a position on.
    Cut(Position),
    /// The registry comes back that belongs to the log before it was cut.
    Return,
}

/// The order in which a writer processes its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Backward,
}

impl Protocol {
    pub(crate) fn has(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }

    pub(crate) fn find_wish(&self, command: Command) -> Wish {
        self.wishes[usize::from(command)]
    }

    /// Returns whether a client may send its command: one with a sequence only after the client got
    /// that sequence, a create at any time.
    pub(crate) fn may_send(&self, world: &World, command: Command) -> bool {
        let wish = self.find_wish(command);
        let Some(expected) = wish.expected.filter(|expected| *expected > 0) else {
            return true;
        };
        (0..).zip(&world.answers).any(|(other, answer)| {
            self.find_wish(other).aggregate == wish.aggregate
                && *answer == Answer::Accepted(expected)
        })
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let home = |index| self.moves.is_some() && index + 1 == self.processes;
        vec![World {
            log: BTreeMap::new(),
            lost: BTreeMap::new(),
            puts: BTreeSet::new(),
            processes: (0..self.processes).map(home).map(Process::new).collect(),
            registry: Registry::default(),
            set_aside: None,
            left_mark: false,
            is_sweep_due: false,
            advances: BTreeSet::new(),
            sink: View::default(),
            answers: vec![Answer::Open; self.wishes.len()],
            wrongs: BTreeSet::new(),
            refused_log: false,
            crashes: self.crashes,
            wipes: self.wipes,
            moves: self.moves.unwrap_or(0),
            cuts: u8::from(self.cut.is_some()),
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (index, process) in world.processes.iter().enumerate() {
            let alike = index > 0 && world.processes[index - 1] == *process;
            if !alike {
                self.steps_of(world, index, process, steps);
            }
        }
        steps.extend(world.puts.iter().cloned().map(Step::Land));
        let finishing = world.advances.iter();
        steps.extend(finishing.map(|(from, to)| Step::FinishAdvance(*from, *to)));
        if self.sink && world.sink.at < world.end() {
            steps.push(Step::Project);
        }
        if world.is_sweep_due && world.puts.is_empty() {
            steps.push(Step::Sweep);
        }
        if world.wipes > 0 && world.registry.view.at > 0 {
            steps.push(Step::Wipe);
        }
        self.cuts(world, steps);
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        self.go(&mut world, step);
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = properties::all();
        properties.retain(|property| self.only.is_none_or(|only| only == property.name));
        properties
    }
}

impl Protocol {
    fn steps_of(&self, world: &World, index: usize, process: &Process, steps: &mut Vec<Step>) {
        if world.moves > 0 && !process.home {
            steps.push(Step::Move(index));
        }
        let Writer::Up {
            view,
            queue,
            waiting,
            ..
        } = &process.writer
        else {
            steps.push(Step::Start(index));
            return;
        };
        if self.moves.is_none() || process.home {
            self.submissions(world, index, process, steps);
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
        if view.at != world.end() && waiting.is_none() {
            steps.push(Step::ReadTail(index));
        }
        if view.at > world.registry.view.at {
            steps.push(Step::StartAdvance(index));
        }
        if process.mark != Mark::Absent && waiting.is_none() {
            steps.push(Step::Rest(index));
        }
        if world.crashes > 0 {
            steps.push(Step::Crash(index));
        }
        if self.reads && waiting.is_none() {
            let accepted = world.list_answers();
            let accepted = accepted.filter(|(_, answer)| matches!(answer, Answer::Accepted(_)));
            steps.extend(accepted.map(|(command, _)| Step::Read(index, command)));
        }
    }

    fn submissions(&self, world: &World, index: usize, process: &Process, steps: &mut Vec<Step>) {
        for command in (0..).take(self.wishes.len()) {
            if world.answers[usize::from(command)] == Answer::Open
                && self.may_send(world, command)
                && !process.holds(command)
                && world.holders(command) < self.attempts
            {
                steps.push(Step::Submit(command, index));
            }
        }
    }

    /// The log is cut only while nothing is on its way, and below what the registry or a sink has
    /// seen: nothing else could find out.
    fn cuts(&self, world: &World, steps: &mut Vec<Step>) {
        if world.set_aside.is_some() && world.is_stopped() && world.is_quiet() {
            steps.push(Step::Return);
        }
        let Some(cut) = self.cut.filter(|_| world.cuts > 0 && world.is_quiet()) else {
            return;
        };
        let seen = match cut {
            Cut::Restore if !world.is_stopped() => return,
            Cut::Restore if self.sink => world.sink.at,
            Cut::Live | Cut::Restore => world.registry.view.at,
        };
        let firsts = world.log.keys().filter(|first| **first < seen);
        steps.extend(firsts.map(|first| Step::Cut(*first)));
    }

    pub(crate) fn go(&self, world: &mut World, step: Step) {
        self.take(world, step);
        self.normalise(world);
    }

    /// Removes state that can make no difference any more, and sorts what has no order.
    fn normalise(&self, world: &mut World) {
        let end = world.end();
        if self.has(Guard::CompareAndSet) {
            world.puts.retain(|put| put.after.at >= end);
        }
        if self.has(Guard::SameTail) {
            world.puts.retain(|put| put.after.lost == 0);
        }
        world.processes.sort();
    }
}
