//! Shared by the benchmarks: the real binary as a process, a small HTTP load, percentiles. Each
//! benchmark measures our code and a limit in the same run and prints the ratio. No test depends on
//! timings.

pub mod load;
pub mod node;
pub mod report;
