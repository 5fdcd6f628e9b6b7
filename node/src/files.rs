//! The state of the files that a process reads again when they change.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use spice_telemetry::{Scrape, Source, table};

/// Whether each file can be used as it is now.
pub(crate) struct FileStates {
    pub(crate) tokens: AtomicBool,
}

impl Default for FileStates {
    fn default() -> Self {
        Self {
            tokens: AtomicBool::new(true),
        }
    }
}

#[async_trait]
impl Source for FileStates {
    async fn report(&self, scrape: &mut Scrape) {
        let valid = scrape.sample(&table::FILE_VALID);
        let is_valid = self.tokens.load(Ordering::Relaxed);
        valid
            .with(["tokens".into()])
            .set(f64::from(u8::from(is_valid)));
    }
}
