//! The one place that writes `applet: subject: reason` to standard error.
//!
//! A message is one write(2), so that two processes never mix theirs within a line, and a standard error that is
//! closed or full changes nothing else.

use std::ffi::OsStr;

use rustix::io::Errno;

use crate::fdio::transfer;
use crate::quote::quote;

/// What a message is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A name that the user gave; quoted where it needs that.
    Name(&'a OsStr),
    /// Words of our own, such as `read error`; shown as they are.
    Words(&'a str),
}

/// Says that `subject` failed with `errno`, in the system's own words.
pub fn failure(applet: &str, subject: Subject<'_>, errno: Errno) {
    reason(applet, subject, &words(errno));
}

/// Says that `subject` failed for a reason in words.
pub fn reason(applet: &str, subject: Subject<'_>, reason: &str) {
    let subject = match subject {
        Subject::Name(name) => quote(name),
        Subject::Words(words) => words.to_owned(),
    };
    message(applet, &format!("{subject}: {reason}"));
}

/// Says `text` after the applet's name. `text` holds no control characters but newlines.
pub fn message(applet: &str, text: &str) {
    // There is nobody to tell that standard error itself failed.
    let _ = transfer::write_all(rustix::stdio::stderr(), format!("{applet}: {text}\n").as_bytes());
}

/// strerror(3) without the number that Rust adds.
#[must_use]
pub fn words(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
