//! teebox as its users meet it: the built binary, run as a process.
//!
//! Where a peer is installed (GNU tee, strace, Python), the comparison with it is the test. With TEEBOX_ALL_PEERS set, as
//! in CI, a peer that is absent is a failure; without it, such a test says so and passes.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod dispatch;
mod fdio;
mod generated;
mod layering;
mod rtee_fallback;
mod rtee_mixes;
mod rtee_parity;
mod rtee_promise;
mod support;
