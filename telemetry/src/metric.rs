//! A metric: its name, its labels, its help text, and the series that a process keeps of it.

use std::{borrow::Cow, fmt};

use prometheus_client::{
    encoding::{EncodeLabel, EncodeLabelSet, EncodeMetric, LabelSetEncoder},
    metrics::{TypedMetric, family},
};

/// The value of a label. Every label has few values: see `docs/development.md`.
pub type Label = Cow<'static, str>;

/// A metric of one kind with `N` labels.
#[derive(Debug)]
pub struct Metric<K, const N: usize> {
    /// The name as it is scraped.
    pub name: &'static str,
    /// The names of its labels.
    pub labels: [&'static str; N],
    /// What it says, without a dot at the end.
    pub help: &'static str,
    /// What it counts with.
    pub kind: K,
}

/// What a metric counts with.
pub trait Kind: Clone + Send + Sync + 'static {
    /// `counter`, `gauge` or `histogram`.
    const NAME: &'static str;
    /// One series.
    type Series: EncodeMetric + TypedMetric + Clone + fmt::Debug + Send + Sync + 'static;

    /// A series with nothing in it.
    fn series(&self) -> Self::Series;
}

/// A number that only grows.
#[derive(Debug, Clone, Copy)]
pub struct Counter;

/// A number that goes up and down.
#[derive(Debug, Clone, Copy)]
pub struct Gauge;

/// How values are spread over the buckets with these upper bounds.
#[derive(Debug, Clone, Copy)]
pub struct Histogram(pub &'static [f64]);

impl Kind for Counter {
    const NAME: &'static str = "counter";
    type Series = prometheus_client::metrics::counter::Counter;

    fn series(&self) -> Self::Series {
        Self::Series::default()
    }
}

impl Kind for Gauge {
    const NAME: &'static str = "gauge";
    type Series = prometheus_client::metrics::gauge::Gauge<f64, std::sync::atomic::AtomicU64>;

    fn series(&self) -> Self::Series {
        Self::Series::default()
    }
}

impl Kind for Histogram {
    const NAME: &'static str = "histogram";
    type Series = prometheus_client::metrics::histogram::Histogram;

    fn series(&self) -> Self::Series {
        Self::Series::new(self.0.iter().copied())
    }
}

/// Makes the series of a family.
#[derive(Clone)]
pub(crate) struct Make<K>(K);

impl<K: Kind> family::MetricConstructor<K::Series> for Make<K> {
    fn new_metric(&self) -> K::Series {
        self.0.series()
    }
}

/// The series of a metric in one process. Cheap to clone: the clones share the series.
#[derive(Clone)]
pub struct Family<K: Kind, const N: usize> {
    pub(crate) metric: &'static Metric<K, N>,
    pub(crate) series: family::Family<Labels<N>, K::Series, Make<K>>,
}

impl<K: Kind, const N: usize> Metric<K, N> {
    /// A family without series.
    pub fn family(&'static self) -> Family<K, N> {
        Family {
            metric: self,
            series: family::Family::new_with_constructor(Make(self.kind.clone())),
        }
    }
}

impl<K: Kind, const N: usize> Family<K, N> {
    /// The series with these values of the labels; begins at zero.
    pub fn with(&self, values: [Label; N]) -> K::Series {
        self.series.get_or_create_owned(&Labels {
            names: &self.metric.labels,
            values,
        })
    }
}

/// The labels of a series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Labels<const N: usize> {
    names: &'static [&'static str; N],
    values: [Label; N],
}

impl<const N: usize> EncodeLabelSet for Labels<N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        for (name, value) in self.names.iter().zip(&self.values) {
            (*name, value.as_ref()).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}
