//! The effect of each step.

use std::collections::BTreeSet;

use crate::model::{
    Accepted, Answer, Batch, Command, Guard, Order, Position, Protocol, Registry, Step, Waiting,
    World, Writer, below, length,
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

impl Protocol {
    pub(crate) fn take(&self, world: &mut World, step: Step) {
        match step {
            Step::Submit(command, writer) => {
                if let Writer::Up { queue, .. } = &mut world.writers[writer] {
                    queue.insert(command);
                }
            }
            Step::Decide(writer, order) => self.decide(world, writer, order),
            Step::Confirm(writer) => confirm(world, writer),
            Step::Settle(writer) => self.settle(world, writer),
            Step::ReadTail(writer) => {
                let end = world.end();
                if let Writer::Up { at, .. } = &mut world.writers[writer] {
                    *at = end;
                }
            }
            Step::Land(first, batch) => self.land(world, first, batch),
            Step::StartAdvance(writer) => start_advance(world, writer),
            Step::FinishAdvance(from, to) => self.finish_advance(world, from, to),
            Step::Crash(writer) => {
                world.writers[writer] = Writer::Down;
                world.crashes -= 1;
            }
            Step::Start(writer) => {
                world.writers[writer] = Writer::Up {
                    low: world.registry.reflected,
                    at: world.registry.reflected,
                    queue: BTreeSet::new(),
                    waiting: None,
                };
            }
            Step::Wipe => {
                world.registry = Registry::default();
                world.wipes -= 1;
            }
        }
    }

    fn decide(&self, world: &mut World, index: usize, order: Order) {
        let Writer::Up {
            mut low, at, queue, ..
        } = world.writers[index].clone()
        else {
            return;
        };
        if self.has(Guard::WipeNoticed) {
            low = low.min(world.registry.reflected);
        }
        let known = (world.registry.holds & below(at)) | (below(at) & !below(low));
        let mut commands: Vec<Command> = queue.into_iter().collect();
        if order == Order::Backward {
            commands.reverse();
        }
        let mut batch = Batch::new();
        let mut held = Vec::new();
        let mut answers = Vec::new();
        for command in commands {
            match self.judge(world, command, known, &batch) {
                Verdict::Stands(sequence) => answers.push((command, Answer::Accepted(sequence))),
                Verdict::Accept(sequence) => batch.push(Accepted { command, sequence }),
                Verdict::Refuse(_) if self.has(Guard::TailBeforeRefusal) && at < world.end() => {
                    read_tail(world, index, low);
                    return;
                }
                Verdict::RefuseAfterBatch(actual) if self.has(Guard::RefusalWaits) => {
                    held.push((command, actual));
                }
                Verdict::Refuse(actual) | Verdict::RefuseAfterBatch(actual) => {
                    answers.push((command, Answer::Refused(actual)));
                }
            }
        }
        for (command, answer) in answers {
            world.answer(command, answer);
        }
        let sent = !batch.is_empty();
        if sent {
            world.puts.insert((at, batch.clone()));
        }
        world.writers[index] = Writer::Up {
            low,
            at,
            queue: BTreeSet::new(),
            waiting: sent.then_some(Waiting { batch, held }),
        };
    }

    fn judge(&self, world: &World, command: Command, known: u16, batch: &Batch) -> Verdict {
        let standing = world
            .envelopes()
            .find(|(position, one)| known & (1 << position) != 0 && one.command == command);
        if let (true, Some((_, one))) = (self.has(Guard::EventIdLookup), standing) {
            return Verdict::Stands(one.sequence);
        }
        let wish = self.wish(command);
        let in_log = self.sequence(world, wish.aggregate, known);
        let in_batch = batch
            .iter()
            .filter(|one| self.wish(one.command).aggregate == wish.aggregate)
            .map(|one| one.sequence)
            .max();
        let actual = in_batch.unwrap_or(in_log);
        match (wish.expected, in_batch) {
            (Some(expected), None) if expected != actual => Verdict::Refuse(actual),
            (Some(expected), Some(_)) if expected != actual => Verdict::RefuseAfterBatch(actual),
            _ => Verdict::Accept(actual + 1),
        }
    }

    fn settle(&self, world: &mut World, index: usize) {
        let end = world.end();
        let Writer::Up {
            at, queue, waiting, ..
        } = &mut world.writers[index]
        else {
            return;
        };
        let Some(outstanding) = waiting.take() else {
            return;
        };
        if end > *at {
            queue.extend(outstanding.batch.iter().map(|one| one.command));
            queue.extend(outstanding.held.iter().map(|(command, _)| *command));
            *at = end;
            return;
        }
        if self.has(Guard::SameBytesAgain) {
            world.puts.insert((*at, outstanding.batch.clone()));
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

    fn land(&self, world: &mut World, first: Position, batch: Batch) {
        world.puts.remove(&(first, batch.clone()));
        if first == world.end() || !self.has(Guard::CompareAndSet) {
            world.log.insert(first, batch);
        }
    }

    fn finish_advance(&self, world: &mut World, from: Position, to: Position) {
        world.advances.remove(&(from, to));
        if world.registry.reflected == from || !self.has(Guard::RegistryPosition) {
            world.registry.reflected = to;
            world.registry.holds |= below(to) & !below(from);
        }
    }
}

fn read_tail(world: &mut World, index: usize, from: Position) {
    let end = world.end();
    if let Writer::Up { low, at, .. } = &mut world.writers[index] {
        *low = from;
        *at = end;
    }
}

fn confirm(world: &mut World, index: usize) {
    let Writer::Up { at, waiting, .. } = &mut world.writers[index] else {
        return;
    };
    let is_ours = |waiting: &Waiting| world.log.get(at) == Some(&waiting.batch);
    let Some(outstanding) = waiting.take_if(|waiting| is_ours(waiting)) else {
        return;
    };
    *at += length(&outstanding.batch);
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
    let reflected = world.registry.reflected;
    let Writer::Up { low, at, .. } = &mut world.writers[index] else {
        return;
    };
    if *at > reflected && world.advances.len() < 2 {
        *low = reflected;
        world.advances.insert((reflected, *at));
    }
}
