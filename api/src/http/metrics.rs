//! The api's own metrics, as Prometheus text.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::http::Surface;

/// Upper bounds of the duration histogram, in seconds.
const BOUNDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0, 10.0];

/// Service, method, status.
type RequestKey = (&'static str, &'static str, u16);

/// Counters; cheap to add to, read at `/metrics`.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By route, then by other labels.
    requests: Mutex<BTreeMap<String, BTreeMap<RequestKey, u64>>>,
    durations: [AtomicU64; BOUNDS.len() + 1],
    duration_micros: AtomicU64,
    accepted: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    pub(crate) fn request(
        &self,
        surface: Surface,
        method: &'static str,
        route: &str,
        status: u16,
        took: Duration,
    ) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(BOUNDS.len());
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.duration_micros.fetch_add(micros, Ordering::Relaxed);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (surface.as_str(), method, status);
        if let Some(of_route) = requests.get_mut(route) {
            *of_route.entry(key).or_default() += 1;
        } else {
            requests.insert(route.to_owned(), BTreeMap::from([(key, 1)]));
        }
    }

    pub(crate) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, code: &'static str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(code).or_default() += 1;
    }

    /// Everything, in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from(
            "# HELP spice_http_requests_total Requests answered.\n# TYPE spice_http_requests_total counter\n",
        );
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for (route, of_route) in &*requests {
            for ((service, method, status), count) in of_route {
                let _ = writeln!(
                    text,
                    "spice_http_requests_total{{service=\"{service}\",method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {count}"
                );
            }
        }
        drop(requests);
        self.render_durations(&mut text);
        self.render_commands(&mut text);
        text
    }

    #[allow(clippy::cast_precision_loss)]
    fn render_durations(&self, text: &mut String) {
        text.push_str("# HELP spice_http_request_duration_seconds Time to answer.\n# TYPE spice_http_request_duration_seconds histogram\n");
        let mut below = 0;
        for (bound, counter) in BOUNDS.iter().zip(&self.durations) {
            below += counter.load(Ordering::Relaxed);
            let _ = writeln!(
                text,
                "spice_http_request_duration_seconds_bucket{{le=\"{bound}\"}} {below}"
            );
        }
        below += self.durations[BOUNDS.len()].load(Ordering::Relaxed);
        let sum = self.duration_micros.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(
            text,
            "spice_http_request_duration_seconds_bucket{{le=\"+Inf\"}} {below}\nspice_http_request_duration_seconds_sum {sum}\nspice_http_request_duration_seconds_count {below}"
        );
    }

    fn render_commands(&self, text: &mut String) {
        text.push_str(
            "# HELP spice_commands_total Commands answered.\n# TYPE spice_commands_total counter\n",
        );
        let accepted = self.accepted.load(Ordering::Relaxed);
        let _ = writeln!(
            text,
            "spice_commands_total{{outcome=\"accepted\",code=\"\"}} {accepted}"
        );
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, count) in &*refused {
            let _ = writeln!(
                text,
                "spice_commands_total{{outcome=\"refused\",code=\"{code}\"}} {count}"
            );
        }
    }
}
