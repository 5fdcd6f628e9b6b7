//! The parameters of requests: one typed constant for each, with its name, place, bounds, default
//! and description. The same constants parse requests, refuse unknown parameters and describe the
//! calls. The tables are [`known`] (query), [`path`] and [`headers`].

mod choice;
mod given;
pub(crate) mod headers;
pub(crate) mod known;
mod moment;
mod number;
mod parameter;
pub(crate) mod path;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use self::{
    given::{Given, position, whole},
    number::{Depth, Whole},
    parameter::{Accepted, Described, Kind, Parameter},
    text::{BRANCH_PATTERN, Branch, DATABASE_PATTERN, missing},
};
