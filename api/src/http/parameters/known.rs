//! The parameters of queries.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{command::OnError, error::ErrorCode};

use super::{
    choice::{Choice, Flag},
    moment::{Mark, Moment},
    number::{Depth, ExpectedSequence, Position, Whole},
    parameter::{Described, Parameter},
    text::{Branch, Database, Filter, RequiredText, Text},
};

/// The branch.
pub(crate) const BRANCH: Parameter<Branch> =
    Parameter::new("branch", "The branch; `main` when absent.", Branch).example("main");

/// The branch of which events are asked for.
pub(crate) const EVENTS_BRANCH: Parameter<Branch> = Parameter::new(
    "branch",
    "Only what happens on this branch and to the database as a whole; all when absent.",
    Branch,
)
.example("main");

/// The first event that is asked for.
pub(crate) const EVENTS_FROM: Parameter<Position> = Parameter::new(
    "from",
    "The first position of the log that is sent; what comes next when absent.",
    Position,
);

/// A read of the past.
pub(crate) const AS_OF: Parameter<Moment> = Parameter::new(
    "as_of",
    "Reads the past: a position of the database's log (inclusive), or an RFC 3339 time.",
    Moment,
)
.example("1");

/// A read of what was just written.
pub(crate) const AT_LEAST: Parameter<Mark> = Parameter::new(
    "at_least",
    "Waits until the answer shows this: a position of the log, or the id of a command.",
    Mark,
)
.example("1");

/// How long `at_least` waits.
pub(crate) const TIMEOUT: Parameter<Whole> = Parameter::new(
    "timeout",
    "How many seconds `at_least` waits before it is a 504.",
    Whole::new(0, 60, 10),
);

/// The length of a page.
pub(crate) const LIMIT: Parameter<Whole> = Parameter::new(
    "limit",
    "The most entries of the answer.",
    Whole::new(1, 1_000, 100),
);

/// The beginning of a page.
pub(crate) const OFFSET: Parameter<Whole> = Parameter::new(
    "offset",
    "How many entries come before the answer's first.",
    Whole::any(),
);

/// The beginning of a page of instances. Each page finds anew what comes before it; only a cursor
/// goes farther.
pub(crate) const INSTANCE_OFFSET: Parameter<Whole> = Parameter::new(
    "offset",
    "How many entries come before the answer's first.",
    Whole::new(0, 100_000, 0).hint("; use cursor to go on"),
);

/// The place where a page of instances ended.
pub(crate) const CURSOR: Parameter<Text> = Parameter::new(
    "cursor",
    "The `cursor` of the page before. Does not go together with `offset`.",
    Text,
);

/// The place where a page ended, in a list without `offset`.
pub(crate) const NEXT: Parameter<Text> =
    Parameter::new("cursor", "The `cursor` of the page before.", Text);

/// The length of a page of an instance's history.
pub(crate) const HISTORY_LIMIT: Parameter<Whole> = Parameter::new(
    "limit",
    "The most versions of the answer.",
    Whole::new(1, 1_000, 50),
);

/// How many values of a property are listed.
pub(crate) const SAMPLE_LIMIT: Parameter<Whole> = Parameter::new(
    "limit",
    "The most values of a property.",
    Whole::new(1, 100, 10),
);

/// The property whose values are listed.
pub(crate) const PROPERTY: Parameter<Text> =
    Parameter::new("property", "Only this property, by id or label.", Text);

/// The length of a page of a diff.
pub(crate) const DIFF_LIMIT: Parameter<Whole> = Parameter::new(
    "limit",
    "The most changes of the answer.",
    Whole::new(1, 10_000, 1_000),
);

/// Whether a diff leaves out what the branches have in common.
pub(crate) const DIRECT: Parameter<Flag> = Parameter::new(
    "direct",
    "Compares the two branches as they are, not with what they have in common.",
    Flag,
);

/// The class of a diff.
pub(crate) const DIFF_CLASS: Parameter<Text> =
    Parameter::new("class", "Only this class and its instances.", Text).example("Product");

/// The other branch of a diff.
pub(crate) const AGAINST: Parameter<Branch> = Parameter::new(
    "against",
    "The branch to compare with; the branch's parent when absent.",
    Branch,
)
.example("main");

/// An earlier state of the branch, for a diff.
pub(crate) const FROM_POSITION: Parameter<Position> = Parameter::new(
    "from_position",
    "Compares the branch with itself at this position. Not together with `against`.",
    Position,
);

/// The branch that a diff of oms compares with.
pub(crate) const FROM: Parameter<Branch> =
    Parameter::new("from", "The branch to compare with.", Branch).example("main");

/// The branch whose changes a diff of oms lists.
pub(crate) const TO: Parameter<Branch> =
    Parameter::new("to", "The branch whose changes are asked for.", Branch).example("main");

/// An older name of [`FROM`].
pub(crate) const FROM_REF: Parameter<Branch> =
    Parameter::new("from_ref", "Another name of `from`.", Branch).example("main");

/// An older name of [`TO`].
pub(crate) const TO_REF: Parameter<Branch> =
    Parameter::new("to_ref", "Another name of `to`.", Branch).example("main");

/// The sequence that the writer has read.
pub(crate) const EXPECTED_SEQ: Parameter<ExpectedSequence> = Parameter::new(
    "expected_seq",
    "The sequence that was read (`event_sequence`, `sequence`); another one now is a 409.",
    ExpectedSequence,
);

/// Whether to do what is refused otherwise.
pub(crate) const FORCE: Parameter<Flag> = Parameter::new(
    "force",
    "Does it although something stands against it that may be overruled.",
    Flag,
);

/// What a bad row of a bulk does.
pub(crate) const ON_ERROR: Parameter<Choice<OnError>> = Parameter::new(
    "on_error",
    "Whether one bad row refuses all, or is only left out.",
    Choice {
        words: &[("abort", OnError::Abort), ("skip", OnError::Skip)],
        refusal: None,
    },
);

/// Words in text.
pub(crate) const SEARCH: Parameter<Text> = Parameter::new(
    "search",
    "Words in any text property, letter case aside; `word*` is a prefix. Chinese, Japanese and \
     Korean text is found from the middle of a word.",
    Text,
)
.example("chair*");

/// Conditions on properties.
pub(crate) const FILTER: Parameter<Filter> = Parameter::new(
    "filter",
    "Conditions by property: a value, or `{eq, ne, gt, gte, lt, lte, in, not_in, like, exists}`. In \
     `like`, `%` is any text and `_` any one character; `\\%`, `\\_` and `\\\\` are `%`, `_` and a \
     backslash.",
    Filter,
);

/// Order of a list.
pub(crate) const ORDER_BY: Parameter<Text> = Parameter::new(
    "order_by",
    "The property to sort by, with a `-` before it for the other direction.",
    Text,
)
.example("-instance_id");

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

/// The class where paths of a graph query begin.
pub(crate) const SOURCE_CLASS: Parameter<RequiredText> =
    Parameter::new("source_class", "Where the paths begin.", RequiredText).example("Order");

/// The class where paths of a graph query end.
pub(crate) const TARGET_CLASS: Parameter<RequiredText> =
    Parameter::new("target_class", "Where they end.", RequiredText).example("Customer");

/// The length of paths.
pub(crate) const MAX_DEPTH: Parameter<Depth> = Parameter::new(
    "max_depth",
    "The most hops of a path.",
    Depth { default: 3 },
);

/// [`MAX_DEPTH`] with the default of an earlier call.
pub(crate) const EARLIER_MAX_DEPTH: Parameter<Depth> = Parameter::new(
    "max_depth",
    "The most hops of a path.",
    Depth { default: 5 },
);

/// The class where paths begin.
pub(crate) const START_ENTITY: Parameter<Text> = Parameter::new(
    "start_entity",
    "The class to begin at, by id or label.",
    Text,
)
.example("Product");

/// Another name of [`START_ENTITY`].
pub(crate) const START_ENTITY_TOO: Parameter<Text> =
    Parameter::new("source_class", "The same as `start_entity`.", Text);

/// The class where paths end.
pub(crate) const END_ENTITY: Parameter<Text> = Parameter::new(
    "end_entity",
    "The class to arrive at; every class that can be reached when absent.",
    Text,
);

/// Another name of [`END_ENTITY`].
pub(crate) const END_ENTITY_TOO: Parameter<Text> =
    Parameter::new("target_class", "The same as `end_entity`.", Text);

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

/// The database of dead letters.
pub(crate) const DATABASE: Parameter<Database> =
    Parameter::new("database", "Those of this database only.", Database).example("demo");

/// A read of a whole database, now or in the past.
pub(crate) const UNBRANCHED: &[&dyn Described] = &[&AS_OF, &AT_LEAST, &TIMEOUT];

/// A read of a branch, now or in the past.
pub(crate) const READ: &[&dyn Described] = &[&BRANCH, &AS_OF, &AT_LEAST, &TIMEOUT];
