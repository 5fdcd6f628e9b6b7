//! The properties that must hold in every state, and the states that must be reachable, so that no
//! property holds only because nothing happens.

use stateright::{Model, Property};

use crate::model::{Answer, Order, Protocol, Step, World, Writer, below, holds, length};

pub(crate) const CONTIGUOUS: &str = "the log is contiguous";
pub(crate) const AT_MOST_ONCE: &str = "a command is in the log at most once";
pub(crate) const ACCEPTED_IS_IN_THE_LOG: &str = "an accepted command is in the log";
pub(crate) const REFUSED_NEVER_LANDS: &str =
    "a refused command is neither in the log nor in flight";
pub(crate) const ONE_ANSWER: &str = "no client gets two different answers";
pub(crate) const ONE_SUCCESS: &str = "one success for an expected sequence";
pub(crate) const REFUSALS_ARE_TRUE: &str = "a refusal names a sequence of the log";
pub(crate) const REGISTRY_IS_THE_FOLD: &str = "the registry is the fold of the log at its position";
pub(crate) const NOTHING_IS_WEDGED: &str = "no state is wedged";
pub(crate) const ALL_ANSWERED: &str = "every client is answered";
pub(crate) const TWO_IN_A_SEGMENT: &str = "a segment holds two commands";
pub(crate) const REFUSED: &str = "a client is refused";
pub(crate) const LANDS_FOR_NO_ONE: &str = "a PUT lands that no writer waits for";
pub(crate) const REGISTRY_COMES_BACK: &str = "the registry is rebuilt";

/// Returns whether a discovery under this name is an example, not a counterexample.
pub(crate) fn is_reachability(name: &str) -> bool {
    [
        ALL_ANSWERED,
        TWO_IN_A_SEGMENT,
        REFUSED,
        LANDS_FOR_NO_ONE,
        REGISTRY_COMES_BACK,
    ]
    .contains(&name)
}

pub(crate) fn all() -> Vec<Property<Protocol>> {
    let mut properties = always();
    properties.extend(reachable());
    properties
}

fn always() -> Vec<Property<Protocol>> {
    vec![
        Property::always(CONTIGUOUS, |_, world: &World| {
            let mut next = 0;
            world.log.iter().all(|(first, batch)| {
                let is_next = *first == next;
                next = first + length(batch);
                is_next
            })
        }),
        Property::always(AT_MOST_ONCE, |_, world: &World| {
            let mut seen = 0_u16;
            world.envelopes().all(|(_, one)| {
                let bit = 1 << one.command;
                let is_new = seen & bit == 0;
                seen |= bit;
                is_new
            })
        }),
        Property::always(ACCEPTED_IS_IN_THE_LOG, |_, world: &World| {
            answered(world).all(|(command, answer)| match answer {
                Answer::Accepted(sequence) => world
                    .envelopes()
                    .any(|(_, one)| one.command == command && one.sequence == sequence),
                _ => true,
            })
        }),
        Property::always(REFUSED_NEVER_LANDS, |_, world: &World| {
            answered(world).all(|(command, answer)| {
                !matches!(answer, Answer::Refused(_))
                    || (world.envelopes().all(|(_, one)| one.command != command)
                        && world.puts.iter().all(|(first, batch)| {
                            !world.may_land(*first)
                                || batch.iter().all(|one| one.command != command)
                        }))
            })
        }),
        Property::always(ONE_ANSWER, |_, world: &World| !world.contradiction),
        Property::always(ONE_SUCCESS, one_success),
        Property::always(REFUSALS_ARE_TRUE, refusals_are_true),
        Property::always(REGISTRY_IS_THE_FOLD, |_, world: &World| {
            let registry = world.registry;
            registry.reflected <= world.end() && registry.holds == below(registry.reflected)
        }),
        Property::always(NOTHING_IS_WEDGED, without_faults_every_client_is_answered),
    ]
}

fn reachable() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes(ALL_ANSWERED, |_, world: &World| {
            answered(world).count() == world.answers.len()
        }),
        Property::sometimes(TWO_IN_A_SEGMENT, |_, world: &World| {
            world.log.values().any(|batch| batch.len() > 1)
        }),
        Property::sometimes(REFUSED, |_, world: &World| {
            answered(world).any(|(_, answer)| matches!(answer, Answer::Refused(_)))
        }),
        Property::sometimes(LANDS_FOR_NO_ONE, |_, world: &World| {
            world.envelopes().any(|(_, one)| {
                world.answers[usize::from(one.command)] == Answer::Open
                    && !world
                        .writers
                        .iter()
                        .any(|writer| holds(writer, one.command))
            })
        }),
        Property::sometimes(REGISTRY_COMES_BACK, |protocol: &Protocol, world: &World| {
            world.wipes < protocol.wipes && world.registry.reflected == world.end()
        }),
    ]
}

fn answered(world: &World) -> impl Iterator<Item = (u8, Answer)> + '_ {
    (0..)
        .zip(world.answers.iter().copied())
        .filter(|(_, answer)| *answer != Answer::Open)
}

/// The sequences of each aggregate are 1, 2, 3 … in the order of the log, and each was decided on
/// the sequence that its client had seen.
fn one_success(protocol: &Protocol, world: &World) -> bool {
    let mut last = [0_u8; 8];
    world.envelopes().all(|(_, one)| {
        let wish = protocol.wish(one.command);
        let sequence = &mut last[usize::from(wish.aggregate)];
        *sequence += 1;
        *sequence == one.sequence
            && wish
                .expected
                .is_none_or(|expected| expected + 1 == *sequence)
    })
}

/// The sequence in a 409 is in the log, and differs from the client's previous answer.
fn refusals_are_true(protocol: &Protocol, world: &World) -> bool {
    answered(world).all(|(command, answer)| {
        let Answer::Refused(actual) = answer else {
            return true;
        };
        let wish = protocol.wish(command);
        actual <= protocol.sequence(world, wish.aggregate, u16::MAX)
            && wish.expected.is_some_and(|expected| actual > expected)
    })
}

/// From this state on, one writer alone answers every client and brings the registry to the log's
/// end.
fn without_faults_every_client_is_answered(protocol: &Protocol, start: &World) -> bool {
    let mut world = start.clone();
    for _ in 0..60 {
        let Some(step) = good_step(protocol, &world) else {
            return answered(&world).count() == world.answers.len()
                && world.registry.reflected == world.end();
        };
        let Some(next) = protocol.next_state(&world, step) else {
            return false;
        };
        world = next;
    }
    false
}

fn good_step(protocol: &Protocol, world: &World) -> Option<Step> {
    // The writer with the most work continues; writers are sorted, so it is the last.
    let index = world.writers.len() - 1;
    let Writer::Up {
        at, queue, waiting, ..
    } = &world.writers[index]
    else {
        return Some(Step::Start(index));
    };
    if let Some(waiting) = waiting {
        return Some(match world.log.get(at) {
            Some(batch) if *batch == waiting.batch => Step::Confirm(index),
            None if world.puts.contains(&(*at, waiting.batch.clone())) => {
                Step::Land(*at, waiting.batch.clone())
            }
            _ => Step::Settle(index),
        });
    }
    let open = (0..)
        .zip(&world.answers)
        .find(|(command, answer)| {
            **answer == Answer::Open
                && !queue.contains(command)
                && protocol.is_wished(world, *command)
        })
        .map(|(command, _)| Step::Submit(command, index));
    if open.is_some() {
        return open;
    }
    if !queue.is_empty() {
        return Some(Step::Decide(index, Order::Forward));
    }
    if *at < world.end() {
        return Some(Step::ReadTail(index));
    }
    if let Some((from, to)) = world.advances.first() {
        return Some(Step::FinishAdvance(*from, *to));
    }
    (*at > world.registry.reflected).then_some(Step::StartAdvance(index))
}
