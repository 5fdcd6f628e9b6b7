//! Finds a fragment in a request line. RFC 9112 does not allow one in a request target, and the HTTP
//! library drops it silently: `?search=C#&limit=5` would search for `C` without a limit.

/// Where in a request line the next byte is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Line {
    /// In the method, or in an empty line before it.
    #[default]
    Method,
    /// In the target.
    Target,
    /// After a `#` in the target.
    Fragment,
    /// After the target, which has a fragment.
    Refused,
    /// After a target without a fragment.
    Passed,
}

impl Line {
    /// The state after some bytes.
    pub(super) fn after(self, bytes: &[u8]) -> Self {
        let mut line = self;
        for byte in bytes {
            line = match (line, byte) {
                (Self::Refused | Self::Passed, _) => return line,
                (Self::Method, b'\r' | b'\n') => Self::Method,
                (Self::Method, b' ') => Self::Target,
                (Self::Method, byte) if byte.is_ascii_alphabetic() || *byte == b'-' => Self::Method,
                (Self::Target, b'#') => Self::Fragment,
                (Self::Fragment, b' ') => Self::Refused,
                (Self::Target | Self::Fragment, byte)
                    if byte.is_ascii_graphic() || !byte.is_ascii() =>
                {
                    line
                }
                _ => Self::Passed,
            };
        }
        line
    }
}
