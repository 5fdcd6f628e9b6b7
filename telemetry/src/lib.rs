//! What a process reports about itself: metrics, defined once in [`table`]; spans ([`mod@trace`]) and
//! their export; its log.
#![warn(missing_docs)]

mod error;
#[cfg(feature = "otel")]
mod export;
pub mod metric;
pub mod scrape;
mod start;
pub mod table;
pub mod trace;

pub use self::{
    error::{StartError, describe_error},
    metric::{Counter, Family, Gauge, Histogram, Kind, Label, Metric},
    scrape::{CONTENT_TYPE, Scrape, Source, render},
    start::{Settings, Telemetry, start},
};
