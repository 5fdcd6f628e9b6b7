//! The envelope's bytes: golden files, one for each event type, and the round trip of any other.

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use spice_core::{
    chain::Chain,
    envelope::{Envelope, EventType, Generations, Kind, Metadata, OntologyRef},
    event::{
        BranchCreated, BranchDeleted, BranchMerged, BranchRebased, ClassEvent, DatabaseCreated,
        DatabaseMark, DatabaseUpdated, EventDiscarded, InstanceEvent, OwnersChanged,
    },
    id::{AggregateId, BranchGeneration, CommandId, EventId, LogPosition, Sequence},
    json::Json,
    model::fold,
    name::PropertyName,
    time::Timestamp,
};
use uuid::Uuid;

/// Files in `earlier`.
const EARLIER: usize = 3;

fn golden(event_type: EventType) -> String {
    let name = event_type.as_str().to_lowercase();
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/words/golden/{name}.json"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rewrite<T: Serialize + DeserializeOwned>(data: &Json) -> String {
    let event: T = data.read().unwrap();
    Json::of(&event).unwrap().to_string()
}

#[test]
fn every_event_type_reads_and_writes_its_golden_file_byte_for_byte() {
    for event_type in EventType::ALL {
        let file = golden(*event_type);
        let line = file.strip_suffix('\n').expect("a golden file is one line");
        let envelope = Envelope::from_line(line.as_bytes()).unwrap();
        assert_eq!(envelope.event_type, *event_type);
        assert_eq!(envelope.to_line().unwrap(), line, "{event_type}");
        assert_eq!(Envelope::from_line(line.as_bytes()).unwrap(), envelope);
        assert!(fold(&envelope).is_ok(), "{event_type}");
        let data = Json::null();
        let head = Envelope { data, ..envelope };
        assert_eq!(Envelope::head_from_line(line.as_bytes()).unwrap(), head);
    }
    let files: BTreeSet<_> =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/words/golden"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
    let types: BTreeSet<_> = EventType::ALL
        .iter()
        .map(|event_type| format!("{}.json", event_type.as_str().to_lowercase()))
        .collect();
    assert_eq!(files, types);
}

#[test]
fn the_data_of_a_golden_file_is_read_and_written_by_its_own_type() {
    for event_type in EventType::ALL {
        let envelope = Envelope::from_line(golden(*event_type).trim_end().as_bytes()).unwrap();
        let data = &envelope.data;
        let again = match event_type {
            EventType::DatabaseCreated => rewrite::<DatabaseCreated>(data),
            EventType::DatabaseUpdated => rewrite::<DatabaseUpdated>(data),
            EventType::OwnersChanged => rewrite::<OwnersChanged>(data),
            EventType::DatabaseDeleted | EventType::DatabaseOpened | EventType::DatabaseSealed => {
                rewrite::<DatabaseMark>(data)
            }
            EventType::OntologyClassCreated
            | EventType::OntologyClassUpdated
            | EventType::OntologyClassDeleted => rewrite::<ClassEvent>(data),
            EventType::InstanceCreated
            | EventType::InstanceUpdated
            | EventType::InstanceDeleted => rewrite::<InstanceEvent>(data),
            EventType::BranchCreated => rewrite::<BranchCreated>(data),
            EventType::BranchDeleted => rewrite::<BranchDeleted>(data),
            EventType::BranchMerged => rewrite::<BranchMerged>(data),
            EventType::BranchRebased => rewrite::<BranchRebased>(data),
            EventType::EventDiscarded => rewrite::<EventDiscarded>(data),
            _ => continue,
        };
        assert_eq!(again, data.as_str(), "{event_type}");
    }
}

/// What earlier versions wrote says the same as what is written now.
#[test]
fn events_of_earlier_logs_are_read() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/words/earlier");
    let mut count = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let line = fs::read_to_string(entry.unwrap().path()).unwrap();
        let earlier = Envelope::from_line(line.trim_end().as_bytes()).unwrap();
        let now = golden(earlier.event_type);
        let now = Envelope::from_line(now.trim_end().as_bytes()).unwrap();
        assert_ne!(earlier.data, now.data);
        assert_eq!(fold(&earlier).unwrap(), fold(&now).unwrap());
        if earlier.event_type == EventType::InstanceUpdated {
            let (earlier, now) = (earlier.data.read(), now.data.read());
            let (earlier, now): (InstanceEvent, InstanceEvent) = (earlier.unwrap(), now.unwrap());
            assert_eq!(earlier, now);
        }
        count += 1;
    }
    assert_eq!(count, EARLIER, "each file of an earlier version is read");
}

#[test]
fn numbers_keep_their_digits_through_the_log() {
    let file = golden(EventType::InstanceCreated);
    let envelope = Envelope::from_line(file.trim_end().as_bytes()).unwrap();
    let event: InstanceEvent = envelope.data.read().unwrap();
    let data = event.data.unwrap();
    assert_eq!(
        data[&"price".parse::<PropertyName>().unwrap()].as_str(),
        "1.10"
    );
    assert_eq!(
        data[&"quantity".parse::<PropertyName>().unwrap()].as_str(),
        "1208925819614629174706176"
    );
}

#[test]
fn another_schema_version_and_a_wrong_aggregate_are_refused() {
    let line = golden(EventType::InstanceCreated);
    let newer = line.replace(r#""schema_version":"1""#, r#""schema_version":"2""#);
    let error = Envelope::from_line(newer.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.contains("schema_version"), "{error}");
    for wrong in [
        "demo:main:Product",
        "demo:main:Product:prod_001:x",
        "demo::Product:prod_001",
        "",
    ] {
        let line = line.replace(
            r#""aggregate_id":"demo:main:Product:prod_001""#,
            &format!(r#""aggregate_id":"{wrong}""#),
        );
        assert!(Envelope::from_line(line.as_bytes()).is_err(), "{wrong}");
    }
    assert!(Envelope::from_line(&line.as_bytes()[..line.len() / 2]).is_err());
    assert!(Envelope::from_line(b"").is_err());
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let texts = (
        any::<Option<String>>(),
        any::<Option<String>>(),
        any::<String>(),
    );
    let ids = (any::<u128>(), any::<u128>(), any::<Option<u128>>());
    (ids, texts, any::<Option<u32>>(), any::<bool>()).prop_map(
        |((command, correlation, cause), (run, trace, service), position, client)| Metadata {
            kind: if client { Kind::Command } else { Kind::Domain },
            command_id: CommandId(Uuid::from_u128(command)),
            command_type: run.clone(),
            service,
            correlation_id: Uuid::from_u128(correlation),
            causation_id: cause.map(|id| EventId(Uuid::from_u128(id))),
            traceparent: trace.clone(),
            ontology: position.map(|position| OntologyRef {
                reference: "branch:main".into(),
                position: LogPosition(position.into()),
            }),
            payload_digest: trace,
            client: client.then(|| Json::parse(r#"{ "a": 1.10 }"#).unwrap()),
            run_id: run.clone(),
            code_sha: run,
        },
    )
}

proptest! {
    #[test]
    fn any_envelope_parses_back_from_its_line(
        metadata in metadata(),
        which in 0..EventType::ALL.len(),
        actor in any::<Option<String>>(),
        text in any::<String>(),
        sequence in any::<Option<u32>>(),
        position in any::<u32>(),
        micros in 0..4_102_444_800_000_000_i64,
        chain in any::<Option<[u8; 32]>>(),
    ) {
        let envelope = Envelope {
            event_id: EventId(metadata.command_id.0),
            event_type: EventType::ALL[which],
            aggregate: AggregateId::Instance(
                "demo".parse().unwrap(),
                "a/b".parse().unwrap(),
                "a:B".parse().unwrap(),
                "x:y:".parse().unwrap(),
            ),
            occurred_at: Timestamp::from_micros(micros),
            actor,
            data: Json::of(&text).unwrap(),
            metadata,
            sequence: sequence.map(|number| Sequence(number.into())),
            position: LogPosition(position.into()),
            database: "demo".parse().unwrap(),
            generation: Generations {
                database: 1,
                branch: sequence.map(|_| BranchGeneration(LogPosition(7))),
            },
            chain: chain.map(Chain::from_bytes),
        };
        let line = envelope.to_line().unwrap();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(&Envelope::from_line(line.as_bytes()).unwrap(), &envelope);
        prop_assert_eq!(Chain::of_line(line.as_bytes()), envelope.chain);
        prop_assert_eq!(Envelope::from_line(line.as_bytes()).unwrap().to_line().unwrap(), line);
    }
}
