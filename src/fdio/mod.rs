//! The fd-utility core: what every applet needs of descriptors, pipes, children and signals, each rule written once.
//!
//! It knows no applet, no option and no exit code, and it never prints. Failures are [`rustix::io::Errno`].
//!
//! - [`stdio`] - standard descriptors that may be closed
//! - [`pipe`] - making pipes and their sizes
//! - [`transfer`] - moving bytes from a descriptor to a descriptor, in the kernel or through a buffer
//! - [`buffer`] - bytes that were read and are not used yet
//! - [`spool`] - bytes that wait in a file without a name
//! - [`device`] - telling files and devices apart
//! - [`fifo`] - FIFOs by their names
//! - [`watch`] - who comes to a FIFO and who leaves it
//! - [`duplicate`] - tee(2) into several pipes
//! - [`poll`] - waiting
//! - [`source`] - an input of any kind as a pipe
//! - [`fork`] - children that are functions
//! - [`signal`] - dispositions, and dying of a signal

pub mod buffer;
pub mod device;
pub mod duplicate;
pub mod fifo;
pub mod fork;
pub mod pipe;
pub mod poll;
pub mod signal;
pub mod source;
pub mod spool;
pub mod stdio;
pub mod transfer;
pub mod watch;

use rustix::io::Errno;

/// The error of a call of nix's, which has those that rustix lacks, as all others are here.
pub(crate) fn errno(error: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(error as i32)
}
