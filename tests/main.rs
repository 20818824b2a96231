//! teebox as its users meet it: the built binary, run as a process.
//!
//! Where a peer is installed (GNU tee, strace, Python), the comparison with it is the test. With TEEBOX_ALL_PEERS set, as
//! in CI, a peer that is absent is a failure; without it, such a test says so and passes.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod dispatch;
mod duration;
mod fdio;
mod framing;
mod generated;
mod layering;
mod rfifo;
mod rfifo_lines;
mod rfifo_path;
mod rfifo_write;
mod rframe;
mod rframe_interop;
mod rframe_streams;
mod rmerge;
mod rmerge_at_once;
mod rmerge_commands;
mod rmerge_inputs;
mod rmerge_order;
mod rpipesz_fifo;
mod rpipesz_limits;
mod rpipesz_parity;
mod rpipesz_processes;
mod rpipesz_stall;
mod rtee_fallback;
mod rtee_mixes;
mod rtee_parity;
mod rtee_promise;
mod rtee_stalls;
mod size;
mod support;
