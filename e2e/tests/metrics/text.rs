//! A strict reader of the Prometheus text format 0.0.4: anything that a scraper might read otherwise
//! fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    name: String,
    pub(crate) labels: BTreeMap<String, String>,
    value: f64,
}

/// A scrape, read.
#[derive(Debug, Default)]
pub(crate) struct Scraped {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, Vec<Sample>>,
}

impl Scraped {
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is whole");
        let mut scraped = Self::default();
        let mut lines = text.lines();
        let mut open: Option<String> = None;
        let mut seen = BTreeSet::new();
        while let Some(line) = lines.next() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(!help.trim().is_empty(), "{name} has a help text");
                let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
                let (typed, kind) = kind.and_then(|it| it.split_once(' ')).unwrap();
                assert_eq!(typed, name, "TYPE follows HELP");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let known = scraped.kinds.insert(name.to_owned(), kind.to_owned());
                assert_eq!(known, None, "{name} comes once");
                open = Some(name.to_owned());
                continue;
            }
            let sample = sample(line);
            let family = open.clone().expect("a sample has a family");
            let ending = sample.name.strip_prefix(&family);
            let ending = ending.unwrap_or_else(|| panic!("{line} is not of {family}"));
            let is_histogram = scraped.kinds[&family] == "histogram";
            let fits = match ending {
                "" => !is_histogram,
                "_bucket" | "_sum" | "_count" => is_histogram,
                _ => false,
            };
            assert!(fits, "{line} is not of {family}");
            let series = (sample.name.clone(), sample.labels.clone());
            assert!(seen.insert(series), "{line} comes once");
            scraped.samples.entry(family).or_default().push(sample);
        }
        for (name, kind) in &scraped.kinds {
            if kind == "histogram" {
                check_buckets(&scraped.samples[name]);
            }
        }
        scraped
    }

    /// The kind of each metric.
    pub(crate) fn kinds(&self) -> BTreeMap<&str, &str> {
        let kinds = self.kinds.iter();
        kinds.map(|(name, kind)| (&**name, &**kind)).collect()
    }

    /// The series of a metric, without the labels of buckets.
    pub(crate) fn samples(&self, name: &str) -> Vec<Sample> {
        let mut samples = self.samples.get(name).cloned().unwrap_or_default();
        for sample in &mut samples {
            sample.labels.remove("le");
        }
        samples
    }

    /// The only value of a metric whose labels hold these.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let holds = |sample: &&Sample| {
            let mut labels = labels.iter();
            labels.all(|(name, value)| sample.labels.get(*name).is_some_and(|it| it == value))
        };
        let samples = self.samples(name);
        let found: Vec<&Sample> = samples.iter().filter(holds).collect();
        let [sample] = found[..] else {
            panic!("{name} {labels:?}: {found:?} of {samples:?}");
        };
        sample.value
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match series.split_once('{') {
        None => (series, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap()),
    };
    assert!(is_name(name), "{line}");
    Sample {
        name: name.to_owned(),
        labels: read_labels(labels),
        value: value
            .parse()
            .unwrap_or_else(|_| panic!("no number: {line}")),
    }
}

fn read_labels(mut text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").unwrap();
        assert!(is_name(name), "{name}");
        let mut value = String::new();
        let mut rest = rest.chars();
        loop {
            match rest.next().unwrap() {
                '"' => break,
                '\\' => value.push(match rest.next().unwrap() {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("\\{other} is no escape"),
                }),
                other => value.push(other),
            }
        }
        assert_eq!(
            labels.insert(name.to_owned(), value),
            None,
            "{name} comes once"
        );
        text = rest.as_str();
        if !text.is_empty() {
            text = text.strip_prefix(',').unwrap();
        }
    }
    labels
}

fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_part) && !text.as_bytes()[0].is_ascii_digit()
}

/// The buckets of each series grow, and the last one holds everything.
fn check_buckets(samples: &[Sample]) {
    let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for sample in samples {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le");
        if sample.name.ends_with("_bucket") {
            let bound: f64 = bound.unwrap().parse().unwrap();
            series
                .entry(labels)
                .or_default()
                .push((bound, sample.value));
        } else if sample.name.ends_with("_count") {
            counts.insert(labels, sample.value);
        }
    }
    assert_eq!(series.len(), counts.len());
    for (labels, buckets) in series {
        let grows = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        assert!(buckets.windows(2).all(grows), "{buckets:?}");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, counts[&labels])));
    }
}
