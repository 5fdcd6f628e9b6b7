//! The chain of a log: what it is computed of, where it is read, what breaks it.

use proptest::prelude::*;
use serde_json::json;
use spice_core::{
    chain::{Chain, ChainHead, KeptHead, LogFault},
    envelope::Envelope,
    guard::{Guard, Guards},
    id::{LogPosition, StreamId},
};

/// An envelope of a chain, as it was written once: it must be read and written the same for ever.
const CHAINED: &str = include_str!("chain/chained.json");

fn stream(name: &str) -> StreamId {
    name.parse().unwrap()
}

fn line(text: &str, chain: Option<Chain>) -> String {
    chain.map_or_else(
        || {
            format!(
                r#"{{"data":{},"generation":{{"database":1}}}}"#,
                json!(text)
            )
        },
        |chain| {
            let data = json!(text);
            format!(r#"{{"data":{data},"generation":{{"database":1}},"chain":"{chain}"}}"#)
        },
    )
}

/// A log of appends; each line of each is a text.
fn write_log(stream: &StreamId, appends: &[Vec<String>]) -> Vec<String> {
    let mut head = ChainHead::at(stream, LogPosition::ZERO);
    let mut lines = Vec::new();
    for append in appends {
        for (index, text) in append.iter().enumerate() {
            let line = line(text, head.next().filter(|_| index == 0));
            head.take(LogPosition(lines.len() as u64), line.as_bytes())
                .unwrap();
            lines.push(line);
        }
    }
    lines
}

/// Reads lines from a position on; the head after them.
fn read(stream: &StreamId, lines: &[String], from: usize) -> Result<ChainHead, LogFault> {
    let mut head = ChainHead::at(stream, LogPosition(from as u64));
    for (position, line) in (0..).zip(lines).skip(from) {
        head.take(LogPosition(position), line.as_bytes())?;
    }
    Ok(head)
}

#[test]
fn a_chained_envelope_is_read_and_written_byte_for_byte() {
    let line = CHAINED.trim_end();
    let envelope = Envelope::from_line(line.as_bytes()).unwrap();
    assert!(envelope.chain.is_some());
    assert_eq!(envelope.to_line().unwrap(), line);
    assert_eq!(Chain::of_line(line.as_bytes()), envelope.chain);
}

/// The values were computed by another program: SHA-256 over the text that names the log, then
/// over the 32 bytes of the chain before and each line with its line end.
#[test]
fn the_chain_matches_the_documentation() {
    let demo = stream("demo");
    let head = ChainHead::at(&demo, LogPosition::ZERO);
    let genesis = include_str!("chain/genesis.txt").trim();
    assert_eq!(head.next().unwrap().to_string(), genesis);
    let appends = [vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]];
    let lines = write_log(&demo, &appends);
    let heads = include_str!("chain/heads.txt");
    let expected: Vec<&str> = heads.lines().collect();
    for (index, _) in lines.iter().enumerate() {
        let head = read(&demo, &lines[..=index], 0).unwrap();
        assert_eq!(head.next().unwrap().to_string(), expected[index]);
    }
    let again = ChainHead::at(&stream("demo.g2"), LogPosition::ZERO);
    assert_ne!(again.next(), head.next(), "a log made again is another log");
}

#[test]
fn a_value_is_64_lowercase_digits_and_nothing_else() {
    let good = "0123456789abcdef".repeat(4);
    assert_eq!(good.parse::<Chain>().unwrap().to_string(), good);
    for bad in [
        "",
        &good[1..],
        &good.to_uppercase(),
        &good.replace('0', "g"),
        &format!("{good}0"),
    ] {
        assert!(bad.parse::<Chain>().is_err(), "{bad}");
    }
    let kept: KeptHead = format!("17:{good}").parse().unwrap();
    assert_eq!(kept.position, LogPosition(17));
    for bad in ["", "17", ":", "x:0", &format!("-1:{good}"), "17:abc"] {
        assert!(bad.parse::<KeptHead>().is_err(), "{bad}");
    }
}

#[test]
fn a_missing_position_is_named() {
    let demo = stream("demo");
    let mut head = ChainHead::at(&demo, LogPosition::ZERO);
    let fault = head.take(LogPosition(1), b"{}").unwrap_err();
    assert_eq!(
        (fault.as_str(), fault.position()),
        ("log_incomplete", LogPosition(0))
    );
}

#[test]
fn without_its_guard_a_broken_chain_is_not_detected() {
    let demo = stream("demo");
    let mut lines = write_log(&demo, &[vec!["a".to_owned()], vec!["b".to_owned()]]);
    lines[0] = lines[0].replace("\"a\"", "\"x\"");
    let fault = read(&demo, &lines, 0).unwrap_err();
    assert_eq!(
        (fault.as_str(), fault.position()),
        ("chain_broken", LogPosition(1))
    );
    let mut head =
        ChainHead::at(&demo, LogPosition::ZERO).with_guards(Guards::without(Guard::Chain));
    for (position, line) in (0..).zip(&lines) {
        head.take(LogPosition(position), line.as_bytes()).unwrap();
    }
}

fn appends() -> impl Strategy<Value = Vec<Vec<String>>> {
    let text = prop_oneof![any::<String>(), Just(r#"x","chain":""#.to_owned())];
    prop::collection::vec(prop::collection::vec(text, 1..5), 1..8)
}

proptest! {
    /// Any log is one chain, from wherever it is read, and ends with the same value.
    #[test]
    fn log_is_contiguous_from_any_position(appends in appends(), from in any::<prop::sample::Index>()) {
        let demo = stream("demo");
        let lines = write_log(&demo, &appends);
        let whole = read(&demo, &lines, 0).unwrap();
        prop_assert_eq!(whole.chained_from(), Some(LogPosition(0)));
        let later = read(&demo, &lines, from.index(lines.len())).unwrap();
        prop_assert!(later.next().is_none() || later.next() == whole.next());
        prop_assert!(read(&stream("other"), &lines, 0).is_err(), "of another log");
    }

    /// A line changed, left out, doubled, or exchanged with another: the chain breaks, or, where
    /// it happens in the last append, the chain at the end is another.
    #[test]
    fn any_change_of_a_log_is_detected(
        appends in appends(),
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        how in 0..4_u8,
    ) {
        let demo = stream("demo");
        let lines = write_log(&demo, &appends);
        let whole = read(&demo, &lines, 0).unwrap();
        let mut changed = lines.clone();
        let (at, other) = (at.index(lines.len()), other.index(lines.len()));
        match how {
            0 => changed[at].insert(1, ' '),
            1 => drop(changed.remove(at)),
            2 => changed.insert(at, lines[at].clone()),
            _ => changed.swap(at, other),
        }
        prop_assume!(changed != lines);
        let shows = match read(&demo, &changed, 0) {
            Err(fault) => fault.position() <= LogPosition(changed.len() as u64),
            Ok(head) => head.anchor() != whole.anchor(),
        };
        prop_assert!(shows);
    }

    /// A log that was begun without a chain is covered by the first one.
    #[test]
    fn earlier_envelopes_are_covered(
        before in prop::collection::vec(any::<String>(), 0..6),
        after in appends(),
        at in any::<prop::sample::Index>(),
    ) {
        let demo = stream("demo");
        let mut lines: Vec<String> = before.iter().map(|text| line(text, None)).collect();
        let mut head = read(&demo, &lines, 0).unwrap();
        prop_assert_eq!(head.chained_from(), None);
        for append in &after {
            for (index, text) in append.iter().enumerate() {
                let line = line(text, head.next().filter(|_| index == 0));
                head.take(LogPosition(lines.len() as u64), line.as_bytes()).unwrap();
                lines.push(line);
            }
        }
        let whole = read(&demo, &lines, 0).unwrap();
        prop_assert_eq!(whole.chained_from(), Some(LogPosition(before.len() as u64)));
        if !before.is_empty() {
            lines[at.index(before.len())].push(' ');
            prop_assert!(read(&demo, &lines, 0).is_err());
        }
    }
}
