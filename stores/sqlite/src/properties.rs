//! Finds a member of a stored JSON object without reading all of it.

/// Returns the text of a top-level member of a compact JSON object. Keys with escapes are not
/// found: property names contain nothing that needs escaping.
pub(crate) fn member<'text>(object: &'text str, name: &str) -> Option<&'text str> {
    let bytes = object.as_bytes();
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut at = 1;
    while bytes.get(at) == Some(&b'"') {
        let key_end = string_end(bytes, at)?;
        let value_start = key_end + 1;
        let value_end = value_end(bytes, value_start)?;
        if &bytes[at + 1..key_end - 1] == name.as_bytes() {
            return object.get(value_start..value_end);
        }
        at = value_end + 1;
    }
    None
}

/// Returns the index after the string that starts at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Returns the index after the value that starts at `start`.
fn value_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                if depth == 0 {
                    return Some(at);
                }
                continue;
            }
            b',' | b'}' | b']' if depth == 0 => return Some(at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::member;

    #[test]
    fn finds_top_level_members_only() {
        let object = r#"{"a":1,"b":"x\",\"c\":2","o":{"c":3,"l":[1,{"c":4}]},"n":null,"c":-5.0e3}"#;
        assert_eq!(member(object, "a"), Some("1"));
        assert_eq!(member(object, "b"), Some(r#""x\",\"c\":2""#));
        assert_eq!(member(object, "o"), Some(r#"{"c":3,"l":[1,{"c":4}]}"#));
        assert_eq!(member(object, "n"), Some("null"));
        assert_eq!(member(object, "c"), Some("-5.0e3"));
        assert_eq!(member(object, "l"), None);
        assert_eq!(member("{}", "a"), None);
        assert_eq!(member("[1]", "a"), None);
        assert_eq!(member(r#"{"a"#, "a"), None);
    }
}
