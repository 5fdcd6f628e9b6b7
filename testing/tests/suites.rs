//! Every rule of a port is in its suite; the log in memory conforms.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use spice_core::{
    error::StoreError,
    port::{Store, log::Log},
};
use spice_testing::{
    MemoryLog, conformance,
    double::{Call, Double, Port, unavailable},
    log_suite,
    values::{block_on, block_on_threads, stream},
};

fn in_memory() -> impl Fn() -> Arc<dyn Log> {
    let log = MemoryLog::new();
    move || Arc::new(log.clone())
}

log_suite!(in_memory());

/// A double answers like the log behind it.
mod double {
    use super::{Arc, Call, Double, Log, MemoryLog};

    fn open() -> impl Fn() -> Arc<dyn Log> {
        let log = MemoryLog::new();
        let pass = |_: Call<'_>| Ok(());
        move || Arc::new(Double::new(Arc::new(log.clone()), pass))
    }

    spice_testing::log_suite!(open());
}

#[test]
fn a_hook_sees_each_call_and_its_error_is_the_answer() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::clone(&seen);
    let hook = move |call: Call<'_>| {
        let stream = call.stream.map(ToString::to_string);
        calls.lock().unwrap().push((call.port, call.method, stream));
        match call.method {
            "end" => Err(unavailable(Store::Log)),
            _ => Ok(()),
        }
    };
    let log = Double::new(Arc::new(MemoryLog::new()), hook);
    let demo = stream("demo");
    assert_eq!(block_on(log.streams()).unwrap(), []);
    let answer = block_on(log.end(&demo));
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })));
    let expected = [
        (Port::Log, "streams", None),
        (Port::Log, "end", Some("demo".to_owned())),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn nothing_is_appended_after_a_missing_tail() {
    let log = MemoryLog::new();
    let demo = stream("demo");
    let cut = |_: &dyn Log, left: usize| {
        let lines = log.lines(&demo);
        log.put(&demo, lines[..left * 2].to_vec());
    };
    let make = || Arc::new(log.clone()) as Arc<dyn Log>;
    block_on_threads(conformance::log::nothing_is_appended_after_a_missing_tail(
        &make, &cut,
    ));
}

#[test]
fn every_rule_is_in_a_suite() {
    let suites = include_str!("../src/suites.rs");
    let mut rules = 0;
    for (module, text) in [
        ("log", include_str!("../src/conformance/log.rs")),
        ("bus", include_str!("../src/conformance/bus.rs")),
        ("graph", include_str!("../src/conformance/graph.rs")),
        ("documents", include_str!("../src/conformance/documents.rs")),
        ("registry", include_str!("../src/conformance/registry.rs")),
        ("leases", include_str!("../src/conformance/leases.rs")),
        (
            "registry_work",
            include_str!("../src/conformance/registry_work.rs"),
        ),
    ] {
        for line in text
            .lines()
            .filter(|line| line.ends_with("(make: Make<'_>) {"))
        {
            let Some(rule) = line.strip_prefix("pub async fn ") else {
                continue;
            };
            let rule = rule.split('(').next().unwrap();
            let listed = format!("{module}::{rule},");
            assert!(suites.contains(&listed), "{listed} is in no suite");
            rules += 1;
        }
    }
    assert!(rules > 30, "only {rules} rules are found");
}
