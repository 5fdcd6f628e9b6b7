//! The parameters that more than one call takes, and the sets in which they come.

use crate::http::parameters::Parameter;

/// What a database may be called.
pub(crate) const DATABASE_PATTERN: &str = "^[a-z](?:[_-]?[a-z0-9])*$";

/// What may identify an instance, but for its length in bytes: the first and the last character
/// are no blank, and none is a control character.
pub(crate) const INSTANCE_PATTERN: &str = r"^[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])?$";

/// The id of an instance, in place of the one in the path.
pub(crate) const INSTANCE_ID: Parameter = Parameter::text(
    "instance_id",
    "The id of the instance, with a `-` in its place in the path: for the ids `.` and `..`, which \
     most clients take out of a path even when they are percent-encoded.",
)
.matching(INSTANCE_PATTERN, 1, 255);

/// What a branch may be called.
pub(crate) const BRANCH_PATTERN: &str = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$";

/// The branch.
pub(crate) const BRANCH: Parameter = Parameter::text("branch", "The branch; `main` when absent.")
    .matching(BRANCH_PATTERN, 1, 100)
    .like("main");

/// A read of the past.
pub(crate) const AS_OF: Parameter = Parameter::moment(
    "as_of",
    "Reads the past: a position of the database's log (inclusive), or an RFC 3339 time.",
)
.like("1");

/// A read of what was just written.
pub(crate) const AT_LEAST: Parameter = Parameter::mark(
    "at_least",
    "Waits until the answer shows this: a position of the log, or the id of a command.",
)
.like("1");

/// How long `at_least` waits.
pub(crate) const TIMEOUT: Parameter = Parameter::whole(
    "timeout",
    "How many seconds `at_least` waits before it is a 504.",
)
.within(0, 60)
.or(10);

/// The length of a page.
pub(crate) const LIMIT: Parameter = Parameter::whole("limit", "The most entries of the answer.")
    .within(1, 1_000)
    .or(100);

/// The beginning of a page.
pub(crate) const OFFSET: Parameter =
    Parameter::whole("offset", "How many entries come before the answer's first.").or(0);

/// The sequence that the writer has read.
pub(crate) const EXPECTED_SEQ: Parameter = Parameter::whole(
    "expected_seq",
    "The sequence that was read (`event_sequence`, `sequence`); another one now is a 409.",
)
.required();

/// Whether to do what is refused otherwise.
pub(crate) const FORCE: Parameter = Parameter::flag(
    "force",
    "Does it although something stands against it that may be overruled.",
);

/// Words in text.
pub(crate) const SEARCH: Parameter = Parameter::text(
    "search",
    "Words in any text property, letter case aside; `word*` is a prefix. Chinese, Japanese and \
     Korean text is found from the middle of a word.",
)
.like("chair*");

/// Conditions on properties.
pub(crate) const FILTER: Parameter = Parameter::object(
    "filter",
    "Conditions by property: a value, or `{eq, ne, gt, gte, lt, lte, in, not_in, like, exists}`. In \
     `like`, `%` is any text and `_` any one character; `\\%`, `\\_` and `\\\\` are `%`, `_` and a \
     backslash.",
)
.like("{}");

/// Order of a list.
pub(crate) const ORDER_BY: Parameter = Parameter::text(
    "order_by",
    "The property to sort by, with a `-` before it for the other direction.",
)
.like("-instance_id");

/// The place where a page ended.
pub(crate) const CURSOR: Parameter = Parameter::text(
    "cursor",
    "The `cursor` of the page before. Does not go together with `offset`.",
);

/// A read of a whole database, now or in the past.
pub(crate) const UNBRANCHED: &[Parameter] = &[AS_OF, AT_LEAST, TIMEOUT];

/// A read of a branch, now or in the past.
pub(crate) const READ: &[Parameter] = &[BRANCH, AS_OF, AT_LEAST, TIMEOUT];

/// A page.
pub(crate) const PAGE: &[Parameter] = &[LIMIT, OFFSET];

/// What the placeholders of paths stand for. The `{id}` after `commands` is a `command`.
pub(crate) const PLACEHOLDERS: [Parameter; 7] = [
    Parameter::text("db", "The database.")
        .matching(DATABASE_PATTERN, 3, 50)
        .like("demo"),
    Parameter::text("class", "A class, by id or by label.")
        .matching("", 1, 100)
        .like("Product"),
    Parameter::text(
        "id",
        "The id of an instance, percent-encoded: 1 to 255 bytes of UTF-8.",
    )
    .matching(INSTANCE_PATTERN, 1, 255)
    .like("chair-1"),
    Parameter::identifier("command", "The id of a command.")
        .like("01928374-1111-7222-8333-444455556666"),
    Parameter::text("name", "The name of a branch, which may hold `/`.")
        .matching(BRANCH_PATTERN, 1, 100)
        .like("main"),
    Parameter::text("handler", "A sink's handler.")
        .matching("", 1, 100)
        .like("instance_worker"),
    Parameter::whole("position", "A position of the log.").like("5"),
];
