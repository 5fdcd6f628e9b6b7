//! Times in the log are the registry's, whatever a host's clock says.

use super::*;
use crate::writer::skew::Skew;

/// A clock that stands still.
struct Still(i64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0)
    }
}

const HOUR: i64 = 3_600_000_000;
const NOON: i64 = 1_770_000_000_000_000;

fn at(now: i64, here: i64) -> (Bench, Writer) {
    let mut bench = Bench::new();
    let guards = Guards::default();
    let registry = SqliteRegistry::open(&Location::Memory, Mode::Inline, guards).unwrap();
    bench.registry = Arc::new(registry.with_clock(Arc::new(Still(now))));
    let writer = Writer::new(
        Vec::new(),
        Arc::new(bench.log.clone()),
        bench.registry.clone(),
        bench.hints.clone(),
        Arc::new(Still(here)),
        WriterSettings::default(),
    );
    (bench, writer)
}

#[tokio::test(start_paused = true)]
async fn times_are_the_registrys_and_a_wrong_host_clock_is_reported() {
    for (off, warned) in [
        (HOUR, Some(3_600)),
        (-HOUR, Some(-3_600)),
        (4_000_000, None),
    ] {
        let (bench, writer) = at(NOON, NOON + off);
        submit(&writer, 1, create_database()).await.unwrap();
        let envelopes = bench.envelopes().await;
        let times: Vec<_> = envelopes
            .iter()
            .map(|it| it.occurred_at.as_micros())
            .collect();
        assert!(times.iter().all(|time| *time == NOON), "{times:?}");
        assert_eq!((writer.clock_skew(), writer.clock_warning()), (off, warned));
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_compares_the_clocks_of_a_host_that_writes_nothing() {
    let (_bench, writer) = at(NOON, NOON - HOUR);
    assert_eq!(writer.clock_skew(), 0);
    writer.probe_registry(&stream()).await.unwrap();
    assert_eq!(writer.clock_warning(), Some(-3_600));
}

#[test]
fn a_slow_answer_is_no_skew() {
    let at = Timestamp::from_micros;
    let skew = Skew::default();
    for (registry, ahead) in [(0, 10), (10, 0), (15, 0), (20, 0), (27, -7)] {
        skew.note(&(at(10)..=at(20)), at(registry));
        assert_eq!(skew.micros(), ahead, "{registry}");
    }
}

#[tokio::test(start_paused = true)]
async fn time_never_goes_back_within_a_log() {
    let (mut bench, writer) = at(NOON, NOON);
    submit(&writer, 1, create_database()).await.unwrap();
    writer.shutdown().await;
    let (other, _) = at(NOON - HOUR, NOON);
    bench.registry = other.registry;
    let writer = bench.writer();
    submit(&writer, 2, create_class()).await.unwrap();
    assert!(
        bench
            .envelopes()
            .await
            .iter()
            .all(|it| it.occurred_at.as_micros() == NOON)
    );
}
