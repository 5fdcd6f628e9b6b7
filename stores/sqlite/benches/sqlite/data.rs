//! The data of the benches: flights on `main` and on a branch.

use spice_core::{
    chain::{Anchor, Chain},
    id::{BranchGeneration, EventId, InstanceRef, LogPosition, StreamId},
    json::Json,
    lineage::{Lineage, View},
    ontology::PropertyType,
    port::sink::{SinkRole, Sinks},
    query::{Filter, Operator},
    time::Timestamp,
};
use uuid::Uuid;

pub(crate) const COUNT: u64 = 100_000;
pub(crate) const BATCH: u64 = 1_000;

pub(crate) fn anchor(position: LogPosition) -> Anchor {
    Anchor {
        position,
        append: LogPosition::ZERO,
        chain: Chain::from_bytes([7; 32]),
    }
}

pub(crate) fn demo() -> StreamId {
    "demo".parse().unwrap()
}

pub(crate) fn view() -> View {
    View {
        stream: demo(),
        lineage: Lineage::main(),
    }
}

pub(crate) fn branch_view() -> View {
    let generation = BranchGeneration(LogPosition(COUNT / 2));
    let name = "what-if".parse().unwrap();
    View {
        lineage: Lineage::main().branch(name, generation, LogPosition(COUNT / 2)),
        ..view()
    }
}

pub(crate) fn flight(number: u64) -> InstanceRef {
    let spread = number.wrapping_mul(2_654_435_761) % 1_000_000_007;
    format!("Flight/f-{spread:010}").parse().unwrap()
}

pub(crate) fn data(number: u64) -> Json {
    let text = format!(
        r#"{{"flight_id":"f-{number}","carrier":"Carrier {}","origin":"Airport/a{}","destination":"Airport/a{}","departure":"2026-01-02T{:02}:{:02}:00Z","distance":{},"status":"scheduled","remarks":"gate {} boarding from door number {} with priority","cost":{{"amount":"{}.50","currency":"KRW"}}}}"#,
        number % 97,
        number % 3_000,
        (number * 7) % 3_000,
        number % 24,
        number % 60,
        number % 10_000,
        number % 211,
        number % 13,
        number
    );
    Json::parse(&text).unwrap()
}

pub(crate) fn event(number: u64) -> EventId {
    EventId(Uuid::from_u128(
        u128::from(number) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835,
    ))
}

pub(crate) fn moment(number: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(number).unwrap())
}

pub(crate) fn filter(property: &str, property_type: PropertyType, operator: Operator) -> Filter {
    Filter {
        property: property.parse().unwrap(),
        property_type,
        operator,
    }
}

pub(crate) async fn drop_live(sinks: &dyn Sinks) {
    let demo = demo();
    let live = sinks.sink(&demo).await.unwrap().generation;
    let dropped = sinks.drop_sink(&demo, &live, SinkRole::Live);
    dropped.await.unwrap();
}
