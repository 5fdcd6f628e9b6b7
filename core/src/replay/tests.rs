//! What people may ask of a replay in each of its states.

use super::*;
use crate::{name::DatabaseName, port::entity::Entity};

fn replay(state: ReplayState) -> Replay {
    let stream = StreamId::first("demo".parse::<DatabaseName>().unwrap());
    let request = ReplayRequest::blue_green(Projection::ALL);
    let (id, now) = (ReplayId(Uuid::from_u128(7)), Timestamp::from_micros(5));
    Replay {
        state,
        ..Replay::new(id, stream, request, None, now)
    }
}

#[test]
fn only_what_is_not_decided_can_be_cancelled_or_suspended() {
    for state in ReplayState::ALL {
        let mut cancelled = replay(state);
        let mut suspended = replay(state);
        let outcome = (cancelled.cancel(), suspended.suspend(true));
        match state {
            ReplayState::Pending
            | ReplayState::Filling
            | ReplayState::Comparing
            | ReplayState::AwaitingApproval => {
                assert_eq!(outcome, (Ok(true), Ok(true)), "{state}");
                assert_eq!(cancelled.state, ReplayState::Dropping);
                assert_eq!(cancelled.cancel(), Ok(false), "again");
                assert!(suspended.holds_back(Projection::Graph));
                assert_eq!(suspended.suspend(false), Ok(true));
                assert_eq!(suspended, replay(state));
            }
            ReplayState::Dropping | ReplayState::Cancelled => {
                assert_eq!(outcome.0, Ok(false), "{state}");
                assert!(outcome.1.is_err(), "{state}");
            }
            ReplayState::Swapping | ReplayState::Complete | ReplayState::Failed => {
                let refusal = outcome.0.unwrap_err();
                assert_eq!(refusal.code, ErrorCode::FailedPrecondition);
                assert_eq!(refusal.detail["state"], state.as_str());
                assert!(outcome.1.is_err(), "{state}");
            }
        }
    }
    let mut failing = replay(ReplayState::Comparing);
    failing.fail(ReplayFault::ProjectionDiffers, "2 entities differ");
    assert!(failing.cancel().is_err(), "it has failed before");
}

#[test]
fn an_approval_counts_only_after_the_comparison() {
    let now = Timestamp::from_micros(9);
    for state in ReplayState::ALL {
        let mut approved = replay(state);
        let outcome = approved.approve(now);
        if state == ReplayState::AwaitingApproval {
            assert_eq!(outcome, Ok(true));
            assert_eq!(approved.approve(now), Ok(false), "again");
            approved.state = ReplayState::Complete;
            assert_eq!(approved.approve(now), Ok(false), "again, later");
        } else {
            assert!(outcome.is_err(), "{state}");
        }
    }
}

#[test]
fn replays_meet_in_a_projection_of_a_log() {
    let both = replay(ReplayState::Filling);
    let mut graph = both.clone();
    graph.request.targets = vec![Projection::Graph];
    let mut documents = both.clone();
    documents.request.targets = vec![Projection::Documents];
    assert!(both.meets(&graph) && graph.meets(&both));
    assert!(!graph.meets(&documents));
    graph.stream = graph.stream.next();
    assert!(!both.meets(&graph));
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let mut written = replay(ReplayState::Swapping);
    written.request = ReplayRequest::in_place(
        [Projection::Documents],
        Scope {
            branch: Some(BranchScope {
                name: "what/if".parse().unwrap(),
                generation: BranchGeneration(LogPosition(4)),
            }),
            part: Some(Part::Ontologies),
            from: Some(LogPosition(3)),
            ..Scope::default()
        },
    );
    written.fail(ReplayFault::EventsRefused, "two");
    let text = serde_json::to_string(&written).unwrap();
    assert_eq!(serde_json::from_str::<Replay>(&text).unwrap(), written);
    for state in ReplayState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}

#[test]
fn a_scope_is_only_for_what_is_rewritten_in_place() {
    let fields = |request: &ReplayRequest| -> Vec<String> {
        request.check().into_iter().map(|it| it.field).collect()
    };
    let scope = Scope {
        from: Some(LogPosition(3)),
        ..Scope::default()
    };
    let mut request = ReplayRequest::in_place(Projection::ALL, scope);
    assert!(fields(&request).is_empty());
    request.strategy = Strategy::BlueGreen;
    assert_eq!(fields(&request), ["from"]);
    for targets in [vec![], vec![Projection::Graph, Projection::Graph]] {
        assert_eq!(fields(&ReplayRequest::blue_green(targets)), ["targets"]);
    }
}

#[test]
fn a_scope_covers_what_meets_each_restriction() {
    let class = Entity::Class("Part".parse().unwrap());
    let instance = Entity::Instance("Part/p1".parse().unwrap());
    let (main, other) = (BranchGeneration::MAIN, BranchGeneration(LogPosition(4)));
    assert!(Scope::default().covers(other, &class));
    let instances = Scope {
        part: Some(Part::Instances),
        ..Scope::default()
    };
    assert!(instances.covers(main, &instance) && !instances.covers(main, &class));
    let one = Scope {
        class: Some("Part".parse().unwrap()),
        instance: Some("p1".parse().unwrap()),
        branch: Some(BranchScope {
            name: "main".parse().unwrap(),
            generation: main,
        }),
        ..instances
    };
    assert!(one.covers(main, &instance) && !one.covers(other, &instance));
    assert!(!one.covers(main, &Entity::Instance("Part/p2".parse().unwrap())));
}
