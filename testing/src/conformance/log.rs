//! Conformance of [`Log`].

use std::{collections::BTreeSet, sync::Arc};

use spice_core::{
    error::StoreError,
    id::LogPosition,
    port::log::{Append, Batch, Log},
    time::Timestamp,
};

use crate::{
    envelopes::{batch, batch_of, expected_lines, fill, read_all, time_of},
    values::stream,
};

/// Opens one log: empty at first, later like after a restart.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Log>;

pub async fn one_of_several_racing_appends_wins_each_position(make: Make<'_>) {
    let log = make();
    let demo = stream("demo");
    let mut writers = Vec::new();
    for writer in 0..8 {
        let log = log.clone();
        let demo = demo.clone();
        writers.push(tokio::spawn(async move {
            let mut won = Vec::new();
            while won.len() < 10 {
                let end = log.end(&demo).await.unwrap();
                let ours = batch_of(&demo, end.0, 1 + writer % 3, &format!("writer {writer}"));
                match log.append(&demo, ours.clone()).await.unwrap() {
                    Append::Done => won.push(ours),
                    Append::Occupied => assert!(log.end(&demo).await.unwrap() > end),
                    Append::Unknown => panic!("nothing was in doubt"),
                }
            }
            won
        }));
    }
    let mut won: Vec<Batch> = Vec::new();
    for writer in writers {
        won.extend(writer.await.unwrap());
    }
    won.sort_by_key(|batch| batch.first);
    assert_eq!(won.len(), 80);
    let mut end = LogPosition::ZERO;
    for batch in &won {
        assert_eq!(
            batch.first, end,
            "one winner a position, no gap, no overlap"
        );
        end = batch.end();
    }
    let lines: Vec<_> = won.into_iter().flat_map(|batch| batch.lines).collect();
    assert_eq!(log.end(&demo).await.unwrap(), end);
    assert_eq!(read_all(&*log, &demo, 7).await, lines);
}

pub async fn a_gap_is_refused_and_a_taken_position_is_occupied(make: Make<'_>) {
    let log = make();
    let demo = stream("demo");
    assert_eq!(log.end(&demo).await.unwrap(), LogPosition::ZERO);
    assert!(matches!(
        log.append(&demo, batch(&demo, 1, 1)).await,
        Err(StoreError::Rejected { .. })
    ));
    assert_eq!(log.streams().await.unwrap(), vec![], "nothing was written");
    fill(&*log, &demo, &[3]).await;
    for taken in 0..3 {
        let answer = log.append(&demo, batch_of(&demo, taken, 2, "late")).await;
        assert_eq!(answer.unwrap(), Append::Occupied);
    }
    assert!(matches!(
        log.append(&demo, batch(&demo, 4, 1)).await,
        Err(StoreError::Rejected { .. })
    ));
    assert_eq!(read_all(&*log, &demo, 10).await, expected_lines(&demo, 3));
}

/// Nothing is appended after a missing tail. `cut` removes all but the first appends of `demo`,
/// like someone who changes the storage of the log.
pub async fn nothing_is_appended_after_a_missing_tail(
    make: Make<'_>,
    cut: &dyn Fn(&dyn Log, usize),
) {
    let log = make();
    let demo = stream("demo");
    let mut end = 0;
    for left in [7, 4, 3, 0] {
        fill(&*log, &demo, &[2; 8][..8 - end]).await;
        cut(&*log, left);
        let behind = log.append(&demo, batch(&demo, 16, 1)).await;
        assert!(
            matches!(behind, Err(StoreError::Rejected { .. })),
            "{left}: {behind:?}"
        );
        let there = LogPosition(left as u64 * 2);
        assert_eq!(log.end(&demo).await.unwrap(), there, "{left}");
        let after = log.read(&demo, there, 5).await.unwrap();
        assert_eq!(after, [], "what is gone is not read from memory");
        assert_eq!(log.streams().await.unwrap().is_empty(), left == 0);
        end = left;
    }
}

pub async fn invalid_batches_are_refused(make: Make<'_>) {
    let log = make();
    let demo = stream("demo");
    for lines in [vec![], vec!["".into()], vec!["{}".into(), "a\nb".into()]] {
        let first = LogPosition::ZERO;
        let answer = log.append(&demo, Batch { first, lines }).await;
        assert!(matches!(answer, Err(StoreError::Rejected { .. })));
    }
    assert_eq!(log.end(&demo).await.unwrap(), LogPosition::ZERO);
}

pub async fn reads_respect_their_limits(make: Make<'_>) {
    let log = make();
    let demo = stream("demo");
    assert_eq!(log.read(&demo, LogPosition(0), 5).await.unwrap(), vec![]);
    fill(&*log, &demo, &[1, 4, 2, 3]).await;
    let all = expected_lines(&demo, 10);
    for from in 0..12 {
        for limit in [0, 1, 2, 5, 100] {
            let records = log.read(&demo, LogPosition(from), limit).await.unwrap();
            assert!(records.len() <= limit.max(1));
            assert_eq!(records.is_empty(), from >= 10);
            for (record, position) in records.iter().zip(from..) {
                assert_eq!(record.position, LogPosition(position));
                assert_eq!(record.line, all[usize::try_from(position).unwrap()]);
            }
        }
    }
    assert_eq!(log.read(&demo, LogPosition::MAX, 1).await.unwrap(), vec![]);
}

/// [`Log::read_many`] answers each position, wherever it is and however often it is requested.
pub async fn chosen_positions_are_read_in_the_requested_order(make: Make<'_>) {
    let log = make();
    let demo = stream("demo");
    let positions = [9, 0, 4, 4, 10, 3, u64::MAX].map(LogPosition);
    let found = log.read_many(&demo, &positions).await.unwrap();
    assert_eq!(found, vec![None; positions.len()]);
    fill(&*log, &demo, &[1, 4, 2, 3]).await;
    let all = expected_lines(&demo, 10);
    let found = log.read_many(&demo, &positions).await.unwrap();
    assert_eq!(found.len(), positions.len());
    for (position, record) in positions.into_iter().zip(found) {
        let line = usize::try_from(position.0).ok().and_then(|at| all.get(at));
        assert_eq!(record.as_ref().map(|record| &record.line), line);
        assert!(record.is_none_or(|record| record.position == position));
    }
    assert_eq!(log.read_many(&demo, &[]).await.unwrap(), vec![]);
}

/// [`Log::known_end`] is at most the end; an appender knows the end of its own append.
pub async fn a_known_end_is_never_ahead_of_the_end(make: Make<'_>) {
    let log = make();
    let demo = stream("demo");
    assert_eq!(log.known_end(&demo).await.unwrap(), LogPosition::ZERO);
    for size in [1, 4, 2] {
        fill(&*log, &demo, &[size]).await;
        let known = log.known_end(&demo).await.unwrap();
        assert_eq!(known, log.end(&demo).await.unwrap());
    }
}

pub async fn logs_are_listed_in_order_once_written(make: Make<'_>) {
    let log = make();
    let names = ["zoo", "demo", "demo.g2", "demo.g10", "demo-two", "demo.g3"];
    for name in names {
        assert_eq!(log.end(&stream(name)).await.unwrap(), LogPosition::ZERO);
        fill(&*log, &stream(name), &[1]).await;
    }
    let sorted: BTreeSet<_> = names.into_iter().map(stream).collect();
    let sorted: Vec<_> = sorted.into_iter().collect();
    assert_eq!(log.streams().await.unwrap(), sorted);
    for name in ["zoo", "demo", "demo-two", "dem", "other"] {
        let database = name.parse().unwrap();
        let own = sorted.iter().filter(|stream| stream.database == database);
        let own: Vec<_> = own.cloned().collect();
        assert_eq!(log.generations(&database).await.unwrap(), own, "{name}");
    }
    drop(log);
    assert_eq!(make().streams().await.unwrap(), sorted);
}

pub async fn a_time_is_found(make: Make<'_>) {
    let log = make();
    let demo = stream("demo");
    let after = async |log: &dyn Log, time| log.position_after(&demo, time).await.unwrap().0;
    assert_eq!(after(&*log, time_of(0)).await, 0, "no such log");
    fill(&*log, &demo, &[1, 1, 3, 1, 5, 1]).await;
    assert_eq!(after(&*log, Timestamp::from_micros(0)).await, 0);
    assert_eq!(after(&*log, Timestamp::from_micros(999_999)).await, 0);
    for position in 0..12 {
        let time = time_of(position);
        let next = Timestamp::from_micros(time.as_micros() + 9);
        let later = position / 2 * 2 + 2;
        assert_eq!(
            after(&*log, time).await,
            later,
            "of equal times, after the last"
        );
        assert_eq!(after(&*log, next).await, later, "between two");
        let before = Timestamp::from_micros(time.as_micros() - 1);
        assert_eq!(after(&*log, before).await, later - 2);
    }
    assert_eq!(after(&*log, Timestamp::from_micros(i64::MAX)).await, 12);
}

/// The checkpoint moves by compare-and-set.
pub async fn the_checkpoint_moves_only_from_where_it_stands(make: Make<'_>) {
    let log = make();
    let demo = stream("demo");
    let checkpoint = async |log: &dyn Log| log.checkpoint(&demo).await.unwrap().0;
    let moves = async |from, to| {
        log.move_checkpoint(&demo, LogPosition(from), LogPosition(to))
            .await
    };
    assert_eq!(checkpoint(&*log).await, 0);
    assert!(!moves(0, 0).await.unwrap(), "there is no log yet");
    fill(&*log, &demo, &[5]).await;
    for (from, to, moved, found) in [
        (0, 2, true, 2),
        (0, 4, false, 2),
        (1, 3, false, 2),
        (2, 2, true, 2),
        (2, 5, true, 5),
    ] {
        assert_eq!(moves(from, to).await.unwrap(), moved, "{from} to {to}");
        assert_eq!(checkpoint(&*log).await, found);
    }
    for (from, to) in [(5, 6), (5, 4)] {
        let refused = moves(from, to).await;
        assert!(matches!(refused, Err(StoreError::Rejected { .. })));
    }
    assert_eq!(checkpoint(&*log).await, 5);
    drop(log);
    assert_eq!(checkpoint(&*make()).await, 5);
}

pub async fn everything_survives_opening_again(make: Make<'_>) {
    let demo = stream("demo");
    let mut count = 0;
    for round in 1..5 {
        let log = make();
        assert_eq!(log.end(&demo).await.unwrap(), LogPosition(count));
        fill(&*log, &demo, &[round, 1, 2 * round]).await;
        count += 3 * round + 1;
        assert_eq!(
            read_all(&*log, &demo, 4).await,
            expected_lines(&demo, count)
        );
        drop(log);
        assert_eq!(
            read_all(&*make(), &demo, 100).await,
            expected_lines(&demo, count)
        );
    }
}

pub async fn generations_and_databases_are_separate(make: Make<'_>) {
    let log = make();
    let names = ["demo", "demo.g2", "demo2"];
    for (name, size) in names.into_iter().zip(1..) {
        fill(&*log, &stream(name), &[size, size]).await;
    }
    for (name, size) in names.into_iter().zip(1..) {
        let id = stream(name);
        assert_eq!(read_all(&*log, &id, 3).await, expected_lines(&id, 2 * size));
        let (from, to) = (LogPosition::ZERO, LogPosition(size));
        assert!(log.move_checkpoint(&id, from, to).await.unwrap());
    }
    for (name, size) in names.into_iter().zip(1..) {
        assert_eq!(log.checkpoint(&stream(name)).await.unwrap().0, size);
    }
}
