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
    BRANCH: Branch, "branch", "The branch; `main` when absent.", "main";
    AS_OF: Moment, "as_of",
        "Reads the past: a position of the database's log (inclusive), or an RFC 3339 time.", "1";
    AT_LEAST: Mark, "at_least",
        "Waits until the answer shows this: a position of the log, or the id of a command.", "1";
    TIMEOUT: Whole = Whole::new(0, 60, 10), "timeout",
        "How many seconds `at_least` waits before it is a 504.";
    LIMIT: Whole = Whole::new(1, 1_000, 100), "limit", "The most entries of the answer.";
    OFFSET: Whole = Whole::any(), "offset", "How many entries come before the answer's first.";
    NEXT: Text, "cursor", "The `cursor` of the page before.";

    EXPECTED_SEQ: ExpectedSequence, "expected_seq",
        "The sequence that was read (`event_sequence`, `sequence`); another one now is a 409.";
    FORCE: Flag, "force", "Overrides a check that may be overridden.";

    // Instances. Each page finds anew what comes before it by `offset`; only a cursor goes farther.
    INSTANCE_OFFSET: Whole = Whole::new(0, 100_000, 0).hint("; use cursor to go on"), "offset",
        "How many entries come before the answer's first.";
    CURSOR: Text, "cursor", "The `cursor` of the page before. Does not go together with `offset`.";
    SEARCH: Text, "search",
        "Words in any text property, letter case aside; `word*` is a prefix. Chinese, Japanese and \
         Korean text is found from the middle of a word.", "chair*";
    FILTER: Filter, "filter",
        "Conditions by property: a value, or `{eq, ne, gt, gte, lt, lte, in, not_in, like, \
         exists}`. In `like`, `%` is any text and `_` any one character; `\\%`, `\\_` and `\\\\` \
         are `%`, `_` and a backslash.";
    ORDER_BY: Text, "order_by",
        "The property to sort by, with a `-` before it for the other direction.", "-instance_id";
    HISTORY_LIMIT: Whole = Whole::new(1, 1_000, 50), "limit", "The most versions of the answer.";
    SAMPLE_LIMIT: Whole = Whole::new(1, 100, 10), "limit", "The most values of a property.";
    PROPERTY: Text, "property", "Only this property, by id or label.";

    // Events of a database, and dead letters.
    EVENTS_BRANCH: Branch, "branch",
        "Only what happens on this branch and to the database as a whole; all when absent.", "main";
    EVENTS_FROM: Position, "from",
        "The first position of the log that is sent; what comes next when absent.";
    DATABASE: Database, "database", "Those of this database only.", "demo";

    // Diffs.
    DIFF_LIMIT: Whole = Whole::new(1, 10_000, 1_000), "limit", "The most changes of the answer.";
    DIFF_CLASS: Text, "class", "Only this class and its instances.", "Product";
    DIRECT: Flag, "direct",
        "Compares the two branches as they are, not with what they have in common.";
    AGAINST: Branch, "against",
        "The branch to compare with; the branch's parent when absent.", "main";
    FROM_POSITION: Position, "from_position",
        "Compares the branch with itself at this position. Not together with `against`.";
    FROM: Branch, "from", "The branch to compare with.", "main";
    FROM_REF: Branch, "from_ref", "Another name of `from`.", "main";
    TO: Branch, "to", "The branch whose changes are asked for.", "main";
    TO_REF: Branch, "to_ref", "Another name of `to`.", "main";

    // Paths between classes, by the names of graph queries and by those of the earlier system.
    SOURCE_CLASS: RequiredText, "source_class", "Where the paths begin.", "Order";
    TARGET_CLASS: RequiredText, "target_class", "Where they end.", "Customer";
    START_ENTITY: Text, "start_entity", "The class to begin at, by id or label.", "Product";
    START_ENTITY_TOO: Text, "source_class", "The same as `start_entity`.";
    END_ENTITY: Text, "end_entity",
        "The class to arrive at; every class that can be reached when absent.";
    END_ENTITY_TOO: Text, "target_class", "The same as `end_entity`.";
    MAX_DEPTH: Depth = Depth { default: 3 }, "max_depth", "The most hops of a path.";
    EARLIER_MAX_DEPTH: Depth = Depth { default: 5 }, "max_depth", "The most hops of a path.";
}

/// What a bad row of a bulk does.
pub(crate) const ON_ERROR: Parameter<Choice<OnError>> = Parameter::new(
    "on_error",
    "Whether one bad row refuses all, or is only left out.",
    Choice {
        words: &[("abort", OnError::Abort), ("skip", OnError::Skip)],
        refusal: None,
    },
);

/// A format of a class for other tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Json,
    JsonLd,
    Owl,
}

/// How to write a class.
pub(crate) const FORMAT: Parameter<Choice<Format>> = Parameter::new(
    "format",
    "How to write it: as it was defined, as JSON-LD, or as OWL in Turtle.",
    Choice {
        words: &[
            ("json", Format::Json),
            ("jsonld", Format::JsonLd),
            ("owl", Format::Owl),
        ],
        refusal: Some(ErrorCode::InvalidRequest),
    },
);

/// Which paths to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum PathType {
    #[default]
    Shortest,
    All,
}

/// Which paths to list.
pub(crate) const PATH_TYPE: Parameter<Choice<PathType>> = Parameter::new(
    "path_type",
    "Only the shortest, or all that meet no class twice.",
    Choice {
        words: &[("shortest", PathType::Shortest), ("all", PathType::All)],
        refusal: Some(ErrorCode::InvalidQuery),
    },
);

/// A read of a whole database, now or in the past.
pub(crate) const UNBRANCHED: &[&dyn Described] = &[&AS_OF, &AT_LEAST, &TIMEOUT];

/// A read of a branch, now or in the past.
pub(crate) const READ: &[&dyn Described] = &[&BRANCH, &AS_OF, &AT_LEAST, &TIMEOUT];
