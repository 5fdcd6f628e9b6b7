//! The log in a directory passes the conformance suite.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use spice_core::port::log::Log;
use spice_store_directory::DirectoryLog;

fn in_directory() -> impl Fn() -> Arc<dyn Log> {
    let directory = tempfile::tempdir().unwrap();
    move || Arc::new(DirectoryLog::open(directory.path()).unwrap())
}

spice_testing::log_suite!(in_directory());
