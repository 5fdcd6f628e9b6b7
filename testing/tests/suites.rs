//! Every rule of a port is in its suite; the log in memory conforms.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use spice_core::port::log::Log;
use spice_testing::{MemoryLog, log_suite};

fn in_memory() -> impl Fn() -> Arc<dyn Log> {
    let log = MemoryLog::new();
    move || Arc::new(log.clone())
}

log_suite!(in_memory());

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
