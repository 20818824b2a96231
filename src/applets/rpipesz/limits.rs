//! The limits that the kernel puts on pipes, and how much of them is used: --limits.

use std::collections::HashMap;
use std::os::fd::AsFd;

use rustix::io::Errno;
use serde_json::json;

use super::processes::Known;
use super::table::{self, Form, Table as Shown};
use super::{Manner, say};
use crate::error::{Error, FAILED, Named};
use crate::fdio::pipe;
use crate::process::table::Table;
use crate::report;

/// What the pipes of this user take, as far as they can be seen.
#[derive(Default)]
struct Used {
    pages: u64,
    pipes: u64,
}

pub(super) fn show(manner: Manner) -> Result<u8, Error> {
    let setting = |errno| Error::System(Named::Words("/proc/sys/fs"), errno);
    let max = pipe::max_size().map_err(setting)?;
    let (soft, hard) = pipe::user_pages().map_err(setting)?;
    let page = rustix::param::page_size() as u64;
    let used = used(page);
    if let Err(errno) = used {
        say("the pipes that are used can't be told", &report::words(errno));
    }
    let (pages, pipes) = (used.as_ref().ok().map(|used| used.pages), used.as_ref().ok().map(|used| used.pipes));
    let text = if manner.form == Form::Json {
        table::objects([json!({
            "pipe_max_size": max, "pipe_user_pages_soft": soft, "pipe_user_pages_hard": hard,
            "used_pages": pages, "used_pipes": pipes, "pipe_buf": pipe::PAGE, "page_size": page,
        })])
    } else {
        let mut table = Shown::new(&["limit", "value", "unit", "meaning"]);
        let text = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
        let mut row = |name: &str, value: Option<u64>, unit: &str, meaning: &str| {
            table.row([name.to_owned(), text(value), unit.to_owned(), meaning.to_owned()]);
        };
        let or_none = |value, words| if value == 0 { "no limit" } else { words };
        row("pipe-max-size", Some(max), "bytes", "the largest pipe, but for CAP_SYS_RESOURCE");
        row("pipe-user-pages-soft", Some(soft), "pages", or_none(soft, "a user beyond it gets new pipes of two pages"));
        row("pipe-user-pages-hard", Some(hard), "pages", or_none(hard, "a user beyond it gets no new pipes"));
        row("used", pages, "pages", &format!("in {} pipes of yours that can be seen, without FIFOs", text(pipes)));
        row("PIPE_BUF", Some(pipe::PAGE as u64), "bytes", "the most that is written whole where several write");
        row("page size", Some(page), "bytes", "what one slot of a pipe holds");
        table.text(manner.form, manner.verbose || manner.form == Form::Aligned)
    };
    Ok(table::print(&text, if used.is_ok() { 0 } else { FAILED }))
}

/// Adds up the pipes without a name that this user has made, each once, by whichever of its holders can be asked.
fn used(page: u64) -> Result<Used, Errno> {
    let mut table = Table::open()?;
    let ends = table.all_ends()?;
    let mut known = Known::default();
    let user = rustix::process::getuid().as_raw();
    let mut pages = HashMap::new();
    for end in ends {
        // The kernel charges whoever opened a FIFO first, and nothing tells who that was.
        if !table.is_nameless(end.pipe) {
            continue;
        }
        if pages.contains_key(&end.pipe) {
            continue;
        }
        match known.take(&end).and_then(|fd| charged(fd.as_fd(), user, page)) {
            Ok(taken) => drop(pages.insert(end.pipe, taken)),
            // Closed since, gone, or not ours; another may have it as well.
            Err(Errno::BADF | Errno::SRCH | Errno::PERM | Errno::ACCESS) => {}
            Err(errno) => return Err(errno),
        }
    }
    let charged = pages.into_values().flatten();
    Ok(charged.fold(Used::default(), |used, pages| Used { pages: used.pages + pages, pipes: used.pipes + 1 }))
}

/// The pages of a pipe that count for the user; none if it is another's.
fn charged(fd: std::os::fd::BorrowedFd<'_>, user: u32, page: u64) -> Result<Option<u64>, Errno> {
    // The kernel charges whoever made the pipe, who is its owner in the pipes' file system.
    let own = rustix::fs::fstat(fd)?.st_uid == user;
    Ok(if own { Some(pipe::size(fd)? / page) } else { None })
}
