//! rmerge's --order=input: what waits for its turn in memory and in the temporary file, and comes out as it came.

use std::fs::OpenOptions;
use std::io::Read;

use crate::rmerge::{lines, start};
use crate::support::{self, Sandbox, finish, pattern, prints, said, shell};

#[test]
fn what_waits_in_the_file_comes_out_as_it_came_whatever_the_output_is() {
    // The first ends when the others have been read, which end with a newline, without one, and with an empty record.
    let runs = "--run 'cat done; echo first' --run 'seq 300000' --run 'seq 300000 | head -c -1' --run 'seq 5; echo' \
                --run 'seq 300000; : > done'";
    let seq = lines("", 1..=300_000);
    let expected = format!("first\n{seq}{seq}{}\n{seq}", lines("", 1..=5));
    for options in [
        "--memory=0",
        "--memory=1M",
        "--memory=0 --stderr",
        "--memory=0 --max-record=10",
        "--memory=0 --long-record=split",
    ] {
        for output in ["| cat", "> out; cat out"] {
            let line = format!("mkfifo done; rmerge --order=input {options} {runs} {output}");
            assert!(prints(&line) == expected, "{options} {output}");
        }
    }
    let line = format!("mkfifo done; rmerge --order=input --memory=0 --label {runs} | sed 's/^....//'");
    let line = line.replace("--run '", "--run 'a=");
    assert!(prints(&line) == expected);
    let line = format!("mkfifo done; rmerge --order=input --memory=0 -z {runs}");
    let expected = format!("first\n\0{seq}\0{}\0{}\n\0{seq}\0", seq.trim_end(), lines("", 1..=5));
    assert!(prints(&line) == expected);
    let line = format!("mkfifo done; rmerge --order=input --memory=0 --chunk {runs}");
    assert!(prints(&line) == expected.replace('\0', ""));
}

#[test]
fn a_record_may_begin_in_the_file_and_end_while_it_is_passed_on() {
    for (tail, end) in [("rest\nlast", "rest\nlast\n"), ("rest", "rest\n"), ("", "\n"), ("\n", "\n"), ("\n\n", "\n\n")]
    {
        let sandbox = Sandbox::new();
        sandbox.fifo("done");
        sandbox.fifo("go");
        // Of some length that no buffer or block has, inside a record.
        let bytes: Vec<u8> = pattern(777_777).iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
        std::fs::write(sandbox.path("bytes"), &bytes).unwrap();
        std::fs::write(sandbox.path("tail"), tail).unwrap();
        let second = "seq 99999; cat bytes; : > done; cat go tail";
        let mut child =
            start(&sandbox, &["--order=input", "--memory=0", "--run", "cat done; echo first", "--run", second]);
        let expected = [b"first\n", lines("", 1..=99_999).as_bytes(), &bytes].concat();
        let mut got = vec![0; expected.len()];
        child.stdout.as_mut().unwrap().read_exact(&mut got).unwrap();
        assert!(got == expected);
        drop(OpenOptions::new().write(true).open(sandbox.path("go")).unwrap());
        let (rest, message, status) = finish(child);
        assert_eq!((String::from_utf8(rest).unwrap().as_str(), message.as_str()), (end, ""));
        assert!(status.success());
    }
}

#[test]
fn where_splice_is_refused_or_the_disk_is_full_no_byte_is_lost() {
    if support::peer("strace", "strace").is_none() {
        return;
    }
    let seq = lines("", 1..=300_000);
    let expected = format!("first\n{seq}{seq}");
    for (inject, words) in [
        ("splice:error=ENOSYS", ""),
        ("splice:error=EPERM:when=2", ""),
        ("splice:error=EINVAL:when=5+", ""),
        ("splice:error=EINTR:when=1+2", ""),
        ("splice:error=ENOSPC:when=2+ pwrite64:error=ENOSPC:when=2+", "No space left on device"),
        ("splice:error=EFBIG:when=9+ pwrite64:error=EFBIG:when=2+", "File too large"),
        ("splice:error=EIO:when=5+ pwrite64:error=EIO:when=5+", "Input/output error"),
        ("pipe2:error=EMFILE:when=4+", ""),
    ] {
        // Where the file takes no more, the others wait for the first.
        let first = if words.is_empty() { "cat done" } else { "until [ -s messages ]; do sleep 0.01; done" };
        let strace = support::injecting(inject);
        let outcome = shell(&format!(
            "mkfifo done; timeout -k 1 60 {strace} rmerge --order=input --memory=0 \
             --run '{first}; echo first' --run 'seq 300000' --run 'seq 300000; [ -s messages ] || : > done' \
             2> messages | cat; status=${{PIPESTATUS[0]}}; cat messages >&2; grep -q INJECTED trace && exit $status"
        ));
        assert!(outcome.stdout == expected.as_bytes(), "{inject}");
        let message = said(&outcome);
        let fails = !words.is_empty();
        assert_eq!(
            (message.contains(words), message.lines().count()),
            (true, usize::from(fails)),
            "{inject}: {message}"
        );
        assert_eq!(outcome.status, format!("exit status: {}", u8::from(fails)), "{inject}");
    }
}

#[test]
fn a_reader_that_leaves_while_the_file_is_passed_on_ends_it() {
    let line = "mkfifo done; set +e; rmerge --order=input --memory=0 --run 'cat done; echo first' \
                --run 'seq 300000; : > done' --run 'sleep 1000' | head -n 2; echo ${PIPESTATUS[0]}";
    assert_eq!(prints(line), "first\n1\n141\n");
}
