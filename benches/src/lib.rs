//! What the benchmarks share: the real binary as a process, a small HTTP load, percentiles. Each
//! benchmark measures ours beside the limit in the same run and prints the ratio; timings never
//! decide a test.

pub mod load;
pub mod node;
pub mod report;
