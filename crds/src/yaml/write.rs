//! Writes values as YAML that readers of 1.1 and 1.2 interpret the same.

use std::fmt::Write as _;

use super::{Tree, scalar};
use crate::exact::{Exact, Fields};

/// Writes a value as a document.
pub fn write(value: &Exact) -> String {
    let mut out = String::new();
    match value {
        Exact::Object(fields) if !fields.is_empty() => write_object(&mut out, fields, 0),
        Exact::List(items) if !items.is_empty() => write_list(&mut out, items, 0),
        other => write_scalar(&mut out, other),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_object(out: &mut String, fields: &Fields, depth: usize) {
    for (index, (key, value)) in fields.iter().enumerate() {
        if index > 0 {
            indent(out, depth);
        }
        write_key(out, key, depth);
        match value {
            Exact::Object(fields) if !fields.is_empty() => {
                out.push('\n');
                indent(out, depth + 1);
                write_object(out, fields, depth + 1);
            }
            Exact::List(items) if !items.is_empty() => {
                out.push('\n');
                indent(out, depth);
                write_list(out, items, depth);
            }
            other => {
                out.push(' ');
                write_scalar(out, other);
            }
        }
    }
}

fn write_list(out: &mut String, items: &[Exact], depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(out, depth);
        }
        out.push_str("- ");
        match item {
            Exact::Object(fields) if !fields.is_empty() => write_object(out, fields, depth + 1),
            Exact::List(items) if !items.is_empty() => write_list(out, items, depth + 1),
            other => write_scalar(out, other),
        }
    }
}

/// Readers look for the `:` of a key within 1,024 characters.
const LONGEST_KEY: usize = 1_000;

fn write_key(out: &mut String, key: &str, depth: usize) {
    let mut text = String::new();
    write_text(&mut text, key);
    if text.len() > LONGEST_KEY {
        out.push_str("? ");
        text.push('\n');
        indent(&mut text, depth);
    }
    out.push_str(&text);
    out.push(':');
}

/// Writes a scalar on one line, with the line end.
fn write_scalar(out: &mut String, value: &Exact) {
    match value {
        Exact::Null => out.push_str("null"),
        Exact::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Exact::Number(number) => out.push_str(number.as_str()),
        Exact::Text(text) => write_text(out, text),
        Exact::List(_) => out.push_str("[]"),
        Exact::Object(_) => out.push_str("{}"),
    }
    out.push('\n');
}

fn write_text(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if is_printable(other) => out.push(other),
            other => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(other));
            }
        }
    }
    out.push('"');
}

/// Whether YAML allows the character unescaped on one line.
pub(super) fn is_printable(character: char) -> bool {
    match character {
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        other => !other.is_control(),
    }
}

/// Whether every reader takes the text as text without quotes. Flow style is never written.
fn is_plain(text: &str) -> bool {
    let mut characters = text.chars().peekable();
    let starts_well = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if !starts_well || text.ends_with([' ', ':']) || text.len() > 200 {
        return false;
    }
    while let Some(character) = characters.next() {
        let fits = match character {
            ':' => characters.peek() != Some(&' '),
            ' ' => characters.peek() != Some(&'#'),
            other => is_printable(other),
        };
        if !fits {
            return false;
        }
    }
    let lower = text.to_lowercase();
    !matches!(lower.as_str(), "null" | "true" | "false" | "nan" | "inf")
        && matches!(scalar::plain(text), Ok(Tree::Text(_)))
}
