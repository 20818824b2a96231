//! Where the kernel refuses what makes rtee fast, it is slower and otherwise the same.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::support::{self, Sandbox, pattern};

/// Whether strace is here and may trace.
fn strace() -> bool {
    support::peer("strace", "strace").is_some()
        && Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success())
}

/// Runs the line, which feeds `in` to rtee and compares every output with it, under each set of injected failures.
fn survives(injections: &[&str], lines: &[&str]) {
    if !strace() {
        return;
    }
    for injection in injections {
        let mut injected = false;
        for line in lines {
            let sandbox = Sandbox::new();
            std::fs::write(sandbox.path("in"), pattern(300_000)).unwrap();
            let line = line.replace("RTEE", &format!("{} rtee", support::injecting(injection)));
            let outcome = sandbox.run(sandbox.shell("rtee", &format!("set -e -o pipefail; {line}")));
            let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
            assert_eq!((outcome.status.as_str(), said.as_str()), ("exit status: 0", ""), "{injection}: {line}");
            injected |= String::from_utf8_lossy(&sandbox.read("trace")).contains("(INJECTED)");
        }
        assert!(injected, "{injection} has never happened");
    }
}

const LINES: [&str; 6] = [
    "cat in | RTEE a b c > d; cmp in a; cmp in b; cmp in c; cmp in d",
    "RTEE a b < in | cat > d; cmp in a; cmp in b; cmp in d",
    "cat in | RTEE -a a | cat >> d; cmp in a; cmp in d",
    "mkfifo f; cat f > a & cat in | RTEE f b > d; wait; cmp in a; cmp in b; cmp in d",
    "cat in | RTEE a >> d; cmp in a; cmp in d",
    "cat in | RTEE > d; cmp in d",
];

#[test]
fn splice_and_tee_refused_by_a_filter_change_nothing() {
    survives(
        &[
            "splice:error=ENOSYS",
            "splice:error=EPERM",
            "splice:error=EINVAL",
            "tee:error=ENOSYS",
            "tee:error=EPERM",
            "splice:error=ENOSYS tee:error=ENOSYS",
        ],
        &LINES,
    );
}

#[test]
fn refusals_that_come_late_change_nothing() {
    survives(
        &[
            "splice:error=EINVAL:when=3+",
            "splice:error=EINVAL:when=4+2",
            "tee:error=EINVAL:when=2+",
            "tee:error=ENOMEM:when=3",
        ],
        &LINES,
    );
}

#[test]
fn pipes_processes_and_sockets_that_cannot_be_had_change_nothing() {
    survives(
        &[
            "pipe2:error=EMFILE",
            "pipe2:error=ENFILE:when=2+",
            "pipe2:error=ENFILE:when=3",
            "socketpair:error=EPERM",
            "socketpair:error=EMFILE:when=2",
            "clone,?fork:error=EAGAIN",
            "clone,?fork:error=EAGAIN:when=2",
            "close_range:error=ENOSYS",
            "sched_setscheduler:error=EPERM",
            "fcntl:error=EPERM",
        ],
        &LINES,
    );
}

#[test]
fn without_pipes_too_the_last_reader_is_missed_while_no_input_arrives() {
    if !strace() {
        return;
    }
    let rtee = format!("{} rtee -p", support::injecting("pipe2:error=EMFILE"));
    let line = format!(
        "{{ timeout 60 sh -c 'until [ -e ended ]; do sleep 0.01; done'; echo $? > waited; }} | {{ {rtee}; : > ended; }} | :"
    );
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rtee", &line));
    assert_eq!((outcome.status.as_str(), outcome.stderr.as_slice()), ("exit status: 0", &b""[..]));
    assert_eq!(sandbox.read("waited"), b"0\n");
}

#[test]
fn a_full_standard_output_that_can_not_be_made_larger_keeps_the_first_chunk_from_no_file() {
    let sandbox = Sandbox::new();
    // It has all that rtee would ask for.
    let line = "{ rpipesz -s 1M; head -c 1M /dev/zero; echo hi | rtee a; } | \
        { timeout 60 sh -c 'until [ -s a ]; do sleep 0.01; done' && tail -c 3; }; echo $?";
    let outcome = sandbox.run(sandbox.shell("rtee", line));
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "hi\n0\n");
    assert_eq!(sandbox.read("a"), b"hi\n");
}

#[test]
fn interrupted_calls_are_made_again() {
    survives(
        &[
            "splice:error=EINTR:when=1+2",
            "tee:error=EINTR:when=1+2",
            // Not those with which a dynamic executable reads its libraries.
            "read:error=EINTR:when=4+2",
            "write:error=EINTR:when=1+2",
            "ppoll:error=EINTR:when=2+2",
            "open:error=EINTR:when=2",
            "wait4:error=EINTR:when=1+2",
        ],
        &LINES,
    );
}

#[test]
fn a_full_disk_is_reported_in_writes_words_though_splice_has_others() {
    if !strace() {
        return;
    }
    // splice(2) says EINVAL, and write(2) then ENOSPC.
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rtee", "seq 100000 | rtee /dev/full a > b; echo $?; cmp a b"));
    assert_eq!(outcome.stdout, b"1\n");
    assert_eq!(outcome.stderr, b"rtee: /dev/full: No space left on device\n");
}

#[test]
fn an_error_that_comes_with_close_is_reported() {
    if !strace() {
        return;
    }
    for (file, said) in [("a", "rtee: a: Disk quota exceeded\n"), ("b", "rtee: write error: Disk quota exceeded\n")] {
        let sandbox = Sandbox::new();
        let line = "echo hi | strace -f -qq -o trace -P $PWD/FILE -e inject=close:error=EDQUOT rtee a > b; echo $?";
        let outcome = sandbox.run(sandbox.shell("rtee", &line.replace("FILE", file)));
        assert_eq!(String::from_utf8_lossy(&outcome.stderr), said);
        assert_eq!(outcome.stdout, b"1\n");
        assert_eq!((sandbox.read("a"), sandbox.read("b")), (b"hi\n".to_vec(), b"hi\n".to_vec()));
    }
}

#[test]
fn an_error_that_comes_with_the_close_of_a_file_without_a_writer_is_reported() {
    if !strace() {
        return;
    }
    // It is standard output's, too, or there is no input.
    let said = "rtee: a: Disk quota exceeded\n";
    for (line, said) in [
        ("echo hi | RTEE -a a >> a; echo $? > status", format!("{said}rtee: write error: Disk quota exceeded\n")),
        ("RTEE a < /dev/null > b; echo $? > status", said.to_owned()),
    ] {
        let sandbox = Sandbox::new();
        let strace = "strace -f -qq -o trace -P $PWD/a -e inject=close:error=EDQUOT rtee";
        let outcome = sandbox.run(sandbox.shell("rtee", &line.replace("RTEE", strace)));
        assert_eq!(String::from_utf8_lossy(&outcome.stderr), said);
        assert_eq!(sandbox.read("status"), b"1\n");
    }
}

#[test]
fn a_disk_that_fills_up_loses_its_own_file_only() {
    let sandbox = Sandbox::new();
    let mount = "mkdir small && mount -t tmpfs -o size=200k small small 2> /dev/null";
    if rustix::process::getuid().is_root() && !sandbox.run(sandbox.shell("rtee", mount)).status.ends_with(": 0") {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    if !rustix::process::getuid().is_root() {
        eprintln!("skipped: only root can mount a small file system");
        return;
    }
    let line = "seq 100000 | rtee small/a b > c; echo $?; cmp b c && head -c 100000 small/a | cmp -n 100000 - b && \
        stat -c %s small/a; umount small";
    let outcome = sandbox.run(sandbox.shell("rtee", line));
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "rtee: small/a: No space left on device\n");
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "1\n204800\n");
}

#[test]
fn a_users_pipe_pages_used_up_change_nothing() {
    if !rustix::process::getuid().is_root() || support::peer("python3", "Python").is_none() {
        eprintln!("skipped: only root can use up another user's pipes");
        return;
    }
    let sandbox = Sandbox::new();
    let directory = sandbox.path(".");
    std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    support::copy_teebox(&sandbox.path("teebox"));
    std::fs::write(sandbox.path("in"), pattern(3_000_000)).unwrap();
    // A user that nobody else is: 64 MiB of pipes, then a pipe has two pages and can't grow.
    let script = "
import fcntl, os, subprocess, sys
held = []
for _ in range(80):
    ends = os.pipe()
    held.append(ends)
    try:
        fcntl.fcntl(ends[1], 1031, 1 << 20)
    except PermissionError:
        pass
size = fcntl.fcntl(os.pipe()[1], 1032)
assert size <= 8192, size
line = 'cat in | ./teebox rtee a b | cat > c; ./teebox rtee d e < in | cat > f'
sys.exit(subprocess.run(['sh', '-c', line]).returncode)
";
    let mut command = Command::new("python3");
    command.args(["-c", script]).current_dir(&directory).uid(61_234).gid(61_234).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    for file in ["a", "b", "c", "d", "e", "f"] {
        assert!(sandbox.read(file) == pattern(3_000_000), "{file} differs");
    }
}
