//! The pipes of running processes: who is at the other end, and that nobody notices being looked at.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

use rustix::pipe::fcntl_getpipe_size;
use serde_json::{Value, json};

use crate::support::{self, children, pattern, wait_until};

fn rpipesz(arguments: &[&str]) -> Output {
    let mut command = support::applet("rpipesz");
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output().unwrap()
}

/// The objects of `--pid` of a process, without complaint.
fn pipes(pid: u32) -> Vec<Value> {
    let output = rpipesz(&["--json", "-p", &pid.to_string()]);
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The object of one descriptor, if it's a pipe.
fn pipe_at(pid: u32, fd: i32) -> Option<Value> {
    pipes(pid).into_iter().find(|pipe| pipe["fd"] == fd)
}

/// A pipeline of three `cat`s, and their processes from the first to the last.
fn three_cats() -> (Child, [u32; 3]) {
    let mut shell = support::alone("bash -c 'cat | cat | cat; exit'");
    let shell = shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut cats = [0; 3];
    wait_until("the three are running", || {
        let found = children(shell.id());
        // In the order of their numbers the shell has made them.
        let ready = support::names(&found) == ["cat"; 3] && !support::has_more_pipes(shell.id());
        if ready {
            cats.copy_from_slice(&found);
        }
        ready
    });
    (shell, cats)
}

fn finish(mut shell: Child) {
    drop(shell.stdin.take());
    assert!(shell.wait().unwrap().success());
}

#[test]
fn both_directions_of_a_stage_are_shown_with_who_is_at_the_other_end() {
    let (mut shell, [first, middle, last]) = three_cats();
    let (read, written) = (pipe_at(middle, 0).unwrap(), pipe_at(middle, 1).unwrap());
    assert_eq!(read["direction"], "read");
    assert_eq!(read["peers"], json!([{ "pid": first, "name": "cat", "fd": 1 }]));
    assert_eq!(written["direction"], "write");
    assert_eq!(written["peers"], json!([{ "pid": last, "name": "cat", "fd": 0 }]));
    assert_eq!((&read["size"], &read["unread"], &read["name"]), (&json!(65536), &json!(0), &json!("cat")));
    assert_eq!(read["pid"], middle);
    // The same pipe from its other side.
    assert_eq!(pipe_at(first, 1).unwrap()["inode"], read["inode"]);
    assert_eq!(pipe_at(last, 0).unwrap()["inode"], written["inode"]);
    // The last one's output is this process's to read.
    let peers = pipe_at(last, 1).unwrap()["peers"].clone();
    assert!(peers.as_array().unwrap().iter().any(|peer| peer["pid"] == std::process::id()), "{peers}");
    // They work on as if nobody had looked.
    shell.stdin.as_mut().unwrap().write_all(b"line\n").unwrap();
    let mut back = [0; 5];
    shell.stdout.as_mut().unwrap().read_exact(&mut back).unwrap();
    finish(shell);
}

#[test]
fn several_processes_are_shown_one_after_the_other_with_tabs() {
    let (shell, [first, middle, _]) = three_cats();
    let output = rpipesz(&["-v", "-p", &middle.to_string(), "--pid", &first.to_string()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("pid\tname\tfd\tdirection\tsize\tunread\tflags\tother end"));
    assert_eq!(lines.next(), Some(format!("{middle}\tcat\t0\tread\t65536\t0\t-\t{first} cat fd 1").as_str()));
    assert!(text.contains(&format!("\n{first}\tcat\t1\twrite\t65536\t0\t-\t{middle} cat fd 0\n")), "{text}");
    finish(shell);
}

#[test]
fn a_terminal_gets_aligned_columns() {
    if support::peer("script", "util-linux").is_none() {
        return;
    }
    let (shell, [first, middle, _]) = three_cats();
    let line = format!("exec -a rpipesz {} -p {middle}", support::teebox().display());
    let output = Command::new("script").args(["-qec", &format!("bash -c '{line}'"), "/dev/null"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().replace('\r', "");
    assert!(!text.contains('\t'));
    let mut lines = text.lines();
    let title = lines.next().unwrap();
    let row = lines.next().unwrap();
    // Words begin where their title begins, and numbers end where it ends.
    for (word, field) in
        [("name", "cat "), ("direction", "read "), ("flags", "- "), ("other end", &format!("{first} cat"))]
    {
        assert!(row[title.find(word).unwrap()..].starts_with(field), "{text}");
    }
    assert!(row[..title.find("size").unwrap() + 4].ends_with("  65536"), "{text}");
    assert!(text.contains(&format!("  {first} cat fd 1")), "{text}");
    finish(shell);
}

#[test]
fn set_resizes_the_pipes_of_a_process_and_says_so() {
    let (shell, [_, middle, _]) = three_cats();
    let output = rpipesz(&["-v", "-s", "128K", "-p", &middle.to_string()]);
    assert_eq!((output.status.code(), output.stdout), (Some(0), vec![]));
    let line = |fd| format!("rpipesz: fd {fd} of process {middle} (cat) pipe buffer size set to 131072\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), line(0) + &line(1));
    for fd in [0, 1] {
        assert_eq!(pipe_at(middle, fd).unwrap()["size"], 131_072);
    }
    finish(shell);
}

#[test]
fn a_pipe_that_cannot_be_resized_is_named() {
    let (reader, mut writer) = support::pipe();
    writer.write_all(&pattern(65536)).unwrap();
    let mut child = support::alone("sleep 60").stdin(reader).stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id().to_string();
    wait_until("it has its name", || std::fs::read(format!("/proc/{pid}/comm")).unwrap() == b"sleep\n");
    let output = rpipesz(&["-s", "4K", "-p", &pid]);
    let said = String::from_utf8(output.stderr).unwrap();
    let busy =
        format!("rpipesz: cannot set pipe buffer size of fd 0 of process {pid} (sleep): Device or resource busy\n");
    assert!(said.contains(&busy), "{said}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fcntl_getpipe_size(&writer), Ok(65536));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_process_that_is_gone_or_not_ours_is_told_so() {
    let mut child = Command::new("true").spawn().unwrap();
    let gone = child.id().to_string();
    // It has ended, though its parent hasn't asked how.
    wait_until("it has ended", || {
        std::fs::read_to_string(format!("/proc/{gone}/stat")).unwrap().rsplit(')').next().unwrap().starts_with(" Z")
    });
    let message = format!("rpipesz: process {gone}: No such process\n");
    assert_eq!(String::from_utf8(rpipesz(&["-p", &gone]).stderr).unwrap(), message);
    child.wait().unwrap();
    for options in [&["-p"][..], &["-s", "64K", "-p"], &["--stall", "-p"]] {
        let output = rpipesz(&[options, &[gone.as_str()]].concat());
        assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("rpipesz: process {gone}: No such process\n"));
    }
    let output = rpipesz(&["--stall", "--pgid", &gone]);
    let message = format!("rpipesz: process group {gone}: No such process\n");
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), message));
    // With --quiet the status alone tells, but where it ends there.
    for option in ["--pid", "--pgid"] {
        for what in [&["-q"][..], &["-q", "-s", "64K"], &["-q", "--stall"]] {
            let output = rpipesz(&[what, &[option, &gone]].concat());
            assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(1), vec![], vec![]), "{what:?}");
        }
        assert!(!rpipesz(&["-qc", option, &gone]).stderr.is_empty());
    }
    // The others are shown all the same, but for --check.
    let (shell, [_, middle, _]) = three_cats();
    assert!(!rpipesz(&["-p", &gone, "-p", &middle.to_string()]).stdout.is_empty());
    assert!(rpipesz(&["-c", "-p", &gone, "-p", &middle.to_string()]).stdout.is_empty());
    finish(shell);
    // Somebody else's, seen by a user with no rights.
    let Some(mut command) = support::as_stranger("rpipesz") else { return };
    let own = std::process::id().to_string();
    let output = command.args(["-p", &own]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with(&format!("rpipesz: process {own} (")) && said.ends_with("): Permission denied\n"),
        "{said}"
    );
    assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
}

#[test]
fn where_descriptors_cannot_be_taken_everything_else_is_shown() {
    let may_trace =
        || Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success());
    if support::peer("strace", "strace").is_none() || !may_trace() {
        return;
    }
    let (shell, [first, middle, _]) = three_cats();
    let inject = ["-qq", "-o", "/dev/null", "-e", "inject=pidfd_getfd:error=EPERM"];
    let mut command = Command::new("strace");
    command.args(inject).arg(support::teebox()).args(["rpipesz", "-p", &middle.to_string()]);
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, format!("rpipesz: process {middle} (cat): sizes can't be told: Operation not permitted\n"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with(&format!("{middle}\tcat\t0\tread\t?\t?\t-\t{first} cat fd 1\n")), "{text}");
    assert_eq!(output.status.code(), Some(1));
    finish(shell);
}

#[test]
fn a_process_that_goes_while_its_pipes_are_asked_is_told_so_unless_its_group_was_meant() {
    let may_trace =
        || Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success());
    if support::peer("strace", "strace").is_none() || !may_trace() {
        return;
    }
    let (shell, [_, middle, _]) = three_cats();
    let (middle, group) = (middle.to_string(), shell.id().to_string());
    for (which, said, status) in [
        (["--pid", &middle], format!("rpipesz: process {middle} (cat): No such process\n"), 1),
        (["--pgid", &group], String::new(), 0),
    ] {
        for set in [&[][..], &["-s", "64K"]] {
            let mut command = Command::new("strace");
            command.args(["-qq", "-o", "/dev/null", "-e", "inject=pidfd_getfd:error=ESRCH"]).arg(support::teebox());
            let output = command.arg("rpipesz").args(which).args(set).env("LC_ALL", "C.UTF-8").output().unwrap();
            assert_eq!(String::from_utf8(output.stderr).unwrap(), said, "{which:?} {set:?}");
            assert_eq!((output.status.code(), output.stdout), (Some(status), vec![]), "{which:?} {set:?}");
        }
    }
    finish(shell);
}

#[test]
fn flags_and_pipes_without_a_partner_are_told() {
    // A descriptor opened in both directions, and one that doesn't wait, in a shell that holds them.
    let mut shell = Command::new("bash");
    shell.args(["-c", "exec 5<> <(:); echo ready; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    shell.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    let both = pipe_at(shell.id(), 5).unwrap();
    assert_eq!((&both["direction"], &both["flags"]), (&json!("both"), &json!([])));
    let stdin = shell.stdin.as_ref().unwrap();
    rustix::io::fcntl_dupfd_cloexec(stdin, 0).unwrap();
    let own = pipes(std::process::id());
    let inode = pipe_at(shell.id(), 0).unwrap()["inode"].clone();
    let writer = own.iter().find(|pipe| pipe["inode"] == inode && pipe["direction"] == "write").unwrap();
    assert_eq!(writer["flags"], json!(["cloexec"]));
    drop(shell.stdin.take());
    shell.wait().unwrap();
}

#[test]
fn a_fifo_is_shown_with_its_partners_whatever_its_name() {
    let sandbox = support::Sandbox::new();
    sandbox.fifo("fifo");
    let mut reader = support::alone("cat fifo");
    reader.stdin(Stdio::null()).stdout(Stdio::null());
    let mut reader = sandbox.prepare(reader).spawn().unwrap();
    let mut writer = std::fs::OpenOptions::new().write(true).open(sandbox.path("fifo")).unwrap();
    wait_until("the reader has it open", || {
        support::names(&[reader.id()]) == ["cat"] && pipes(reader.id()).iter().any(|pipe| pipe["direction"] == "read")
    });
    let found = &pipes(reader.id())[0];
    assert_eq!(found["size"], 65536);
    let peers = &found["peers"];
    assert!(peers.as_array().unwrap().iter().any(|peer| peer["pid"] == std::process::id()), "{peers}");
    writer.write_all(b"line\n").unwrap();
    drop(writer);
    assert!(reader.wait().unwrap().success());
}

#[test]
fn a_name_that_a_process_gives_itself_cannot_reach_the_terminal() {
    let mut shell = Command::new("bash");
    let script = "printf 'a\\033[31m\\tb' > /proc/self/comm; echo ready; read line";
    shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    shell.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    let text = String::from_utf8(rpipesz(&["-p", &shell.id().to_string()]).stdout).unwrap();
    assert!(text.starts_with(&format!("{}\t'a'$'\\033''[31m'$'\\t''b'\t0\tread\t", shell.id())), "{text}");
    assert!(!text.contains('\u{1b}'));
    assert_eq!(pipe_at(shell.id(), 0).unwrap()["name"], "a\u{1b}[31m\tb");
    drop(shell.stdin.take());
    shell.wait().unwrap();
}

#[test]
fn a_process_without_pipes_is_shown_without_a_word() {
    let mut child = support::alone("sleep 60").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    wait_until("it has closed what it inherited", || {
        std::fs::read(format!("/proc/{}/comm", child.id())).unwrap() == b"sleep\n"
    });
    assert_eq!(pipes(child.id()), Vec::<Value>::new());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_group_is_shown_and_set_without_its_members_that_have_ended() {
    // The leader runs on, with a pipe at descriptor 5, and a child of it has ended without being waited for.
    // The child outlasts the shell, which would wait for it.
    let child = "(until [ \"$(< /proc/$$/comm)\" = sleep ]; do :; done)";
    let script = format!("{}exec 5<> <(:); {child} & exec sleep 60", support::ALONE);
    let start = |mut command: Command| {
        command.process_group(0).args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let leader = command.spawn().unwrap();
        wait_until("its children have ended", || {
            let state = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let ended = children(leader.id());
            !ended.is_empty()
                && state(&leader.id()).contains("(sleep)")
                && ended.iter().all(|pid| state(pid).rsplit(')').next().unwrap().starts_with(" Z"))
        });
        leader
    };
    // A user with no rights is refused what root can see of those that have ended.
    let (mut leader, applet): (Child, fn() -> Command) = match support::as_stranger("rpipesz") {
        Some(_) => (start(support::as_user("bash", 61236).unwrap()), || support::as_stranger("rpipesz").unwrap()),
        None => (start(Command::new("bash")), || support::applet("rpipesz")),
    };
    let group = leader.id().to_string();
    let run = |arguments: &[&str]| {
        let output = applet().args(arguments).args(["--pgid", &group]).output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&["-c"]), format!("{group}\tsleep\t5\tboth\t65536\t0\t-\t-\n"));
    assert_eq!(run(&["-c", "--strict", "-s", "128K"]), "");
    assert_eq!(run(&[]), format!("{group}\tsleep\t5\tboth\t131072\t0\t-\t-\n"));
    leader.kill().unwrap();
    leader.wait().unwrap();
}

#[test]
fn a_process_may_be_itself_or_be_named_by_one_of_its_threads() {
    let line = format!("{}exec {} rpipesz -p $$ < <(:)", support::ALONE, support::teebox().display());
    let mut shell = Command::new("bash");
    let shell = shell.args(["-c", &line]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let pid = shell.id();
    let text = String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap();
    assert!(text.starts_with(&format!("{pid}\tteebox\t0\tread\t65536\t0\t")), "{text}");
    // Tests run in threads of their own.
    let (reader, _writer) = support::pipe();
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let thread: u32 = thread.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
    assert_eq!(pipe_at(thread, fd).unwrap()["pid"], std::process::id());
}
