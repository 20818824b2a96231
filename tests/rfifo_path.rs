//! What rfifo does to PATH: the mode it is made with, what is never touched, and who removes it.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::process::Stdio;

use rustix::process::Signal;

use crate::rfifo::{has_open, start};
use crate::support::{self, Outcome, Sandbox, kill, said, wait_until};

/// Runs rfifo in the sandbox.
fn rfifo(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let mut command = support::applet("rfifo");
    command.args(arguments);
    sandbox.run(sandbox.prepare(command))
}

#[test]
fn without_m_the_mode_is_0600_whatever_the_umask() {
    for umask in ["000", "022", "077", "777"] {
        let sandbox = Sandbox::new();
        let line = format!("umask {umask}; rfifo --keep --timeout 0 p; stat -c %a p");
        assert_eq!(sandbox.run(sandbox.shell("rfifo", &line)).stdout, b"600\n", "{umask}");
    }
}

#[test]
fn modes_are_those_that_mkfifo_makes() {
    if support::peer("mkfifo", "GNU coreutils").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    // As root nothing has to be readable to be opened; others try what they can open.
    let all = "0 7 644 0640 777 00000600 622 666 u=rw u=rw,g=r a=rw o= +x u+x g+w,o-r = + u+ a=r+w u=r+w-r,o+x -r ugo=rwx
        u=g g=u+x o=u-w a+X u+xX -w,+x =7 +7 -6 go-rw,u=rwx u+s-s +t-t =u g=o-r ug=rw,o=X u=rwx,g=u-w,o=g-x 1777 u+s +t 8 rw
        u , u=rw, +q u+7 77777777777 7x +7+1 u=ug =rwu";
    let line = format!(
        "for umask in 000 022 027 077 177; do umask $umask; for mode in {}; do
            rm -f p q; mkfifo -m $mode p 2> /dev/null; theirs=$?; rfifo --keep --timeout 0 -m $mode q 2> /dev/null
            [ $? = 124 ]; ours=$?; [ $theirs = $ours ] || echo \"$umask $mode: $theirs $ours\"
            [ $theirs = 1 ] || [ $(stat -c %a p) = $(stat -c %a q) ] || stat -c \"$umask $mode %n %a\" p q
        done; done",
        all.split_whitespace()
            .filter(|mode| rustix::process::geteuid().is_root() || mode.starts_with("u=") && !mode.contains("-r,"))
            .fold(String::new(), |all, mode| format!("{all} '{mode}'"))
    );
    let outcome = sandbox.run(sandbox.shell("rfifo", &line));
    assert_eq!(said(&outcome), "");
    assert_eq!(String::from_utf8(outcome.stdout).unwrap(), "");
}

#[test]
fn what_is_no_fifo_is_named_and_neither_opened_nor_removed() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("file"), "precious\n").unwrap();
    std::fs::create_dir(sandbox.path("directory")).unwrap();
    sandbox.fifo("fifo");
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("socket")).unwrap();
    for (target, link) in [("file", "to-file"), ("fifo", "to-fifo"), ("nothing", "dangling")] {
        std::os::unix::fs::symlink(target, sandbox.path(link)).unwrap();
    }
    for (path, kind) in [
        ("file", "a regular file"),
        ("directory", "a directory"),
        ("to-file", "a symbolic link"),
        ("to-fifo", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("socket", "a socket"),
        ("/dev/null", "a character device"),
        ("..", "a directory"),
        ("/", "a directory"),
    ] {
        for options in
            [&[][..], &["--reuse"], &["--replace"], &["--write"], &["--write", "--create"], &["--write", "--drop"]]
        {
            let arguments: Vec<&str> = options.iter().copied().chain([path]).collect();
            let outcome = rfifo(&sandbox, &arguments);
            let expected = format!("rfifo: {path}: is {kind}, not a FIFO\n");
            assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 1", expected), "{arguments:?}");
        }
    }
    assert_eq!(sandbox.read("file"), b"precious\n");
    for link in ["to-file", "to-fifo", "dangling"] {
        assert!(std::fs::symlink_metadata(sandbox.path(link)).unwrap().is_symlink());
    }
    assert!(!sandbox.path("nothing").exists() && sandbox.path("socket").exists());
}

#[test]
fn a_fifo_that_is_there_is_refused_unless_it_is_to_be_reused_and_then_it_stays() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("p");
    let outcome = rfifo(&sandbox, &["p"]);
    let expected = "rfifo: p: is there already; --reuse uses it, and --replace takes over one that nobody reads\n";
    assert_eq!((outcome.status.as_str(), said(&outcome).as_str()), ("exit status: 1", expected));
    let child = start(&sandbox, &["--reuse", "--once", "-m", "644"]);
    OpenOptions::new().write(true).open(&fifo).unwrap().write_all(b"x\n").unwrap();
    let (stdout, _, status) = support::finish(child);
    assert_eq!((stdout.as_slice(), status.code()), (&b"x\n"[..], Some(0)));
    assert_eq!(fifo.metadata().unwrap().mode() & 0o7777, 0o600);
    // Where there is none, one is made, and goes.
    assert_eq!(rfifo(&sandbox, &["--reuse", "--timeout", "0", "new"]).status, "exit status: 124");
    assert!(!sandbox.path("new").exists());
    assert_eq!(rfifo(&sandbox, &["--keep", "--timeout", "0", "new"]).status, "exit status: 124");
    assert!(sandbox.path("new").exists());
}

#[test]
fn names_may_hold_any_bytes() {
    let sandbox = Sandbox::new();
    for name in [&b"\xff\xfe"[..], b"a\nb", b"-p", b" ", b"it's", b"\x1b[31m"] {
        let name = OsStr::from_bytes(name);
        for _ in 0..2 {
            let mut command = support::applet("rfifo");
            command.args(["--keep", "--timeout", "0", "--"]).arg(name);
            let outcome = sandbox.run(sandbox.prepare(command));
            let made = sandbox.path(name).symlink_metadata().unwrap().file_type().is_fifo();
            assert!(made);
            assert!(outcome.stderr.iter().filter(|byte| byte.is_ascii_control()).count() <= 1);
        }
    }
    for (path, reason) in
        [("", "No such file or directory"), ("no/p", "No such file or directory"), ("p/", "No such file or directory")]
    {
        let outcome = rfifo(&sandbox, &[path]);
        assert_eq!(outcome.status, "exit status: 1");
        assert!(said(&outcome).ends_with(&format!(": {reason}\n")), "{}", said(&outcome));
    }
}

#[test]
fn what_has_taken_the_place_of_the_fifo_meanwhile_is_not_removed() {
    for other in ["regular", "fifo"] {
        let sandbox = Sandbox::new();
        let child = start(&sandbox, &[]);
        std::fs::remove_file(sandbox.path("p")).unwrap();
        if other == "fifo" {
            // The old one's inode could be given to the new one, were it not held open.
            sandbox.fifo("p");
        } else {
            std::fs::write(sandbox.path("p"), "other\n").unwrap();
        }
        kill(child.id(), Signal::TERM);
        assert_eq!(support::finish(child).1, "");
        assert!(sandbox.path("p").exists(), "{other}");
    }
}

#[test]
fn a_directory_that_is_renamed_meanwhile_misleads_nobody() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("d")).unwrap();
    let mut command = support::applet("rfifo");
    command.arg("d/p").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = sandbox.prepare(command).spawn().unwrap();
    wait_until("the FIFO is read", || has_open(child.id(), &sandbox.path("d/p")));
    std::fs::rename(sandbox.path("d"), sandbox.path("e")).unwrap();
    std::fs::create_dir(sandbox.path("d")).unwrap();
    sandbox.fifo("d/p");
    kill(child.id(), Signal::TERM);
    child.wait().unwrap();
    assert!(sandbox.path("d/p").exists() && !sandbox.path("e/p").exists());
}

#[test]
fn after_sigkill_it_is_taken_over_and_writers_that_wait_are_served() {
    let sandbox = Sandbox::new();
    let mut killed = start(&sandbox, &["-m", "666"]);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(sandbox.path("p").exists());
    // It waits for a reader.
    let mut writer = sandbox.shell("rfifo", "echo waited > p").stdin(Stdio::null()).spawn().unwrap();
    wait_until("it waits", || {
        let children = support::children(writer.id());
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", children.first().unwrap_or(&writer.id())));
        stat.unwrap_or_default().contains(") S ")
    });
    let mut command = support::applet("rfifo");
    command.args(["--replace", "--writers", "2", "p"]);
    let child = support::spawn(sandbox.prepare(command));
    wait_until("it is taken over", || sandbox.path("p").metadata().unwrap().mode() & 0o7777 == 0o600);
    OpenOptions::new().write(true).open(sandbox.path("p")).unwrap();
    let (stdout, stderr, status) = support::finish(child);
    assert_eq!((stdout.as_slice(), stderr.as_str(), status.code()), (&b"waited\n"[..], "", Some(0)));
    assert!(writer.wait().unwrap().success());
    assert!(!sandbox.path("p").exists());
}

#[test]
fn a_fifo_that_somebody_reads_is_not_taken_over() {
    let sandbox = Sandbox::new();
    let mut child = start(&sandbox, &["--once"]);
    let outcome = rfifo(&sandbox, &["--replace", "p"]);
    let expected = "rfifo: p: has a reader; only a FIFO that nobody reads is replaced\n";
    assert_eq!((outcome.status.as_str(), said(&outcome).as_str()), ("exit status: 1", expected));
    // Nor has the reader seen a writer.
    assert!(child.try_wait().unwrap().is_none());
    OpenOptions::new().write(true).open(sandbox.path("p")).unwrap().write_all(b"x").unwrap();
    assert_eq!(support::finish(child).0, b"x");
}

#[test]
fn a_directory_without_permission_is_reported() {
    let sandbox = Sandbox::new();
    std::fs::set_permissions(sandbox.path("."), PermissionsExt::from_mode(0o755)).unwrap();
    let Some(mut command) = support::as_stranger("rfifo") else { return };
    let path = sandbox.path("p");
    let output = command.arg(&path).output().unwrap();
    let expected = format!("rfifo: {}: Permission denied\n", path.display());
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), expected));
    assert!(!path.exists());
}

#[test]
fn another_users_fifo_in_a_sticky_directory_is_not_used() {
    let sandbox = Sandbox::new();
    let directory = sandbox.path("tmp");
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(sandbox.path("."), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o1777)).unwrap();
    let Some(mut command) = support::as_stranger("rfifo") else { return };
    let path = directory.join("p");
    let output = command.args(["-m", "666", "--keep", "--timeout", "0"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(124));
    let trap = "belongs to another user, in a directory where everybody may make files";
    for options in [&["--reuse"][..], &["--replace"], &["--write", "--timeout", "0"], &["--write", "--drop"]] {
        let arguments: Vec<&str> = options.iter().copied().chain(["tmp/p"]).collect();
        let outcome = rfifo(&sandbox, &arguments);
        assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 1", format!("rfifo: tmp/p: {trap}\n")));
    }
    assert!(path.exists());
    // The directory's owner is trusted, and one's own is not another's.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(rfifo(&sandbox, &["-m", "666", "--keep", "--timeout", "0", "tmp/p"]).status, "exit status: 124");
    let mut command = support::as_stranger("rfifo").unwrap();
    let output = command.args(["--reuse", "--timeout", "0"]).arg(&path).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(124), 0));
    // To be replaced it has to be one's own.
    let mut command = support::as_stranger("rfifo").unwrap();
    let output = command.args(["--replace"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().ends_with(": belongs to another user\n"));
}

#[test]
fn a_fifo_whose_name_can_not_be_removed_is_reported() {
    let Some(rfifo) = support::for_strangers("rfifo") else { return };
    let sandbox = Sandbox::new();
    let directory = sandbox.path("d");
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(sandbox.path("."), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).unwrap();
    let Some(mut command) = support::as_user(rfifo, support::new_user()) else { return };
    let path = directory.join("p");
    command.args(["--once"]).arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_until("the FIFO is read", || has_open(child.id(), &path));
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
    File::options().write(true).open(&path).unwrap().write_all(b"x\n").unwrap();
    let (stdout, stderr, status) = support::finish(child);
    assert_eq!((stdout.as_slice(), status.code()), (&b"x\n"[..], Some(1)));
    assert_eq!(stderr, format!("rfifo: {}: cannot be removed: Permission denied\n", path.display()));
    let mut left = File::options().read(true).write(true).open(&path).unwrap();
    left.write_all(b"y").unwrap();
    left.read_exact(&mut [0]).unwrap();
}

#[test]
fn of_several_starts_at_once_that_replace_exactly_one_goes_on() {
    // None may take another one that looks for a reader for a writer.
    for (round, options) in [&[][..], &["--once"], &["--writers", "2"]].repeat(15).into_iter().enumerate() {
        let sandbox = Sandbox::new();
        if round % 2 == 0 {
            sandbox.fifo("p");
        }
        let start = |_| {
            let mut command = support::applet("rfifo");
            command.args(options).args(["--replace", "p"]);
            support::spawn(sandbox.prepare(command))
        };
        let mut starts: Vec<_> = (0..4).map(start).collect();
        wait_until("all but one have ended", || {
            starts.iter_mut().map(|start| start.try_wait().unwrap()).filter(Option::is_none).count() == 1
        });
        assert!(sandbox.path("p").exists());
        for mut child in starts {
            if child.try_wait().unwrap().is_none() {
                kill(child.id(), Signal::TERM);
            }
            let (_, said, status) = support::finish(child);
            match status.code() {
                None => assert_eq!(said, ""),
                Some(_) => assert!(said.starts_with("rfifo: p: has a reader"), "{said}"),
            }
        }
        assert!(!sandbox.path("p").exists());
    }
}

#[test]
fn a_fifo_that_was_made_goes_when_there_is_no_descriptor_to_open_it_with() {
    let sandbox = Sandbox::new();
    let line =
        "for most in $(seq 4 20); do (ulimit -n $most; rfifo --timeout 0 --once --until x --match x p) 2> /dev/null
        [ ! -e p ] || { echo $most; rm p; }; done";
    let outcome = sandbox.run(sandbox.shell("rfifo", line));
    assert_eq!((String::from_utf8(outcome.stdout).unwrap().as_str(), outcome.files.len()), ("", 0));
}
