//! Blank cells, texts as JSON, and the display of bytes that are not text.

use std::borrow::Cow;

use spice_core::{json::Json, unicode::is_blank as is_blank_character};

/// Whether a text has no visible character.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(is_blank_character)
}

/// The same for bytes, which are not blank if they are not UTF-8.
pub(crate) fn is_blank_bytes(bytes: &[u8]) -> bool {
    match bytes.first() {
        None => true,
        Some(first) if first.is_ascii_graphic() => false,
        Some(_) => std::str::from_utf8(bytes).is_ok_and(is_blank),
    }
}

/// A text without surrounding blanks.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_blank_character)
}

/// The byte before the digits of bytes that could not be decoded; it is never part of UTF-8.
pub(crate) const UNDECODED: u8 = 0xFF;

/// Bytes as UTF-8; invalid bytes are written as `\xE9`.
pub(crate) fn show(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(bytes.len() + 8);
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        shown.push_str(chunk.valid());
        let is_written = chunks
            .peek()
            .is_some_and(|next| next.valid().starts_with("\\x"));
        match chunk.invalid() {
            [UNDECODED] if is_written => {}
            invalid => invalid.iter().for_each(|byte| push_byte(&mut shown, *byte)),
        }
    }
    Cow::Owned(shown)
}

/// A name from a file for a message: characters that a reader cannot see are escaped.
pub fn reveal(name: &str) -> Cow<'_, str> {
    let is_plain = |it: char| it == ' ' || it.is_ascii_graphic();
    if name.chars().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let mut shown = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if is_plain(character) {
            shown.push(character);
        } else if is_blank_character(character) {
            shown.extend(character.escape_unicode());
        } else {
            // A mark that belongs to the character before it is visible.
            let text: String = ['a', character].iter().collect();
            shown.extend(text.escape_debug().skip(1));
        }
    }
    Cow::Owned(shown)
}

/// Whether a text contains a byte as [`show`] writes it.
pub(crate) fn has_shown_byte(text: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
    text.match_indices("\\x").any(|(at, _)| {
        let digits = text.as_bytes().get(at + 2..at + 4);
        digits.is_some_and(|digits| digits.iter().all(is_digit))
    })
}

/// Writes a byte as `\xE9`.
pub(crate) fn push_byte(shown: &mut String, byte: u8) {
    use std::fmt::Write as _;
    // Writing to a string cannot fail.
    let _ = write!(shown, "\\x{byte:02X}");
}

/// Appends a JSON string.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    // A string has a JSON form, and a list of bytes accepts it.
    let written = serde_json::to_writer(&mut *out, text);
    debug_assert!(written.is_ok());
}

/// Appends a field to an open JSON object.
pub(crate) fn write_field(name: &str, value: &Json, object: &mut Vec<u8>) {
    write_name(name, object);
    object.extend_from_slice(value.as_str().as_bytes());
}

/// Appends the name of a field to an open JSON object.
pub(crate) fn write_name(name: &str, object: &mut Vec<u8>) {
    if object.last() != Some(&b'{') {
        object.push(b',');
    }
    write_string(name, object);
    object.push(b':');
}
