//! Tools for designing an ontology.

use axum::http::Method;
use serde_json::json;
use spice_core::error::ErrorCode;

use crate::http::{
    answer::ApiResponse,
    bodies::class::{ClassDefinition, LintBody},
    ontology_tools::{
        self, CyclesFound, ImportBody, LabelsSet, LintAnswer, Mappings, NetworkAnswer, PathsAnswer,
        Validation,
    },
    operation::{Operation, Subject, reads, writes},
    parameters::{Described, known},
};

/// The end class of paths, under both names.
const TO_AN_END: &[&dyn Described] = &[&known::END_ENTITY, &known::END_ENTITY_TOO];

const EARLIER_ANALYZE: &str = "/api/v1/ontology/{db}/analyze-network";
const EARLIER_VALIDATE: &str = "/api/v1/ontology/{db}/validate-relationships";
const EARLIER_CIRCULAR: &str = "/api/v1/ontology/{db}/detect-circular-references";

/// At the gateway.
pub(super) fn gateway() -> Subject {
    let mut operations = operations();
    operations.extend([download(), delete()]);
    subject(operations)
}

/// At oms, with the earlier system's names there.
pub(super) fn oms() -> Subject {
    let mut operations = operations();
    operations.extend([
        validate().renamed(EARLIER_VALIDATE, "validateRelationshipsEarlier"),
        check_circular().renamed(EARLIER_CIRCULAR, "detectCircularReferences"),
        analyze(Method::GET, "").renamed(EARLIER_ANALYZE, "analyzeNetworkEarlier"),
        analyze(Method::POST, "").renamed(EARLIER_ANALYZE, "analyzeNetworkEarlierPosted"),
        paths_from(),
        reachable_from(),
    ]);
    subject(operations)
}

fn subject(operations: Vec<Operation>) -> Subject {
    Subject {
        name: "Ontology tools",
        description: "The effects of a change, the connections between classes, and their labels.",
        operations,
    }
}

fn operations() -> Vec<Operation> {
    vec![
        lint(),
        validate(),
        check_circular(),
        analyze(Method::GET, "analyzeNetwork"),
        analyze(Method::POST, "analyzeNetworkPosted"),
        paths(),
        export(),
        import(),
    ]
}

fn lint() -> Operation {
    reads(
        Method::POST,
        "/api/v1/databases/{db}/ontology/{class}/lint",
        "lintClass",
        "Counts the effects of a class change on existing instances.",
        ontology_tools::lint,
    )
    .notes(
        "The body is that of an update of the class, or `{\"delete\": true}`. Nothing is \
         written. Each finding has a stable `code`, a `severity` (`info`, `warning`, \
         `breaking`), and the number of instances of the class and its subclasses that are \
         `affected`, out of `total`. `safe` is true if no finding is breaking.",
    )
    .takes(known::READ)
    .body::<LintBody>()
    .example(json!({"properties": [{"name": "product_id", "type": "string", "primaryKey": true}]}))
    .answers::<LintAnswer>(200, "The effects of the change.")
    .fails(&[ErrorCode::NotFound, ErrorCode::ValidationFailed])
}

fn validate() -> Operation {
    reads(
        Method::POST,
        "/api/v1/databases/{db}/validate-relationships",
        "validateRelationships",
        "Checks a class against the branch before it is created.",
        ontology_tools::validate,
    )
    .takes(known::READ)
    .body::<ClassDefinition>()
    .example(json!({
        "id": "Shelf",
        "label": "Shelf",
        "relationships": [{"predicate": "holds", "target": "Product", "cardinality": "1:n"}],
    }))
    .answers::<ApiResponse<'static, Validation>>(
        200,
        "Whether it can be created, and what to check.",
    )
    .fails(&[ErrorCode::InvalidName, ErrorCode::ValidationFailed])
}

fn check_circular() -> Operation {
    reads(
        Method::POST,
        "/api/v1/databases/{db}/check-circular-references",
        "checkCircularReferences",
        "Finds cycles of relationships, with or without a class that does not exist yet.",
        ontology_tools::check_circular,
    )
    .takes(known::READ)
    .optional_body::<ClassDefinition>()
    .answers::<ApiResponse<'static, CyclesFound>>(200, "The cycles.")
    .fails(&[ErrorCode::InvalidName, ErrorCode::ValidationFailed])
}

fn analyze(method: Method, id: &'static str) -> Operation {
    reads(
        method,
        "/api/v1/databases/{db}/relationship-network/analyze",
        id,
        "Analyzes how the classes of a branch are connected.",
        ontology_tools::analyze,
    )
    .takes(known::READ)
    .answers::<NetworkAnswer<'_>>(200, "The network.")
    .speaks()
}

fn paths() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}/relationship-paths",
        "findRelationshipPaths",
        "Finds the paths from one class to another, by their labels.",
        ontology_tools::paths,
    )
    .takes(known::READ)
    .takes(&[&known::START_ENTITY, &known::START_ENTITY_TOO])
    .takes(TO_AN_END)
    .takes(&[&known::MAX_DEPTH, &known::PATH_TYPE])
    .answers::<PathsAnswer<'_>>(200, "The paths.")
    .speaks()
}

fn paths_from() -> Operation {
    reads(
        Method::GET,
        "/api/v1/ontology/{db}/relationship-paths/{class}",
        "findRelationshipPathsFrom",
        "Finds the paths from a class to another: an earlier name of `findRelationshipPaths`.",
        ontology_tools::paths_from,
    )
    .takes(known::READ)
    .takes(TO_AN_END)
    .takes(&[&known::EARLIER_MAX_DEPTH, &known::PATH_TYPE])
    .answers::<PathsAnswer<'_>>(200, "The paths.")
    .speaks()
}

fn reachable_from() -> Operation {
    reads(
        Method::GET,
        "/api/v1/ontology/{db}/reachable-entities/{class}",
        "findReachableClasses",
        "Finds the classes that can be reached from a class, each by a shortest path.",
        ontology_tools::reachable_from,
    )
    .takes(known::READ)
    .takes(&[&known::MAX_DEPTH])
    .answers::<PathsAnswer<'_>>(200, "The paths.")
    .speaks()
}

fn download() -> Operation {
    reads(
        Method::POST,
        "/api/v1/databases/{db}/mappings/export",
        "downloadMappings",
        "Returns the labels of all classes as a file: an earlier name of `exportMappings`.",
        ontology_tools::download_mappings,
    )
    .takes(known::READ)
    .answers::<ApiResponse<'static, Mappings<'_>>>(200, "The labels.")
}

fn delete() -> Operation {
    writes(
        Method::DELETE,
        "/api/v1/databases/{db}/mappings",
        "deleteMappings",
        "Removes all labels, so that everything is called by its id: one update for each class \
         that has labels.",
        ontology_tools::delete_mappings,
    )
    .takes(&[&known::BRANCH])
    .commands::<ApiResponse<'static, LabelsSet>>(200)
    .fails(&[
        ErrorCode::OptimisticConcurrencyConflict,
        ErrorCode::ValidationFailed,
    ])
}

fn export() -> Operation {
    reads(
        Method::GET,
        "/api/v1/databases/{db}/mappings",
        "exportMappings",
        "Returns the labels of all classes, and the id of each.",
        ontology_tools::export_mappings,
    )
    .takes(known::READ)
    .answers::<ApiResponse<'static, Mappings<'_>>>(200, "The labels.")
}

fn import() -> Operation {
    writes(
        Method::POST,
        "/api/v1/databases/{db}/mappings/import",
        "importMappings",
        "Sets labels from an export: one update for each class that changes.",
        ontology_tools::import_mappings,
    )
    .takes(&[&known::BRANCH])
    .body::<ImportBody>()
    .example(json!({"classes": [{
        "class_id": "Product",
        "label": {"en": "Product", "ko": "제품"},
        "properties": {"name": {"en": "Name", "ko": "이름"}},
    }]}))
    .commands::<ApiResponse<'static, LabelsSet>>(200)
    .fails(&[
        ErrorCode::NotFound,
        ErrorCode::OptimisticConcurrencyConflict,
        ErrorCode::ValidationFailed,
    ])
}
