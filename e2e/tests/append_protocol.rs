//! The append protocol, checked exhaustively: every interleaving of three writers, their PUTs
//! (lost, late, repeated), crashes and a wiped registry, within bounds. The specification is
//! `docs/append-protocol.md`.

#![allow(clippy::print_stdout, reason = "a test says what it found")]

#[path = "append_protocol/model.rs"]
mod model;
#[path = "append_protocol/properties.rs"]
mod properties;
#[path = "append_protocol/steps.rs"]
mod steps;

use model::{Guard, Protocol, Wish};
use stateright::{Checker, HasDiscoveries, Model};

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
        writers: 3,
        wishes: wishes.to_vec(),
        crashes: 1,
        wipes: 1,
        attempts: 1,
        without: None,
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

/// Without the guard the checker finds a way to violate `property`; with it, within the same
/// bounds, it finds none.
fn turns_red(guard: Guard, wishes: &[Wish], property: &'static str) {
    let mut protocol = protocol(wishes);
    protocol.writers = 2;
    let whole = protocol.clone().checker().spawn_bfs().join();
    assert!(whole.is_done() && whole.discovery(property).is_none());
    protocol.without = Some(guard);
    let checker = protocol
        .checker()
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    let found: Vec<_> = checker.discoveries().into_keys().collect();
    let counterexample = checker
        .discovery(property)
        .map(stateright::Path::into_actions);
    assert!(
        counterexample.is_some(),
        "without {guard:?} {property:?} still holds; found {found:?}"
    );
    println!("without {guard:?}: {property:?} fails after {counterexample:?}");
}

#[test]
fn without_compare_and_set_an_accepted_command_is_lost() {
    turns_red(
        Guard::CompareAndSet,
        &[CREATE_FIRST, CREATE_FIRST],
        properties::ACCEPTED_IS_IN_THE_LOG,
    );
}

#[test]
fn without_the_same_bytes_again_a_refused_command_lands() {
    turns_red(
        Guard::SameBytesAgain,
        &[CREATE_FIRST, SECOND_UNASKED],
        properties::REFUSED_NEVER_LANDS,
    );
}

#[test]
fn without_the_lookup_by_event_id_a_retry_takes_effect_again() {
    turns_red(
        Guard::EventIdLookup,
        &[CREATE_FIRST, SECOND_UNASKED],
        properties::AT_MOST_ONCE,
    );
    turns_red(
        Guard::EventIdLookup,
        &[CREATE_FIRST, SECOND_UNASKED],
        properties::REFUSED_NEVER_LANDS,
    );
}

#[test]
fn without_the_registry_position_the_write_model_is_not_the_fold() {
    turns_red(
        Guard::RegistryPosition,
        &[CREATE_FIRST, SECOND_UNASKED],
        properties::REGISTRY_IS_THE_FOLD,
    );
}

#[test]
fn without_waiting_a_refusal_names_a_sequence_that_is_not_in_the_log() {
    turns_red(
        Guard::RefusalWaits,
        &[CREATE_FIRST, CREATE_FIRST],
        properties::REFUSALS_ARE_TRUE,
    );
}

#[test]
fn without_reading_the_tail_a_refusal_contradicts_an_answer() {
    turns_red(
        Guard::TailBeforeRefusal,
        &[CREATE_FIRST, UPDATE_FIRST],
        properties::REFUSALS_ARE_TRUE,
    );
}

#[test]
fn without_noticing_the_wipe_a_sequence_is_assigned_twice() {
    turns_red(
        Guard::WipeNoticed,
        &[CREATE_FIRST, CREATE_FIRST],
        properties::ONE_SUCCESS,
    );
}
