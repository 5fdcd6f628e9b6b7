//! Every metric, in one table. `docs/reference/metrics.md` is generated from it, and a test of `e2e`
//! compares it with what a running process reports, in both directions.

use crate::metric::{Counter, Gauge, Histogram, Kind, Metric};

/// Upper bounds of latencies, in seconds.
const LATENCY: Histogram = Histogram(&[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0,
]);

/// Upper bounds of waits that people notice, in seconds.
const SECONDS: Histogram = Histogram(&[0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0]);

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The name as it is scraped.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, without a dot at the end.
    pub help: &'static str,
}

const fn row<K: Kind, const N: usize>(metric: &'static Metric<K, N>) -> Row {
    Row {
        name: metric.name,
        kind: K::NAME,
        labels: &metric.labels,
        help: metric.help,
    }
}

macro_rules! table {
    ($($constant:ident: $type:ident($kind:expr) = $name:literal {$($label:literal),*} $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $constant: Metric<$type, { <[&str]>::len(&[$($label),*]) }> = Metric {
                name: $name,
                labels: [$($label),*],
                help: $help,
                kind: $kind,
            };
        )*

        /// Every metric.
        pub static ALL: &[Row] = &[$(row(&$constant),)*];
    };
}

table! {
    BUILD_INFO: Gauge(Gauge) = "spice_build_info" {"version"}
        "Always 1; the label is the version of the program";

    HTTP_REQUESTS: Counter(Counter) = "spice_http_requests_total" {"service", "method", "route", "status"}
        "HTTP requests that were answered";
    HTTP_REQUEST_DURATION: Histogram(LATENCY) = "spice_http_request_duration_seconds" {}
        "Time from a request to the head of its answer";

    ACCESS_DENIED: Counter(Counter) = "spice_access_denied_total" {"reason"}
        "Requests that were not let in. `reason` is `missing`, `malformed`, `unknown` (a wrong token), `slowed` (too many wrong tokens from one address) or `forbidden` (the principal may not do that)";
    ACCESS_TOKENS: Gauge(Gauge) = "spice_access_tokens" {}
        "Tokens of principals that are in force; 0 if anybody may do everything";
    FILE_VALID: Gauge(Gauge) = "spice_file_valid" {"file"}
        "1 while a file that is read again when it changes can be used; 0 if not, and its former content stays in force. `file` is `tokens` or `certificate` (with its key)";
    CERTIFICATE_EXPIRY: Gauge(Gauge) = "spice_certificate_expiry_timestamp_seconds" {}
        "When the certificate of the listeners expires, as Unix time; 0 without TLS";

    COMMANDS: Counter(Counter) = "spice_commands_total" {"outcome", "code"}
        "Commands that were accepted or refused; `code` is the error code of a refusal";
    APPENDS: Counter(Counter) = "spice_appends_total" {"outcome"}
        "Appends to a log: `done`, `lost` (another process appended at that position first, the batch is decided again) or `failed`";
    APPEND_DURATION: Histogram(LATENCY) = "spice_append_duration_seconds" {}
        "Time until the outcome of an append is known";
    APPENDED_ENVELOPES: Counter(Counter) = "spice_appended_envelopes_total" {}
        "Envelopes that were appended to logs";
    APPENDED_BYTES: Counter(Counter) = "spice_appended_bytes_total" {}
        "Bytes that were appended to logs, before compression";
    OPEN_DATABASES: Gauge(Gauge) = "spice_databases_open" {}
        "Databases that this process follows, to read them or to append";
    LOG_END: Gauge(Gauge) = "spice_log_end_position" {"database"}
        "The position after the last envelope of the log, for each open database";
    REFUSED_DATABASES: Gauge(Gauge) = "spice_databases_refused" {"database", "reason"}
        "1 for each database whose log is damaged or refused";
    CLOCK_SKEW: Gauge(Gauge) = "spice_clock_skew_seconds" {}
        "How far the clock of this host is ahead of the registry's, negative when it is behind";

    WAITS: Counter(Counter) = "spice_waits_total" {"kind", "outcome"}
        "Waits that ended. `kind` is `command` (`Prefer: wait`), `log` (a position that is not in the log yet) or `sink` (a position that a sink does not show yet); `outcome` is `done`, `timeout`, `failed`, or `abandoned` when the client went away";
    WAIT_DURATION: Histogram(LATENCY) = "spice_wait_duration_seconds" {"kind"}
        "Duration of waits that ended";
    OPEN_WAITS: Gauge(Gauge) = "spice_waits_open" {"kind"}
        "Waits that have not ended";
    FOLLOWED_COMMANDS: Gauge(Gauge) = "spice_commands_followed" {}
        "Commands whose status a client follows or waits for";

    WORKER_STATE: Gauge(Gauge) = "spice_worker_state" {"database", "worker", "sink", "state"}
        "1 for the present state of a worker: `starting`, `running`, `resting` (nothing to do), `paused` (a store is away, it goes on by itself), `damaged`, or `ended` (a sink beside the live one that has all of a sealed log). `worker` is `relay`, `graph_worker` or `projection_worker`; `sink` is `live`, `shadow` or `old`, and `bus` for the relay";
    WORKER_POSITION: Gauge(Gauge) = "spice_worker_position" {"database", "worker", "sink"}
        "The next position that a worker has not dealt with";
    WORKER_LAG: Gauge(Gauge) = "spice_worker_lag_positions" {"database", "worker", "sink"}
        "How many positions a worker is behind the end of its log";
    WORKER_LAG_SECONDS: Gauge(Gauge) = "spice_worker_lag_seconds" {"database", "worker", "sink"}
        "Age of the oldest envelope that a worker has not dealt with, 0 when there is none";
    WORKER_BATCHES: Counter(Counter) = "spice_worker_batches_total" {"database", "worker", "sink"}
        "Batches that were applied and recorded; for the relay, published";
    WORKER_RETRIES: Counter(Counter) = "spice_worker_retries_total" {"database", "worker", "sink"}
        "How often a worker tried again because a store was away";
    DEAD_LETTERS: Gauge(Gauge) = "spice_dead_letters" {"database", "handler", "sink"}
        "Events that are parked, those that wait behind a parked event included; `sink` is `gone` for a sink that was dropped";
    REPLAYS: Gauge(Gauge) = "spice_replays" {"database", "state"}
        "Replays that this process carries out, by state; the workers of their shadows have positions of their own";
    REPLAYS_ENDED: Counter(Counter) = "spice_replays_ended_total" {"outcome"}
        "Replays that this process has brought to an end: `complete`, `failed` or `cancelled`";

    OPERATOR_PASSES: Counter(Counter) = "spice_operator_reconcile_total" {"kind", "outcome"}
        "Passes of the operator over objects. `outcome` is `idle` (nothing can have changed, the api was not asked), `settled`, `waiting`, `stalled` (a person must act), `unavailable` (the api did not answer), `released` (the object may go), `failed` (the API server refused, or did not answer) or `skipped` (an object of another installation, or one that cannot be read)";
    OPERATOR_PASS_DURATION: Histogram(LATENCY) = "spice_operator_reconcile_duration_seconds" {"kind"}
        "Duration of passes";
    OPERATOR_ERRORS: Counter(Counter) = "spice_operator_reconcile_errors_total" {"kind", "reason"}
        "Passes that ended with an error. `reason` is that of the condition, `KubernetesUnavailable` (the API server refused, or did not answer) or `Late` (the pass took too long)";
    OPERATOR_QUEUE: Gauge(Gauge) = "spice_operator_queue_depth" {"kind"}
        "Objects that changed and wait for their pass; in a process that does not lead: all objects";
    OPERATOR_WATCH_AGE: Gauge(Gauge) = "spice_operator_watch_last_event_age_seconds" {"kind"}
        "Time since the quietest watch of a kind received something. The API server sends a bookmark about once a minute";
    OPERATOR_LEADER: Gauge(Gauge) = "spice_operator_leader" {}
        "1 if this process reconciles, 0 while another one has the lease";
    OPERATOR_RESOURCES: Gauge(Gauge) = "spice_operator_resources" {"kind", "condition", "status"}
        "Objects by the status of a condition";
    OPERATOR_FIRST_READY: Histogram(SECONDS) = "spice_operator_first_ready_seconds" {"kind"}
        "Time from the creation of an object until it is Ready for the first time";
    OPERATOR_DRIFT: Counter(Counter) = "spice_operator_drift_total" {"kind"}
        "Passes that corrected what somebody else changed in the api";
    OPERATOR_COMMANDS: Counter(Counter) = "spice_operator_command_total" {"verb", "outcome"}
        "Commands to the api. `verb` is `declare`, `hand_over` or `delete`; `outcome` is `changed`, `unchanged`, `refused` or `unavailable`";
    OPERATOR_COMMAND_DURATION: Histogram(LATENCY) = "spice_operator_command_duration_seconds" {"verb", "outcome"}
        "Duration of commands to the api";

    LEASES: Gauge(Gauge) = "spice_leases_held" {"worker"}
        "Leases on buckets of logs that this process holds, of 64";
}
