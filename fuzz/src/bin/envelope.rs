//! Any bytes as a line of the log: parsed or refused; a parsed line is written back identically.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spice_core::{envelope::Envelope, model};

fuzz_target!(|bytes: &[u8]| {
    let Ok(envelope) = Envelope::from_line(bytes) else {
        return;
    };
    // Invalid data is an error of the fold, never a panic.
    let entries = model::fold(&envelope);
    let line = envelope.to_line().expect("what was read can be written");
    let again = Envelope::from_line(line.as_bytes()).expect("what was written can be read");
    assert_eq!(envelope, again);
    assert_eq!(entries.ok(), model::fold(&again).ok());
});
