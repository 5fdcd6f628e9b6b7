//! JSON where another form is expected, and the other way round, by the first bytes of the text.

use spice_core::json::Json;

use crate::options::Format;

/// A sentence that says what a text is, when it is not in the `expected` format.
pub(super) fn recognize(text: &[u8], expected: Format) -> Option<String> {
    let text = text.trim_ascii_start();
    let (first, rest) = text.split_first()?;
    let next = rest.trim_ascii_start().first();
    let line = first_line(text);
    match (first, next) {
        (b'[', Some(b'{')) => Some(advise("is a JSON array", "jq -c '.[]' FILE")),
        (b'[', _) if line == b"[]" => Some(advise("is a JSON array", "jq -c '.[]' FILE")),
        // No JSON value ends with one of these: the object goes on in the next line.
        (b'{', Some(b'"') | None) if matches!(line.last(), Some(b'{' | b'[' | b',')) => {
            Some(advise("is JSON over several lines", "jq -c . FILE"))
        }
        (b'{', Some(b'"' | b'}')) if expected == Format::Csv && is_object(line, text) => {
            Some("is NDJSON (one JSON object per line); use --format ndjson".to_owned())
        }
        _ if expected == Format::Ndjson && has_no_object(text) => {
            Some("is not NDJSON: no line begins with {; if it is CSV, use --format csv".to_owned())
        }
        _ => None,
    }
}

fn advise(what: &str, command: &str) -> String {
    format!(
        "{what}; an import reads one instance per line, as spice export writes it: {command} | spice import - --format ndjson"
    )
}

fn first_line(text: &[u8]) -> &[u8] {
    let mut lines = text.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.next().unwrap_or_default().trim_ascii_end()
}

/// Whether the first line of a text is an object, as far as the text goes.
fn is_object(line: &[u8], text: &[u8]) -> bool {
    let is_cut = line.len() == text.len();
    is_cut || std::str::from_utf8(line).is_ok_and(|it| Json::parse(it).is_ok())
}

/// Whether none of several lines can be an object. A single one may be damaged.
fn has_no_object(text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut firsts = lines.filter_map(|line| line.first());
    let several = firsts.clone().nth(1).is_some();
    several && firsts.all(|first| *first != b'{')
}
