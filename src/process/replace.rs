//! Becoming another program.
//!
//! The standard library's own way sets SIGPIPE and the signal mask to what Rust programs expect; the command here is to
//! find everything as this program was given it.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStrExt;

use rustix::io::Errno;

use crate::fdio;

/// Replaces this program with a command, which is looked up in PATH; returns only when that fails.
///
/// ENOENT when there is no such command (or no interpreter for it), EACCES and ENOEXEC when it can't be run.
#[must_use]
pub fn replace(command: &[OsString]) -> Errno {
    let arguments: Result<Vec<CString>, _> = command.iter().map(|word| CString::new(word.as_bytes())).collect();
    // What came from a command line holds no NUL.
    let Ok(arguments) = arguments else { return Errno::INVAL };
    let Some(program) = arguments.first() else { return Errno::NOENT };
    match nix::unistd::execvp(program, &arguments) {
        Err(errno) => fdio::errno(errno),
        Ok(never) => match never {},
    }
}
