//! Hints within one process conform to their port.

use std::sync::Arc;

use spice_core::port::hints::Hints;
use spice_store_local::LocalHints;
use spice_testing::hints_suite;

hints_suite!({
    let hints = LocalHints::new();
    move || -> Arc<dyn Hints> { Arc::new(hints.clone()) }
});
