//! rpipesz where it stands in for pipesz: targets, messages, status, and the command that it becomes.
//!
//! Debian 12's util-linux is older than pipesz, so that the comparison with it is left out there even where all peers
//! have to be present.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

use crate::support::{self, Sandbox};

fn rpipesz(arguments: &[&str]) -> Command {
    let mut command = support::applet("rpipesz");
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

/// Status, standard output and messages of a run.
fn ran(output: Output) -> (Option<i32>, String, String) {
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A shell line's status, standard output and messages.
fn line(line: &str) -> (String, String, String) {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(sandbox.shell("rpipesz", line));
    (outcome.status, String::from_utf8(outcome.stdout).unwrap(), String::from_utf8(outcome.stderr).unwrap())
}

fn ok(stdout: &str, stderr: &str) -> (String, String, String) {
    ("exit status: 0".to_owned(), stdout.to_owned(), stderr.to_owned())
}

/// Opens a pipe that holds five bytes at descriptor 5.
const HELLO: &str = "exec 5<> <(:); printf hello >&5; ";

#[test]
fn get_looks_at_standard_input_and_set_at_standard_output() {
    assert_eq!(line(&format!("{HELLO}$TEE -g <&5")), ok("fd 0\t65536\t5\n", ""));
    assert_eq!(line(&format!("{HELLO}$TEE --get --verbose <&5")), ok("pipe\tsize\tunread\nfd 0\t65536\t5\n", ""));
    assert_eq!(line("$TEE -s 128K | { read x; $TEE -g; }"), ok("fd 0\t131072\t0\n", ""));
    let most = std::fs::read_to_string("/proc/sys/fs/pipe-max-size").unwrap();
    assert_eq!(line("$TEE | { read x; $TEE -g; }"), ok(&format!("fd 0\t{}\t0\n", most.trim()), ""));
    assert_eq!(line("$TEE -vs max | cat").2, format!("rpipesz: fd 1 pipe buffer size set to {most}"));
}

#[test]
fn targets_come_in_the_order_of_the_arguments_and_as_often() {
    let shown = line("exec 5< <(:); $TEE -g -e -n 5 -i -n5 --stderr < <(:)");
    assert_eq!(shown.1, "fd 2\t65536\t0\nfd 5\t65536\t0\nfd 0\t65536\t0\nfd 5\t65536\t0\nfd 2\t65536\t0\n");
}

#[test]
fn a_failure_is_said_and_passed_over_unless_check_is_given() {
    let get = "rpipesz: cannot get pipe buffer size of fd 42: Bad file descriptor\n";
    let set = "rpipesz: cannot set pipe buffer size of fd 42: Bad file descriptor\n";
    assert_eq!(line(": | $TEE -g -n 42 -i"), ok("fd 0\t65536\t0\n", get));
    assert_eq!(line(": | $TEE -gq -n 42 -i"), ok("fd 0\t65536\t0\n", ""));
    assert_eq!(line("$TEE -n 42 -- echo ran"), ok("ran\n", set));
    assert_eq!(line("$TEE -q -n 42 -- echo ran"), ok("ran\n", ""));
    // The first one ends it, and is said even so.
    for options in ["-c", "-cq", "--check"] {
        let (status, stdout, stderr) = line(&format!(": | $TEE {options} -g -i -n 42 -n 43 -i"));
        assert_eq!((status.as_str(), stdout.as_str(), stderr.as_str()), ("exit status: 1", "fd 0\t65536\t0\n", get));
        let (status, stdout, stderr) = line(&format!("$TEE {options} -n 42 -n 43 -- echo ran"));
        assert_eq!((status.as_str(), stdout.as_str(), stderr.as_str()), ("exit status: 1", "", set));
    }
}

#[test]
fn what_is_no_pipe_is_a_bad_descriptor_of_whatever_kind() {
    let sandbox = Sandbox::new();
    let file = File::create(sandbox.path("file")).unwrap();
    let socket = UnixStream::pair().unwrap().0;
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY | rustix::pty::OpenptFlags::CLOEXEC;
    let terminal = rustix::pty::openpt(flags).unwrap();
    for target in [OwnedFd::from(file), OwnedFd::from(socket), terminal, File::open("/").unwrap().into()] {
        let output = rpipesz(&["-g"]).stdin(target.try_clone().unwrap()).output().unwrap();
        let message = "rpipesz: cannot get pipe buffer size of fd 0: Bad file descriptor\n";
        assert_eq!(ran(output), (Some(0), String::new(), message.to_owned()));
        let output = rpipesz(&["-i", "-s", "64K", "-c"]).stdin(target).output().unwrap();
        assert_eq!(ran(output), (Some(1), String::new(), message.replace("get", "set")));
    }
    // Closed, and no number of ours in its place.
    for fd in [0, 1, 2, 3, 4, 99] {
        let (status, stdout, stderr) = line(&format!("$TEE -c -n {fd} {fd}>&-"));
        // Where standard error is closed there is nobody to tell.
        let message = format!("rpipesz: cannot set pipe buffer size of fd {fd}: Bad file descriptor\n");
        let message = if fd == 2 { String::new() } else { message };
        assert_eq!((status.as_str(), stdout.as_str(), stderr), ("exit status: 1", "", message));
    }
    for (path, words) in [
        ("missing", "cannot open missing: No such file or directory"),
        ("file/x", "cannot open file/x: Not a directory"),
        ("file", "cannot get pipe buffer size of file: Bad file descriptor"),
        (".", "cannot get pipe buffer size of .: Bad file descriptor"),
        ("/dev/null", "cannot get pipe buffer size of /dev/null: Bad file descriptor"),
    ] {
        let output = sandbox.prepare(rpipesz(&["-g", "-f", path])).output().unwrap();
        assert_eq!(ran(output), (Some(0), String::new(), format!("rpipesz: {words}\n")));
    }
}

#[test]
fn sizes_have_units_and_fractions_and_the_last_one_counts() {
    for (size, got) in [("64K", 65536), ("0.5M", 524_288), ("128KiB", 131_072), ("100KB", 131_072), ("0", 4096)] {
        assert_eq!(
            line(&format!("$TEE -s {size} | {{ read x; $TEE -g; }}")),
            ok(&format!("fd 0\t{got}\t0\n"), ""),
            "{size}"
        );
    }
    let warning = "rpipesz: the size was given more than once; the last one counts\n";
    assert_eq!(line("$TEE -s 8K --set 16K | { read x; $TEE -g; }"), ok("fd 0\t16384\t0\n", warning));
    assert_eq!(line("$TEE -qs 8K --set 16K | { read x; $TEE -g; }"), ok("fd 0\t16384\t0\n", ""));
    let (_, _, stderr) = line("$TEE -s 3G -n 42");
    let reduced = "rpipesz: 3221225472 bytes are more than any pipe has; the size is reduced to 2147483648\n";
    assert!(stderr.starts_with(reduced), "{stderr}");
}

#[test]
fn verbose_says_what_size_was_given() {
    let said = "rpipesz: fd 1 pipe buffer size set to 131072\n";
    assert_eq!(line("$TEE -v -s 65537 -- echo ran | cat"), ok("ran\n", said));
    let outcome = line("mkfifo 'a b'; exec 5<> 'a b'; $TEE -v -s 4097 -f 'a b'; $TEE -g -f 'a b'");
    assert_eq!(outcome, ok("a b\t8192\t0\n", "rpipesz: 'a b' pipe buffer size set to 8192\n"));
}

#[test]
fn strict_tells_a_pipe_that_is_smaller_than_was_asked_for() {
    assert_eq!(line("$TEE --strict -s 64K -- echo ran | cat"), ok("ran\n", ""));
    let (status, stdout, stderr) = line("$TEE --strict -q -s 64K -n 42 -n 43 -- echo ran");
    assert_eq!((status.as_str(), stdout.as_str()), ("exit status: 1", ""));
    // All are tried, and what makes the status is said even with -q.
    assert!(stderr.contains("fd 42: Bad") && stderr.contains("fd 43: Bad"), "{stderr}");
    // What can't be made as small as was asked is still large enough.
    let busy = "head -c 65536 /dev/zero | { sleep 0.2; $TEE -i --strict -s 4K; echo $?; cat > /dev/null; }";
    let wait = busy.replace("sleep 0.2", "until $TEE -g | grep -q 65536$; do :; done");
    let message = "rpipesz: cannot set pipe buffer size of fd 0: Device or resource busy\n";
    assert_eq!(line(&wait), ok("0\n", message));
}

#[test]
fn a_command_that_cannot_be_run_is_126_or_127() {
    for (command, code, words) in [
        ("missing-command", 127, "failed to execute missing-command: No such file or directory"),
        ("./missing", 127, "failed to execute ./missing: No such file or directory"),
        ("./.", 126, "failed to execute ./.: Permission denied"),
        ("./plain", 126, "failed to execute ./plain: Permission denied"),
    ] {
        let (status, stdout, stderr) =
            line(&format!("echo > plain; TEE=$(command -v $TEE); PATH=/usr/bin:/bin; $TEE -qn 42 -- {command}"));
        assert_eq!(
            (status, stdout.as_str(), stderr),
            (format!("exit status: {code}"), "", format!("rpipesz: {words}\n"))
        );
    }
    assert_eq!(line("$TEE -qn 42 sh -c 'exit 7'").0, "exit status: 7");
    assert_eq!(line("$TEE -qn 42 -- sh -c 'kill -TERM $$'").0, "signal: 15 (SIGTERM)");
}

#[test]
fn what_follows_the_command_is_the_commands() {
    assert_eq!(line("$TEE -q echo -v --get -s; $TEE -q -- echo -- -x"), ok("-v --get -s\n-- -x\n", ""));
}

#[test]
fn the_command_finds_descriptors_and_signals_as_they_were() {
    // What a process can tell of how it was started.
    let look = "grep -E '^Sig(Ign|Blk)|^Shd' /proc/self/status; for fd in 0 1 2 3 4 5 6 7 8 9; do \
        [ -e /proc/self/fd/$fd ] && echo $fd; done; ulimit -n; umask; echo \"$0 $*\"";
    for setting in [
        "",
        "trap '' PIPE;",
        "trap '' INT HUP TERM;",
        "exec 5< /dev/null 8> /dev/null;",
        "exec < /dev/null;",
        "exec <&-;",
        "exec 7>&2 2>&-;",
        "umask 007; ulimit -n 50;",
    ] {
        let script = format!("cat > look <<'EOF'\n{look}\nEOF\nchmod +x look; {setting} $RUN sh ./look 'a  b' ''");
        let plain = line(&script.replace("$RUN", "exec"));
        for run in ["exec $TEE -q", "exec $TEE -q -n 1 -n 0 --", "exec $TEE -qf look --", "exec $TEE -q -s max -ieo"] {
            assert_eq!(line(&script.replace("$RUN", run)), plain, "{setting} {run}");
        }
    }
    // And standard output, which the others need to be seen.
    assert_eq!(line("exec 7>&1; $TEE -q sh -c '[ -e /proc/self/fd/1 ]; echo $? >&7' >&-"), ok("1\n", ""));
}

#[test]
fn a_reader_that_leaves_ends_it_silently() {
    let (status, stdout, stderr) = line("$TEE --help | head -n 1; $TEE --limits | : ; echo ${PIPESTATUS[0]}");
    assert_eq!((status.as_str(), stderr.as_str()), ("exit status: 0", ""));
    assert!(stdout.starts_with("Show and set the size of pipe buffers\n"), "{stdout}");
}

#[test]
fn an_output_that_cannot_be_written_is_reported() {
    for option in ["-g", "--limits", "--help", "--version", "-p $$"] {
        let (status, _, stderr) = line(&format!(": | $TEE {option} > /dev/full"));
        let message = "rpipesz: write error: No space left on device\n";
        assert_eq!((status.as_str(), stderr.as_str()), ("exit status: 1", message), "{option}");
        let (status, _, stderr) = line(&format!(": | $TEE {option} >&-"));
        assert_eq!(
            (status.as_str(), stderr.as_str()),
            ("exit status: 1", "rpipesz: write error: Bad file descriptor\n")
        );
    }
}

#[test]
fn names_reach_the_terminal_without_their_control_characters() {
    let odd = "$'a\\e[31m\\nb\\tc'";
    let (status, stdout, stderr) = line(&format!("mkfifo {odd}; exec 5<> {odd}; $TEE -g -f {odd}; $TEE -g -f {odd}x"));
    assert_eq!(status, "exit status: 0");
    assert_eq!(stdout, "'a'$'\\033''[31m'$'\\n''b'$'\\t''c'\t65536\t0\n");
    assert_eq!(stderr, "rpipesz: cannot open 'a'$'\\033''[31m'$'\\n''b'$'\\t''cx': No such file or directory\n");
    let (_, stdout, _) = line(&format!("mkfifo {odd}; exec 5<> {odd}; $TEE -g --json -f {odd}"));
    let object: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["name"], "a\u{1b}[31m\nb\tc");
    assert!(!stdout.contains('\u{1b}'));
}

#[test]
fn json_is_an_object_a_line() {
    let (_, stdout, _) = line(&format!("{HELLO}$TEE -g --json -i -q -n 42 -i <&5"));
    assert_eq!(stdout, "{\"name\":\"fd 0\",\"size\":65536,\"unread\":5}\n".repeat(2));
}

#[test]
fn wrong_usage_is_2_and_one_clear_line_before_anything_is_done() {
    for (arguments, message) in [
        (&["-n", "x"][..], "invalid value 'x' for '--fd <FD>': not a descriptor"),
        (&["-n", "-1"], "invalid value '-1' for '--fd <FD>': not a descriptor"),
        (&["-n", "+1"], "invalid value '+1' for '--fd <FD>': not a descriptor"),
        (&["-n", "99999999999"], "invalid value '99999999999' for '--fd <FD>': not a descriptor"),
        (&["-n", ""], "invalid value '' for '--fd <FD>': not a descriptor"),
        (&["-p", "0"], "invalid value '0' for '--pid <PID>': not the number of a process"),
        (&["-p", "-1"], "invalid value '-1' for '--pid <PID>': not the number of a process"),
        (&["-p", "self"], "invalid value 'self' for '--pid <PID>': not the number of a process"),
        (&["-p", "99999999999"], "invalid value '99999999999' for '--pid <PID>': not the number of a process"),
        (&["-s", "-1"], "invalid value '-1' for '--set <SIZE>': not a size"),
        (&["-s", "x"], "invalid value 'x' for '--set <SIZE>': not a size"),
        (&["-s", "1.5"], "invalid value '1.5' for '--set <SIZE>': not a size"),
        (&["-s", "99E"], "invalid value '99E' for '--set <SIZE>': too large a size"),
        (&["--stall", "-p", "1", "--interval", "0"], "invalid value '0' for '--interval <TIME>': not a time"),
        (&["--stall", "-p", "1", "--interval", "-1"], "invalid value '-1' for '--interval <TIME>': not a duration"),
        (&["--stall", "-p", "1", "--interval", "99d"], "invalid value '99d' for '--interval <TIME>': not a time"),
        (&["--stall", "-p", "1", "--count", "0"], "invalid value '0' for '--count <NUMBER>': not a number from 1"),
        (&["--stall", "-p", "1", "--count", "-5"], "invalid value '-5' for '--count <NUMBER>': not a number from 1"),
        (&["--stall", "-p", "1", "--count", "9999999999"], "invalid value '9999999999' for '--count <NUMBER>'"),
        (&["--measure", "--write-size", "0"], "invalid value '0' for '--write-size <SIZE>': not a size from 1"),
        (&["--measure", "--write-size", "2G"], "invalid value '2G' for '--write-size <SIZE>': not a size from 1"),
        (&["--measure", "--write-size", "-1"], "invalid value '-1' for '--write-size <SIZE>': not a size"),
        (&["-g", "-s", "1K"], "the argument '--get' cannot be used with '--set <SIZE>'"),
        (&["-g", "true"], "the argument '--get' cannot be used with '[COMMAND]...'"),
        (&["-p", "1", "true"], "the argument '[COMMAND]...' cannot be used with"),
        (&["-p", "1", "-i"], "the argument '--"),
        (&["--stall"], "the following required arguments were not provided:"),
        (&["--count", "1"], "the following required arguments were not provided:"),
        (&["--json"], "the following required arguments were not provided:"),
        (&["-p", "1", "-s", "1M", "--json"], "the argument '--json' cannot be used with '--set <SIZE>'"),
        (&["-g", "--strict"], "the argument '--get' cannot be used with '--strict'"),
        (&["--nonsense"], "unexpected argument '--nonsense' found"),
        (&["--gte"], "unexpected argument '--gte' found"),
        (&["-s"], "a value is required for '--set <SIZE>' but none was supplied"),
    ] {
        let (status, stdout, stderr) = ran(rpipesz(arguments).output().unwrap());
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        let first = stderr.lines().next().unwrap();
        assert!(first.starts_with(&format!("rpipesz: {message}")), "{arguments:?}: {stderr}");
    }
}

/// Runs `line` with both tools. Messages are compared where `messages` says that the manual fixes them.
fn same(line: &str, messages: bool) {
    let found = Command::new("pipesz").arg("--version").output();
    if !found.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("util-linux")) {
        eprintln!("skipped: pipesz (util-linux 2.39) is not installed, and Debian 12 has none");
        return;
    }
    let [theirs, ours] = ["pipesz", "rpipesz"].map(|tool| {
        let sandbox = Sandbox::new();
        let outcome = sandbox.run(sandbox.shell(tool, line));
        let said = String::from_utf8(outcome.stderr).unwrap().replace("rpipesz: ", "pipesz: ");
        let said = if messages { said } else { String::from(if said.is_empty() { "silent" } else { "something" }) };
        (outcome.status, String::from_utf8(outcome.stdout).unwrap(), said)
    });
    assert_eq!(ours, theirs, "rpipesz (left) and pipesz (right) differ on: {line}");
}

#[test]
fn every_option_does_what_pipesz_does() {
    for line in [
        "exec 5<> <(:); printf hello >&5; $TEE -g <&5",
        "exec 5<> <(:); printf hello >&5; $TEE -gv <&5",
        "exec 5<> <(:); printf hello >&5; $TEE --get --verbose --stdin --fd 0 <&5",
        "$TEE | { read x; $TEE -g; }",
        "$TEE -s 64K | { read x; $TEE -g; }",
        "$TEE -s 1.5K echo hi | cat",
        "$TEE -s 128KiB -o -- echo hi | cat",
        "$TEE -n 42",
        "$TEE -n 42 -- echo hi",
        "$TEE -c -n 42 -- echo hi",
        "$TEE -q -n 42 -- echo hi",
        "exec 5<> <(:); printf hello >&5; $TEE -g -n 42 -i <&5",
        "exec 5<> <(:); printf hello >&5; $TEE -gc -i -n 42 -i <&5",
        "exec 5<> <(:); printf hello >&5; $TEE -gq -n 42 -i -f /dev/stdin <&5",
        "$TEE -g < /dev/null",
        "$TEE -g <&-",
    ] {
        same(line, true);
    }
    for line in [
        "$TEE -v -s 64K -- echo hi | cat",
        "$TEE -g -f missing",
        "$TEE -c -g -f missing",
        "$TEE -qn 42 missing-command",
        "$TEE -qn 42 ./.",
        "$TEE -s 8K -s 16K | { read x; $TEE -g; }",
        "mkfifo f; exec 5<> f; printf hello >&5; $TEE -s 8K -f f; $TEE -g -f f",
    ] {
        same(line, false);
    }
}

#[test]
fn a_byte_in_a_pipe_is_counted_while_it_is_unread() {
    let (reader, mut writer) = support::pipe();
    for count in 0..5 {
        let output = rpipesz(&["-g"]).stdin(reader.try_clone().unwrap()).output().unwrap();
        assert_eq!(ran(output), (Some(0), format!("fd 0\t65536\t{count}\n"), String::new()));
        writer.write_all(b"x").unwrap();
    }
}

#[test]
fn the_command_keeps_the_signals_that_are_blocked() {
    let Some(python) = support::peer("python3", "Python") else { return };
    let script = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM]); \
        os.execv(sys.argv[1], ['rpipesz', '-q', 'grep', 'SigBlk', '/proc/self/status'])";
    let mut command = Command::new(python);
    let output = command.args(["-c", script]).arg(support::teebox()).output().unwrap();
    // Numbers 10 and 15.
    assert_eq!(ran(output), (Some(0), "SigBlk:\t0000000000004200\n".to_owned(), String::new()));
}
