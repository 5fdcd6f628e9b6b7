//! The ontology: classes, instances, filters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// Tables are long, and clearer in one piece.
#![allow(clippy::too_many_lines)]

mod constraints;
mod definitions;
mod filters;
mod ids;
mod inheritance;
mod instances;
mod keys;
mod labels;
mod lint;
mod network;
mod oracles;
mod queries;
mod reference_order;
mod references;
mod refusals;
mod support;
mod types;
