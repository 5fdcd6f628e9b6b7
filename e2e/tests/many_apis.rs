//! Several api nodes over shared stores: each request goes to the next node, and the clients'
//! answers and the final state are the same as with one node.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use spice_e2e::sim::{
    faults::{Fate, Fault, Node, Planned, Role, Scope, When},
    run::{self, Outcome},
    world::Setup,
};

/// The number of calls between faults.
const STEP: usize = 37;

fn three_apis() -> Setup {
    let mut setup = Setup {
        one_process: false,
        apis_take_turns: true,
        skew: 90_000_000,
        ..Setup::default()
    };
    let more = [1, 2].map(|number| Node {
        role: Role::Api,
        number,
    });
    setup.nodes.extend(more);
    setup
}

fn run(setup: Setup) -> Outcome {
    let outcome = run::standard(setup).expect("the run ends");
    let wrong = &outcome.verdict.wrong;
    assert!(wrong.is_empty(), "{wrong:#?}");
    outcome
}

/// Dropping every hint changes only latency.
#[test]
fn three_api_nodes_reach_the_state_of_one_with_and_without_hints() {
    let one = run(Setup::default());
    for deaf in [false, true] {
        let three = run(Setup {
            deaf,
            ..three_apis()
        });
        assert_eq!(three.verdict.state, one.verdict.state);
    }
}

#[test]
fn three_api_nodes_with_any_stop_reach_the_state_of_one() {
    let whole = run(three_apis());
    let apis = (0..).zip(&whole.trace);
    let apis = apis.filter(|(_, call)| call.node.role == Role::Api);
    let at: Vec<u64> = apis.map(|(at, _)| at).step_by(STEP).collect();
    let faults = [
        Fault::Crash(When::Before, Scope::Caller),
        Fault::Crash(When::After, Scope::Caller),
        Fault::LostAnswer(Fate::Late(5)),
    ];
    let plans = at.into_iter().zip(faults.into_iter().cycle());
    let plans = plans.map(|(at, fault)| Planned { at, fault }).collect();
    let states = run::run_in_parallel(2, plans, |planned| {
        let outcome = run(Setup {
            plan: vec![planned],
            deaf: planned.at % 2 == 0,
            ..three_apis()
        });
        (planned, outcome.verdict.state)
    });
    for (planned, state) in states {
        assert_eq!(state, whole.verdict.state, "{planned:?}");
    }
}
