//! The properties that must hold in every state, and the states that must be reachable, so that no
//! property holds only because nothing happens.

use stateright::Property;

use crate::{
    model::{Order, Protocol, Step},
    world::{Answer, Process, Put, World, Writer, Wrong, below, length},
};

pub(crate) const CONTIGUOUS: &str = "the log is contiguous";
pub(crate) const AT_MOST_ONCE: &str = "a command is in the log at most once";
pub(crate) const ACCEPTED_IS_IN_THE_LOG: &str = "an accepted command is in the log";
pub(crate) const ACCEPTED_IS_FOUND: &str = "an accepted command is found through any process";
pub(crate) const REFUSED_NEVER_LANDS: &str =
    "a refused command is neither in the log nor in flight";
pub(crate) const ONE_ANSWER: &str = "no client gets two different answers";
pub(crate) const ONE_SUCCESS: &str = "one success for an expected sequence";
pub(crate) const REFUSALS_ARE_TRUE: &str = "a refusal names a sequence of the log";
pub(crate) const READS_REACH_THEIR_POSITION: &str = "a read at a position shows it";
pub(crate) const REGISTRY_IS_THE_FOLD: &str = "the registry is the fold of the log at its position";
pub(crate) const CUT_LOG_STAYS: &str = "no batch extends a log of which the registry has seen more";
pub(crate) const SEEN_LOG_IS_OPENED: &str = "a process opens only the log that was seen before";
pub(crate) const NOTHING_IS_WEDGED: &str = "no state is wedged";

pub(crate) const ALL_ANSWERED: &str = "every client is answered";
pub(crate) const TWO_IN_A_SEGMENT: &str = "a segment holds two commands";
pub(crate) const REFUSED: &str = "a client is refused";
pub(crate) const LANDS_FOR_NO_ONE: &str = "a PUT lands that no writer waits for";
pub(crate) const REGISTRY_COMES_BACK: &str = "the registry is rebuilt";
pub(crate) const FORMER_HOME_WINS: &str = "a PUT of a former home lands";
pub(crate) const SNAPSHOT_IS_BEHIND: &str = "a snapshot is behind an accepted command";
pub(crate) const RESTS: &str = "no process has a mark, and all clients are answered";
pub(crate) const ONLY_THE_MARK_SHOWS_IT: &str =
    "only the mark of a stopped process shows a command";
pub(crate) const ENDS_AT_THE_CUT: &str = "a running writer ends exactly where the log was cut";
pub(crate) const LOG_IS_REFUSED: &str = "a process refuses the log";
pub(crate) const GROWS_AFTER_RESTORE: &str =
    "a restored log grows beyond what the old registry saw";

/// What must be reachable: [`reachable`] has each of them.
const REACHABLE: [&str; 12] = [
    ALL_ANSWERED,
    TWO_IN_A_SEGMENT,
    REFUSED,
    LANDS_FOR_NO_ONE,
    REGISTRY_COMES_BACK,
    FORMER_HOME_WINS,
    SNAPSHOT_IS_BEHIND,
    RESTS,
    ONLY_THE_MARK_SHOWS_IT,
    ENDS_AT_THE_CUT,
    LOG_IS_REFUSED,
    GROWS_AFTER_RESTORE,
];

/// Returns whether a discovery under this name is an example, not a counterexample.
pub(crate) fn is_reachability(name: &str) -> bool {
    REACHABLE.contains(&name)
}

pub(crate) fn all() -> Vec<Property<Protocol>> {
    let mut properties = of_the_log();
    properties.extend(of_the_registry());
    properties.extend(reachable());
    properties
}

fn of_the_log() -> Vec<Property<Protocol>> {
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
            // What a cut removes is lost, and nothing else.
            let lost = || world.lost.values().flatten().copied();
            world.list_answers().all(|(command, answer)| match answer {
                Answer::Accepted(sequence) => {
                    let mut written = world.envelopes().map(|(_, one)| one).chain(lost());
                    written.any(|one| one.command == command && one.sequence == sequence)
                }
                _ => true,
            })
        }),
        Property::always(REFUSED_NEVER_LANDS, |_, world: &World| {
            let holds = |put: &Put, command| put.batch.iter().any(|one| one.command == command);
            world.list_answers().all(|(command, answer)| {
                !matches!(answer, Answer::Refused(_))
                    || (world.position_of(command).is_none()
                        && world
                            .puts
                            .iter()
                            .all(|put| !world.may_land(put) || !holds(put, command)))
            })
        }),
        Property::always(ONE_ANSWER, |_, world: &World| {
            never(world, Wrong::TwoAnswers)
        }),
        Property::always(ONE_SUCCESS, one_success),
        Property::always(REFUSALS_ARE_TRUE, refusals_are_true),
        Property::always(READS_REACH_THEIR_POSITION, |_, world: &World| {
            never(world, Wrong::StaleRead)
        }),
        Property::always(NOTHING_IS_WEDGED, without_faults_every_client_is_answered),
    ]
}

fn of_the_registry() -> Vec<Property<Protocol>> {
    vec![
        Property::always(REGISTRY_IS_THE_FOLD, |_, world: &World| {
            let (view, holds) = (world.registry.view, world.registry.holds);
            // Of the log, or of the one that was cut.
            let is_fold = world.is_prefix(view) || view.lost == view.at;
            is_fold && holds == below(view.at)
        }),
        Property::always(ACCEPTED_IS_FOUND, accepted_is_found),
        Property::always(CUT_LOG_STAYS, |_, world: &World| {
            never(world, Wrong::ExtendsCutLog)
        }),
        Property::always(SEEN_LOG_IS_OPENED, |_, world: &World| {
            never(world, Wrong::OpensOtherLog)
        }),
    ]
}

fn reachable() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes(ALL_ANSWERED, |_, world: &World| world.all_are_answered()),
        Property::sometimes(TWO_IN_A_SEGMENT, |_, world: &World| {
            world.log.values().any(|batch| batch.len() > 1)
        }),
        Property::sometimes(REFUSED, |_, world: &World| {
            let mut answered = world.list_answers();
            answered.any(|(_, answer)| matches!(answer, Answer::Refused(_)))
        }),
        Property::sometimes(LANDS_FOR_NO_ONE, |_, world: &World| {
            world.envelopes().any(|(_, one)| {
                world.answers[usize::from(one.command)] == Answer::Open
                    && world.holders(one.command) == 0
            })
        }),
        Property::sometimes(REGISTRY_COMES_BACK, |protocol: &Protocol, world: &World| {
            world.wipes < protocol.wipes && world.registry.view.at == world.end()
        }),
        Property::sometimes(FORMER_HOME_WINS, former_home_wins),
        Property::sometimes(SNAPSHOT_IS_BEHIND, |protocol: &Protocol, world: &World| {
            let end = world.end();
            let is_behind = world
                .processes
                .iter()
                .filter_map(Process::at)
                .any(|at| at < end);
            protocol.reads && is_behind && world.all_are_answered()
        }),
        Property::sometimes(RESTS, |protocol: &Protocol, world: &World| {
            protocol.marks && !world.is_marked() && world.all_are_answered()
        }),
        Property::sometimes(ONLY_THE_MARK_SHOWS_IT, |_, world: &World| {
            let runs = world
                .processes
                .iter()
                .filter_map(Process::at)
                .any(|at| at > 0);
            world.left_mark
                && !world.is_sweep_due
                && !runs
                && world.all_are_answered()
                && world.registry.view.at == 0
        }),
        Property::sometimes(ENDS_AT_THE_CUT, |_, world: &World| {
            let cut = world.lost.keys().next().copied();
            world
                .processes
                .iter()
                .any(|process| process.at().is_some() && process.at() == cut)
        }),
        Property::sometimes(LOG_IS_REFUSED, |_, world: &World| world.refused_log),
        Property::sometimes(GROWS_AFTER_RESTORE, |_, world: &World| {
            let old = world.set_aside.map(|registry| registry.view.at);
            old.is_some_and(|old| old < world.end())
        }),
    ]
}

fn former_home_wins(protocol: &Protocol, world: &World) -> bool {
    let mut former = world.processes.iter().filter(|process| !process.home);
    protocol.moves.is_some()
        && former.any(|process| match &process.writer {
            Writer::Up {
                view,
                waiting: Some(waiting),
                ..
            } => world.log.get(&view.at) == Some(&waiting.batch),
            _ => false,
        })
}

fn never(world: &World, wrong: Wrong) -> bool {
    !world.wrongs.contains(&wrong)
}

/// The registry has an accepted command, or a mark or a due sweep says that the log may have more
/// than the registry. Then each question is answered from the log, as all are in a model without marks.
fn accepted_is_found(protocol: &Protocol, world: &World) -> bool {
    !protocol.marks
        || world.is_marked()
        || world.is_sweep_due
        || world.list_answers().all(|(command, answer)| match answer {
            Answer::Accepted(_) => world
                .position_of(command)
                .is_some_and(|position| position < world.registry.view.at),
            _ => true,
        })
}

/// The sequences of each aggregate are 1, 2, 3 … in the order of the log, and each was decided on
/// the sequence that its client had seen.
fn one_success(protocol: &Protocol, world: &World) -> bool {
    let mut last = [0_u8; 8];
    world.envelopes().all(|(_, one)| {
        let wish = protocol.find_wish(one.command);
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
    world.list_answers().all(|(command, answer)| {
        let Answer::Refused(actual) = answer else {
            return true;
        };
        let wish = protocol.find_wish(command);
        let of_aggregate = world.envelopes().map(|(_, one)| one);
        let mut of_aggregate =
            of_aggregate.filter(|one| protocol.find_wish(one.command).aggregate == wish.aggregate);
        of_aggregate.any(|one| one.sequence >= actual)
            && wish.expected.is_some_and(|expected| actual > expected)
    })
}

/// From this state on, one process alone and without a hint answers every client and brings the
/// registry to the log's end. A cut log is left to a person.
fn without_faults_every_client_is_answered(protocol: &Protocol, start: &World) -> bool {
    if !start.lost.is_empty() {
        return true;
    }
    let mut world = start.clone();
    for _ in 0..60 {
        let Some(step) = good_step(protocol, &world) else {
            return world.all_are_answered() && world.registry.view.at == world.end();
        };
        protocol.go(&mut world, step);
    }
    false
}

fn good_step(protocol: &Protocol, world: &World) -> Option<Step> {
    // The home continues, or the process with the most work: processes are sorted, so it is the
    // last.
    let index = world.processes.len() - 1;
    let Writer::Up {
        view,
        queue,
        waiting,
        ..
    } = &world.processes[index].writer
    else {
        return Some(Step::Start(index));
    };
    if let Some(waiting) = waiting {
        let put = Put {
            after: *view,
            batch: waiting.batch.clone(),
        };
        return Some(match world.log.get(&view.at) {
            Some(batch) if *batch == waiting.batch => Step::Confirm(index),
            None if world.puts.contains(&put) => Step::Land(put),
            _ => Step::Settle(index),
        });
    }
    let mut open = (0..).zip(&world.answers);
    let open = open.find(|(command, answer)| {
        **answer == Answer::Open && !queue.contains(command) && protocol.may_send(world, *command)
    });
    if let Some((command, _)) = open {
        return Some(Step::Submit(command, index));
    }
    if !queue.is_empty() {
        return Some(Step::Decide(index, Order::Forward));
    }
    if view.at < world.end() {
        return Some(Step::ReadTail(index));
    }
    if let Some((from, to)) = world.advances.first() {
        return Some(Step::FinishAdvance(*from, *to));
    }
    (view.at > world.registry.view.at).then_some(Step::StartAdvance(index))
}
