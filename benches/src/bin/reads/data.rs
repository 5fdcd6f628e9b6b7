//! The options, and the instances that are written and read.

use clap::Parser;
use serde_json::json;
use spice_core::{
    id::{EventId, InstanceRef, StreamId},
    json::Json,
    time::Timestamp,
};
use uuid::Uuid;

#[derive(Parser)]
pub(crate) struct Options {
    /// The number of instances, in whole thousands.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) instances: u64,
    #[arg(long, default_value_t = 200)]
    pub(crate) samples: usize,
}

pub(crate) const BATCH: u64 = 1_000;
pub(crate) const PAGE: usize = 50;

pub(crate) fn stream() -> anyhow::Result<StreamId> {
    Ok("bench".parse()?)
}

pub(crate) fn product(number: u64) -> anyhow::Result<InstanceRef> {
    Ok(format!("Product/product-{:06}", spread(number)).parse()?)
}

/// Instances that are close in time differ in their names.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(611_953) % 1_000_003
}

pub(crate) fn data(number: u64) -> Json {
    let status = match number % 3 {
        0 => "planned",
        1 => "sold",
        _ => "stored",
    };
    let (month, day, minute) = (number % 12 + 1, number % 28 + 1, number % 60);
    let mut fields = json!({
        "name": format!("Product number {}", spread(number)),
        "number": number,
        "price": number * 7 % 1_000,
        "stock": number % 77,
        "status": status,
        "made_at": format!("2026-{month:02}-{day:02}T10:{minute:02}:00Z"),
        "note": "kept dry and cool, handled with care, and delivered on the day it was promised",
        "owned_by": format!("Customer/customer-{}", number % 1_000),
    });
    if number.is_multiple_of(3) {
        fields["discount"] = json!(number % 100);
    }
    fields.into()
}

pub(crate) fn event(number: u64) -> EventId {
    EventId(Uuid::from_u128(u128::from(number) << 64 | 7))
}

pub(crate) fn moment(number: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(number).unwrap_or(0))
}
