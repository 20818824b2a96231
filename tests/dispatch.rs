//! The `teebox` command: names, links, lists and help.

use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use predicates::prelude::*;

use crate::support::{Sandbox, copy_teebox, teebox};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(teebox());
    command.args(arguments);
    command
}

fn called(name: &str) -> Command {
    let mut command = Command::new(teebox());
    command.arg0(name);
    command
}

#[test]
fn an_applet_is_found_by_the_programs_name() {
    for name in ["rtee", "/usr/bin/rtee", "./rtee", "-rtee", "../x y/rtee"] {
        called(name).arg("--version").assert().success().stdout("rtee (teebox) 0.1.0\n").stderr("");
    }
}

#[test]
fn an_applet_is_found_by_the_first_argument() {
    for name in ["teebox", "-teebox", "/usr/bin/teebox", "teebox-0.1.0"] {
        called(name).args(["rtee", "--version"]).assert().success().stdout("rtee (teebox) 0.1.0\n").stderr("");
    }
}

#[test]
fn an_unknown_name_is_127() {
    called("nonsense").assert().code(127).stdout("").stderr("teebox: nonsense: no such applet\n");
    for name in ["teeboxed", "teebox2", "teebox-", "teebox-rtee", "teebox.old", "-teeboxed"] {
        let said = format!("teebox: {}: no such applet\n", name.trim_start_matches('-'));
        called(name).args(["rtee", "--version"]).assert().code(127).stdout("").stderr(said);
    }
    called("--rtee").assert().code(127).stderr("teebox: -rtee: no such applet\n");
    command(&["nonsense"]).assert().code(127).stdout("").stderr("teebox: nonsense: no such applet\n");
    command(&["a b\n"]).assert().code(127).stderr("teebox: 'a b'$'\\n': no such applet\n");
    command(&["/usr/bin/rtee"]).assert().code(127);
}

#[test]
fn list_prints_the_applets_one_a_line() {
    let names: String = teebox::applets::ALL.iter().flat_map(|applet| [applet.name, "\n"]).collect();
    command(&["--list"]).assert().success().stdout(names).stderr("");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let result = command(&["--list"]).stdout(full).output().unwrap();
    assert_eq!(result.stderr, b"teebox: standard output: No space left on device\n");
    assert_eq!(result.status.code(), Some(1));
}

#[test]
fn help_shows_every_applet_with_its_summary() {
    let mut shown = predicate::str::contains("Usage: teebox APPLET").boxed();
    for applet in teebox::applets::ALL {
        let line = format!("  {:<8} {}\n", applet.name, applet.summary);
        shown = shown.and(predicate::str::contains(line)).boxed();
    }
    command(&["--help"]).assert().success().stdout(shown).stderr("");
}

#[test]
fn no_argument_is_wrong_usage_and_shows_the_help() {
    command(&[]).assert().code(2).stdout("").stderr(predicate::str::contains("Usage: teebox APPLET"));
    command(&["--nonsense"]).assert().code(2).stderr(predicate::str::starts_with("teebox: unexpected argument"));
    command(&["--force"]).assert().code(2);
    command(&["--install"]).assert().code(2);
    command(&["--install", "--force"]).assert().code(2);
    command(&["--list", "--install", "x"]).assert().code(2);
}

#[test]
fn control_characters_of_an_argument_do_not_reach_the_terminal() {
    let message = predicate::str::contains("--\\u{1b}[31mred").and(predicate::str::contains('\u{1b}').not());
    called("rtee").arg("--\u{1b}[31mred").assert().code(1).stderr(message);
}

#[test]
fn the_table_is_sorted_and_a_summary_is_its_helps_first_line() {
    let names: Vec<&str> = teebox::applets::ALL.iter().map(|applet| applet.name).collect();
    assert!(names.is_sorted());
    for applet in teebox::applets::ALL {
        let about = (applet.command)().get_about().unwrap().to_string();
        assert_eq!(about, applet.summary);
        assert!(!about.ends_with('.') && about.len() < 80);
        assert!((applet.command)().get_after_help().is_some());
        (applet.command)().debug_assert();
    }
    teebox::dispatch::command().debug_assert();
}

fn target(sandbox: &Sandbox, link: &str) -> PathBuf {
    std::fs::read_link(sandbox.path(link)).unwrap()
}

#[test]
fn install_makes_links_that_work() {
    let sandbox = Sandbox::new();
    let directory = sandbox.path("a b");
    std::fs::create_dir(&directory).unwrap();
    command(&["--install"]).arg(&directory).assert().success().stdout("").stderr("");
    assert_eq!(target(&sandbox, "a b/rtee"), teebox().canonicalize().unwrap());
    Command::new(directory.join("rtee")).arg("--version").assert().success().stdout("rtee (teebox) 0.1.0\n");
    // Again is no error: what it made it may make anew.
    command(&["--install"]).arg(&directory).assert().success().stderr("");
}

#[test]
fn install_beside_the_binary_makes_relative_links() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("bin")).unwrap();
    copy_teebox(&sandbox.path("bin/teebox"));
    Command::new(sandbox.path("bin/teebox")).arg("--install").arg(sandbox.path("bin")).assert().success();
    assert_eq!(target(&sandbox, "bin/rtee"), Path::new("teebox"));
    // And so with --relative from anywhere.
    std::fs::create_dir_all(sandbox.path("usr/links")).unwrap();
    let mut relative = Command::new(sandbox.path("bin/teebox"));
    relative.args(["--install", "usr/links", "--relative"]).current_dir(sandbox.path(".")).assert().success();
    assert_eq!(target(&sandbox, "usr/links/rtee"), Path::new("../../bin/teebox"));
    Command::new(sandbox.path("usr/links/rtee")).arg("--version").assert().success();
}

#[test]
fn install_never_overwrites_what_it_did_not_make() {
    let sandbox = Sandbox::new();
    let directory = sandbox.path(".");
    let refused = predicate::str::ends_with("rtee: exists and is no link to teebox; --force replaces it\n");
    std::fs::write(sandbox.path("rtee"), "mine").unwrap();
    command(&["--install"]).arg(&directory).assert().code(1).stdout("").stderr(refused.clone());
    assert_eq!(sandbox.read("rtee"), b"mine");
    std::fs::remove_file(sandbox.path("rtee")).unwrap();
    symlink("/bin/cat", sandbox.path("rtee")).unwrap();
    command(&["--install"]).arg(&directory).assert().code(1).stderr(refused);
    assert_eq!(target(&sandbox, "rtee"), Path::new("/bin/cat"));
    // With --force it does, and what the link pointed to is left alone.
    std::fs::write(sandbox.path("other"), "other").unwrap();
    std::fs::remove_file(sandbox.path("rtee")).unwrap();
    symlink(sandbox.path("other"), sandbox.path("rtee")).unwrap();
    command(&["--install", "--force"]).arg(&directory).assert().success();
    assert_eq!(target(&sandbox, "rtee"), teebox().canonicalize().unwrap());
    assert_eq!(sandbox.read("other"), b"other");
    // A link to a teebox that has moved is one that it made.
    std::fs::remove_file(sandbox.path("rtee")).unwrap();
    let binary = teebox().file_name().unwrap();
    symlink(Path::new("/gone").join(binary), sandbox.path("rtee")).unwrap();
    command(&["--install"]).arg(&directory).assert().success();
    assert_eq!(target(&sandbox, "rtee"), teebox().canonicalize().unwrap());
}

#[test]
fn install_replaces_no_link_that_only_has_the_binarys_name() {
    let sandbox = Sandbox::new();
    let name = teebox().file_name().unwrap();
    let directory = sandbox.path("project").join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let loop_ = sandbox.path("loop").join(name);
    std::fs::create_dir(sandbox.path("loop")).unwrap();
    symlink(&loop_, &loop_).unwrap();
    std::fs::create_dir(sandbox.path("bin")).unwrap();
    let refused = predicate::str::contains("rtee: exists and is no link to teebox; --force replaces it\n");
    for there in [directory, Path::new("/dev/null/..").join(name), loop_] {
        symlink(&there, sandbox.path("bin/rtee")).unwrap();
        command(&["--install"]).arg(sandbox.path("bin")).assert().code(1).stderr(refused.clone());
        assert_eq!(target(&sandbox, "bin/rtee"), there);
        std::fs::remove_file(sandbox.path("bin/rtee")).unwrap();
    }
}

#[test]
fn install_never_replaces_the_binary_itself() {
    for force in [&["--install"][..], &["--install", "--force"], &["--install", "--force", "--relative"]] {
        let sandbox = Sandbox::new();
        std::fs::create_dir(sandbox.path("bin")).unwrap();
        // The binary has an applet's name, and teebox is a link to it.
        copy_teebox(&sandbox.path("bin/rtee"));
        symlink("rtee", sandbox.path("bin/teebox")).unwrap();
        let said = predicate::str::contains("rtee: is the binary itself, which no link can replace\n");
        let mut install = Command::new(sandbox.path("bin/teebox"));
        install.args(force).arg(sandbox.path("bin")).assert().code(1).stdout("").stderr(said);
        assert!(sandbox.read("bin/rtee") == std::fs::read(teebox()).unwrap());
    }
}

#[test]
fn install_says_what_is_in_the_way() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("rtee")).unwrap();
    let directory = predicate::str::ends_with("rtee: Is a directory\n");
    command(&["--install", "--force"]).arg(sandbox.path(".")).assert().code(1).stderr(directory);
    let missing = predicate::str::ends_with("missing: No such file or directory\n");
    command(&["--install"]).arg(sandbox.path("missing")).assert().code(1).stderr(missing);
    std::fs::write(sandbox.path("file"), "").unwrap();
    let file = predicate::str::ends_with("rtee: Not a directory\n");
    command(&["--install"]).arg(sandbox.path("file")).assert().code(1).stderr(file);
    assert_eq!(std::fs::metadata(sandbox.path("file")).unwrap().size(), 0);
}
