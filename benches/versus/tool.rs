//! The tools that are compared: ours first, then the peers that this machine has.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A tee.
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

/// The tools that are here; those that are not are named on standard error.
pub(crate) fn find() -> Vec<Tool> {
    let ours = Path::new(env!("CARGO_BIN_EXE_teebox")).to_owned();
    let uutils = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/tee");
    let candidates = [
        ("rtee", vec![ours, "rtee".into()]),
        ("GNU tee", vec!["tee".into()]),
        ("busybox tee", vec!["busybox".into(), "tee".into()]),
        ("uutils tee", vec![uutils]),
    ];
    let mut tools = Vec::new();
    for (name, command) in candidates {
        let tool = Tool { name, command };
        let mut version = tool.command();
        let found = version.arg("--help").output().map(|output| [output.stdout, output.stderr].concat());
        let genuine = match (&found, name) {
            (Ok(text), "GNU tee") => String::from_utf8_lossy(text).contains("GNU coreutils"),
            (Ok(text), "busybox tee") => String::from_utf8_lossy(text).contains("BusyBox"),
            (result, _) => result.is_ok(),
        };
        if genuine {
            tools.push(tool);
        } else {
            eprintln!("{name}: absent");
        }
    }
    tools
}
