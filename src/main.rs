//! Hands the arguments to the library and returns its exit status.
//!
//! The `main` that the C library calls is our own. Rust's would open /dev/null on standard descriptors that are closed
//! and ignore SIGPIPE before any of our code could see what was inherited.
#![no_main]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

/// The entry point of the C library: `argc` strings in `argv`, as execve(2) was given them.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let arguments: Vec<OsString> = (0..count)
        .map(|index| {
            // SAFETY: the C standard promises `argc` pointers to strings that live as long as the process.
            let argument = unsafe { CStr::from_ptr(*argv.add(index)) };
            OsStr::from_bytes(argument.to_bytes()).to_owned()
        })
        .collect();
    teebox::dispatch::run(arguments).into()
}
