//! From the name that was called, or the first argument, to the applet; and the `teebox` command itself.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use rustix::fs::{AtFlags, CWD, FileType};
use rustix::io::Errno;

use crate::applet::Applet;
use crate::applets;
use crate::error::{self, Error};
use crate::fdio::{device, stdio, transfer};

/// The name of the binary that holds the applets.
pub const NAME: &str = "teebox";
const SUMMARY: &str = "A family of stream tools in one binary";

/// Runs what `arguments` ask for, the program's name first, and returns the exit status.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> u8 {
    stdio::guard();
    let called = arguments.first().map(|name| base_name(name)).unwrap_or_default();
    if called.is_empty() || is_family(called) {
        return run_teebox(arguments);
    }
    match applets::find(called) {
        Some(applet) => run_applet(applet, arguments),
        None => error::conclude(NAME, error::USAGE, Error::NoApplet(OsStr::from_bytes(called).to_owned())),
    }
}

/// The last component of the program's name, less the dash that marks a login shell.
fn base_name(name: &OsStr) -> &[u8] {
    let base = name.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    base.strip_prefix(b"-").unwrap_or(base)
}

/// Whether it is the name of the family: a binary that was installed as teebox-0.1.0 is no applet.
fn is_family(called: &[u8]) -> bool {
    let Some(rest) = called.strip_prefix(NAME.as_bytes()) else { return false };
    rest.is_empty() || matches!(rest, [b'-', b'0'..=b'9', ..])
}

fn run_applet(applet: &Applet, arguments: Vec<OsString>) -> u8 {
    let result = (applet.command)().try_get_matches_from(arguments).map_err(Error::Usage);
    result
        .and_then(|matches| (applet.run)(&matches))
        .unwrap_or_else(|error| error::conclude(applet.name, applet.usage_status, error))
}

fn run_teebox(mut arguments: Vec<OsString>) -> u8 {
    if let Some(name) = arguments.get(1).filter(|argument| !argument.as_bytes().starts_with(b"-")) {
        return match applets::find(name.as_bytes()) {
            Some(applet) => run_applet(applet, arguments.split_off(1)),
            None => error::conclude(NAME, error::USAGE, Error::NoApplet(name.clone())),
        };
    }
    let matches = command().try_get_matches_from(arguments).map_err(Error::Usage);
    matches
        .and_then(|matches| match matches.get_one::<PathBuf>("directory") {
            Some(directory) => install(directory, &matches),
            None => list(),
        })
        .unwrap_or_else(|error| error::conclude(NAME, error::USAGE, error))
}

/// The arguments of `teebox` when no applet is named.
#[must_use]
pub fn command() -> Command {
    let mut usage = String::from("Applets:\n");
    for applet in applets::ALL {
        // Writing to a String can't fail.
        let _ = writeln!(usage, "  {:<8} {}", applet.name, applet.summary);
    }
    usage.push_str(
        "
Examples:
  echo hi | teebox rtee out.txt    run an applet by its name
  teebox --install ~/.local/bin    make a link for each applet, then:
  echo hi | rtee out.txt

Exit status:
  That of the applet; 127 when there is no applet of that name. Of teebox itself: 0 when all went well, 1 when something
  failed, 2 for wrong usage.

See also:
  ",
    );
    for applet in applets::ALL {
        let _ = write!(usage, "{}(1), ", applet.name);
    }
    usage.push_str("pipe(7)");
    crate::applet::command(NAME, SUMMARY)
        .override_usage(
            "teebox APPLET [ARGUMENT]...\n       teebox --list\n       teebox --install [--force] [--relative] DIR",
        )
        .arg_required_else_help(true)
        .arg(
            Arg::new("list")
                .long("list")
                .action(ArgAction::SetTrue)
                .exclusive(true)
                .help("Print the names of the applets, one a line"),
        )
        .arg(
            Arg::new("install")
                .long("install")
                .action(ArgAction::SetTrue)
                .requires("directory")
                .help("Make a symbolic link to this binary in DIR for each applet"),
        )
        .arg(
            Arg::new("force")
                .long("force")
                .action(ArgAction::SetTrue)
                .requires("install")
                .help("Replace files in DIR that are not links to teebox"),
        )
        .arg(
            Arg::new("relative")
                .long("relative")
                .action(ArgAction::SetTrue)
                .requires("install")
                .help("Make links that stay right when DIR and the binary move together"),
        )
        .arg(
            Arg::new("directory")
                .value_name("DIR")
                .value_hint(clap::ValueHint::DirPath)
                .value_parser(value_parser!(PathBuf))
                .requires("install")
                .help("Where --install makes the links"),
        )
        .after_help(usage)
}

fn list() -> Result<u8, Error> {
    let names: String = applets::ALL.iter().flat_map(|applet| [applet.name, "\n"]).collect();
    transfer::write_all(rustix::stdio::stdout(), names.as_bytes()).map_err(Error::output)?;
    Ok(0)
}

/// Makes a link in `directory` for each applet; what can't be made is said, and the others are made.
fn install(directory: &Path, options: &ArgMatches) -> Result<u8, Error> {
    let system = |name: &Path| {
        let name = name.as_os_str().to_owned();
        move |error: std::io::Error| {
            Error::System(name.into(), error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error))
        }
    };
    let binary = std::env::current_exe().map_err(system(Path::new("/proc/self/exe")))?;
    let directory_itself = directory.canonicalize().map_err(system(directory))?;
    let target = if options.get_flag("relative") || binary.parent() == Some(&directory_itself) {
        relative(&binary, &directory_itself)
    } else {
        binary.clone()
    };
    let mut status = 0;
    for applet in applets::ALL {
        let link = directory.join(applet.name);
        if let Err(error) = make_link(&target, &binary, &link, options.get_flag("force")) {
            status = error::conclude(NAME, error::USAGE, error);
        }
    }
    Ok(status)
}

/// The path to `file` as seen from `directory`; both absolute and free of symbolic links.
fn relative(file: &Path, directory: &Path) -> PathBuf {
    let shared = file.components().zip(directory.components()).take_while(|(one, other)| one == other).count();
    let up = directory.components().skip(shared).map(|_| Path::new(".."));
    up.chain(file.components().skip(shared).map(|part| Path::new(part.as_os_str()))).collect()
}

/// Makes one link, in place of an older one of ours, or of anything but a directory or the binary itself where `force`
/// says so.
fn make_link(target: &Path, binary: &Path, link: &Path, force: bool) -> Result<(), Error> {
    let failed = |errno| Error::System(link.as_os_str().to_owned().into(), errno);
    let refused = |reason: &str| Err(Error::Refused(link.as_os_str().to_owned().into(), reason.to_owned()));
    match rustix::fs::symlink(target, link) {
        Err(Errno::EXIST) => {}
        result => return result.map_err(failed),
    }
    let there = rustix::fs::statat(CWD, link, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
    if rustix::fs::stat(binary).is_ok_and(|binary| device::is_same(&binary, &there)) {
        return refused("is the binary itself, which no link can replace");
    }
    if FileType::from_raw_mode(there.st_mode) == FileType::Directory {
        return Err(failed(Errno::ISDIR));
    }
    if !force && !is_ours(link, target) {
        return refused("exists and is no link to teebox; --force replaces it");
    }
    // Made beside it and renamed over it, so that the name is never missing.
    let mut beside = link.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    rustix::fs::symlink(target, &beside).map_err(failed)?;
    rustix::fs::rename(&beside, link).map_err(|errno| {
        let _ = rustix::fs::unlink(&beside);
        failed(errno)
    })
}

/// Whether --install made a link: its target has the binary's name, wherever the binary was then, and is none, or a file.
fn is_ours(link: &Path, target: &Path) -> bool {
    let Ok(old) = rustix::fs::readlink(link, Vec::new()) else { return false };
    let named_alike = Path::new(OsStr::from_bytes(old.as_bytes())).file_name() == target.file_name();
    named_alike
        && match rustix::fs::stat(link) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
            Err(errno) => errno == Errno::NOENT,
        }
}
