//! Every call of the client in one table: a test compares [`ALL`] with the api's `OpenAPI`
//! document.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;

/// A method and a path with names in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path, for example `/api/v1/databases/{db}`.
    pub path: &'static str,
}

impl Call {
    /// The parts of the path with `values` in place of the names, in order, each encoded. Also
    /// returns an instance id that must go into the query, because it cannot be a part of a path.
    pub(crate) fn parts<'a>(&self, values: &[&'a str]) -> (Vec<String>, Option<&'a str>) {
        let mut values = values.iter().copied();
        let mut in_query = None;
        let mut parts = Vec::new();
        for part in self.path.split('/').skip(1) {
            if !part.starts_with('{') {
                parts.push(part.to_owned());
            } else if let Some(value) = values.next() {
                let is_instance = part == "{id}" && self.path.contains("{class}");
                if is_instance && is_dots(value) {
                    in_query = Some(value);
                    parts.push("-".to_owned());
                } else {
                    parts.push(encode_name(value));
                }
            }
        }
        (parts, in_query)
    }
}

/// Characters that are not encoded in a path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A part of a path, encoded.
pub(crate) fn encode(part: &str) -> String {
    utf8_percent_encode(part, PLAIN).to_string()
}

/// A name in a path, encoded. A name that is a fixed part of some path, such as a class `list`,
/// gets one encoded letter, which distinguishes it.
fn encode_name(name: &str) -> String {
    let mut parts = ALL.iter().flat_map(|call| call.path.split('/'));
    match name.as_bytes().first() {
        Some(first) if parts.any(|fixed| fixed == name) => format!("%{first:02X}{}", &name[1..]),
        _ => encode(name),
    }
}

/// Whether a part would be removed from a path: a URL cannot express it.
pub(crate) fn is_dots(part: &str) -> bool {
    matches!(part, "." | "..")
}

macro_rules! calls {
    ($($name:ident = $method:ident $path:literal;)*) => {
        $(pub(crate) const $name: Call = Call { method: Method::$method, path: $path };)*

        /// All calls.
        pub const ALL: &[Call] = &[$($name),*];
    };
}

calls! {
    LIST_DATABASES = GET "/api/v1/databases";
    CREATE_DATABASE = POST "/api/v1/databases";
    GET_DATABASE = GET "/api/v1/databases/{db}";
    UPDATE_DATABASE = PUT "/api/v1/databases/{db}";
    DELETE_DATABASE = DELETE "/api/v1/databases/{db}";
    DECLARE = POST "/api/v1/databases/{db}/declare";
    UNDECLARE = POST "/api/v1/databases/{db}/undeclare";
    DATABASE_EVENTS = GET "/api/v1/databases/{db}/events";
    LIST_BRANCHES = GET "/api/v1/databases/{db}/branches";
    CREATE_BRANCH = POST "/api/v1/databases/{db}/branches";
    GET_BRANCH = GET "/api/v1/databases/{db}/branches/{name}";
    DELETE_BRANCH = DELETE "/api/v1/databases/{db}/branches/{name}";
    DIFF = GET "/api/v1/databases/{db}/branches/{name}/diff";
    MERGE = POST "/api/v1/databases/{db}/branches/{name}/merge";
    REBASE = POST "/api/v1/databases/{db}/branches/{name}/rebase";
    ROLLBACK = POST "/api/v1/databases/{db}/branches/{name}/rollback";
    CREATE_CLASS = POST "/api/v1/databases/{db}/ontology";
    LIST_CLASSES = GET "/api/v1/databases/{db}/ontology/list";
    GET_CLASS = GET "/api/v1/databases/{db}/ontology/{class}";
    UPDATE_CLASS = PUT "/api/v1/databases/{db}/ontology/{class}";
    DELETE_CLASS = DELETE "/api/v1/databases/{db}/ontology/{class}";
    GET_SCHEMA = GET "/api/v1/databases/{db}/ontology/{class}/schema";
    CREATE_INSTANCE = POST "/api/v1/databases/{db}/instances/{class}/create";
    BULK_CREATE = POST "/api/v1/databases/{db}/instances/{class}/bulk-create";
    UPDATE_INSTANCE = PUT "/api/v1/databases/{db}/instances/{class}/{id}/update";
    DELETE_INSTANCE = DELETE "/api/v1/databases/{db}/instances/{class}/{id}/delete";
    TRANSACTION = POST "/api/v1/databases/{db}/transactions";
    LIST_INSTANCES = GET "/api/v1/databases/{db}/class/{class}/instances";
    GET_INSTANCE = GET "/api/v1/databases/{db}/class/{class}/instance/{id}";
    GET_HISTORY = GET "/api/v1/databases/{db}/class/{class}/instance/{id}/history";
    GET_SAMPLES = GET "/api/v1/databases/{db}/class/{class}/sample-values";
    LINT_CLASS = POST "/api/v1/databases/{db}/ontology/{class}/lint";
    GET_COMMAND = GET "/api/v1/commands/{id}/status";
    COMMAND_EVENTS = GET "/api/v1/commands/{id}/events";
    GRAPH_QUERY = POST "/api/v1/graph-query/{db}";
    GRAPH_PATHS = GET "/api/v1/graph-query/{db}/paths";
    LIST_DEAD_LETTERS = GET "/api/v1/dead-letters";
    GET_DEAD_LETTER = GET "/api/v1/dead-letters/{db}/{handler}/{position}";
    RETRY_DEAD_LETTER = POST "/api/v1/dead-letters/{db}/{handler}/{position}/retry";
    DISCARD_DEAD_LETTER = POST "/api/v1/dead-letters/{db}/{handler}/{position}/discard";
    START_REPLAY = POST "/api/v1/databases/{db}/replays";
    LIST_REPLAYS = GET "/api/v1/databases/{db}/replays";
    GET_REPLAY = GET "/api/v1/databases/{db}/replays/{task_id}";
    GET_REPLAY_RESULT = GET "/api/v1/databases/{db}/replays/{task_id}/result";
    APPROVE_REPLAY = POST "/api/v1/databases/{db}/replays/{task_id}/approve";
    CANCEL_REPLAY = POST "/api/v1/databases/{db}/replays/{task_id}/cancel";
    SUSPEND_REPLAY = POST "/api/v1/databases/{db}/replays/{task_id}/suspend";
    RESUME_REPLAY = POST "/api/v1/databases/{db}/replays/{task_id}/resume";
}

#[cfg(test)]
mod tests {
    //! Tests of the table.
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn values_replace_the_placeholders() {
        let path = |call: &Call, values: &[&str]| {
            let (parts, id) = call.parts(values);
            (parts.join("/"), id.map(str::to_owned))
        };
        let front = "api/v1/databases/d";
        for (id, encoded) in [
            ("a_b-1.~", "a_b-1.~"),
            ("a:b", "a%3Ab"),
            ("kim+1@example.com", "kim%2B1%40example.com"),
            ("50% /?#;\\\"'", "50%25%20%2F%3F%23%3B%5C%22%27"),
            ("김", "%EA%B9%80"),
            ("...", "..."),
            ("update", "%75pdate"),
            ("%2E%2E", "%252E%252E"),
        ] {
            let expected = format!("{front}/instances/C/{encoded}/update");
            assert_eq!(
                path(&UPDATE_INSTANCE, &["d", "C", id]),
                (expected, None),
                "{id}"
            );
        }
        for id in [".", ".."] {
            let expected = format!("{front}/class/C/instance/-/history");
            assert_eq!(
                path(&GET_HISTORY, &["d", "C", id]),
                (expected, Some(id.to_owned()))
            );
        }
        assert_eq!(
            path(&GET_CLASS, &["d", "list"]).0,
            format!("{front}/ontology/%6Cist"),
            "the class, not the list"
        );
        assert_eq!(path(&GET_COMMAND, &[".."]).1, None);
    }

    #[test]
    fn each_call_occurs_once() {
        let known: BTreeSet<String> = ALL
            .iter()
            .map(|call| format!("{} {}", call.method, call.path))
            .collect();
        assert_eq!(known.len(), ALL.len(), "each call once");
    }
}
