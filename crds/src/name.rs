//! The rules of names (contract §4), for those who check a declaration without an API server.

/// Whether `text` may name a database.
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

/// Whether `text` may name a branch.
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

/// Whether `text` may be the id of a class.
pub fn is_class(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_:-".contains(c))
}

/// Whether `text` may name a property or a predicate.
pub fn is_property(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The class id that an object's name stands for: `order-line` is `OrderLine`, `3d-model` is
/// `Class3dModel`.
pub fn class_from_object(name: &str) -> String {
    let mut class = String::with_capacity(name.len());
    for part in name.split(['-', '.']) {
        let mut letters = part.chars();
        if let Some(first) = letters.next() {
            class.push(first.to_ascii_uppercase());
            class.push_str(letters.as_str());
        }
    }
    if class.starts_with(|c: char| c.is_ascii_digit()) {
        class.insert_str(0, "Class");
    }
    class
}
