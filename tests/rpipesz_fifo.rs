//! A FIFO that rpipesz looks at: nobody is set free, nobody is fooled, and nothing blocks.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::support::{self, Sandbox, wait_until};

const NOBODY: &str = "nobody that can be seen has it open, and a FIFO forgets its size when it is last closed";

/// Runs rpipesz in the sandbox; its status, standard output and messages.
fn rpipesz(sandbox: &Sandbox, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = support::applet("rpipesz");
    command.args(arguments).stdin(Stdio::null());
    let output = sandbox.prepare(command).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Waits until a process sleeps in the kernel, as one does in open(2) of a FIFO.
fn wait_until_asleep(pid: u32, name: &str) {
    wait_until("the process waits", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.contains(&format!("({name})")) && stat.rsplit(')').next().unwrap().starts_with(" S")
    });
}

#[test]
fn a_fifo_that_nobody_has_open_is_told_so_and_not_opened() {
    let sandbox = Sandbox::new();
    sandbox.fifo("fifo");
    for (arguments, verb) in
        [(&["-g", "-f", "fifo"][..], "get"), (&["-f", "fifo"], "set"), (&["-s1M", "-cf", "fifo"], "set")]
    {
        let (status, stdout, stderr) = rpipesz(&sandbox, arguments);
        assert_eq!(status, Some(i32::from(arguments.contains(&"-cf"))));
        assert_eq!(
            (stdout, stderr),
            (String::new(), format!("rpipesz: cannot {verb} pipe buffer size of fifo: {NOBODY}\n"))
        );
    }
}

#[test]
fn a_writer_that_waits_for_a_reader_goes_on_waiting() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("fifo");
    let mut command = Command::new("dd");
    command.args(["of=fifo", "status=none"]).stdin(Stdio::piped());
    let mut writer = sandbox.prepare(command).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(b"line\n").unwrap();
    wait_until_asleep(writer.id(), "dd");
    for arguments in [&["-g", "-f", "fifo"][..], &["-s", "max", "-f", "fifo"]] {
        assert!(rpipesz(&sandbox, arguments).2.contains(NOBODY));
        assert!(writer.try_wait().unwrap().is_none());
    }
    let mut got = String::new();
    File::open(fifo).unwrap().read_to_string(&mut got).unwrap();
    assert_eq!(got, "line\n");
    assert!(writer.wait().unwrap().success());
}

#[test]
fn a_reader_that_waits_for_a_writer_goes_on_waiting() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("fifo");
    let mut command = Command::new("cat");
    command.arg("fifo").stdout(Stdio::piped());
    let mut reader = sandbox.prepare(command).spawn().unwrap();
    wait_until_asleep(reader.id(), "cat");
    for arguments in [&["-g", "-f", "fifo"][..], &["-s", "max", "-f", "fifo"]] {
        assert!(rpipesz(&sandbox, arguments).2.contains(NOBODY));
        assert!(reader.try_wait().unwrap().is_none());
    }
    OpenOptions::new().write(true).open(fifo).unwrap().write_all(b"line\n").unwrap();
    let mut got = String::new();
    reader.stdout.take().unwrap().read_to_string(&mut got).unwrap();
    assert_eq!(got, "line\n");
    assert!(reader.wait().unwrap().success());
}

#[test]
fn a_fifo_that_somebody_has_open_is_asked_through_their_descriptor() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("fifo");
    std::fs::hard_link(&fifo, sandbox.path("other name")).unwrap();
    std::os::unix::fs::symlink("fifo", sandbox.path("link")).unwrap();
    let reader = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    (&reader).write_all(b"unread").unwrap();
    for name in ["fifo", "other name", "link"] {
        let shown = rpipesz(&sandbox, &["-g", "-f", name]);
        assert_eq!(shown, (Some(0), format!("{name}\t65536\t6\n"), String::new()));
    }
    assert_eq!(rpipesz(&sandbox, &["-cf", "link", "-s", "128K"]), (Some(0), String::new(), String::new()));
    // The size stays with those who have it open, and is gone after them.
    assert_eq!(rustix::pipe::fcntl_getpipe_size(&reader), Ok(131_072));
    drop(reader);
    // What another test forks at this moment has it, too, until it runs.
    wait_until("nobody has it", || rpipesz(&sandbox, &["-g", "-f", "fifo"]).2.contains(NOBODY));
}

#[test]
fn a_pipe_without_a_name_is_found_by_its_entry_in_proc() {
    let sandbox = Sandbox::new();
    let (reader, mut writer) = support::pipe();
    writer.write_all(b"abc").unwrap();
    let mut child = Command::new("sleep").arg("60").stdin(reader).spawn().unwrap();
    let path = format!("/proc/{}/fd/0", child.id());
    assert_eq!(rpipesz(&sandbox, &["-g", "-f", &path]), (Some(0), format!("{path}\t65536\t3\n"), String::new()));
    child.kill().unwrap();
    child.wait().unwrap();
    // Its own, which it holds itself.
    let mut command = support::applet("rpipesz");
    command.args(["-g", "-f", "/dev/stdin"]).stdin(support::pipe().0);
    assert_eq!(command.output().unwrap().stdout, b"/dev/stdin\t65536\t0\n");
}

#[test]
fn a_fifo_is_never_opened() {
    let may_trace =
        || Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success());
    if support::peer("strace", "strace").is_none() || !may_trace() {
        return;
    }
    for held in ["", "exec 5<> fifo; "] {
        let sandbox = Sandbox::new();
        sandbox.fifo("fifo");
        for arguments in ["-g -f fifo", "-s max -f fifo", "-cf fifo"] {
            let line = format!("{held}strace -f -qq -o trace -e trace=open,openat,openat2 $TEE {arguments}; :");
            assert_eq!(sandbox.run(sandbox.shell("rpipesz", &line)).status, "exit status: 0");
            let trace = String::from_utf8(sandbox.read("trace")).unwrap();
            assert!(trace.contains("/proc") && !trace.contains("fifo"), "{trace}");
        }
    }
}

#[test]
fn a_fifo_that_is_closed_to_a_user_tells_nothing_but_that() {
    use std::os::unix::fs::PermissionsExt;
    let Some(mut command) = support::as_stranger("rpipesz") else { return };
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("fifo");
    std::fs::set_permissions(sandbox.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = command.args(["-g", "-f"]).arg(&fifo).output().unwrap();
    let message = format!("rpipesz: cannot get pipe buffer size of {}: Permission denied\n", fifo.display());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
    assert_eq!((output.status.code(), output.stdout), (Some(0), vec![]));
}
