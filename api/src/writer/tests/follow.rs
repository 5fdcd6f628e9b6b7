//! What one process sees of what another appended, and what that costs.

use std::time::Duration;

use spice_store_local::LocalHints;

use super::*;

const BEHIND: Duration = Duration::from_secs(1);

impl Bench {
    fn ends(&self) -> usize {
        self.log.hook.ends.load(Ordering::SeqCst)
    }

    async fn end(&self) -> LogPosition {
        self.log.store.end(&stream()).await.unwrap()
    }
}

async fn seen(writer: &Writer) -> LogPosition {
    writer.snapshot(&demo()).await.unwrap().end
}

fn demo() -> spice_core::name::DatabaseName {
    "demo".parse().unwrap()
}

fn branch(name: &str) -> Action {
    Action::CreateBranch {
        branch: name.parse().unwrap(),
        from_branch: BranchName::main(),
        from_position: None,
    }
}

#[tokio::test(start_paused = true)]
async fn accepted_commands_need_no_read_of_the_logs_end() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    let before = bench.ends();
    for number in 0..20 {
        submit(&writer, 10 + number, create(&format!("p{number}")))
            .await
            .unwrap();
    }
    assert_eq!(bench.ends(), before, "a won append proves the end");
    submit(&writer, 50, create("p0")).await.unwrap_err();
    assert_eq!(bench.ends(), before + 1, "a refusal rests on a look");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_includes_appends_of_other_processes() {
    let bench = Bench::new();
    let first = bench.declared().await;
    let second = bench.writer();
    submit(&second, 3, create("p1")).await.unwrap();
    submit(&first, 4, branch("draft")).await.unwrap();
    let on_draft = serde_json::from_value(
        json!({"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p2"}}),
    );
    let action = Action::ChangeInstance {
        branch: "draft".parse().unwrap(),
        change: on_draft.unwrap(),
    };
    submit(&second, 5, action).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_read_is_at_most_a_second_behind_another_process() {
    let bench = Bench::new();
    let first = bench.declared().await;
    let second = bench.writer();
    assert_eq!(seen(&second).await, bench.end().await);
    for number in 0..5 {
        submit(&first, 10 + number, branch(&format!("b{number}")))
            .await
            .unwrap();
        tokio::time::advance(BEHIND).await;
        let snapshot = second.snapshot(&demo()).await.unwrap();
        assert_eq!(snapshot.end, bench.end().await);
        let made: BranchName = format!("b{number}").parse().unwrap();
        assert!(snapshot.branch(&made).is_ok());
    }
    // Many reads within that second look once.
    let before = bench.ends();
    tokio::time::advance(BEHIND).await;
    for _ in 0..50 {
        seen(&second).await;
    }
    assert_eq!(bench.ends(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_position_beyond_the_snapshot_is_read_immediately() {
    let bench = Bench::new();
    let first = bench.declared().await;
    let second = bench.writer();
    seen(&second).await;
    let told = submit(&first, 10, branch("b")).await.unwrap();
    let found = second.snapshot_reaching(&demo(), told.last).await.unwrap();
    assert!(found.end > told.last);
    assert!(found.branch(&"b".parse().unwrap()).is_ok());
    // Nothing stands there, and that is the answer.
    let beyond = bench.end().await;
    let found = second.snapshot_reaching(&demo(), beyond).await.unwrap();
    assert_eq!(found.end, beyond);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_position_ends_when_another_process_appends() {
    let bench = Bench::new();
    let first = bench.declared().await;
    let second = bench.writer();
    let next = seen(&second).await;
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { second.snapshot_with(&demo(), next).await.unwrap().end }
    });
    tokio::time::sleep(BEHIND * 3).await;
    assert!(!waiting.is_finished());
    submit(&first, 10, branch("b")).await.unwrap();
    assert_eq!(waiting.await.unwrap(), bench.end().await);
}

#[tokio::test(start_paused = true)]
async fn a_hint_replaces_the_wait_for_a_read() {
    let mut bench = Bench::new();
    bench.hints = Arc::new(LocalHints::new());
    let first = bench.declared().await;
    let second = bench.writer();
    seen(&second).await;
    let before = bench.ends();
    submit(&first, 10, branch("b")).await.unwrap();
    tokio::time::sleep(BEHIND / 10).await;
    assert_eq!(seen(&second).await, bench.end().await);
    // The hint made the other one look, and nobody else.
    assert_eq!(bench.ends(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn every_read_is_current_when_no_delay_is_allowed() {
    let bench = Bench::new();
    let first = bench.declared().await;
    let settings = WriterSettings {
        behind: Duration::ZERO,
        ..WriterSettings::default()
    };
    let second = bench.writer_set(bench.registry.clone(), settings);
    for number in 0..20 {
        submit(&first, 10 + number, branch(&format!("b{number}")))
            .await
            .unwrap();
        assert_eq!(seen(&second).await, bench.end().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_another_process_recreates_is_seen() {
    let bench = Bench::new();
    let first = bench.declared().await;
    let second = bench.writer();
    seen(&second).await;
    let seal = Action::DeleteDatabase {
        expected_seq: Sequence(1),
    };
    submit(&first, 3, seal).await.unwrap();
    tokio::time::advance(BEHIND).await;
    let gone = second.snapshot(&demo()).await.unwrap_err();
    assert_eq!(gone.code, ErrorCode::NotFound);
    submit(&first, 4, create_database()).await.unwrap();
    tokio::time::advance(BEHIND).await;
    let found = second.snapshot(&demo()).await.unwrap();
    assert_eq!(found.stream, stream().next());
}

#[tokio::test(start_paused = true)]
async fn an_unused_database_is_closed_and_costs_nothing() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    let other = bench.writer();
    seen(&writer).await;
    seen(&other).await;
    let before = bench.ends();
    let idle = WriterSettings::default().idle;
    tokio::time::sleep(idle * 3).await;
    assert_eq!(bench.ends(), before, "nobody asked");
    assert!(writer.known(&demo()).is_none(), "it is closed");
    submit(&writer, 10, branch("b")).await.unwrap();
    assert_eq!(seen(&other).await, bench.end().await);
    // One that is used stays open.
    for _ in 0..8 {
        tokio::time::sleep(idle / 2).await;
        seen(&writer).await;
        assert!(writer.known(&demo()).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_log_is_unavailable_a_read_shows_the_last_known_state() {
    let bench = Bench::new();
    let first = bench.declared().await;
    let known = seen(&first).await;
    bench.log.hook.is_away.store(true, Ordering::SeqCst);
    tokio::time::advance(BEHIND).await;
    assert_eq!(seen(&first).await, known);
    let refused = submit(&first, 10, create_database()).await.unwrap_err();
    assert_eq!(
        refused.code,
        ErrorCode::Unavailable,
        "no refusal without a look"
    );
    bench.log.hook.is_away.store(false, Ordering::SeqCst);
    submit(&first, 10, branch("b")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_read_notices_that_the_log_became_shorter() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    seen(&writer).await;
    let mut lines = bench.log.store.lines(&stream());
    lines.pop();
    bench.log.store.put(&stream(), lines);
    tokio::time::advance(BEHIND).await;
    let refused = writer.snapshot(&demo()).await.unwrap_err();
    assert_eq!(refused.detail["reason"], "log_truncated", "{refused}");
}
