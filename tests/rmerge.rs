//! rmerge as its users meet it: records stay whole, and come out as they are asked for.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

use crate::support::{self, Sandbox, fails, finish, prints, said, shell, spawn};

/// `rmerge` in a sandbox, with pipes at its standard descriptors.
pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = sandbox.prepare(support::applet("rmerge"));
    command.args(arguments);
    spawn(command)
}

pub fn read_exactly(child: &mut Child, expected: &str) {
    let mut got = vec![0; expected.len()];
    child.stdout.as_mut().unwrap().read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8(got).unwrap(), expected);
}

/// A line for each number, after these words.
pub fn lines(words: &str, numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.flat_map(|number| [words.to_owned(), number.to_string(), "\n".to_owned()]).collect()
}

#[test]
fn files_come_out_whole_and_standard_input_where_there_is_no_input() {
    assert_eq!(prints("seq 3 > a; seq 4 6 > b; rmerge a b"), "1\n2\n3\n4\n5\n6\n");
    assert_eq!(prints("seq 3 | rmerge"), "1\n2\n3\n");
    assert_eq!(prints("seq 3 > a; seq 4 6 | rmerge a - --order=input"), "1\n2\n3\n4\n5\n6\n");
    assert_eq!(prints("rmerge < /dev/null; rmerge /dev/null /dev/null"), "");
}

#[test]
fn a_record_that_lacks_its_terminator_gets_it() {
    assert_eq!(prints("printf 'a\\nb' > a; printf c > b; rmerge a b"), "a\nb\nc\n");
    assert_eq!(prints("printf 'a\\0b' > a; printf c > b; rmerge -z a b"), "a\0b\0c\0");
    assert_eq!(prints("printf 'a\\n' > a; printf '\\n\\nb' > b; rmerge a b"), "a\n\n\nb\n");
    assert_eq!(prints("printf a > a; printf 'b\\nc' > b; rmerge --chunk a b"), "ab\nc");
}

#[test]
fn bytes_of_all_kinds_pass_unchanged() {
    let sandbox = Sandbox::new();
    let lines: Vec<u8> = (0..=255).flat_map(|byte| [b'x', byte, 0xff, 0xc3, b'\n']).collect();
    std::fs::write(sandbox.path("a"), &lines).unwrap();
    for options in ["", "--order=input", "--max-record=2", "--memory=0 --order=input"] {
        let outcome = sandbox.run(sandbox.shell("rmerge", &format!("rmerge {options} a --run 'cat a'; rmerge -z a")));
        let expected = [&lines[..], &lines, &lines, b"\0"].concat();
        assert!(outcome.stdout == expected || options.is_empty() || options.starts_with("--max"), "{options}");
        let mut sorted: Vec<&[u8]> = outcome.stdout.split_inclusive(|byte| *byte == b'\n').collect();
        let mut wanted: Vec<&[u8]> = expected.split_inclusive(|byte| *byte == b'\n').collect();
        sorted.sort_unstable();
        wanted.sort_unstable();
        assert!(sorted == wanted, "{options}");
        assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 0", String::new()));
    }
}

#[test]
fn a_label_is_what_is_before_the_first_equals_sign_unless_that_is_in_a_path() {
    let files = "echo 1 > a; echo 2 > x=b; mkdir d; echo 3 > d/x=c; ";
    let merge = |operands: &str| prints(&format!("{files} rmerge --label --no-align {operands}"));
    assert_eq!(merge("a"), "[a] 1\n");
    assert_eq!(merge("x=a"), "[x] 1\n");
    assert_eq!(merge("./x=b"), "[x=b] 2\n");
    assert_eq!(merge("=x=b"), "[x=b] 2\n");
    assert_eq!(merge("-- x=b a"), "[x=b] 2\n[a] 1\n");
    assert_eq!(merge("d/x=c"), "[x=c] 3\n");
    assert_eq!(merge("one=d/x=c"), "[one] 3\n");
    assert_eq!(merge("--order=input a -- x=b"), "[a] 1\n[x=b] 2\n");
    assert_eq!(merge("- < a"), "[stdin] 1\n");
    assert_eq!(merge("in=- < a"), "[in] 1\n");
    assert_eq!(merge("--run 'x=cat a'"), "[x] 1\n");
    assert_eq!(merge("--run '/bin/cat  a'"), "[cat] 1\n");
    assert_eq!(merge("--run '=Y=1 eval echo \\$Y'"), "[Y=1] 1\n");
    assert_eq!(merge("--run 'echo a=1'"), "[echo] a=1\n");
}

#[test]
fn labels_have_the_form_that_is_asked_for_and_the_same_width() {
    let files = "echo 1 > a; echo 2 > long; ";
    let merge = |options: &str| prints(&format!("{files} rmerge {options} a long"));
    assert_eq!(merge("--label"), "[a]    1\n[long] 2\n");
    assert_eq!(merge("--label --no-align"), "[a] 1\n[long] 2\n");
    assert_eq!(merge("--label='{label}: '"), "a:    1\nlong: 2\n");
    assert_eq!(merge("--label='<{label}>\t' --no-align"), "<a>\t1\n<long>\t2\n");
    assert_eq!(merge("--label --run 'e=echo 3 >&2' --stderr --order=input"), "[e:err] 3\n[a]     1\n[long]  2\n");
}

#[test]
fn a_label_that_a_terminal_would_act_on_is_escaped() {
    let sandbox = Sandbox::new();
    let name = "a\x1b[31m\nb\u{e9}";
    std::fs::write(sandbox.path(name), "x\n").unwrap();
    let mut command = sandbox.prepare(support::applet("rmerge"));
    command.arg("--label").arg(name);
    assert_eq!(String::from_utf8(sandbox.run(command).stdout).unwrap(), "[a\\033[31m\\nb\u{e9}] x\n");
}

#[test]
fn colours_are_the_same_for_the_same_label_and_only_where_they_are_wanted() {
    let merge = |environment: &str, options: &str| prints(&format!("echo 1 | {environment} rmerge --label {options}"));
    let coloured = merge("", "--color=always x=-");
    assert_eq!(coloured, merge("NO_COLOR=1", "--color always x=-"));
    let rest = coloured.strip_prefix("\x1b[").unwrap();
    let (number, rest) = rest.split_once('m').unwrap();
    assert!(number.parse::<u8>().is_ok());
    assert_eq!(rest, "[x]\x1b[0m 1\n");
    let more = prints("echo 1 > a; rmerge --label --color=always x=a other=a --order=input");
    assert!(more.starts_with(&format!("\x1b[{number}m[x]\x1b[0m")));
    assert_eq!(merge("", "x=-"), "[x] 1\n");
    assert_eq!(merge("", "--color=auto x=-"), "[x] 1\n");

    let on_terminal = |no_color: Option<&str>| {
        let (mut master, slave, _) = support::terminal();
        let mut command = support::applet("rmerge");
        command.args(["--label", "x=-"]).stdin(Stdio::piped()).stdout(slave.try_clone().unwrap());
        command.env_remove("NO_COLOR").envs(no_color.map(|value| ("NO_COLOR", value)));
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"1\n").unwrap();
        assert!(child.wait().unwrap().success());
        let mut got = vec![0; 1000];
        let count = master.read(&mut got).unwrap();
        drop(slave);
        String::from_utf8(got[..count].to_vec()).unwrap()
    };
    assert_eq!(on_terminal(None), coloured);
    assert_eq!(on_terminal(Some("")), coloured);
    assert_eq!(on_terminal(Some("1")), "[x] 1\n");
}

#[test]
fn times_have_the_form_that_is_asked_for() {
    let stamped = |options: &str| {
        let text = prints(&format!("echo record | TZ=XYZ-5:30 rmerge {options}"));
        text.strip_suffix(" record\n").unwrap_or_else(|| panic!("{options}: {text}")).to_owned()
    };
    let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(digits(&stamped("--timestamp")), "0000-00-00 00:00:00");
    let iso = stamped("--timestamp=iso");
    assert_eq!(digits(&iso), "0000-00-00T00:00:00.000+00:00");
    assert!(iso.ends_with("+05:30"));
    assert_eq!(stamped("--timestamp='%%%z'"), "%+0530");
    assert!(stamped("--timestamp=elapsed").parse::<f64>().unwrap() < 60.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((stamped("--timestamp=unix").parse::<f64>().unwrap() - now).abs() < 60.0);
    assert_eq!(digits(&stamped("--timestamp=unix --label='<{label}> '")), "0000000000.000 <stdin>");
}

#[test]
fn local_time_is_what_date_says() {
    for zone in ["UTC", "Asia/Kolkata", "America/New_York", "XYZ-14"] {
        let line = format!(
            "export TZ={zone}; format='%Y-%m-%d %H:%M %Z %j'; before=$(date +\"$format\"); \
             got=$(echo | rmerge --timestamp=\"$format\"); after=$(date +\"$format\"); \
             [ \"$got\" = \"$before \" ] || [ \"$got\" = \"$after \" ] || echo \"$got is not $after\"",
        );
        // The name of a zone is known to the C library alone.
        let line = line.replace(" %Z", " %z");
        assert_eq!(prints(&line), "", "{zone}");
    }
}

#[test]
fn frames_tell_by_their_type_which_input_they_are_of() {
    let decoded = prints(
        "printf '1\\n\\n' > a; printf '2\\0x' > b; \
         rmerge --frames --order=input a b --run 'printf 3; printf 4 >&2' --stderr | rframe decode --json --max none \
         | jq -c '[.type, .payload]' | sort",
    );
    assert_eq!(decoded, "[1,\"\"]\n[1,\"1\"]\n[2,\"2\\u0000x\"]\n[3,\"3\"]\n[4,\"4\"]\n");
    // A chunk is a frame too, and the longest record fits.
    assert_eq!(prints("printf 'a\\nb' | rmerge --frames --chunk | rframe decode --raw"), "a\nb");
    assert_eq!(prints("head -c 1M /dev/zero | rmerge --frames | rframe decode --raw | wc -c"), "1048576\n");
    let (printed, message, status) = fails("(echo a; head -c 2M /dev/zero) | rmerge --frames | rframe decode");
    assert_eq!((printed.as_str(), status), ("a\n", 0));
    assert_eq!(message, "rmerge: standard input: a record is longer than 1048576 bytes\n");
}

#[test]
fn a_long_record_is_held_for_split_or_refused() {
    let input = "(echo a; head -c 300000 /dev/zero | tr '\\0' b; echo; echo c) > in; echo x > other; ";
    let held = prints(&format!("{input} rmerge --max-record=1000 in"));
    assert!(held == format!("a\n{}\nc\n", "b".repeat(300_000)));
    let split = prints(&format!("{input} rmerge --max-record=100000 --long-record=split in"));
    let piece = "b".repeat(100_000);
    assert!(split == format!("a\n{piece}\n{piece}\n{piece}\nc\n"));
    let outcome = shell(&format!("{input} rmerge --max-record=299999 --long-record=error --order=input in other"));
    assert_eq!(outcome.stdout, b"a\nx\n");
    assert_eq!(said(&outcome), "rmerge: in: a record is longer than 299999 bytes\n");
    assert_eq!(outcome.status, "exit status: 1");
    let whole = prints(&format!("{input} rmerge --max-record=300000 --long-record=error in"));
    assert!(whole == held);
    assert_eq!(prints("printf abc | rmerge --max-record=1 --long-record=split"), "a\nb\nc\n");
    assert_eq!(
        prints("printf 'abc\\0d' | rmerge -z --max-record=2 --label='{label}:' --long-record=split"),
        "stdin:ab\0stdin:c\0stdin:d\0"
    );
}

#[test]
fn nothing_comes_between_the_pieces_of_a_long_record() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("fifo");
    let mut command = sandbox.prepare(support::applet("rmerge"));
    command.args(["--max-record=10", "--label", "-", "fifo"]);
    let mut child = spawn(command);
    let mut other = std::fs::OpenOptions::new().write(true).open(fifo).unwrap();
    let mut read = |count: usize| {
        let mut got = vec![0; count];
        child.stdout.as_mut().unwrap().read_exact(&mut got).unwrap();
        String::from_utf8(got).unwrap()
    };
    let stdin = child.stdin.as_mut().unwrap();
    stdin.write_all(b"long record of which").unwrap();
    assert_eq!(read(28), "[stdin] long record of which");
    other.write_all(b"other\n").unwrap();
    stdin.write_all(b" more comes").unwrap();
    assert_eq!(read(11), " more comes");
    stdin.write_all(b" later\n").unwrap();
    assert_eq!(read(7 + 14), " later\n[fifo]  other\n");
    drop(other);
    assert_eq!(finish(child).1, "");
}

#[test]
fn what_fails_is_said_and_the_others_go_on() {
    let (printed, message, status) = fails("echo a > a; mkdir d; rmerge missing a d 'n\n'");
    assert_eq!((printed.as_str(), status), ("a\n", 1));
    let mut lines: Vec<&str> = message.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "rmerge: 'n'$'\\n': No such file or directory",
            "rmerge: d: Is a directory",
            "rmerge: missing: No such file or directory"
        ]
    );
    assert_eq!(fails("rmerge <&-"), (String::new(), "rmerge: standard input: Bad file descriptor\n".into(), 1));
    assert_eq!(fails("rmerge 0> x"), (String::new(), "rmerge: standard input: Bad file descriptor\n".into(), 1));
    assert_eq!(
        fails("rmerge --run 'touch ran' >&-; [ ! -e ran ] && exit 7"),
        (String::new(), "rmerge: standard output: Bad file descriptor\n".into(), 7)
    );
    let (_, message, status) = fails("seq 3 | rmerge > /dev/full");
    assert_eq!((message.as_str(), status), ("rmerge: standard output: No space left on device\n", 1));
    let (_, message, status) = fails("echo a > a; rmerge a >> a");
    assert_eq!((message.as_str(), status), ("rmerge: a: input file is output file\n", 1));
}

#[test]
fn arguments_that_make_no_sense_are_refused_before_anything_is_read() {
    for (arguments, words) in [
        ("--max-record 0", "at least one byte"),
        ("--max-record=-1", "not a size"),
        ("--max-record x", "not a size"),
        ("--memory 17E", "too large"),
        ("--grace x", "not a duration"),
        ("--timeout=-1", "not a duration"),
        ("-j 0", "0 is not in 1"),
        ("-j 99999999999999999999", "number too large"),
        ("--order=some", "some"),
        ("-z --chunk", "cannot be used with"),
        ("--frames --label", "cannot be used with"),
        ("--frames --long-record=hold", "a frame has to be whole"),
        ("--frames --max-record=2M", "at most 1 MiB"),
        ("--frames $(seq 256)", "at most 255"),
        ("--timestamp=%Q", "not a format"),
        ("--label=x", "has no {label}"),
        ("--status=x", "no command has the label x"),
        ("--status=a --run a=: --run a=:", "several commands have the label a"),
        ("--run-from - -", "both read standard input"),
    ] {
        let (printed, message, status) = fails(&format!("echo 1 | rmerge {arguments}"));
        assert_eq!((printed.as_str(), status), ("", 2), "{arguments}: {message}");
        assert!(message.starts_with("rmerge: ") && message.contains(words), "{arguments}: {message}");
    }
}

#[test]
fn inputs_of_different_labels_share_the_output_fairly() {
    // Each is larger than all that is read of one in its turn.
    let printed = prints("seq 400000 > a; cp a b; rmerge --label='{label}' --no-align a b | cut -c 1 | uniq | wc -l");
    assert!(printed.trim().parse::<u32>().unwrap() >= 4, "{printed}");
}

#[test]
fn every_record_has_the_label_of_its_input() {
    let outcome = shell("rmerge --label --run 'a=seq 50000' --run 'b=seq 50000' --run 'c=seq 50000'");
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for line in std::str::from_utf8(&outcome.stdout).unwrap().lines() {
        let (label, number) = line.split_once(' ').unwrap();
        let count = counts.entry(label).or_default();
        *count += 1;
        assert_eq!(number, count.to_string());
    }
    assert_eq!(counts, BTreeMap::from([("[a]", 50000), ("[b]", 50000), ("[c]", 50000)]));
}
