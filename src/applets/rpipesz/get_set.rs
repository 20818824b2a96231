//! What pipesz does: --get and --set on targets, then the command.

use std::ffi::OsString;
use std::os::fd::AsFd;

use rustix::io::Errno;
use serde_json::json;

use super::table::{self, Form, Table};
use super::targets::{Refused, Target};
use super::{Manner, NAME, Size, say};
use crate::error::{CANNOT_RUN, FAILED, NOT_FOUND};
use crate::fdio::pipe;
use crate::process::replace::replace;
use crate::quote::quote;
use crate::report;

/// Shows the sizes and what is unread.
pub(super) fn get(targets: &[Target], manner: Manner) -> u8 {
    let mut table = Table::new(&["pipe", "size", "unread"]);
    let mut objects = Vec::new();
    let mut status = 0;
    for target in targets {
        let looked = target.open().and_then(|fd| {
            let size = pipe::size(&fd)?;
            // pipesz says 0 where it can't be told.
            Ok((size, pipe::unread(&fd).unwrap_or(0)))
        });
        match looked {
            Ok((size, unread)) => {
                objects.push(json!({ "name": target.json_name(), "size": size, "unread": unread }));
                table.row([target.name(), size.to_string(), unread.to_string()]);
            }
            Err(refused) if manner.check => {
                complain("get", target, &refused);
                status = FAILED;
                break;
            }
            Err(refused) => {
                if !manner.quiet {
                    complain("get", target, &refused);
                }
            }
        }
    }
    match manner.form {
        Form::Json => table::print(&table::objects(objects), status),
        form => table::print(&table.text(form, manner.verbose), status),
    }
}

/// Sets the sizes, then becomes the command if there is one.
pub(super) fn set(targets: &[Target], size: Size, command: &[OsString], manner: Manner) -> u8 {
    let asked = reduce(size, manner);
    let mut short = false;
    for target in targets {
        let opened = target.open();
        let set = opened.as_ref().map_err(Refused::clone).and_then(|fd| Ok(give(fd, asked)?));
        // What could not be made smaller is still as large as was asked for. With that the end is let go: a message may
        // have to wait.
        let enough = opened.is_ok_and(|fd| has(fd, size));
        let too_small = manner.strict && !enough;
        short |= too_small;
        match set {
            Ok(given) => {
                if manner.verbose || too_small {
                    report::message(NAME, &format!("{} pipe buffer size set to {given}", target.quoted()));
                }
            }
            Err(refused) => {
                if !manner.quiet || manner.check || too_small {
                    complain("set", target, &refused);
                }
                if manner.check {
                    return FAILED;
                }
            }
        }
    }
    if short {
        return FAILED;
    }
    if command.is_empty() { 0 } else { run(command) }
}

/// What is asked of the kernel for a size: no more than it has, which is said.
pub(super) fn reduce(size: Size, manner: Manner) -> Size {
    match size {
        Size::Bytes(bytes) if bytes > pipe::MOST => {
            if !manner.quiet {
                let words = format!("{bytes} bytes are more than any pipe has; the size is reduced to {}", pipe::MOST);
                report::message(NAME, &words);
            }
            Size::Bytes(pipe::MOST)
        }
        size => size,
    }
}

/// Sets the size of one pipe and tells what was given.
pub(super) fn give(fd: impl AsFd, size: Size) -> Result<u64, Errno> {
    match size {
        Size::Bytes(bytes) => pipe::set_size(fd, bytes),
        Size::Most => pipe::grow(fd, pipe::max_size()?),
    }
}

/// Whether a pipe has at least this size, however it came by it.
pub(super) fn has(fd: impl AsFd, size: Size) -> bool {
    let least = match size {
        Size::Bytes(bytes) => bytes,
        Size::Most => 0,
    };
    pipe::size(fd).is_ok_and(|now| now >= least)
}

fn complain(verb: &str, target: &Target, refused: &Refused) {
    match refused {
        Refused::Missing(errno) => say(&format!("cannot open {}", target.quoted()), &report::words(*errno)),
        Refused::Unasked(reason) => say(&format!("cannot {verb} pipe buffer size of {}", target.quoted()), reason),
    }
}

fn run(command: &[OsString]) -> u8 {
    let errno = replace(command);
    say(&format!("failed to execute {}", quote(&command[0])), &report::words(errno));
    if errno == Errno::NOENT { NOT_FOUND } else { CANNOT_RUN }
}
