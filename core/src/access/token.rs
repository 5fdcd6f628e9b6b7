//! Tokens: only their digests are kept, and they are compared in constant time.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The SHA-256 of a token. Comparing two takes the same time wherever they differ.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

/// A text that is not the SHA-256 of a token. It does not show the text, which may be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SHA-256 of a token has 64 hexadecimal digits")]
pub struct InvalidDigest;

impl TokenDigest {
    /// The digest of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenDigest {}

impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest")
    }
}

impl FromStr for TokenDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut digest = [0; 32];
        let bytes = text.as_bytes();
        if bytes.len() != 2 * digest.len() || !bytes.iter().all(u8::is_ascii_hexdigit) {
            return Err(InvalidDigest);
        }
        for (byte, pair) in digest.iter_mut().zip(bytes.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| InvalidDigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_sha_256_in_hexadecimal_digits() {
        let digest = TokenDigest::of("abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(text.to_uppercase().parse(), Ok(digest));
        assert_ne!(digest, TokenDigest::of("abd"));
        for wrong in ["", "abc", &text[1..], &format!("{text}0"), &"+f".repeat(32)] {
            assert_eq!(wrong.parse::<TokenDigest>(), Err(InvalidDigest), "{wrong}");
        }
    }

    #[test]
    fn neither_a_digest_nor_a_wrong_one_shows_its_text() {
        assert_eq!(format!("{:?}", TokenDigest::of("abc")), "TokenDigest");
        let error = "spice_secret".parse::<TokenDigest>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
