//! Processes: running commands, what processes hold, taking part in it, and becoming another program.
//!
//! It knows no applet, no option and no message, and it never prints. Failures are [`rustix::io::Errno`].
//!
//! - [`spawn`] - commands in process groups of their own, how they ended, and the exit status for that
//! - [`table`] - who holds which pipe, from /proc
//! - [`take`] - a descriptor of another process, without adding an end to what it is of
//! - [`replace`] - execve(2)

pub mod replace;
pub mod spawn;
pub mod table;
pub mod take;
