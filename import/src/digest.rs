//! Short digests of content.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The first half of SHA-256, as hexadecimal digits.
pub(crate) fn hex(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
