//! The rules for names (contract §4), to check a declaration without an API server.

/// Whether `text` is a valid database name.
pub fn is_database(text: &str) -> bool {
    (3..=50).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split(['_', '-']).all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

/// Whether `text` is a valid branch name.
pub fn is_branch(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.split('/').all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        })
        && !["refs", "objects", "info", "hooks", "HEAD"].contains(&text)
}

/// Whether `text` is a valid class id.
pub fn is_class(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
}

/// Whether `text` is a valid property or predicate name.
pub fn is_property(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
