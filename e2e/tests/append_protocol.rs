//! The append protocol, checked exhaustively within bounds: every interleaving of api processes, the
//! home that moves between them, their PUTs (lost, late, repeated), reads, crashes, a wiped registry
//! and a log that was cut. The specification is `docs/append-protocol.md`.

#![allow(clippy::print_stdout, reason = "a test says what it found")]

#[path = "append_protocol/model.rs"]
mod model;
#[path = "append_protocol/properties.rs"]
mod properties;
#[path = "append_protocol/steps.rs"]
mod steps;
#[path = "append_protocol/stores.rs"]
mod stores;
#[path = "append_protocol/world.rs"]
mod world;

use model::{Cut, Guard, Protocol, Wish};
use stateright::{Checker, Model};

const CREATE_FIRST: Wish = Wish {
    aggregate: 0,
    expected: Some(0),
};
const UPDATE_FIRST: Wish = Wish {
    aggregate: 0,
    expected: Some(1),
};
const SECOND_UNASKED: Wish = Wish {
    aggregate: 1,
    expected: None,
};

fn protocol(wishes: &[Wish]) -> Protocol {
    Protocol {
        processes: 3,
        wishes: wishes.to_vec(),
        crashes: 1,
        wipes: 1,
        attempts: 1,
        moves: None,
        reads: false,
        marks: false,
        cut: None,
        sink: false,
        without: None,
        only: None,
    }
}

/// Two processes, without crashes and wipes.
fn small(wishes: &[Wish]) -> Protocol {
    Protocol {
        processes: 2,
        crashes: 0,
        wipes: 0,
        ..protocol(wishes)
    }
}

/// Commands go to a home that moves, reads to any process.
fn with_homes(wishes: &[Wish]) -> Protocol {
    Protocol {
        moves: Some(2),
        reads: true,
        ..small(wishes)
    }
}

/// Writers mark the log, and stop.
fn with_marks() -> Protocol {
    Protocol {
        crashes: 1,
        wipes: 1,
        marks: true,
        ..small(&[SECOND_UNASKED; 2])
    }
}

/// The log loses its end.
fn with_a_cut(cut: Cut) -> Protocol {
    Protocol {
        crashes: 2,
        cut: Some(cut),
        ..small(&[SECOND_UNASKED; 2])
    }
}

fn with_a_sink() -> Protocol {
    Protocol {
        sink: true,
        ..with_a_cut(Cut::Restore)
    }
}

/// Checks every state. The states in `reachable` must occur, so that no property holds only because
/// nothing happens.
fn holds_everywhere(protocol: Protocol, reachable: &[&'static str]) {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!(
        "{} different states, {} steps between them, the longest way {}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    assert!(checker.is_done(), "the state space was not exhausted");
    for (name, path) in checker.discoveries() {
        let is_example = reachable.contains(&name) || properties::is_reachability(name);
        assert!(is_example, "{name} fails: {:#?}", path.into_actions());
    }
    for name in reachable {
        assert!(
            checker.discovery(name).is_some(),
            "not reachable, so the model is too small: {name}"
        );
    }
}

#[test]
fn two_creates_race_and_an_update_follows() {
    let mut protocol = protocol(&[CREATE_FIRST, CREATE_FIRST, UPDATE_FIRST]);
    protocol.crashes = 2;
    holds_everywhere(
        protocol,
        &[
            properties::ALL_ANSWERED,
            properties::REFUSED,
            properties::LANDS_FOR_NO_ONE,
            properties::REGISTRY_COMES_BACK,
        ],
    );
}

#[test]
fn two_creates_race_next_to_another_aggregate() {
    let mut protocol = protocol(&[CREATE_FIRST, CREATE_FIRST, SECOND_UNASKED]);
    protocol.wipes = 0;
    holds_everywhere(
        protocol,
        &[
            properties::ALL_ANSWERED,
            properties::REFUSED,
            properties::LANDS_FOR_NO_ONE,
            properties::TWO_IN_A_SEGMENT,
        ],
    );
}

#[test]
fn impatient_clients_send_again_to_another_writer() {
    let mut protocol = protocol(&[CREATE_FIRST, CREATE_FIRST]);
    protocol.attempts = 2;
    protocol.crashes = 2;
    holds_everywhere(
        protocol,
        &[
            properties::ALL_ANSWERED,
            properties::REFUSED,
            properties::LANDS_FOR_NO_ONE,
            properties::REGISTRY_COMES_BACK,
        ],
    );
}

#[test]
fn the_home_moves_while_its_puts_are_in_flight() {
    let mut protocol = with_homes(&[CREATE_FIRST, CREATE_FIRST, UPDATE_FIRST]);
    protocol.crashes = 1;
    holds_everywhere(
        protocol,
        &[
            properties::ALL_ANSWERED,
            properties::REFUSED,
            properties::FORMER_HOME_WINS,
            properties::SNAPSHOT_IS_BEHIND,
        ],
    );
}

#[test]
fn marks_show_what_the_registry_does_not_have() {
    holds_everywhere(
        with_marks(),
        &[properties::RESTS, properties::ONLY_THE_MARK_SHOWS_IT],
    );
}

#[test]
fn the_log_is_cut_while_processes_run() {
    let mut protocol = with_a_cut(Cut::Live);
    protocol.processes = 3;
    holds_everywhere(
        protocol,
        &[properties::ENDS_AT_THE_CUT, properties::LOG_IS_REFUSED],
    );
}

#[test]
fn an_older_log_is_restored_and_the_registry_of_the_newer_one_comes_back() {
    holds_everywhere(
        with_a_cut(Cut::Restore),
        &[properties::GROWS_AFTER_RESTORE, properties::LOG_IS_REFUSED],
    );
}

#[test]
fn an_older_log_is_restored_next_to_a_newer_sink() {
    holds_everywhere(with_a_sink(), &[properties::LOG_IS_REFUSED]);
}

/// Without the guard the checker finds a way to violate `property`; with it, within the same
/// bounds, it finds none.
fn turns_red(guard: Guard, protocol: &Protocol, property: &'static str) {
    let mut protocol = protocol.clone();
    protocol.only = Some(property);
    let whole = protocol.clone().checker().spawn_bfs().join();
    assert!(whole.is_done() && whole.discovery(property).is_none());
    protocol.without = Some(guard);
    let checker = protocol.checker().spawn_bfs().join();
    let counterexample = checker
        .discovery(property)
        .map(stateright::Path::into_actions);
    assert!(
        counterexample.is_some(),
        "without {guard:?} {property:?} still holds"
    );
    println!("without {guard:?}: {property:?} fails after {counterexample:?}");
}

/// Two processes with these requests, one crash and one wipe.
fn two(wishes: &[Wish]) -> Protocol {
    Protocol {
        processes: 2,
        ..protocol(wishes)
    }
}

#[test]
fn without_compare_and_set_an_accepted_command_is_lost() {
    turns_red(
        Guard::CompareAndSet,
        &two(&[CREATE_FIRST, CREATE_FIRST]),
        properties::ACCEPTED_IS_IN_THE_LOG,
    );
}

#[test]
fn without_the_same_bytes_again_a_refused_command_lands() {
    turns_red(
        Guard::SameBytesAgain,
        &two(&[CREATE_FIRST, SECOND_UNASKED]),
        properties::REFUSED_NEVER_LANDS,
    );
}

#[test]
fn without_the_lookup_by_event_id_a_retry_takes_effect_again() {
    turns_red(
        Guard::EventIdLookup,
        &two(&[CREATE_FIRST, SECOND_UNASKED]),
        properties::AT_MOST_ONCE,
    );
    turns_red(
        Guard::EventIdLookup,
        &two(&[CREATE_FIRST, SECOND_UNASKED]),
        properties::REFUSED_NEVER_LANDS,
    );
}

#[test]
fn without_the_registry_position_the_write_model_is_not_the_fold() {
    turns_red(
        Guard::RegistryPosition,
        &two(&[CREATE_FIRST, SECOND_UNASKED]),
        properties::REGISTRY_IS_THE_FOLD,
    );
}

#[test]
fn without_waiting_a_refusal_names_a_sequence_that_is_not_in_the_log() {
    turns_red(
        Guard::RefusalWaits,
        &two(&[CREATE_FIRST, CREATE_FIRST]),
        properties::REFUSALS_ARE_TRUE,
    );
}

#[test]
fn without_reading_the_tail_a_refusal_contradicts_an_answer() {
    turns_red(
        Guard::TailBeforeRefusal,
        &two(&[CREATE_FIRST, UPDATE_FIRST]),
        properties::REFUSALS_ARE_TRUE,
    );
}

#[test]
fn without_noticing_the_wipe_a_sequence_is_assigned_twice() {
    turns_red(
        Guard::WipeNoticed,
        &two(&[CREATE_FIRST, CREATE_FIRST]),
        properties::ONE_SUCCESS,
    );
}

#[test]
fn without_compare_and_set_two_homes_write_over_each_other() {
    turns_red(
        Guard::CompareAndSet,
        &with_homes(&[CREATE_FIRST, SECOND_UNASKED]),
        properties::ACCEPTED_IS_IN_THE_LOG,
    );
}

#[test]
fn with_a_cached_end_a_refusal_contradicts_an_answer() {
    turns_red(
        Guard::FreshEnd,
        &with_homes(&[CREATE_FIRST, UPDATE_FIRST]),
        properties::REFUSALS_ARE_TRUE,
    );
}

#[test]
fn with_a_cached_end_a_read_misses_its_position() {
    turns_red(
        Guard::FreshEnd,
        &with_homes(&[CREATE_FIRST]),
        properties::READS_REACH_THEIR_POSITION,
    );
}

#[test]
fn without_a_look_a_read_misses_its_position() {
    turns_red(
        Guard::NamedLook,
        &with_homes(&[CREATE_FIRST]),
        properties::READS_REACH_THEIR_POSITION,
    );
}

#[test]
fn without_a_mark_an_accepted_command_is_unknown_elsewhere() {
    turns_red(Guard::Mark, &with_marks(), properties::ACCEPTED_IS_FOUND);
}

#[test]
fn a_mark_that_is_removed_early_hides_an_accepted_command() {
    turns_red(
        Guard::MarkStays,
        &with_marks(),
        properties::ACCEPTED_IS_FOUND,
    );
}

#[test]
fn a_mark_that_was_lost_with_the_registry_hides_an_accepted_command() {
    turns_red(
        Guard::MarkAgain,
        &with_marks(),
        properties::ACCEPTED_IS_FOUND,
    );
}

#[test]
fn without_a_sweep_a_lost_registry_hides_an_accepted_command() {
    turns_red(Guard::Sweep, &with_marks(), properties::ACCEPTED_IS_FOUND);
}

#[test]
fn without_the_tail_a_put_lands_after_a_gap() {
    turns_red(
        Guard::SameTail,
        &with_a_cut(Cut::Live),
        properties::CONTIGUOUS,
    );
}

#[test]
fn without_the_registry_a_running_writer_extends_a_cut_log() {
    turns_red(
        Guard::SeenByRegistry,
        &with_a_cut(Cut::Live),
        properties::CUT_LOG_STAYS,
    );
}

#[test]
fn without_the_anchor_a_cut_log_is_opened() {
    turns_red(
        Guard::Anchor,
        &with_a_cut(Cut::Live),
        properties::SEEN_LOG_IS_OPENED,
    );
}

#[test]
fn without_its_chain_the_anchor_fits_another_log() {
    turns_red(
        Guard::AnchorChain,
        &with_a_cut(Cut::Restore),
        properties::SEEN_LOG_IS_OPENED,
    );
}

#[test]
fn without_the_sinks_anchor_an_older_log_is_opened() {
    turns_red(
        Guard::SinkAnchor,
        &with_a_sink(),
        properties::SEEN_LOG_IS_OPENED,
    );
}
