//! The rules by which the kernel gives sizes, the limits, and what pipes really take.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};
use serde_json::Value;

use crate::support::{self, pattern};

fn rpipesz(arguments: &[&str]) -> Command {
    let mut command = support::applet("rpipesz");
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

fn said(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn setting(name: &str) -> u64 {
    std::fs::read_to_string(format!("/proc/sys/fs/{name}")).unwrap().trim().parse().unwrap()
}

#[test]
fn sizes_are_rounded_up_to_a_power_of_two_of_pages() {
    let (reader, _writer) = support::pipe();
    for (asked, given) in [
        ("0", 4096),
        ("1", 4096),
        ("4096", 4096),
        ("4097", 8192),
        ("8K", 8192),
        ("12288", 16384),
        ("64KiB", 65536),
        ("64KB", 65536),
        ("65537", 131_072),
        ("0.3M", 524_288),
        ("1M", 1_048_576),
    ] {
        let output = rpipesz(&["-v", "-i", "-s", asked]).stdin(reader.try_clone().unwrap()).output().unwrap();
        assert_eq!(said(&output), (Some(0), "", format!("rpipesz: fd 0 pipe buffer size set to {given}\n").as_str()));
        assert_eq!(fcntl_getpipe_size(&reader), Ok(given));
    }
}

#[test]
fn what_is_occupied_cannot_be_taken_away() {
    let (mut reader, mut writer) = support::pipe();
    let set = |size: &str| {
        let output = rpipesz(&["-c", "-i", "-s", size]).stdin(reader.try_clone().unwrap()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // Pages, of which five are in use.
    writer.write_all(&pattern(4 * 4096 + 1)).unwrap();
    let busy = "rpipesz: cannot set pipe buffer size of fd 0: Device or resource busy\n";
    assert_eq!(set("16K"), (Some(1), busy.to_owned()));
    assert_eq!(set("32K"), (Some(0), String::new()));
    reader.read_exact(&mut [0; 4096]).unwrap();
    let output = rpipesz(&["-c", "-i", "-s", "16K"]).stdin(reader).output().unwrap();
    assert_eq!(said(&output), (Some(0), "", ""));
    assert_eq!(fcntl_getpipe_size(&writer), Ok(16384));
}

#[test]
fn above_the_maximum_is_not_permitted_and_max_is_the_most_there_is() {
    let most = setting("pipe-max-size");
    // Who may exceed it needs to be somebody else.
    let root = rustix::process::geteuid().is_root();
    let stranger = || if root { support::as_stranger("rpipesz") } else { Some(support::applet("rpipesz")) };
    let Some(mut command) = stranger() else { return };
    let (reader, _writer) = support::pipe();
    let output =
        command.args(["-i", "-s", &(most + 1).to_string()]).stdin(reader.try_clone().unwrap()).output().unwrap();
    let message = "rpipesz: cannot set pipe buffer size of fd 0: Operation not permitted\n";
    assert_eq!(said(&output), (Some(0), "", message));
    assert_eq!(fcntl_getpipe_size(&reader), Ok(65536));
    for strict in ["-v", "-v --strict"] {
        let mut command = stranger().unwrap();
        command.args(strict.split(' ')).args(["-i", "-s", "max"]).stdin(reader.try_clone().unwrap());
        let output = command.output().unwrap();
        let message = format!("rpipesz: fd 0 pipe buffer size set to {most}\n");
        assert_eq!(said(&output), (Some(0), "", message.as_str()));
    }
    let output = stranger().unwrap().args(["--strict", "-i", "-s", "2G"]).stdin(reader).output().unwrap();
    assert_eq!(said(&output), (Some(1), "", message));
}

#[test]
fn max_never_makes_a_pipe_smaller() {
    let (reader, writer) = support::pipe();
    let most = usize::try_from(setting("pipe-max-size")).unwrap();
    // Only with CAP_SYS_RESOURCE may it be more than the maximum.
    let size = fcntl_setpipe_size(&writer, most * 2).or_else(|_| fcntl_setpipe_size(&writer, most)).unwrap();
    let output = rpipesz(&["-v", "-i", "-s", "max"]).stdin(reader).output().unwrap();
    assert_eq!(said(&output), (Some(0), "", format!("rpipesz: fd 0 pipe buffer size set to {size}\n").as_str()));
}

#[test]
fn a_user_who_has_used_up_the_soft_limit_gets_new_pipes_of_two_pages_and_no_larger_ones() {
    let (soft, most) = (setting("pipe-user-pages-soft"), setting("pipe-max-size"));
    let pipes = soft / (most / 4096);
    // Of a user of its own, so that the other tests keep theirs.
    let Some(mut command) = support::as_user("bash", support::new_user()) else { return };
    if pipes == 0 || pipes > 512 {
        eprintln!("skipped: the soft limit is {soft} pages");
        return;
    }
    let script = format!(
        "RPIPESZ={}; fds=; for ((i = 0; i < {pipes}; i++)); do exec {{fd}}<> <(:); fds+=\" -n $fd\"; done; wait
        $RPIPESZ -c $fds || exit
        : | $RPIPESZ -g
        : | $RPIPESZ -i -v -s max
        : | $RPIPESZ -i -s 64K
        $RPIPESZ --measure -s 64K > /dev/null; echo $? >&2
        $RPIPESZ --limits --json",
        support::for_strangers("rpipesz").unwrap().display()
    );
    let output = command.args(["-c", &script]).output().unwrap();
    let (status, stdout, stderr) = said(&output);
    let (shown, limits) = stdout.split_once('\n').unwrap_or_else(|| panic!("{stdout} {stderr}"));
    // Before Linux 5.14 it was one page.
    let given = shown.strip_prefix("fd 0\t").and_then(|rest| rest.strip_suffix("\t0")).unwrap();
    assert!(["4096", "8192"].contains(&given), "{shown}");
    assert_eq!(
        stderr,
        format!(
            "rpipesz: fd 0 pipe buffer size set to {given}\n\
             rpipesz: cannot set pipe buffer size of fd 0: Operation not permitted\n\
             rpipesz: a pipe of 65536 bytes: Operation not permitted\n\
             rpipesz: pipes of {} bytes and more: Operation not permitted\n\
             1\n",
            given.parse::<u64>().unwrap() * 2
        )
    );
    assert_eq!(status, Some(0));
    let limits: Value = serde_json::from_str(limits).unwrap();
    assert_eq!((limits["used_pages"].as_u64(), limits["used_pipes"].as_u64()), (Some(soft), Some(pipes)));
}

#[test]
fn limits_are_those_of_the_kernel() {
    let output = rpipesz(&["--limits"]).output().unwrap();
    let (status, stdout, stderr) = said(&output);
    assert_eq!((status, stderr), (Some(0), ""));
    let values: Vec<(&str, u64)> = stdout
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|fields| (fields[0], fields[1].parse().unwrap()))
        .filter(|(name, _)| *name != "used")
        .collect();
    let expected = [
        ("pipe-max-size", setting("pipe-max-size")),
        ("pipe-user-pages-soft", setting("pipe-user-pages-soft")),
        ("pipe-user-pages-hard", setting("pipe-user-pages-hard")),
        ("PIPE_BUF", 4096),
        ("page size", rustix::param::page_size() as u64),
    ];
    assert_eq!(values, expected);
}

#[test]
fn limits_count_what_this_users_pipes_take() {
    let somebody = support::new_user();
    let Some(command) = support::as_user("bash", somebody) else { return };
    let used = |setup: &str, mut command: Command| {
        let script = format!("{setup} {} --limits --json", support::for_strangers("rpipesz").unwrap().display());
        let output = command.args(["-c", &script]).output().unwrap();
        let limits: Value = serde_json::from_str(said(&output).1).unwrap();
        (limits["used_pages"].as_u64().unwrap(), limits["used_pipes"].as_u64().unwrap())
    };
    // Standard output is a pipe of the one who started it.
    assert_eq!(used("", command), (0, 0));
    let command = support::as_user("bash", somebody).unwrap();
    assert_eq!(used("exec 5<> <(:) 6<> <(:); wait;", command), (32, 2));
    // A FIFO counts for whoever opened it first, which its owner need not be.
    let fifo = "dir=$(mktemp -d); mkfifo $dir/fifo; exec 5<> $dir/fifo; rm -r $dir;";
    let command = support::as_user("bash", somebody).unwrap();
    assert_eq!(used(fifo, command), (0, 0));
}

#[test]
fn limits_need_few_descriptors_however_many_processes_there_are_and_tell_where_there_are_too_few() {
    // Processes of a user of its own, more than descriptors; each has a pipe of its own.
    let Some(mut command) = support::as_user("bash", support::new_user()) else { return };
    let script = format!(
        "for i in {{1..20}}; do (exec 5<> <(:); wait; exec sleep 60 > /dev/null 2>&1) & done
        for pid in $(jobs -p); do until [ $(< /proc/$pid/comm) = sleep ]; do :; done; done
        for most in 12 5; do (ulimit -n $most; {} --limits --json; echo $?); done
        kill $(jobs -p)",
        support::for_strangers("rpipesz").unwrap().display()
    );
    let output = command.args(["-c", &script]).output().unwrap();
    let (_, stdout, stderr) = said(&output);
    let lines: Vec<&str> = stdout.lines().collect();
    let used = |line: &str| -> (Value, Value) {
        let limits: Value = serde_json::from_str(line).unwrap();
        (limits["used_pages"].clone(), limits["used_pipes"].clone())
    };
    assert_eq!((used(lines[0]), lines[1]), ((320.into(), 20.into()), "0"), "{stderr}");
    // Enough to find the pipes, and not to take one.
    assert_eq!((used(lines[2]), lines[3]), ((Value::Null, Value::Null), "1"), "{stderr}");
    assert_eq!(stderr, "rpipesz: the pipes that are used can't be told: Too many open files\n");
}

#[test]
fn a_pipe_takes_as_many_bytes_as_its_slots_leave_at_each_size_of_writes() {
    for (size, expected) in [
        ("64K", [(1, 65536), (512, 65536), (4095, 65520), (4096, 65536), (4097, 45066), (65536, 65536)]),
        ("4K", [(1, 4096), (512, 4096), (4095, 4095), (4096, 4096), (4097, 4096), (65536, 4096)]),
    ] {
        let output = rpipesz(&["--measure", "--json", "-s", size]).output().unwrap();
        let objects: Vec<Value> = said(&output).1.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let taken: Vec<(u64, u64)> = objects
            .iter()
            .filter_map(|object| Some((object["write_size"].as_u64()?, object["taken"].as_u64()?)))
            .collect();
        assert_eq!(taken, expected, "{size}");
        // Then each size up to the maximum.
        let speeds: Vec<&Value> = objects.iter().filter(|object| object["write_size"].is_null()).collect();
        let sizes: Vec<u64> = speeds.iter().map(|speed| speed["pipe_size"].as_u64().unwrap()).collect();
        let most = setting("pipe-max-size");
        let wanted = std::iter::successors(Some(4096), |size| Some(size * 2)).take_while(|size| *size <= most);
        assert_eq!(sizes, wanted.collect::<Vec<u64>>());
        for speed in speeds {
            assert!(speed["bytes_per_second"].as_f64().unwrap() > 0.0, "{speed}");
            assert!(speed["round_trip_seconds"].as_f64().unwrap() > 0.0, "{speed}");
        }
    }
}

#[test]
fn measure_takes_the_sizes_of_writes_that_it_is_given_and_draws_bars() {
    let output = rpipesz(&["--measure", "--write-size", "2049", "--write-size", "1K"]).output().unwrap();
    let (status, stdout, stderr) = said(&output);
    assert_eq!((status, stderr), (Some(0), ""));
    let full = "█".repeat(30);
    let first = format!("65536\t2049\t32784\t50 %\t{}\n65536\t1024\t65536\t100 %\t{full}\n\n", "█".repeat(15));
    assert!(stdout.starts_with(&first), "{stdout}");
    assert!(stdout[first.len()..].lines().any(|line| line.ends_with(&full)), "{stdout}");
}

#[test]
fn max_is_what_the_soft_limit_leaves() {
    let (soft, most) = (setting("pipe-user-pages-soft"), setting("pipe-max-size"));
    let pipes = soft / (most / 4096);
    let Some(mut command) = support::as_user("bash", support::new_user()) else { return };
    if pipes == 0 || pipes > 512 {
        eprintln!("skipped: the soft limit is {soft} pages");
        return;
    }
    // All but half of a pipe's worth.
    let script = format!(
        "RPIPESZ={}; fds=; for ((i = 1; i < {pipes}; i++)); do exec {{fd}}<> <(:); fds+=\" -n $fd\"; done
        exec 5<> <(:); wait
        $RPIPESZ -c $fds && $RPIPESZ -c -s {half} -n 5 || exit
        : | $RPIPESZ -i -v -s max",
        support::for_strangers("rpipesz").unwrap().display(),
        half = most / 2
    );
    let output = command.args(["-c", &script]).output().unwrap();
    let message = format!("rpipesz: fd 0 pipe buffer size set to {}\n", most / 2);
    assert_eq!(said(&output), (Some(0), "", message.as_str()));
}

#[test]
fn strict_tells_even_quietly_why_a_process_has_less_than_was_asked_for() {
    let (reader, _writer) = support::pipe();
    let mut child = support::alone("sleep 60").stdin(reader).stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id().to_string();
    support::wait_until("it has its name", || std::fs::read(format!("/proc/{pid}/comm")).unwrap() == b"sleep\n");
    let output = rpipesz(&["--strict", "-q", "-s", "3G", "-p", &pid]).output().unwrap();
    // No pipe has so much; of what pipes have at most, CAP_SYS_RESOURCE gets all and others nothing.
    let (status, stdout, stderr) = said(&output);
    let given = format!("rpipesz: fd 0 of process {pid} (sleep) pipe buffer size set to 2147483648\n");
    let words = "Operation not permitted";
    let refused = format!("rpipesz: cannot set pipe buffer size of fd 0 of process {pid} (sleep): {words}\n");
    assert!(stderr == given || stderr == refused, "{stderr}");
    assert_eq!((status, stdout), (Some(1), ""));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_terminal_gets_the_limits_under_titles_and_without_tabs() {
    if support::peer("script", "util-linux").is_none() {
        return;
    }
    let line = format!("exec -a rpipesz {} --limits", support::teebox().display());
    let line = format!("bash -c '{line}'");
    let output = Command::new("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).output().unwrap();
    let (status, stdout, _) = said(&output);
    let (title, rows) = stdout.split_once('\n').unwrap();
    assert_eq!(title.split_whitespace().collect::<Vec<_>>(), ["limit", "value", "unit", "meaning"]);
    let end = title.find("value").unwrap() + "value".len();
    assert!(rows.lines().all(|row| row.as_bytes()[end - 1].is_ascii_digit()), "{stdout}");
    assert!(status == Some(0) && !stdout.contains('\t'), "{stdout}");
}
