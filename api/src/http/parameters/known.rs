//! The parameters of queries.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{command::OnError, error::ErrorCode};

use super::{
    choice::{Choice, Flag},
    moment::{Mark, Moment},
    number::{Depth, ExpectedSequence, Position, Whole},
    parameter::{Described, Parameter, parameters},
    text::{Branch, Database, Filter, RequiredText, Text},
};

parameters! {
    BRANCH: Branch, "branch", "The branch; default `main`.", "main";
    AS_OF: Moment, "as_of",
        "Reads the state at a position of the database's log (inclusive), or at an RFC 3339 time.", "1";
    AT_LEAST: Mark, "at_least",
        "Waits until the answer includes this position of the log, or this command.", "1";
    TIMEOUT: Whole = Whole::new(0, 60, 10), "timeout",
        "The seconds that `at_least` waits before it answers 504.";
    LIMIT: Whole = Whole::new(1, 1_000, 100), "limit", "The maximum number of entries in the answer.";
    OFFSET: Whole = Whole::any(), "offset", "The number of entries to skip.";
    NEXT: Text, "cursor", "The `cursor` of the previous page.";

    EXPECTED_SEQ: ExpectedSequence, "expected_seq",
        "The sequence that the client has read (`event_sequence`, `sequence`); 409 if it has changed.";
    FORCE: Flag, "force", "Overrides the checks that can be overridden.";

    // Instances. Each page by `offset` counts from the start again; only a cursor goes further.
    INSTANCE_OFFSET: Whole = Whole::new(0, 100_000, 0).hint("; use cursor to continue"), "offset",
        "The number of entries to skip.";
    CURSOR: Text, "cursor", "The `cursor` of the previous page. Cannot be combined with `offset`.";
    SEARCH: Text, "search",
        "Words in any text property, ignoring case; `word*` matches a prefix. Chinese, Japanese \
         and Korean text is also found inside a word.", "chair*";
    FILTER: Filter, "filter",
        "Conditions by property: a value, or `{eq, ne, gt, gte, lt, lte, in, not_in, like, \
         exists}`. In `like`, `%` stands for any text and `_` for any one character; `\\%`, \
         `\\_` and `\\\\` are `%`, `_` and a backslash.";
    ORDER_BY: Text, "order_by",
        "The property to sort by; with a leading `-`, in descending order.", "-instance_id";
    HISTORY_LIMIT: Whole = Whole::new(1, 1_000, 50), "limit", "The maximum number of versions in the answer.";
    SAMPLE_LIMIT: Whole = Whole::new(1, 100, 10), "limit", "The maximum number of values per property.";
    PROPERTY: Text, "property", "Only this property, by id or label.";

    // Events of a database, and dead letters.
    EVENTS_BRANCH: Branch, "branch",
        "Only events of this branch, and of the database as a whole; default all.", "main";
    EVENTS_FROM: Position, "from",
        "The first position of the log to send; by default only new events.";
    DATABASE: Database, "database", "Only dead letters of this database.", "demo";

    // Diffs.
    DIFF_LIMIT: Whole = Whole::new(1, 10_000, 1_000), "limit", "The maximum number of changes in the answer.";
    DIFF_CLASS: Text, "class", "Only this class and its instances.", "Product";
    DIRECT: Flag, "direct",
        "Compares the two branches as they are, instead of with their common base.";
    AGAINST: Branch, "against",
        "The branch to compare with; default the branch's parent.", "main";
    FROM_POSITION: Position, "from_position",
        "Compares the branch with itself at this position. Cannot be combined with `against`.";
    FROM: Branch, "from", "The branch to compare with.", "main";
    FROM_REF: Branch, "from_ref", "Another name of `from`.", "main";
    TO: Branch, "to", "The branch whose changes are listed.", "main";
    TO_REF: Branch, "to_ref", "Another name of `to`.", "main";

    // Paths between classes, by the names of graph queries and by those of the earlier system.
    SOURCE_CLASS: RequiredText, "source_class", "The start of the paths.", "Order";
    TARGET_CLASS: RequiredText, "target_class", "The end of the paths.", "Customer";
    START_ENTITY: Text, "start_entity", "The class to start at, by id or label.", "Product";
    START_ENTITY_TOO: Text, "source_class", "The same as `start_entity`.";
    END_ENTITY: Text, "end_entity",
        "The class to reach; by default every reachable class.";
    END_ENTITY_TOO: Text, "target_class", "The same as `end_entity`.";
    MAX_DEPTH: Depth = Depth { default: 3 }, "max_depth", "The maximum number of hops in a path.";
    EARLIER_MAX_DEPTH: Depth = Depth { default: 5 }, "max_depth", "The maximum number of hops in a path.";

    // Choices of words.
    ON_ERROR: Choice<OnError> =
        Choice(&[("abort", OnError::Abort), ("skip", OnError::Skip)], None),
        "on_error", "Whether one invalid row refuses all rows, or is only left out.";
    FORMAT: Choice<Format> = Choice(
        &[("json", Format::Json), ("jsonld", Format::JsonLd), ("owl", Format::Owl)],
        Some(ErrorCode::InvalidRequest),
    ), "format", "The format: as it was defined, JSON-LD, or OWL in Turtle.";
    PATH_TYPE: Choice<PathType> = Choice(
        &[("shortest", PathType::Shortest), ("all", PathType::All)],
        Some(ErrorCode::InvalidQuery),
    ), "path_type", "Only the shortest paths, or all paths that visit no class twice.";
}

/// A format of a class for other tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Json,
    JsonLd,
    Owl,
}

/// Which paths to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum PathType {
    #[default]
    Shortest,
    All,
}

/// A read of a whole database, at any time.
pub(crate) const UNBRANCHED: &[&dyn Described] = &[&AS_OF, &AT_LEAST, &TIMEOUT];

/// A read of a branch, at any time.
pub(crate) const READ: &[&dyn Described] = &[&BRANCH, &AS_OF, &AT_LEAST, &TIMEOUT];
