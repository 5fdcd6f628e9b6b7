//! Every call that the client can make, in one table: [`ALL`] is compared with the api's `OpenAPI`
//! document.

use reqwest::Method;

/// A method and a path with names in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path, e.g. `/api/v1/databases/{db}`.
    pub path: &'static str,
}

impl Call {
    /// The parts of the path with `values` in place of the names, in order.
    pub(crate) fn parts<'a>(
        &'a self,
        values: &'a [&'a str],
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut values = values.iter();
        self.path.split('/').skip(1).filter_map(move |part| {
            if part.starts_with('{') {
                values.next().copied()
            } else {
                Some(part)
            }
        })
    }
}

macro_rules! calls {
    ($($name:ident = $method:ident $path:literal;)*) => {
        $(pub(crate) const $name: Call = Call { method: Method::$method, path: $path };)*

        /// All of them.
        pub const ALL: &[Call] = &[$($name),*];
    };
}

calls! {
    LIST_DATABASES = GET "/api/v1/databases";
    CREATE_DATABASE = POST "/api/v1/databases";
    GET_DATABASE = GET "/api/v1/databases/{db}";
    DELETE_DATABASE = DELETE "/api/v1/databases/{db}";
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
}

#[cfg(test)]
mod tests {
    //! The table is sound.
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn values_stand_where_the_names_stood() {
        let parts: Vec<&str> = UPDATE_INSTANCE.parts(&["d", "C", "a:b"]).collect();
        assert_eq!(
            parts,
            [
                "api",
                "v1",
                "databases",
                "d",
                "instances",
                "C",
                "a:b",
                "update"
            ]
        );
        let known: BTreeSet<String> = ALL
            .iter()
            .map(|call| format!("{} {}", call.method, call.path))
            .collect();
        assert_eq!(known.len(), ALL.len(), "each call once");
    }
}
