//! teebox: a family of stream tools in one binary that acts by the name it is called by.
//!
//! Dependencies point one way:
//!
//! ```text
//! main -> dispatch -> applets -> error, progress, report, fdio
//! ```
//!
//! - [`dispatch`] finds the applet by the program's name or its first argument, and is the `teebox` command itself.
//! - [`applet`] says what an applet is; [`applets`] holds one module each, and the table of them.
//! - [`fdio`] is the core: pipes, splice(2), tee(2), poll(2), fork(2), signals. It knows no applet and never prints.
//! - [`error`] turns what went wrong into an exit status; [`report`] says it on standard error, with names
//!   as [`quote`] has them; [`progress`] shows how far a long job is.
//!
//! Unsafe code lives in [`fdio::fork`], [`fdio::signal`] and the entry point, and nowhere else.

pub mod applet;
pub mod applets;
pub mod dispatch;
pub mod error;
pub mod fdio;
pub mod progress;
pub mod quote;
pub mod report;
