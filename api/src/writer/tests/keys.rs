//! What an `Idempotency-Key` means: one command within one generation of one database.

use spice_core::idempotency::IdempotencyKey;

use super::faults::Leaving;
use super::*;
use crate::writer::Accepted;

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new("anonymous", text)
}

/// Each under an id of its own: only the key tells that two are the same.
async fn send(writer: &Writer, text: &str, action: Action) -> Result<Accepted, Refusal> {
    let id = Uuid::new_v4().as_u128();
    writer
        .submit_keyed(command(id, action), Some(key(text)))
        .await
}

fn seal() -> Action {
    Action::DeleteDatabase {
        expected_seq: Sequence(1),
    }
}

fn delete(id: &str, expected: u64) -> Action {
    change(
        &json!({"type": "DELETE_INSTANCE", "class": "Product", "id": id,
        "expected_seq": expected}),
    )
}

fn fork(name: &str) -> Action {
    Action::CreateBranch {
        branch: name.parse().unwrap(),
        from_branch: BranchName::main(),
        from_position: None,
    }
}

/// What is created under a key, refused as deleted since; the position of the first answer.
fn refused(answer: Result<Accepted, Refusal>) -> u64 {
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::Deleted, "{refusal}");
    refusal.detail["position"].as_u64().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_is_new_in_another_generation_of_the_database() {
    let mut bench = Bench::new();
    let writer = bench.declared().await;
    let first = send(&writer, "seed", create("p1")).await.unwrap();
    assert!(!first.is_replay);
    let again = send(&writer, "seed", create("p1")).await.unwrap();
    assert_eq!((again.is_replay, &again.receipt), (true, &first.receipt));
    let other = send(&writer, "seed", create("p2")).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::EventIdReused);

    submit(&writer, 10, seal()).await.unwrap();
    let sealed = send(&writer, "seed", create("p1")).await;
    assert_eq!(
        refused(sealed),
        first.receipt.last.0,
        "nothing is there now"
    );
    submit(&writer, 11, create_database()).await.unwrap();
    submit(&writer, 12, create_class()).await.unwrap();
    let new = send(&writer, "seed", create("p2")).await.unwrap();
    assert!(!new.is_replay);
    assert_eq!(new.receipt.stream, stream().next());
    assert_ne!(new.receipt.command_id, first.receipt.command_id);

    // A new process with an empty registry, and one beside it, tell the same.
    let beside = bench.writer();
    writer.shutdown().await;
    bench.registry = registry();
    for writer in [bench.writer(), beside] {
        let again = send(&writer, "seed", create("p2")).await.unwrap();
        assert_eq!((again.is_replay, &again.receipt), (true, &new.receipt));
    }
}

#[tokio::test(start_paused = true)]
async fn a_retried_create_of_a_deleted_database_reports_the_first_position() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    let made = send(&writer, "p1", create("p1")).await.unwrap();
    send(&writer, "change", update("p1", 5, 1)).await.unwrap();
    let again = send(&writer, "p1", create("p1")).await.unwrap();
    assert_eq!(
        again.receipt, made.receipt,
        "it is there still, changed or not"
    );
    let deleted = send(&writer, "delete", delete("p1", 2)).await.unwrap();
    assert_eq!(
        refused(send(&writer, "p1", create("p1")).await),
        made.receipt.last.0
    );
    let again = send(&writer, "delete", delete("p1", 2)).await.unwrap();
    assert_eq!((again.is_replay, again.receipt), (true, deleted.receipt));
    send(&writer, "change", update("p1", 5, 1)).await.unwrap();

    let branch = send(&writer, "x", fork("x")).await.unwrap();
    assert!(send(&writer, "x", fork("x")).await.unwrap().is_replay);
    let remove = Action::DeleteBranch {
        branch: "x".parse().unwrap(),
        force: false,
    };
    submit(&writer, 20, remove).await.unwrap();
    assert_eq!(
        refused(send(&writer, "x", fork("x")).await),
        branch.receipt.last.0
    );
    submit(&writer, 21, fork("x")).await.unwrap();
    let another = send(&writer, "x", fork("x")).await;
    assert_eq!(refused(another), branch.receipt.last.0, "this is another x");
}

#[tokio::test(start_paused = true)]
async fn a_key_creates_and_deletes_a_database_once_in_each_generation() {
    let bench = Bench::new();
    let writer = bench.writer();
    let made = send(&writer, "make", create_database()).await.unwrap();
    assert!(
        send(&writer, "make", create_database())
            .await
            .unwrap()
            .is_replay
    );
    let sealed = send(&writer, "seal", seal()).await.unwrap();
    let again = send(&writer, "seal", seal()).await.unwrap();
    assert_eq!((again.is_replay, &again.receipt), (true, &sealed.receipt));
    // A late retry does not bring the database back.
    let late = send(&writer, "make", create_database()).await;
    assert_eq!(refused(late), made.receipt.last.0);
    // Nor does it take part when another makes the database again.
    let late = send(&writer, "make", create_database());
    let other = send(&writer, "make 2", create_database());
    let (late, second) = tokio::join!(late, other);
    assert_eq!(refused(late), made.receipt.last.0);
    let second = second.unwrap();
    assert_eq!(second.receipt.stream, stream().next());
    assert!(
        send(&writer, "make 2", create_database())
            .await
            .unwrap()
            .is_replay
    );
    let there = send(&writer, "make", create_database()).await.unwrap_err();
    assert_eq!(there.code, ErrorCode::AlreadyExists);
    let sealed = send(&writer, "seal", seal()).await.unwrap();
    assert!(!sealed.is_replay, "the key is new in this generation");
}

#[tokio::test(start_paused = true)]
async fn a_retry_during_the_deletion_has_one_of_two_answers() {
    for retry_first in [true, false] {
        let bench = Bench::new();
        let writer = bench.declared().await;
        let made = send(&writer, "k", create("p1")).await.unwrap();
        let retry = send(&writer, "k", create("p1"));
        let seal = send(&writer, "seal", seal());
        let (retried, sealed) = if retry_first {
            tokio::join!(retry, seal)
        } else {
            let (sealed, retried) = tokio::join!(seal, retry);
            (retried, sealed)
        };
        assert!(!sealed.unwrap().is_replay);
        match retried {
            Ok(retried) => assert_eq!(retried.receipt, made.receipt),
            refusal => assert_eq!(refused(refusal), made.receipt.last.0),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_several_concurrent_requests_is_the_first() {
    let bench = Bench::new();
    let writers = [bench.declared().await, bench.writer()];
    let sent = (0..6).map(|number| send(&writers[number % 2], "k", create("p1")));
    let answers: Vec<Accepted> = futures::future::try_join_all(sent).await.unwrap();
    let first = answers.iter().filter(|answer| !answer.is_replay).count();
    assert_eq!(first, 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.receipt == answers[0].receipt)
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_of_an_earlier_build_is_found_in_its_own_generation_only() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    submit(&writer, 10, seal()).await.unwrap();
    submit(&writer, 11, create_database()).await.unwrap();
    submit(&writer, 12, create_class()).await.unwrap();
    // An earlier build gave the key the same id in every generation.
    let unscoped = key("old").command_in_any(&stream().database);
    let told = submit(&writer, unscoped.0.as_u128(), create("p1"))
        .await
        .unwrap();
    let again = send(&writer, "old", create("p1")).await.unwrap();
    assert_eq!((again.is_replay, &again.receipt), (true, &told));
    let known = writer.receipt_of_key(&stream().database, &key("old")).await;
    assert_eq!(known.unwrap(), Some(told));
    let unknown = writer.receipt_of_key(&stream().database, &key("new")).await;
    assert_eq!(unknown.unwrap(), None);
    let nowhere = writer
        .receipt_of_key(&"none".parse().unwrap(), &key("old"))
        .await;
    assert_eq!(nowhere.unwrap(), None);
    let other = send(&writer, "old", create("p2")).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::EventIdReused);
    submit(&writer, 13, seal()).await.unwrap();
    submit(&writer, 14, create_database()).await.unwrap();
    submit(&writer, 15, create_class()).await.unwrap();
    let new = send(&writer, "old", create("p2")).await.unwrap();
    assert_eq!((new.is_replay, new.receipt.stream.generation), (false, 3));
}

#[tokio::test(start_paused = true)]
async fn a_late_retry_recreates_no_database_after_the_log_was_unavailable() {
    let bench = Bench::new();
    let writer = bench.writer();
    let made = send(&writer, "make", create_database()).await.unwrap();
    send(&writer, "seal", seal()).await.unwrap();
    bench.fate(Fate::Away);
    send(&writer, "make 2", create_database())
        .await
        .unwrap_err();
    let late = send(&writer, "make", create_database()).await;
    assert_eq!(refused(late), made.receipt.last.0);
    let second = send(&writer, "make 2", create_database()).await.unwrap();
    assert_eq!(second.receipt.stream, stream().next());
    assert!(!second.is_replay);
}

#[tokio::test(start_paused = true)]
async fn a_late_retry_recreates_no_database_after_the_registry_was_unavailable() {
    for calls in 0.. {
        let bench = Bench::new();
        let registry = Arc::new(Double::new(registry(), Leaving::new()));
        let writer = bench.writer_with(registry.clone());
        let made = send(&writer, "make", create_database()).await.unwrap();
        send(&writer, "seal", seal()).await.unwrap();
        registry.hook.leave_after(calls);
        let second = send(&writer, "make 2", create_database()).await;
        registry.hook.come_back();
        let late = send(&writer, "make", create_database()).await;
        if second.is_ok() {
            assert_eq!(late.unwrap_err().code, ErrorCode::AlreadyExists);
            assert!(calls > 3, "the registry is asked before the decision");
            break;
        }
        assert_eq!(refused(late), made.receipt.last.0, "away after {calls}");
        let again = send(&writer, "make 2", create_database()).await.unwrap();
        assert_eq!(again.receipt.stream, stream().next());
    }
}
