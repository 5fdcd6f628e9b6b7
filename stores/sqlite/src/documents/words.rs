//! Words in the full-text index: each is marked with its scope, so that the cost of a search
//! depends only on its class. They are split by [`spice_core::query::words`], not by SQLite.

use std::fmt::Write as _;

use spice_core::query::words::{Sought, each};

/// Returns the words of every string in a JSON value, marked with the scope, for the index.
pub(super) fn of_document(scope: i64, json: &str) -> String {
    let mark = format!("{scope}x");
    let mut text = String::with_capacity(json.len());
    each(json, &mut |word| {
        for part in [mark.as_str(), word, " "] {
            text.push_str(part);
        }
    });
    text
}

/// Returns a query in a scope in the language of FTS5; none if it has no words.
pub(super) fn of_query(scope: i64, query: &str) -> Option<String> {
    let mut expression = String::new();
    for Sought { word, is_prefix } in Sought::all(query) {
        let star = if is_prefix { "*" } else { "" };
        let _ = write!(expression, "\"{scope}x{word}\"{star} ");
    }
    (!expression.is_empty()).then_some(expression)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;
    use spice_core::query::words::{Sought, are_in};

    use super::{of_document, of_query};

    #[test]
    fn words_carry_their_scope() {
        let json = r#"{"name":"Blue-Green  Tea","n":5}"#;
        assert_eq!(of_document(7, json), "7xblue 7xgreen 7xtea ");
        assert_eq!(
            of_query(7, "blue-GREEN te*").as_deref(),
            Some("\"7xblue\" \"7xgreen\" \"7xte\"* ")
        );
        assert_eq!(of_query(7, " \"* - "), None);
        assert_eq!(of_document(7, "5"), "");
        assert_eq!(of_document(7, r#""케이스A""#), "7x케이 7x이스 7x스 7xa ");
        assert_eq!(of_query(7, "스").as_deref(), Some("\"7x스\"* "));
    }

    /// Returns whether the index finds a document.
    fn is_found(json: &str, query: &str) -> bool {
        let index = Connection::open_in_memory().unwrap();
        index
            .execute_batch(
                "CREATE VIRTUAL TABLE words USING fts5(
                     text, content='', contentless_delete=1, detail=none, tokenize='ascii');",
            )
            .unwrap();
        let text = of_document(7, json);
        index
            .execute("INSERT INTO words (rowid, text) VALUES (1, ?1)", [text])
            .unwrap();
        of_query(7, query).is_some_and(|query| {
            let count = "SELECT count(*) FROM words WHERE words MATCH ?1";
            let found: i64 = index.query_row(count, [query], |row| row.get(0)).unwrap();
            found > 0
        })
    }

    proptest! {
        #[test]
        fn the_index_finds_what_reading_finds(
            texts in prop::collection::vec("(tea|pot|Été|İx|ß|ς|\\PC|[ -]|[a-z]|[대한민국京都カナ]|\u{301}){0,12}", 1..3),
            query in "(tea|pot|t|été|i̇x|SS|Σ|\\PC|[ *\"-]|[대한민국京都カナ]|\u{301}){0,6}",
        ) {
            let json = serde_json::to_string(&texts).unwrap();
            prop_assert_eq!(is_found(&json, &query), are_in(&Sought::all(&query), &json));
        }
    }
}
