//! Times in the log are the registry's, whatever a host's clock says.

use super::*;

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
        Arc::new(bench.log.clone()),
        bench.registry.clone(),
        bench.hints.clone(),
        Arc::new(Still(here)),
        WriterSettings::default(),
    );
    (bench, writer)
}

#[tokio::test(start_paused = true)]
async fn times_are_the_registrys_and_a_host_that_is_off_says_so() {
    for (off, told) in [(HOUR, Some(HOUR)), (-HOUR, Some(-HOUR)), (4_000_000, None)] {
        let (bench, writer) = at(NOON, NOON + off);
        submit(&writer, 1, create_database()).await.unwrap();
        let envelopes = bench.envelopes().await;
        let times: Vec<_> = envelopes
            .iter()
            .map(|it| it.occurred_at.as_micros())
            .collect();
        assert!(times.iter().all(|time| *time == NOON), "{times:?}");
        assert_eq!(writer.clock_skew(), told);
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
