//! Tools for designing an ontology.

use serde_json::json;
use spice_core::error::ErrorCode::{OptimisticConcurrencyConflict, ValidationFailed};

use crate::http::{
    answer::ApiResponse,
    bodies::class::{ClassDefinition, LintBody},
    gate::{EDITOR, VIEWER},
    ontology_tools::{
        self, CyclesFound, ImportBody, LabelsSet, LintAnswer, Mappings, NetworkAnswer, PathsAnswer,
        Validation,
    },
    operation::{Operation, Subject, ask, delete, get, post},
    parameters::known::{
        BRANCH, EARLIER_MAX_DEPTH, END_ENTITY, END_ENTITY_TOO, MAX_DEPTH, PATH_TYPE, READ,
        START_ENTITY, START_ENTITY_TOO,
    },
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let operations =
        vec![
        ask(VIEWER, "lintClass", ontology_tools::lint)
            .at("/api/v1/databases/{db}/ontology/{class}/lint")
            .does("Counts the effects of a class change on existing instances.")
            .notes(
                "The body is that of an update of the class, or `{\"delete\": true}`. Nothing is \
                 written. Each finding has a stable `code`, a `severity` (`info`, `warning`, \
                 `breaking`), and the number of instances of the class and its subclasses that are \
                 `affected`, out of `total`. `safe` is true if no finding is breaking.",
            )
            .takes(READ)
            .body::<LintBody>(json!({
                "properties": [{"name": "product_id", "type": "string", "primaryKey": true}],
            }))
            .answers::<LintAnswer>(200, "The effects of the change.")
            .fails(&[ValidationFailed]),
        validate("validateRelationships").at("/api/v1/databases/{db}/validate-relationships"),
        find_cycles("checkCircularReferences")
            .at("/api/v1/databases/{db}/check-circular-references"),
        analyze(get(VIEWER, "analyzeNetwork", ontology_tools::analyze))
            .at("/api/v1/databases/{db}/relationship-network/analyze"),
        analyze(ask(VIEWER, "analyzeNetworkPosted", ontology_tools::analyze))
            .at("/api/v1/databases/{db}/relationship-network/analyze"),
        get(VIEWER, "findRelationshipPaths", ontology_tools::paths)
            .at("/api/v1/databases/{db}/relationship-paths")
            .does("Finds the paths from one class to another, by their labels.")
            .takes(READ)
            .takes(&[&START_ENTITY, &START_ENTITY_TOO])
            .takes(&[&END_ENTITY, &END_ENTITY_TOO])
            .takes(&[&MAX_DEPTH, &PATH_TYPE])
            .answers::<PathsAnswer<'_>>(200, "The paths.")
            .speaks(),
        get(VIEWER, "exportMappings", ontology_tools::export_mappings)
            .at("/api/v1/databases/{db}/mappings")
            .does("Returns the labels of all classes, and the id of each.")
            .takes(READ)
            .answers::<ApiResponse<'static, Mappings<'_>>>(200, "The labels."),
        post(EDITOR, "importMappings", ontology_tools::import_mappings)
            .at("/api/v1/databases/{db}/mappings/import")
            .does("Sets labels from an export: one update for each class that changes.")
            .takes(&[&BRANCH])
            .body::<ImportBody>(json!({"classes": [{
                "class_id": "Product",
                "label": {"en": "Product", "ko": "제품"},
                "properties": {"name": {"en": "Name", "ko": "이름"}},
            }]}))
            .commands::<ApiResponse<'static, LabelsSet>>(200)
            .fails(&[OptimisticConcurrencyConflict, ValidationFailed]),
        ask(VIEWER, "downloadMappings", ontology_tools::download_mappings)
            .at_gateway("/api/v1/databases/{db}/mappings/export")
            .does(
                "Returns the labels of all classes as a file: an earlier name of `exportMappings`.",
            )
            .takes(READ)
            .answers::<ApiResponse<'static, Mappings<'_>>>(200, "The labels."),
        delete(EDITOR, "deleteMappings", ontology_tools::delete_mappings)
            .at_gateway("/api/v1/databases/{db}/mappings")
            .does(
                "Removes all labels, so that everything is called by its id: one update for each \
                 class that has labels.",
            )
            .takes(&[&BRANCH])
            .commands::<ApiResponse<'static, LabelsSet>>(200)
            .fails(&[OptimisticConcurrencyConflict, ValidationFailed]),
        // The earlier system's names at oms.
        validate("validateRelationshipsEarlier")
            .at_oms("/api/v1/ontology/{db}/validate-relationships"),
        find_cycles("detectCircularReferences")
            .at_oms("/api/v1/ontology/{db}/detect-circular-references"),
        analyze(get(VIEWER, "analyzeNetworkEarlier", ontology_tools::analyze))
            .at_oms("/api/v1/ontology/{db}/analyze-network"),
        analyze(ask(VIEWER, "analyzeNetworkEarlierPosted", ontology_tools::analyze))
            .at_oms("/api/v1/ontology/{db}/analyze-network"),
        get(VIEWER, "findRelationshipPathsFrom", ontology_tools::paths_from)
            .at_oms("/api/v1/ontology/{db}/relationship-paths/{class}")
            .does(
                "Finds the paths from a class to another: an earlier name of \
                 `findRelationshipPaths`.",
            )
            .takes(READ)
            .takes(&[&END_ENTITY, &END_ENTITY_TOO])
            .takes(&[&EARLIER_MAX_DEPTH, &PATH_TYPE])
            .answers::<PathsAnswer<'_>>(200, "The paths.")
            .speaks(),
        get(VIEWER, "findReachableClasses", ontology_tools::reachable_from)
            .at_oms("/api/v1/ontology/{db}/reachable-entities/{class}")
            .does("Finds the classes that can be reached from a class, each by a shortest path.")
            .takes(READ)
            .takes(&[&MAX_DEPTH])
            .answers::<PathsAnswer<'_>>(200, "The paths.")
            .speaks(),
    ];
    Subject {
        name: "Ontology tools",
        description: "The effects of a change, the connections between classes, and their labels.",
        operations,
    }
}

fn validate(id: &'static str) -> Operation {
    ask(VIEWER, id, ontology_tools::validate)
        .does("Checks a class against the branch before it is created.")
        .takes(READ)
        .body::<ClassDefinition>(json!({
            "id": "Shelf",
            "label": "Shelf",
            "relationships": [{"predicate": "holds", "target": "Product", "cardinality": "1:n"}],
        }))
        .answers::<ApiResponse<'static, Validation>>(
            200,
            "Whether it can be created, and what to check.",
        )
        .fails(&[ValidationFailed])
}

fn find_cycles(id: &'static str) -> Operation {
    ask(VIEWER, id, ontology_tools::check_circular)
        .does("Finds cycles of relationships, with or without a class that does not exist yet.")
        .takes(READ)
        .optional_body::<ClassDefinition>(None)
        .answers::<ApiResponse<'static, CyclesFound>>(200, "The cycles.")
        .fails(&[ValidationFailed])
}

fn analyze(operation: Operation) -> Operation {
    operation
        .does("Analyzes how the classes of a branch are connected.")
        .takes(READ)
        .answers::<NetworkAnswer<'_>>(200, "The network.")
        .speaks()
}
