//! The writer over a log in memory: two writers on one log, answers that get lost, retries, a
//! registry that was thrown away.

mod clocks;
mod directory;
mod faults;
mod fetch;
mod follow;
mod keys;
mod links;
mod refused;
mod sizes;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde_json::json;
use spice_core::{
    chain::ChainHead,
    command::{Action, Command, Origin},
    envelope::{Envelope, EventType},
    error::{ErrorCode, Refusal},
    guard::{Guard, Guards},
    id::{CommandId, LogPosition, Sequence, StreamId},
    name::BranchName,
    port::{
        StoreResult,
        clock::Clock,
        hints::Hints,
        log::{Append, Batch, Log, Record},
        registry::{Anchors, WriteModel},
    },
    time::Timestamp,
};
use spice_store_sqlite::{Location, Mode, SqliteRegistry};
use spice_testing::{
    MemoryLog, NoHints,
    double::{Call, Double, Hook},
};
use uuid::Uuid;

use super::{Receipt, Writer, WriterSettings};

/// A clock that goes back and forth.
struct Restless(Mutex<i64>);

impl Clock for Restless {
    fn now(&self) -> Timestamp {
        let mut now = self.0.lock().unwrap();
        *now += if *now % 3 == 0 { -1_000_000 } else { 700_001 };
        Timestamp::from_micros(*now)
    }
}

/// What happens to the next append.
#[derive(Clone, Copy)]
enum Fate {
    /// It lands, and nobody hears of it.
    LandsUnheard,
    /// It does not land, and nobody hears of that either.
    Vanishes,
    /// It does not land now, but just before the next append.
    LandsLate,
    /// The log is away; nothing was written.
    Away,
    /// Somebody cuts the log before the append gets there.
    Cut,
}

/// More batches than any test sends.
const MOST_SENT: usize = 10_000;

/// What becomes of the calls of the log.
#[derive(Clone)]
struct Fates {
    log: MemoryLog,
    next: Arc<Mutex<VecDeque<Fate>>>,
    late: Arc<Mutex<Vec<(StreamId, Batch)>>>,
    /// How often its end was asked for.
    ends: Arc<AtomicUsize>,
    is_away: Arc<AtomicBool>,
    /// The batches that were sent.
    sent: Arc<Mutex<Vec<Batch>>>,
}

impl Hook for Fates {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method != "end" {
            return Ok(());
        }
        self.ends.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(super::append::unanswered());
        }
        Ok(())
    }

    async fn append<L: Log + ?Sized>(
        &self,
        log: &L,
        stream: &StreamId,
        batch: Batch,
    ) -> StoreResult<Append> {
        let late: Vec<_> = self.late.lock().unwrap().drain(..).collect();
        for (stream, batch) in late {
            log.append(&stream, batch).await?;
        }
        self.sent.lock().unwrap().push(batch.clone());
        let sent = self.sent.lock().unwrap().len();
        assert!(sent < MOST_SENT, "it sends without end");
        let fate = self.next.lock().unwrap().pop_front();
        match fate {
            None => log.append(stream, batch).await,
            Some(Fate::LandsUnheard) => {
                log.append(stream, batch).await?;
                Ok(Append::Unknown)
            }
            Some(Fate::Vanishes) => Ok(Append::Unknown),
            Some(Fate::LandsLate) => {
                self.late.lock().unwrap().push((stream.clone(), batch));
                Ok(Append::Unknown)
            }
            Some(Fate::Away) => Err(super::append::unanswered()),
            Some(Fate::Cut) => {
                let mut lines = self.log.lines(stream);
                lines.pop();
                self.log.put(stream, lines);
                log.append(stream, batch).await
            }
        }
    }
}

struct Bench {
    log: Double<Arc<MemoryLog>, Fates>,
    hints: Arc<dyn Hints>,
    registry: Arc<SqliteRegistry>,
    sinks: Vec<Arc<dyn Anchors>>,
}

impl Bench {
    fn new() -> Self {
        let log = MemoryLog::new();
        let fates = Fates {
            log: log.clone(),
            next: Arc::default(),
            late: Arc::default(),
            ends: Arc::default(),
            is_away: Arc::default(),
            sent: Arc::default(),
        };
        Self {
            log: Double::new(Arc::new(log), fates),
            hints: Arc::new(NoHints),
            registry: registry(),
            sinks: Vec::new(),
        }
    }

    fn writer(&self) -> Writer {
        self.writer_with(self.registry.clone())
    }

    fn writer_with(&self, registry: Arc<dyn WriteModel>) -> Writer {
        self.writer_set(registry, WriterSettings::default())
    }

    fn writer_set(&self, registry: Arc<dyn WriteModel>, settings: WriterSettings) -> Writer {
        let clock = Arc::new(Restless(Mutex::new(1_000_000_000)));
        let log = Arc::new(self.log.clone());
        let (sinks, hints) = (self.sinks.clone(), self.hints.clone());
        Writer::new(sinks, log, registry, hints, clock, settings)
    }

    /// A database with a class.
    async fn declared(&self) -> Writer {
        let writer = self.writer();
        submit(&writer, 1, create_database()).await.unwrap();
        submit(&writer, 2, create_class()).await.unwrap();
        writer
    }

    async fn envelopes(&self) -> Vec<Envelope> {
        let records = self
            .log
            .store
            .read(&stream(), LogPosition::ZERO, 100_000)
            .await
            .unwrap();
        let mut head = ChainHead::at(&stream(), LogPosition::ZERO);
        for record in &records {
            head.take(record.position, &record.line).unwrap();
        }
        assert_eq!(
            head.position().0,
            records.len() as u64,
            "contiguous, one chain"
        );
        assert_eq!(head.chained_from(), Some(LogPosition::ZERO));
        let read = |record: &Record| Envelope::from_line(&record.line).unwrap();
        let envelopes: Vec<Envelope> = records.iter().map(read).collect();
        let ordered = envelopes
            .windows(2)
            .all(|pair| pair[0].occurred_at <= pair[1].occurred_at);
        assert!(ordered, "occurred_at never goes back");
        envelopes
    }

    fn fate(&self, fate: Fate) {
        self.log.hook.next.lock().unwrap().push_back(fate);
    }
}

fn registry() -> Arc<SqliteRegistry> {
    let guards = Guards::default();
    let registry = SqliteRegistry::open(&Location::Memory, Mode::Inline, guards).unwrap();
    Arc::new(registry.with_clock(Arc::new(Restless(Mutex::new(1_000_000_000)))))
}

fn stream() -> StreamId {
    StreamId::first("demo".parse().unwrap())
}

async fn submit(writer: &Writer, id: u128, action: Action) -> Result<Receipt, Refusal> {
    writer.submit(command(id, action)).await
}

fn command(id: u128, action: Action) -> Command {
    Command {
        id: CommandId(Uuid::from_u128(id)),
        database: "demo".parse().unwrap(),
        action,
        origin: Origin {
            actor: None,
            service: "gateway".into(),
            correlation_id: Uuid::from_u128(id),
            traceparent: None,
            client: None,
        },
    }
}

fn create_database() -> Action {
    Action::CreateDatabase {
        description: String::new(),
        options: None,
    }
}

fn create_class() -> Action {
    let definition = json!({"id": "Product", "label": "Product", "properties": [
        {"name": "product_id", "type": "string", "primaryKey": true},
        {"name": "price", "type": "integer"},
    ]});
    Action::CreateClass {
        branch: BranchName::main(),
        definition: definition.into(),
    }
}

fn change(text: &serde_json::Value) -> Action {
    let change = serde_json::from_str(&text.to_string()).unwrap();
    Action::ChangeInstance {
        branch: BranchName::main(),
        change,
    }
}

fn create(id: &str) -> Action {
    change(&json!({"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": id}}))
}

fn update(id: &str, price: u64, expected: u64) -> Action {
    change(
        &json!({"type": "UPDATE_INSTANCE", "class": "Product", "id": id,
        "data": {"price": price}, "expected_seq": expected}),
    )
}

#[tokio::test(start_paused = true)]
async fn one_of_many_writers_with_the_same_expectation_wins() {
    let bench = Bench::new();
    let first = bench.declared().await;
    let second = bench.writer();
    submit(&first, 3, create("p1")).await.unwrap();
    let mut expected = 1;
    for round in 0..20_u128 {
        let attempts = (0..6_u64).map(|n| {
            let writer = if n % 2 == 0 { &first } else { &second };
            submit(
                writer,
                100 + round * 10 + u128::from(n),
                update("p1", n, expected),
            )
        });
        let answers = futures::future::join_all(attempts).await;
        let won = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(won, 1, "round {round}");
        expected += 1;
        for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!(refusal.code, ErrorCode::OptimisticConcurrencyConflict);
            assert_eq!(refusal.detail["actual_seq"], expected);
        }
    }
    let updates = bench.envelopes().await;
    let updates = updates
        .iter()
        .filter(|e| e.event_type == EventType::InstanceUpdated)
        .count();
    assert_eq!(updates, 20);
}

#[tokio::test(start_paused = true)]
async fn an_append_without_an_answer_is_settled_and_stored_once() {
    for fate in [Fate::LandsUnheard, Fate::Vanishes, Fate::LandsLate] {
        let bench = Bench::new();
        let writer = bench.declared().await;
        bench.fate(fate);
        bench.fate(Fate::Vanishes);
        let told = submit(&writer, 3, create("p1")).await.unwrap();
        assert_eq!(told.sequence, Some(Sequence(1)));
        let again = submit(&writer, 3, create("p1")).await.unwrap();
        assert_eq!(
            (again.position, &again.result),
            (told.position, &told.result)
        );
        let made = bench.envelopes().await;
        let made = made
            .iter()
            .filter(|e| e.event_type == EventType::InstanceCreated)
            .count();
        assert_eq!(made, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_log_refuses_and_keeps_nothing() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    bench.fate(Fate::Away);
    let refusal = submit(&writer, 3, create("p1")).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::Unavailable);
    let told = submit(&writer, 4, create("p1")).await.unwrap();
    assert_eq!(
        told.sequence,
        Some(Sequence(1)),
        "the refused one left nothing behind"
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_id_is_the_same_command_at_every_writer() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    let together =
        futures::future::join_all((0..5).map(|_| submit(&writer, 3, create("p1")))).await;
    let first = together[0].as_ref().unwrap();
    assert!(
        together
            .iter()
            .all(|answer| answer.as_ref().unwrap() == first)
    );
    let other = bench.writer();
    assert_eq!(&submit(&other, 3, create("p1")).await.unwrap(), first);
    assert_eq!(
        other
            .receipt(CommandId(Uuid::from_u128(3)))
            .await
            .unwrap()
            .as_ref(),
        Some(first)
    );
    let reused = submit(&other, 3, create("p2")).await.unwrap_err();
    assert_eq!(reused.code, ErrorCode::EventIdReused);
    assert_eq!(bench.envelopes().await.len(), 3 + 2 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_registry_is_filled_from_the_log() {
    let mut bench = Bench::new();
    let writer = bench.declared().await;
    for number in 0..50_u128 {
        submit(&writer, 10 + number, create(&format!("p{number}")))
            .await
            .unwrap();
    }
    submit(&writer, 90, update("p7", 7, 1)).await.unwrap();
    writer.shutdown().await;
    bench.registry = registry();
    let writer = bench.writer();
    let refusal = submit(&writer, 91, update("p7", 8, 1)).await.unwrap_err();
    assert_eq!(refusal.detail["actual_seq"], 2);
    assert_eq!(
        submit(&writer, 12, create("p2")).await.unwrap().sequence,
        Some(Sequence(1))
    );
    let taken = submit(&writer, 92, create("p2")).await.unwrap_err();
    assert_eq!(taken.code, ErrorCode::AlreadyExists);
    let end = bench.log.end(&stream()).await.unwrap();
    assert_eq!(
        bench.registry.reflected_position(&stream()).await.unwrap(),
        end
    );
}

#[tokio::test(start_paused = true)]
async fn a_recreated_database_is_a_new_log() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    let other = bench.writer();
    assert!(other.snapshot(&"demo".parse().unwrap()).await.is_ok());
    let seal = Action::DeleteDatabase {
        expected_seq: Sequence(1),
    };
    submit(&writer, 3, seal).await.unwrap();
    let gone = writer.snapshot(&"demo".parse().unwrap()).await.unwrap_err();
    assert_eq!(gone.code, ErrorCode::NotFound);
    assert_eq!(
        submit(&writer, 4, create("p1")).await.unwrap_err().code,
        ErrorCode::NotFound
    );
    let made = submit(&writer, 5, create_database()).await.unwrap();
    assert_eq!(
        (made.stream, made.sequence),
        (stream().next(), Some(Sequence(1)))
    );
    let first = submit(&writer, 1, create_database()).await.unwrap();
    assert_eq!(
        first.stream,
        stream(),
        "a retry of the first gets the first answer"
    );
    submit(&other, 6, create_class()).await.unwrap();
    let snapshot = other.snapshot(&"demo".parse().unwrap()).await.unwrap();
    assert_eq!(snapshot.stream, stream().next());
    let (listed, damaged) = writer.databases().await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|it| it.stream).collect();
    assert_eq!((listed, damaged), (vec![stream().next()], vec![]));
    assert_eq!(
        writer
            .snapshot(&"none".parse().unwrap())
            .await
            .unwrap_err()
            .code,
        ErrorCode::NotFound
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_is_known_before_anything_touches_its_database() {
    let mut bench = Bench::new();
    let writer = bench.declared().await;
    let told = submit(&writer, 3, create("p1")).await.unwrap();
    writer.shutdown().await;
    bench.registry = registry();
    let writer = bench.writer();
    let known = writer.receipt(CommandId(Uuid::from_u128(3))).await.unwrap();
    assert_eq!(known, Some(told));
    let unknown = writer
        .receipt(CommandId(Uuid::from_u128(99)))
        .await
        .unwrap();
    assert_eq!(unknown, None);
}
