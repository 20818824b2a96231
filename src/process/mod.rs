//! Processes: what they hold, taking part in it, and becoming another program.
//!
//! It knows no applet, no option and no exit code, and it never prints. Failures are [`rustix::io::Errno`].
//!
//! - [`table`] - who holds which pipe, from /proc
//! - [`take`] - a descriptor of another process, without adding an end to what it is of
//! - [`replace`] - execve(2)

pub mod replace;
pub mod table;
pub mod take;
