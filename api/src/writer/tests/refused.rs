//! `truncation_is_refused`: a log that is not the one that the registry has seen, or not one chain,
//! is named and refused, never written to, and other databases go on.

use bytes::Bytes;
use spice_core::{
    chain::{ChainHead, resume},
    error::Refusal,
    port::{graph::Graph, sink::Sinks},
};

use spice_store_sqlite::SqliteGraph;

use super::*;

impl Bench {
    fn lines(&self) -> Vec<Bytes> {
        self.log.store.lines(&stream())
    }

    fn put(&self, lines: Vec<Bytes>) {
        self.log.store.put(&stream(), lines);
    }

    /// A database with a class and so many instances, each an append of its own; nobody runs.
    async fn filled(count: u64) -> Self {
        let bench = Self::new();
        let writer = bench.declared().await;
        for number in 0..count {
            submit(
                &writer,
                10 + u128::from(number),
                create(&format!("p{number}")),
            )
            .await
            .unwrap();
        }
        writer.shutdown().await;
        bench
    }

    /// A new writer refuses to read, to append and to make the database anew, with this reason; the
    /// log stays as it is, and so does what the registry knows.
    async fn is_refused(&self, reason: &str) {
        let before = (self.lines(), self.registry.anchor(&stream()).await.unwrap());
        let writer = self.writer();
        let read = writer.snapshot(&"demo".parse().unwrap()).await.unwrap_err();
        check(&read, reason);
        for (id, action) in [(900, create("new")), (901, create_database())] {
            let refused = submit(&writer, id, action).await.unwrap_err();
            check(&refused, reason);
        }
        for id in [10, 4_711] {
            let told = writer.receipt(CommandId(Uuid::from_u128(id))).await;
            check(&told.unwrap_err(), reason);
        }
        let told = writer.refused();
        assert_eq!(told.len(), 1);
        check(&told[0].1, reason);
        let (listed, damaged) = writer.databases().await.unwrap();
        assert!(listed.is_empty());
        assert_eq!(damaged.len(), 1, "it is not forgotten");
        check(&damaged[0].1, reason);
        writer.shutdown().await;
        let after = (self.lines(), self.registry.anchor(&stream()).await.unwrap());
        assert_eq!(before, after, "nothing was written");
    }

    async fn is_accepted(&self) {
        let writer = self.writer();
        submit(&writer, 999, create("newest")).await.unwrap();
        writer.shutdown().await;
        assert_eq!(
            self.head().position(),
            LogPosition(self.lines().len() as u64)
        );
    }

    fn head(&self) -> ChainHead {
        let mut head = ChainHead::at(&stream(), LogPosition::ZERO);
        for (position, line) in (0..).zip(self.lines()) {
            head.take(LogPosition(position), &line).unwrap();
        }
        head
    }
}

fn check(refusal: &Refusal, reason: &str) {
    assert_eq!(refusal.code, ErrorCode::Unavailable, "{refusal}");
    assert!(refusal.is_damage(), "{refusal}");
    assert_eq!(refusal.detail["reason"], reason, "{refusal}");
    assert_eq!(refusal.detail["log"], "demo");
    assert!(refusal.message.contains(reason), "{refusal}");
}

fn changed(line: &Bytes) -> Bytes {
    let text = std::str::from_utf8(line).unwrap();
    text.replacen("\"service\":\"gateway\"", "\"service\":\"Gateway\"", 1)
        .into()
}

#[tokio::test(start_paused = true)]
async fn truncation_is_refused() {
    let bench = Bench::filled(3).await;
    let whole = bench.lines();
    for left in [whole.len() - 2, 4, 0] {
        bench.put(whole[..left].to_vec());
        bench.is_refused("log_truncated").await;
    }
    bench.put(whole);
    bench.is_accepted().await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_grew_again_after_a_truncation_is_refused() {
    let mut bench = Bench::filled(3).await;
    let (whole, seen) = (bench.lines(), bench.registry.clone());
    // Somebody else goes on from an older copy, longer than it was.
    bench.put(whole[..whole.len() - 4].to_vec());
    bench.registry = registry();
    let writer = bench.writer();
    for number in 0..5 {
        submit(&writer, 500 + number, create(&format!("q{number}")))
            .await
            .unwrap();
    }
    writer.shutdown().await;
    let other = std::mem::replace(&mut bench.registry, seen);
    bench.is_refused("log_diverged").await;
    bench.registry = other;
    bench.is_accepted().await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_of_another_installation_is_refused() {
    let mut bench = Bench::filled(3).await;
    let mut other = Bench::new();
    let writer = other.writer();
    submit(&writer, 71, create_database()).await.unwrap();
    writer.shutdown().await;
    std::mem::swap(&mut bench.registry, &mut other.registry);
    bench.is_refused("log_diverged").await;
    other.is_refused("log_truncated").await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_line_is_refused_at_any_position() {
    let mut bench = Bench::filled(3).await;
    let whole = bench.lines();
    let mut last = whole.clone();
    let end = last.len() - 1;
    last[end] = changed(&whole[end]);
    bench.put(last);
    bench.is_refused("log_diverged").await;
    bench.put(whole.clone());
    bench.is_accepted().await;
    // In the middle, nobody who starts at the end meets it; who reads the log does.
    let kept = bench.lines();
    for at in 0..end - 1 {
        let mut lines = kept.clone();
        lines[at] = changed(&kept[at]);
        bench.put(lines);
        bench.registry = registry();
        bench.is_refused_while_reading("chain_broken").await;
    }
    bench.put(kept);
    bench.registry = registry();
    bench.is_accepted().await;
}

impl Bench {
    async fn is_refused_while_reading(&self, reason: &str) {
        let before = self.lines();
        let writer = self.writer();
        let refused = submit(&writer, 900, create("new")).await.unwrap_err();
        check(&refused, reason);
        writer.shutdown().await;
        assert_eq!(before, self.lines(), "nothing was written");
        let model = self.registry.reflected_position(&stream()).await.unwrap();
        assert_eq!(model, LogPosition::ZERO, "nothing was projected");
    }
}

#[tokio::test(start_paused = true)]
async fn log_is_contiguous_for_a_reader_of_its_tail() {
    let bench = Bench::filled(2).await;
    let writer = bench.writer();
    submit(&writer, 600, create("mine")).await.unwrap();
    // Another process appends what does not follow from what stands there.
    let (first, whole) = (bench.head().position(), bench.lines());
    let foreign = Envelope {
        position: first,
        chain: ChainHead::at(&stream(), LogPosition::ZERO).next(),
        ..Envelope::from_line(&whole[4]).unwrap()
    };
    let lines = vec![foreign.to_line().unwrap().into()];
    bench
        .log
        .store
        .append_late(&stream(), Batch { first, lines })
        .unwrap();
    let before = bench.lines();
    let refused = submit(&writer, 601, create("next")).await.unwrap_err();
    check(&refused, "chain_broken");
    assert_eq!(refused.detail["position"], first.0);
    let read = writer.snapshot(&"demo".parse().unwrap()).await.unwrap_err();
    check(&read, "chain_broken");
    assert_eq!(bench.lines(), before, "nothing was written");
}

#[tokio::test(start_paused = true)]
async fn other_databases_continue() {
    let bench = Bench::filled(1).await;
    let other = |action| Command {
        id: CommandId(Uuid::new_v4()),
        database: "other".parse().unwrap(),
        action,
        origin: Origin {
            actor: None,
            service: "gateway".into(),
            correlation_id: Uuid::from_u128(1),
            traceparent: None,
            client: None,
        },
    };
    let writer = bench.writer();
    let made = other(create_database());
    let id = made.id;
    writer.submit(made).await.unwrap();
    writer.shutdown().await;
    bench.put(bench.lines()[..2].to_vec());
    let writer = bench.writer();
    writer.check_logs().await.unwrap();
    assert_eq!(writer.refused().len(), 1);
    assert!(writer.receipt(id).await.unwrap().is_some());
    writer.submit(other(create_class())).await.unwrap();
    let unknown = CommandId(Uuid::from_u128(12_345));
    let healthy = "other".parse().unwrap();
    let none = writer.receipt_in(&healthy, unknown).await.unwrap();
    assert!(
        none.is_none(),
        "the refused log is no matter to another database"
    );
    let refused = writer.receipt(unknown).await.unwrap_err();
    check(&refused, "log_truncated");
}

/// A log that was written before there was a chain is read, and the first append covers it.
#[tokio::test(start_paused = true)]
async fn an_unchained_log_gets_its_chain_with_the_next_append() {
    let mut bench = Bench::filled(3).await;
    let unchained = |line: &Bytes| {
        let envelope = Envelope {
            chain: None,
            ..Envelope::from_line(line).unwrap()
        };
        Bytes::from(envelope.to_line().unwrap())
    };
    let old: Vec<Bytes> = bench.lines().iter().map(unchained).collect();
    bench.put(old.clone());
    bench.registry = registry();
    bench.is_accepted().await;
    let head = bench.head();
    assert_eq!(head.chained_from(), Some(LogPosition(old.len() as u64)));
    let anchor = bench.registry.anchor(&stream()).await.unwrap();
    assert_eq!(anchor, head.anchor());
    let guards = Guards::default();
    let again = resume(&bench.log, &stream(), anchor.as_ref(), guards).await;
    assert_eq!(again.unwrap().anchor(), anchor);
    let mut lines = bench.lines();
    lines[1] = changed(&lines[1]);
    bench.put(lines);
    bench.registry = registry();
    bench.is_refused_while_reading("chain_broken").await;
}

/// A database that was deleted and made again; nobody runs.
async fn made_again() -> Bench {
    let bench = Bench::filled(1).await;
    let writer = bench.writer();
    let seal = Action::DeleteDatabase {
        expected_seq: Sequence(1),
    };
    submit(&writer, 500, seal).await.unwrap();
    submit(&writer, 501, create_database()).await.unwrap();
    submit(&writer, 502, create_class()).await.unwrap();
    writer.shutdown().await;
    bench
}

#[tokio::test(start_paused = true)]
async fn a_sealed_log_that_is_lost_or_damaged_does_not_stop_the_live_one() {
    for lost in [true, false] {
        let mut bench = made_again().await;
        let whole = bench.lines();
        if lost {
            bench.put(Vec::new());
        } else {
            let mut lines = whole.clone();
            lines[1] = changed(&whole[1]);
            bench.put(lines);
            bench.registry = registry();
        }
        let reason = if lost {
            "log_truncated"
        } else {
            "chain_broken"
        };
        let writer = bench.writer();
        writer.check_logs().await.unwrap();
        let told = submit(&writer, 503, create("x")).await.unwrap();
        assert_eq!(told.stream, stream().next());
        let demo = "demo".parse().unwrap();
        assert!(writer.snapshot(&demo).await.is_ok());
        let known = writer.receipt_in(&demo, told.command_id).await.unwrap();
        assert_eq!(known, Some(told));
        let key = spice_core::idempotency::IdempotencyKey::new("anonymous", "new");
        let unknown = writer.receipt_of_key(&demo, &key).await.unwrap();
        assert_eq!(unknown, None, "a key is of the newest generation only");

        // What the sealed log held is not known, and it is named.
        for id in [10, 4_711] {
            let sealed = writer.receipt(CommandId(Uuid::from_u128(id))).await;
            check(&sealed.unwrap_err(), reason);
        }
        let refused = writer.refused();
        assert_eq!(refused.len(), 1);
        check(&refused[0].1, reason);

        bench.put(whole);
        let writer = bench.writer();
        writer.check_logs().await.unwrap();
        assert!(writer.refused().is_empty());
        let sealed = writer.receipt(CommandId(Uuid::from_u128(10))).await;
        assert!(sealed.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_writer_refuses_a_log_that_became_shorter() {
    let bench = Bench::filled(2).await;
    let writer = bench.writer();
    submit(&writer, 600, create("mine")).await.unwrap();
    let whole = bench.lines();
    let demo = "demo".parse().unwrap();
    for left in [whole.len() - 2, whole.len() - 1, 0] {
        bench.put(whole[..left].to_vec());
        // A receipt is read from the log, a plan looks at its end.
        let receipt = writer.receipt(CommandId(Uuid::from_u128(600))).await;
        check(&receipt.unwrap_err(), "log_truncated");
        let written = submit(&writer, 601, create("next")).await;
        check(&written.unwrap_err(), "log_truncated");
        let read = writer.snapshot(&demo).await.unwrap_err();
        check(&read, "log_truncated");
        assert_eq!(bench.lines().len(), left, "nothing was written");
        bench.put(whole.clone());
        let retried = submit(&writer, 600, create("mine")).await.unwrap();
        assert_eq!(retried.sequence, Some(Sequence(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_of_a_log_that_became_shorter_is_refused() {
    let bench = Bench::filled(2).await;
    let writer = bench.writer();
    submit(&writer, 600, create("mine")).await.unwrap();
    let whole = bench.lines();
    bench.put(whole[..whole.len() - 2].to_vec());
    let rollback = Action::RollbackBranch {
        branch: BranchName::main(),
        to_position: LogPosition(5),
    };
    let plan = writer.plan(&command(602, rollback)).await;
    check(&plan.unwrap_err(), "log_truncated");
}

#[tokio::test(start_paused = true)]
async fn an_append_to_a_log_that_became_shorter_is_refused_as_shorter() {
    let bench = Bench::filled(2).await;
    let writer = bench.writer();
    submit(&writer, 600, create("mine")).await.unwrap();
    bench.fate(Fate::Cut);
    let written = submit(&writer, 601, create("next")).await;
    check(&written.unwrap_err(), "log_truncated");
    let read = writer.snapshot(&"demo".parse().unwrap()).await;
    check(&read.unwrap_err(), "log_truncated");
    let written = submit(&writer, 602, create("next")).await;
    check(&written.unwrap_err(), "log_truncated");
}

/// A writer that ends exactly where the log was cut finds a free position there.
#[tokio::test(start_paused = true)]
async fn a_writer_that_ends_where_the_log_was_cut_is_refused() {
    let demo = "demo".parse().unwrap();
    for guards in [Guards::default(), Guards::without(Guard::Anchor)] {
        let bench = Bench::filled(2).await;
        let settings = WriterSettings {
            guards,
            ..WriterSettings::default()
        };
        let writer = bench.writer_set(bench.registry.clone(), settings);
        writer.snapshot(&demo).await.unwrap();
        let cut = bench.lines();
        let other = bench.writer();
        submit(&other, 600, create("lost")).await.unwrap();
        other.shutdown().await;
        bench.put(cut.clone());
        let written = submit(&writer, 601, create("next")).await;
        if !guards.has(Guard::Anchor) {
            written.unwrap();
            assert_ne!(bench.lines(), cut, "what was lost is overwritten");
            continue;
        }
        check(&written.unwrap_err(), "log_truncated");
        check(&writer.snapshot(&demo).await.unwrap_err(), "log_truncated");
        let refused = submit(&writer, 602, create("p0")).await;
        check(&refused.unwrap_err(), "log_truncated");
        assert_eq!(bench.lines(), cut, "nothing was written");
    }
}

impl Bench {
    /// A sink that was filled from the log as it is.
    async fn follow(&mut self) {
        let guards = Guards::default();
        let graph = SqliteGraph::open(&Location::Memory, Mode::Inline, guards).unwrap();
        let log = stream();
        let sink = graph.sink(&log).await.unwrap();
        let through = self.head().anchor().unwrap().into();
        let filled = graph.apply(&log, &sink.generation, sink.position, through, &[]);
        filled.await.unwrap();
        self.sinks.push(Arc::new(graph));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sinks_anchor_outlives_the_registry() {
    let mut bench = Bench::filled(3).await;
    bench.follow().await;
    let whole = bench.lines();
    for left in [whole.len() - 2, 4, 0] {
        bench.put(whole[..left].to_vec());
        bench.registry = registry();
        bench.is_refused("log_truncated").await;
    }
    // As long as it was, and another run's end.
    let mut exchanged = whole.clone();
    let last = exchanged.len() - 1;
    exchanged[last] = changed(&whole[last]);
    bench.put(exchanged);
    bench.registry = registry();
    bench.is_refused("log_diverged").await;
    bench.put(whole);
    bench.is_accepted().await;
}

#[tokio::test(start_paused = true)]
async fn an_older_log_with_its_own_registry_is_refused_with_newer_sinks() {
    let mut bench = Bench::filled(1).await;
    let (older, registry_then) = (bench.lines(), bench.registry.clone());
    bench.registry = registry();
    let writer = bench.writer();
    submit(&writer, 700, create("later")).await.unwrap();
    writer.shutdown().await;
    bench.follow().await;
    let (newer, registry_now) = (bench.lines(), bench.registry.clone());
    bench.put(older);
    bench.registry = registry_then;
    bench.is_refused("log_truncated").await;
    bench.put(newer);
    bench.registry = registry_now;
    bench.is_accepted().await;
}
