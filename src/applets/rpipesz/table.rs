//! The forms of what is shown: columns for people, tabs for programs that cut lines, JSON for those that don't.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use super::NAME;
use crate::error::FAILED;
use crate::fdio::{stdio, transfer};
use crate::quote::quote;
use crate::report::{self, Subject};

/// How output is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Columns, for a terminal.
    Aligned,
    /// Fields with tabs between them.
    Tabs,
    /// One object a line.
    Json,
}

impl Form {
    pub(super) fn choose(json: bool) -> Self {
        if json {
            Self::Json
        } else if rustix::termios::isatty(rustix::stdio::stdout()) {
            Self::Aligned
        } else {
            Self::Tabs
        }
    }
}

/// Rows of fields under titles.
#[derive(Debug)]
pub(super) struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(titles: &[&str]) -> Self {
        Self { titles: titles.iter().map(|title| (*title).to_owned()).collect(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, fields: impl IntoIterator<Item = String>) {
        self.rows.push(fields.into_iter().collect());
    }

    /// The lines, the titles first where they are wanted.
    pub(super) fn text(&self, form: Form, titled: bool) -> String {
        let lines = titled.then_some(&self.titles).into_iter().chain(&self.rows);
        if form != Form::Aligned {
            return lines.map(|fields| fields.join("\t") + "\n").collect();
        }
        let width = |fields: &[String], column: usize| fields.get(column).map_or(0, |field| field.chars().count());
        let widths: Vec<usize> = (0..self.titles.len())
            .map(|column| lines.clone().map(|fields| width(fields, column)).max().unwrap_or(0))
            .collect();
        let numbers: Vec<bool> =
            (0..widths.len()).map(|column| self.rows.iter().all(|row| number(row, column))).collect();
        let mut text = String::new();
        for fields in lines {
            let columns = fields.iter().zip(widths.iter().zip(&numbers));
            let padded = columns.map(
                |(field, (width, number))| {
                    if *number { format!("{field:>width$}") } else { format!("{field:<width$}") }
                },
            );
            text.push_str(padded.collect::<Vec<String>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// Whether a column's field goes to the right: a number, with a unit or without, or one that can't be told.
fn number(row: &[String], column: usize) -> bool {
    let Some(field) = row.get(column) else { return false };
    let (number, unit) = field.split_once(' ').unwrap_or((field, ""));
    field == "?" || (number.parse::<f64>().is_ok() && !unit.contains(' '))
}

/// Objects as lines.
pub(super) fn objects(objects: impl IntoIterator<Item = Value>) -> String {
    let mut text = String::new();
    for object in objects {
        for c in object.to_string().chars() {
            // JSON lets some of them pass that a terminal must not get; they are in strings only.
            match c {
                // Writing to a String can't fail.
                c if c.is_control() => drop(write!(text, "\\u{:04x}", u32::from(c))),
                c => text.push(c),
            }
        }
        text.push('\n');
    }
    text
}

/// A bar that is `share` of the longest one.
pub(super) fn bar(share: f64) -> String {
    // Between nothing and 30; no share is so far off that rounding matters.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let length = (share.clamp(0.0, 1.0) * 30.0).round() as usize;
    "█".repeat(length)
}

/// A name as it is; quoted only if it holds what a terminal must not get raw.
pub(super) fn plain(name: &OsStr) -> String {
    match std::str::from_utf8(name.as_bytes()) {
        Ok(text) if !text.contains(|c: char| c.is_control()) => text.to_owned(),
        _ => quote(name),
    }
}

/// Writes the output and returns the status, or that of failure if the output can't be written.
pub(super) fn print(text: &str, status: u8) -> u8 {
    let written = transfer::write_all(rustix::stdio::stdout(), text.as_bytes());
    match written.and_then(|()| if text.is_empty() { Ok(()) } else { stdio::close_stdout() }) {
        Ok(()) => status,
        Err(errno) => {
            report::failure(NAME, Subject::Words("write error"), errno);
            FAILED
        }
    }
}
