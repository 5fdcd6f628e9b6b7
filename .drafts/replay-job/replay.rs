//! ReplayJobs: each object is one replay in the api, which carries it out. The operator requests it,
//! passes on what the object says (suspend, approve, delete), and shows how far it is. A pass is
//! gather, decide, execute, observe, publish, as for the other kinds.

mod api;
mod decide;
mod execute;
mod gather;
mod observe;
mod run;

pub(crate) use run::drive_replays;

#[cfg(test)]
mod tests;
