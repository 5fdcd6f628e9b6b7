//! The state of the files that a process reads again when they change.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use spice_telemetry::{Scrape, Source, table};

/// Whether each file can be used as it is now.
pub(crate) struct FileStates {
    pub(crate) tokens: AtomicBool,
    pub(crate) certificate: AtomicBool,
    /// When the certificate expires, in seconds of Unix time; 0 without one.
    pub(crate) certificate_expiry: AtomicU64,
}

impl Default for FileStates {
    fn default() -> Self {
        Self {
            tokens: AtomicBool::new(true),
            certificate: AtomicBool::new(true),
            certificate_expiry: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl Source for FileStates {
    async fn report(&self, scrape: &mut Scrape) {
        let valid = scrape.sample(&table::FILE_VALID);
        for (file, is_valid) in [("tokens", &self.tokens), ("certificate", &self.certificate)] {
            let is_valid = is_valid.load(Ordering::Relaxed);
            valid.with([file.into()]).set(f64::from(u8::from(is_valid)));
        }
        let expiry = self.certificate_expiry.load(Ordering::Relaxed);
        #[allow(clippy::cast_precision_loss)] // exact for 285 million years
        let expiry = expiry as f64;
        scrape
            .sample(&table::CERTIFICATE_EXPIRY)
            .with([])
            .set(expiry);
    }
}
