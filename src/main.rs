//! Hands the arguments to the library and returns its exit status.
//!
//! The `main` that the C library calls is our own. Rust's would open /dev/null on standard descriptors that are closed
//! and ignore SIGPIPE before any of our code could see what was inherited.
#![no_main]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

/// The entry point for the C library: `count` strings in `strings`, as execve(2) was given them.
///
/// # Safety
///
/// For the C library alone to call, with as many strings as it says, that live as long as the process.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, strings: *const *const c_char) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    let arguments: Vec<OsString> = (0..count)
        .map(|index| {
            // SAFETY: `index` is below `count`, and the caller has promised the rest.
            let argument = unsafe { CStr::from_ptr(*strings.add(index)) };
            OsStr::from_bytes(argument.to_bytes()).to_owned()
        })
        .collect();
    teebox::dispatch::run(arguments).into()
}
