//! What each step of a process does.

use std::collections::BTreeSet;

use crate::{
    model::{Guard, Order, Protocol, Step},
    stores::{project, sweep},
    world::{
        Accepted, Answer, Batch, Command, Mark, Position, Put, View, Waiting, World, Writer, Wrong,
        below, length,
    },
};

/// A writer's decision about one command.
enum Verdict {
    /// It is in the log with this sequence.
    Stands(u8),
    /// It goes into the batch with this sequence.
    Accept(u8),
    /// The log's state refuses it.
    Refuse(u8),
    /// An earlier member of the batch refuses it.
    RefuseAfterBatch(u8),
}

/// The decisions about a queue.
#[derive(Default)]
struct Decided {
    waiting: Waiting,
    answers: Vec<(Command, Answer)>,
}

impl Protocol {
    pub(crate) fn take(&self, world: &mut World, step: Step) {
        match step {
            Step::Submit(command, index) => {
                if let Writer::Up { queue, .. } = &mut world.processes[index].writer {
                    queue.insert(command);
                }
            }
            Step::Decide(index, order) => self.decide(world, index, order),
            Step::Confirm(index) => confirm(world, index),
            Step::Settle(index) => self.settle(world, index),
            Step::ReadTail(index) => read_tail(world, index, world.end()),
            Step::Read(index, command) => self.read(world, index, command),
            Step::Land(put) => self.land(world, put),
            Step::StartAdvance(index) => start_advance(world, index),
            Step::FinishAdvance(from, to) => self.finish_advance(world, from, to),
            Step::Rest(index) => self.rest(world, index),
            Step::Move(index) => move_home(world, index),
            Step::Project => project(world),
            Step::Crash(index) => crash(world, index),
            Step::Start(index) => self.start(world, index),
            Step::Sweep => sweep(world),
            Step::Wipe => self.wipe(world),
            Step::Cut(end) => self.cut(world, end),
            Step::Return => world.registry = world.set_aside.take().unwrap_or_default(),
        }
    }

    fn decide(&self, world: &mut World, index: usize, order: Order) {
        let Writer::Up {
            mut low,
            view,
            queue,
            ..
        } = world.processes[index].writer.clone()
        else {
            return;
        };
        let reflected = world.registry.view.at;
        if self.has(Guard::SeenByRegistry) && reflected > view.at && world.end() < reflected {
            refuse_log(world, index);
            return;
        }
        if self.has(Guard::WipeNoticed) {
            low = low.min(reflected);
        }
        let known = (world.registry.holds & below(view.at)) | (below(view.at) & !below(low));
        let mut commands: Vec<Command> = queue.into_iter().collect();
        if order == Order::Backward {
            commands.reverse();
        }
        let Some(decided) = self.decide_all(world, commands, view, known) else {
            remember_from(world, index, low);
            read_tail(world, index, world.end());
            return;
        };
        for (command, answer) in decided.answers {
            world.answer(command, answer);
        }
        let waiting = Some(decided.waiting).filter(|waiting| !waiting.batch.is_empty());
        if let Some(Waiting { batch, .. }) = &waiting {
            self.send(world, index, view, batch.clone());
        }
        world.processes[index].writer = Writer::Up {
            low,
            view,
            queue: BTreeSet::new(),
            waiting,
        };
    }

    /// Decides commands in order; none if the tail has to be read first.
    fn decide_all(
        &self,
        world: &World,
        commands: Vec<Command>,
        view: View,
        known: u16,
    ) -> Option<Decided> {
        // The stalest cache knows the end that its process has read.
        let end = if self.has(Guard::FreshEnd) {
            world.end()
        } else {
            view.at
        };
        let mut decided = Decided::default();
        let Decided { waiting, answers } = &mut decided;
        for command in commands {
            match self.judge(world, command, (view, known), &waiting.batch) {
                Verdict::Stands(sequence) => answers.push((command, Answer::Accepted(sequence))),
                Verdict::Accept(sequence) => waiting.batch.push(Accepted { command, sequence }),
                Verdict::Refuse(_) if self.has(Guard::TailBeforeRefusal) && view.at != end => {
                    return None;
                }
                Verdict::RefuseAfterBatch(actual) if self.has(Guard::RefusalWaits) => {
                    waiting.held.push((command, actual));
                }
                Verdict::Refuse(actual) | Verdict::RefuseAfterBatch(actual) => {
                    answers.push((command, Answer::Refused(actual)));
                }
            }
        }
        Some(decided)
    }

    fn send(&self, world: &mut World, index: usize, after: View, batch: Batch) {
        let is_cut = world.end() < world.registry.view.at;
        let extends = is_cut && world.is_prefix(after) && after.at == world.end();
        world.note(Wrong::ExtendsCutLog, extends);
        self.mark(&mut world.processes[index].mark);
        world.puts.insert(Put { after, batch });
    }

    fn mark(&self, mark: &mut Mark) {
        let is_needed = match *mark {
            Mark::Absent => self.marks && self.has(Guard::Mark),
            Mark::Set => true,
            Mark::Lost => self.has(Guard::MarkAgain),
        };
        if is_needed {
            *mark = Mark::Set;
        }
    }

    fn judge(
        &self,
        world: &World,
        command: Command,
        (view, known): (View, u16),
        batch: &Batch,
    ) -> Verdict {
        let seen = || {
            let seen = world.list_seen(view);
            seen.filter(move |(position, _)| known & (1 << position) != 0)
        };
        let standing = seen().find(|(_, one)| one.command == command);
        if let (true, Some((_, one))) = (self.has(Guard::EventIdLookup), standing) {
            return Verdict::Stands(one.sequence);
        }
        let wish = self.find_wish(command);
        let of_aggregate = |one: &Accepted| self.find_wish(one.command).aggregate == wish.aggregate;
        let in_log = seen()
            .map(|(_, one)| one)
            .filter(of_aggregate)
            .map(|one| one.sequence)
            .max();
        let in_batch = batch.iter().filter(|one| of_aggregate(one));
        let in_batch = in_batch.map(|one| one.sequence).max();
        let actual = in_batch.or(in_log).unwrap_or(0);
        match (wish.expected, in_batch) {
            (Some(expected), None) if expected != actual => Verdict::Refuse(actual),
            (Some(expected), Some(_)) if expected != actual => Verdict::RefuseAfterBatch(actual),
            _ => Verdict::Accept(actual + 1),
        }
    }

    fn settle(&self, world: &mut World, index: usize) {
        let end = world.end();
        let Writer::Up {
            view,
            queue,
            waiting,
            ..
        } = &mut world.processes[index].writer
        else {
            return;
        };
        if view.is_cut(end) {
            refuse_log(world, index);
            return;
        }
        let Some(outstanding) = waiting.take() else {
            return;
        };
        if end > view.at {
            queue.extend(outstanding.batch.iter().map(|one| one.command));
            queue.extend(outstanding.held.iter().map(|(command, _)| *command));
            *view = view.up_to(end);
            return;
        }
        if self.has(Guard::SameBytesAgain) {
            world.puts.insert(Put {
                after: *view,
                batch: outstanding.batch.clone(),
            });
            *waiting = Some(outstanding);
            return;
        }
        for one in outstanding.batch {
            world.answer(one.command, Answer::Refused(one.sequence - 1));
        }
        for (command, actual) in outstanding.held {
            world.answer(command, Answer::Refused(actual));
        }
    }

    /// Answers a read that names the position of an accepted command.
    fn read(&self, world: &mut World, index: usize, command: Command) {
        let Some(position) = world.position_of(command) else {
            return;
        };
        let is_beyond = |world: &World| {
            let at = world.processes[index].at();
            at.is_some_and(|at| at <= position)
        };
        if is_beyond(world) && self.has(Guard::NamedLook) && self.has(Guard::FreshEnd) {
            read_tail(world, index, world.end());
        }
        let is_stale = is_beyond(world);
        world.note(Wrong::StaleRead, is_stale);
    }

    fn rest(&self, world: &mut World, index: usize) {
        let reflected = world.registry.view.at;
        let process = &mut world.processes[index];
        let is_behind = process.at().is_some_and(|at| reflected < at);
        if !is_behind || !self.has(Guard::MarkStays) {
            process.mark = Mark::Absent;
        }
    }

    fn start(&self, world: &mut World, index: usize) {
        let registry = world.registry.view;
        let is_seen = if self.has(Guard::AnchorChain) {
            world.is_prefix(registry)
        } else {
            registry.at <= world.end()
        };
        let by_registry = is_seen || !self.has(Guard::Anchor);
        let by_sink = world.is_prefix(world.sink) || !self.has(Guard::SinkAnchor);
        if !by_registry || !by_sink {
            world.refused_log = true;
            return;
        }
        let is_other = !world.is_prefix(registry) || !world.is_prefix(world.sink);
        world.note(Wrong::OpensOtherLog, is_other);
        let at = registry.at.min(world.end());
        world.processes[index].writer = Writer::Up {
            low: at,
            view: View { at, lost: 0 },
            queue: BTreeSet::new(),
            waiting: None,
        };
    }
}

fn move_home(world: &mut World, to: usize) {
    for (index, process) in world.processes.iter_mut().enumerate() {
        process.home = index == to;
    }
    world.moves -= 1;
}

fn crash(world: &mut World, index: usize) {
    let process = &mut world.processes[index];
    world.left_mark |= process.mark == Mark::Set;
    process.mark = Mark::Absent;
    process.writer = Writer::Down;
    world.crashes -= 1;
}

fn remember_from(world: &mut World, index: usize, from: Position) {
    if let Writer::Up { low, .. } = &mut world.processes[index].writer {
        *low = from;
    }
}

/// Takes in what is in the log up to `end`. A log that does not go on from what was read is refused.
fn read_tail(world: &mut World, index: usize, end: Position) {
    let Writer::Up { view, .. } = &mut world.processes[index].writer else {
        return;
    };
    if view.is_cut(end) {
        refuse_log(world, index);
        return;
    }
    *view = view.up_to(end);
}

/// The process stops working on the log; it would open it again, against the anchors.
fn refuse_log(world: &mut World, index: usize) {
    world.processes[index].writer = Writer::Down;
    world.refused_log = true;
}

fn confirm(world: &mut World, index: usize) {
    let Writer::Up { view, waiting, .. } = &mut world.processes[index].writer else {
        return;
    };
    let is_ours = |waiting: &Waiting| world.log.get(&view.at) == Some(&waiting.batch);
    let Some(outstanding) = waiting.take_if(|waiting| is_ours(waiting)) else {
        return;
    };
    *view = view.up_to(view.at + length(&outstanding.batch));
    for one in outstanding.batch {
        world.answer(one.command, Answer::Accepted(one.sequence));
    }
    for (command, actual) in outstanding.held {
        world.answer(command, Answer::Refused(actual));
    }
}

/// The writer reads the registry's position, sends it the rest, and from then on remembers only the
/// part that the registry lacks.
fn start_advance(world: &mut World, index: usize) {
    let reflected = world.registry.view.at;
    let Writer::Up { low, view, .. } = &mut world.processes[index].writer else {
        return;
    };
    if view.at > reflected && world.advances.len() < 2 {
        *low = reflected;
        world.advances.insert((reflected, *view));
    }
}
