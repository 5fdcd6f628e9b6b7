//! The hints between the processes that have a log open on one host.

use std::sync::Arc;

use spice_core::port::hints::Hints;
use spice_store_local::{HintListener, HintSender, LocalHints};

use super::log::Appender;
use crate::address::LogAddress;

/// Opens the hints beside a log. The process that appends to the log receives the hints of the
/// others, for example that a replay has created a shadow. Must run on a runtime.
pub(super) fn open(log: &LogAddress, appender: Appender) -> Arc<dyn Hints> {
    let LogAddress::Directory(directory) = log;
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(".hints");
    let path = directory.with_file_name(name);
    if appender != Appender::This {
        return Arc::new(HintSender::new(path));
    }
    match HintListener::bind(&path) {
        Ok(hints) => Arc::new(hints),
        Err(error) => {
            let path = path.display();
            tracing::warn!(%path, %error, "cannot receive hints of other processes; what they request starts later");
            Arc::new(LocalHints::new())
        }
    }
}
