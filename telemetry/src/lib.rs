//! What a process reports about itself to monitoring: metrics, defined once in [`table`].
#![warn(missing_docs)]

pub mod metric;
pub mod scrape;
pub mod table;

pub use self::{
    metric::{Counter, Family, Gauge, Histogram, Kind, Label, Metric},
    scrape::{CONTENT_TYPE, Scrape, Source, render},
};
