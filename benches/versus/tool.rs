//! The tools that are compared: ours first, then the peers that this machine has.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that does the work of a row.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// The program and its leading arguments.
    pub(crate) command: Vec<PathBuf>,
}

impl Tool {
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        command
    }
}

/// The binary of this project.
pub(crate) fn teebox() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_teebox")).to_owned()
}

/// Those of the tools that are here, by what their help mentions; those that are not are named on standard error.
pub(crate) fn present<const N: usize>(candidates: [(&'static str, Vec<PathBuf>, &str); N]) -> Vec<Tool> {
    let mut tools = Vec::new();
    for (name, command, mark) in candidates {
        let tool = Tool { name, command };
        let help = tool.command().arg("--help").output().map(|output| [output.stdout, output.stderr].concat());
        if help.is_ok_and(|text| String::from_utf8_lossy(&text).contains(mark)) {
            tools.push(tool);
        } else {
            eprintln!("{name}: absent");
        }
    }
    tools
}
