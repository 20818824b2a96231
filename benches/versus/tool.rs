//! The tools that are compared: ours first, then the peers that this machine has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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

/// The binary of this project as `cargo install` or a package leaves it: a copy. The linker writes a file in small pieces,
/// and so it lies in small pieces of the page cache, which makes each start 60 to 80 us slower than that of a copy.
pub(crate) fn teebox() -> PathBuf {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    let copy = COPY.get_or_init(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/versus");
        std::fs::create_dir_all(&directory).unwrap();
        let copy = directory.join("teebox");
        let _ = std::fs::remove_file(&copy);
        std::fs::copy(env!("CARGO_BIN_EXE_teebox"), &copy).unwrap();
        copy
    });
    copy.clone()
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
