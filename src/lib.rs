//! teebox: a family of stream tools in one binary that acts by the name it is called by.
//!
//! Dependencies point one way:
//!
//! ```text
//! main -> dispatch -> applets -> error, progress, report, framing, size, duration, process -> fdio
//! ```
//!
//! - [`dispatch`] finds the applet by the program's name or its first argument, and is the `teebox` command itself.
//! - [`applet`] says what an applet is; [`applets`] holds one module each, and the table of them.
//! - [`fdio`] is the core: pipes, splice(2), tee(2), poll(2), fork(2), signals. It knows no applet and never prints.
//! - [`process`] is what it needs of processes: running commands, who holds which pipe, and becoming another program.
//! - [`framing`] is the codec of length-prefixed frames: bytes to bytes, no descriptors.
//! - [`error`] turns what went wrong into an exit status; [`report`] says it on standard error, with names
//!   as [`quote`] has them; [`progress`] shows how far a long job is; [`size`] reads sizes in bytes, and
//!   [`duration`] times.
//!
//! Unsafe code lives in [`fdio::fork`], [`fdio::signal`] and the entry point, and nowhere else.

pub mod applet;
pub mod applets;
pub mod dispatch;
pub mod duration;
pub mod error;
pub mod fdio;
pub mod framing;
pub mod process;
pub mod progress;
pub mod quote;
pub mod report;
pub mod size;
