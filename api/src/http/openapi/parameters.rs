//! Parameters in the document: path, query, headers.

use serde_json::Value;

use crate::http::{
    operation::Operation,
    parameters::{Described, path},
};

/// A path in the form of `OpenAPI`.
pub(super) fn template(path: &str) -> String {
    path.replace("{*", "{")
}

/// All parameters of a call, without its body.
pub(super) fn of(operation: &Operation) -> impl Iterator<Item = &'static dyn Described> {
    let mut parameters: Vec<_> = path::of(operation.address.path).collect();
    parameters.extend(&operation.parameters);
    parameters.sort_by_key(|parameter| parameter.place());
    parameters.into_iter()
}

/// [`of`], described.
pub(super) fn describe(operation: &Operation) -> Vec<Value> {
    of(operation).map(Described::describe).collect()
}
