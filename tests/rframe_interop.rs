//! rframe and programs that other people wrote, on the two sides of a pipe: what either writes, the other has to read, and
//! where both write the same the bytes are compared.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{self, Sandbox, pattern, wait_until};

/// The Python of the environment into which `.ci/run` installs what comes from PyPI.
const VENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python3");

fn rframe(arguments: &[&str]) -> Command {
    let mut command = support::applet("rframe");
    command.args(arguments);
    command
}

fn python(script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg("-c").arg(script).args(arguments);
    command
}

fn has_python() -> bool {
    support::peer("python3", "Python").is_some()
}

/// What a command that has nothing to complain about makes of `input`.
fn through(mut command: Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (stdout, stderr, status) = std::thread::scope(|scope| {
        // A peer that has had enough may leave before it has read everything.
        scope.spawn(move || stdin.write_all(input));
        support::finish(child)
    });
    assert_eq!((status.code(), &stderr[..]), (Some(0), ""), "{command:?}");
    stdout
}

fn encoded(format: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    through(rframe(&[&["encode", "-f", format], arguments].concat()), input)
}

fn decoded(format: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    through(rframe(&[&["decode", "-f", format], arguments].concat()), input)
}

/// Lines of JSON.
fn parsed(lines: &[u8]) -> Vec<Value> {
    lines.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn lines(values: &[Value]) -> Vec<u8> {
    values.iter().flat_map(|value| (value.to_string() + "\n").into_bytes()).collect()
}

/// A line for `encode --json`, whatever the payload is.
fn record(kind: Option<u8>, payload: &[u8]) -> Value {
    let mut value = json!({ "payload_base64": STANDARD.encode(payload) });
    if let Some(kind) = kind {
        value["type"] = kind.into();
    }
    value
}

/// The payload in a line of `decode --json`; None is a null.
fn payload(value: &Value) -> Option<Vec<u8>> {
    match (&value["payload"], &value["payload_base64"]) {
        (Value::String(text), Value::Null) => Some(text.clone().into_bytes()),
        (Value::Null, Value::String(text)) => Some(STANDARD.decode(text).unwrap()),
        (Value::Null, Value::Null) => None,
        _ => panic!("{value}"),
    }
}

fn payloads(lines: &[u8]) -> Vec<Vec<u8>> {
    parsed(lines).iter().map(|value| payload(value).expect("a null")).collect()
}

fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

/// Payloads of up to `most` bytes, which is at least 255: nothing, what looks like a header or an end, and all around the
/// sizes at which a length becomes one digit longer.
fn samples(most: usize) -> Vec<Vec<u8>> {
    let mut samples = vec![Vec::new(), b"\0".to_vec(), b"\n".to_vec(), b"0000".to_vec(), b"1:,".to_vec()];
    samples.extend(["hello".into(), "grüße\r\n\r\n".into(), vec![0xff; 9], every_byte()[1..].to_vec()]);
    let sizes = [10, 99, 100, 127, 128, 255, 256, 16383, 16384, 65515, 65535, 65536, 1 << 20];
    samples.extend(sizes.into_iter().filter(|size| *size <= most).map(pattern));
    samples
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
    bytes.iter().fold(String::new(), |mut hex, byte| {
        hex.extend([digit(byte >> 4), digit(byte & 15)]);
        hex
    })
}

#[test]
fn every_format_is_what_pythons_struct_writes_and_reads() {
    if !has_python() {
        return;
    }
    let formats = [
        ("u8", 255),
        ("u16be", 65535),
        ("u16le", 65535),
        ("u24be", 1 << 16),
        ("u24le", 1 << 16),
        ("u32be", 1 << 16),
        ("u32le", 1 << 16),
        ("u64be", 1 << 16),
        ("u64le", 1 << 14),
        ("native-messaging", 1 << 14),
        ("erlang1", 255),
        ("erlang2", 1 << 14),
        ("erlang4", 1 << 14),
        ("dns", 1 << 14),
        ("kcat", 1 << 14),
        ("message", 1 << 14),
        ("varint", 1 << 20),
        ("netstring", 1 << 14),
        ("pkt-line", 65516),
        ("syslog", 1 << 14),
        ("docker", 1 << 14),
        ("postgres", 1 << 14),
        ("grpc", 1 << 14),
        ("lsp", 1 << 14),
    ];
    // One Python for all formats, as it takes longer to start than all the rest.
    let (mut to_encode, mut to_decode) = (String::new(), String::new());
    let mut expected = Vec::new();
    for (format, most) in formats {
        let typed = ["message", "docker", "postgres", "grpc"].contains(&format);
        let kinds = if typed { [0, 1, 255] } else { [1, 1, 1] };
        let samples: Vec<(u8, Vec<u8>)> = kinds.into_iter().cycle().zip(samples(most)).collect();
        let records: Vec<Value> =
            samples.iter().map(|(kind, payload)| record(typed.then_some(*kind), payload)).collect();
        let ours = encoded(format, &["--json"], &lines(&records));
        let text: Vec<String> = samples.iter().map(|(kind, payload)| format!("{kind} {}\n", hex(payload))).collect();
        to_encode.extend(text.iter().map(|line| format!("{format} {line}")));
        to_decode.extend([format, " ", &hex(&ours), "\n"]);
        expected.push((format, samples, text.concat(), ours));
    }
    let frames = |what: &str, lines: &str| {
        String::from_utf8(through(python(include_str!("rframe_interop/frames.py"), &[what]), lines.as_bytes())).unwrap()
    };
    let (theirs, read) = (frames("encode", &to_encode), frames("decode", &to_decode));
    let (mut theirs, mut read) = (theirs.lines(), read.lines());
    for (format, samples, text, ours) in &expected {
        let theirs: String = theirs.by_ref().take(samples.len()).collect();
        assert!(hex(ours) == theirs, "{format}: {} and not {}", brief(ours), &theirs[..theirs.len().min(120)]);
        assert!(read.by_ref().take(samples.len()).eq(text.lines()), "{format}: struct reads other frames");
        // The same bytes, so what is decoded of them is decoded of struct's.
        let back = parsed(&decoded(format, &["--json"], ours))
            .into_iter()
            .map(|value| (value["type"].as_u64().map_or(1, |kind| kind.try_into().unwrap()), payload(&value).unwrap()));
        assert!(back.eq(samples.iter().cloned()), "{format}: decode differs from struct");
        let raw: Vec<u8> = samples.iter().flat_map(|(_, payload)| payload.clone()).collect();
        assert!(decoded(format, &["--raw"], ours) == raw, "{format}: decode --raw differs from struct");
    }
    assert_eq!((theirs.next(), read.next()), (None, None));
}

fn brief(bytes: &[u8]) -> String {
    format!("{} bytes: {}", bytes.len(), bytes[..bytes.len().min(60)].escape_ascii())
}

/// Receives on standard input and sends on standard output, as multiprocessing does between processes.
const CONNECTION: &str = "
import sys
from multiprocessing.connection import Connection
source, sink = Connection(0, writable=False), Connection(1, readable=False)
while True:
    try:
        sink.send_bytes(source.recv_bytes()[::-1])
    except EOFError:
        break
";

#[test]
fn multiprocessing_connections_receive_what_is_encoded_and_send_what_is_decoded() {
    if !has_python() {
        return;
    }
    // Over 16 KiB, a connection writes the length and the payload apart.
    let samples = samples(1 << 20);
    let records: Vec<Value> = samples.iter().map(|payload| record(None, payload)).collect();
    let sent = through(python(CONNECTION, &[]), &encoded("u32be", &["--json"], &lines(&records)));
    let turned: Vec<Vec<u8>> = samples.iter().map(|payload| payload.iter().rev().copied().collect()).collect();
    assert!(payloads(&decoded("u32be", &["--json"], &sent)) == turned);
    assert!(decoded("u32be", &["--raw"], &sent) == turned.concat());
    let with_nul: Vec<u8> = turned.iter().flat_map(|payload| [&payload[..], b"\0"].concat()).collect();
    assert!(decoded("u32be", &["-0"], &sent) == with_nul);
}

#[test]
fn a_connection_in_the_midst_of_a_pipeline_answers_every_record_as_it_comes() {
    if !has_python() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut line = sandbox.shell("rframe", "$TEE encode -f u32be | python3 -c \"$PEER\" | $TEE decode -f u32be");
    line.env("PEER", CONNECTION);
    let mut child = support::spawn(line);
    for (record, turned) in [("abc\n", "cba\n"), ("\n", "\n"), ("12\n", "21\n")] {
        child.stdin.as_mut().unwrap().write_all(record.as_bytes()).unwrap();
        let mut back = vec![0; turned.len()];
        child.stdout.as_mut().unwrap().read_exact(&mut back).unwrap();
        assert_eq!(back, turned.as_bytes());
    }
    let (stdout, stderr, status) = support::finish(child);
    assert_eq!((&stdout[..], &stderr[..], status.code()), (&b""[..], "", Some(0)));
}

/// Writes length-prefixed messages of these values, or reads them and says what they hold.
const PROTOBUF: &str = "
import base64, io, json, sys
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed
from google.protobuf.wrappers_pb2 import BytesValue
if sys.argv[1] == 'write':
    for line in sys.stdin:
        message = BytesValue(value=base64.b64decode(json.loads(line)['payload_base64']))
        serialize_length_prefixed(message, sys.stdout.buffer)
else:
    source = io.BytesIO(sys.stdin.buffer.read())
    while (message := parse_length_prefixed(BytesValue, source)) is not None:
        print(json.dumps({'payload_base64': base64.b64encode(message.value).decode()}))
";

#[test]
fn protobufs_delimited_messages_are_varint_frames() {
    let mut import = Command::new(VENV);
    let found = import.args(["-c", "import google.protobuf.proto"]).stderr(Stdio::null()).status();
    if !support::is_there(found.is_ok_and(|status| status.success()), "protobuf (PyPI, in target/venv)") {
        return;
    }
    let protobuf = |what: &str| {
        let mut command = Command::new(VENV);
        command.args(["-c", PROTOBUF, what]);
        command
    };
    let samples = samples(1 << 20);
    let values: Vec<Value> = samples.iter().map(|value| record(None, value)).collect();
    let theirs = through(protobuf("write"), &lines(&values));

    // Field 1 of a message with a value in bytes: a tag, a varint, the value. An empty one is left out.
    let messages = payloads(&decoded("varint", &["--json"], &theirs));
    assert_eq!(messages.len(), samples.len());
    for (message, value) in messages.iter().zip(&samples) {
        let field = decoded("magic=0a+varint", &["--raw"], message);
        assert!(field == *value, "{} is not {}", brief(message), brief(value));
    }
    let ours = encoded("varint", &["--json"], &lines(&messages.iter().map(|m| record(None, m)).collect::<Vec<_>>()));
    assert!(ours == theirs, "{} is not {}", brief(&ours), brief(&theirs));

    // And messages that protobuf did not write.
    let fields: Vec<Value> =
        samples.iter().map(|value| record(None, &encoded("magic=0a+varint", &["--whole"], value))).collect();
    let read = through(protobuf("read"), &encoded("varint", &["--json"], &lines(&fields)));
    assert!(payloads(&read) == samples, "protobuf reads other values than were written");
}

#[test]
fn logger_counts_octets_as_syslog_frames_do() {
    let Some(logger) = support::peer("logger", "util-linux") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let messages = ["first", "", "grüße\tand \\ \"this\"", "5 hello", &"long ".repeat(180), "last"];
    let mut command = Command::new(logger);
    command.args(["--tcp", "--octet-count", "--server", "127.0.0.1", "--port", &port, "--tag", "teebox"]);
    command.arg("--rfc5424=notime,nohost,notq").stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(messages.join("\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    // It has connected, or it would have failed.
    let mut arrived = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut arrived).unwrap();

    let text = decoded("syslog", &[], &arrived);
    let text = String::from_utf8(text).unwrap();
    let heads = text.lines().zip(messages).map(|(line, message)| line.strip_suffix(message).expect(message));
    let heads: Vec<&str> = heads.collect();
    assert_eq!(heads, vec![heads[0]; messages.len()]);
    assert!(heads[0].starts_with("<13>1 - - teebox "), "{}", heads[0]);
    assert_eq!(encoded("syslog", &[], text.as_bytes()), arrived);
}

fn jq(filter: &str, input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("jq");
    command.args(["-c", filter]);
    through(command, input)
}

#[test]
fn jq_selects_and_changes_frames_between_decode_and_encode() {
    if support::peer("jq", "jq-").is_none() {
        return;
    }
    let frames = encoded("message", &[], b"one\ntwo\nthree\n");
    let json = decoded("message", &["--json"], &frames);
    let chosen = jq("select(.payload != \"two\") | .payload |= ascii_upcase | .type = 3", &json);
    let again = encoded("message", &["--json"], &chosen);
    assert_eq!(again, encoded("message", &["--type", "3"], b"ONE\nTHREE\n"));
    assert_eq!(decoded("message", &["--show"], &again), b"[RESULT] ONE\n[RESULT] THREE\n");

    // What jq only passes on is the same stream, whatever is in it.
    let every_character: String = ('\0'..=char::MAX).filter(|c| *c < '\u{3000}' || *c > '\u{1f5ff}').collect();
    for (format, records) in [
        ("message", samples(1 << 20).iter().map(|payload| record(Some(200), payload)).collect::<Vec<_>>()),
        ("varint", vec![record(None, every_character.as_bytes())]),
        ("kcat", vec![record(None, b"a"), json!({ "payload": null }), record(None, b"\xff")]),
        ("pkt-line", vec![json!({ "control": "delim" }), record(None, b"\xff"), json!({ "control": "flush" })]),
    ] {
        let frames = encoded(format, &["--json"], &lines(&records));
        let json = decoded(format, &["--json"], &frames);
        assert!(encoded(format, &["--json"], &jq(".", &json)) == frames, "{format}");
        // A program that reads JSON by itself sees no more and no less.
        assert_eq!(
            parsed(&json).iter().map(payload).collect::<Vec<_>>(),
            records.iter().map(payload).collect::<Vec<_>>()
        );
    }
}

#[test]
fn jq_reads_and_writes_payloads_in_base64() {
    if support::peer("jq", "jq-").is_none() {
        return;
    }
    let binary = [every_byte(), b"\xff\0\xfe".to_vec()].concat();
    let frames = encoded("u32le", &["--whole"], &binary);
    let json = decoded("u32le", &["--json"], &frames);
    assert_eq!(jq("has(\"payload\"), (.payload_base64 | length)", &json), b"false\n348\n");
    // Bytes that are not UTF-8 stay in base64; jq's strings have no room for them.
    let around = "if .payload_base64 then . else {payload_base64: (.payload | @base64)} end";
    let mixed = [frames.clone(), encoded("u32le", &[], "grüße\0\n".as_bytes())].concat();
    let all_in_base64 = jq(around, &decoded("u32le", &["--json"], &mixed));
    assert!(parsed(&all_in_base64).iter().all(|value| value["payload_base64"].is_string()));
    assert_eq!(encoded("u32le", &["--json"], &all_in_base64), mixed);
    let text_again = jq("select(.length == 8) | {payload: (.payload_base64 // (.payload | @base64) | @base64d)}", &{
        decoded("u32le", &["--json"], &mixed)
    });
    assert_eq!(encoded("u32le", &["--json"], &text_again), encoded("u32le", &[], "grüße\0\n".as_bytes()));
}

/// A repository with two commits, the second of a file that fills several packets.
struct Repository(Sandbox);

impl Repository {
    /// None where there is no git.
    fn new() -> Option<Self> {
        support::peer("git", "git version")?;
        let this = Self(Sandbox::new());
        this.git(&["init", "--quiet", "--initial-branch=main", "."], b"");
        this.git(&["commit", "--quiet", "--allow-empty", "--message=first"], b"");
        std::fs::write(this.0.path("large"), noise(300_000)).unwrap();
        this.git(&["add", "large"], b"");
        this.git(&["commit", "--quiet", "--message=second"], b"");
        this.git(&["tag", "--annotate", "--message=tag", "v1"], b"");
        Some(this)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Test", "-c", "user.email=test@example.org"]).args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        git.env_remove("GIT_DIR").env_remove("GIT_PROTOCOL");
        self.0.prepare(git)
    }

    fn git(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        through(self.command(arguments), input)
    }

    fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.git(arguments, b"")).unwrap()
    }

    /// What `git upload-pack` answers to a request in lines of JSON, in this version of the protocol.
    fn answer(&self, version: u8, request: &[Value]) -> Vec<u8> {
        let mut command = self.command(&["upload-pack", "--stateless-rpc", "."]);
        command.env("GIT_PROTOCOL", format!("version={version}"));
        through(command, &encoded("pkt-line", &["--json"], &lines(request)))
    }
}

/// Bytes that don't compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(step).collect()
}

fn line(text: impl Into<String>) -> Value {
    json!({ "payload": text.into() + "\n" })
}

fn control(name: &str) -> Value {
    json!({ "control": name })
}

/// The lines of a packet a line, and the names of control packets in brackets.
fn shown(answer: &[u8]) -> Vec<String> {
    let shown = String::from_utf8(decoded("pkt-line", &["--show"], answer)).unwrap();
    shown.lines().map(|line| line.strip_suffix("\\n").unwrap_or(line).to_owned()).collect()
}

/// The pack in what follows `before` in an answer: what the packets of band 1 hold, up to a flush.
fn pack(answer: &[u8], before: &[Value]) -> Vec<u8> {
    let values = parsed(&decoded("pkt-line", &["--json"], answer));
    let (head, packets) = values.split_at(before.len());
    for (value, before) in head.iter().zip(before) {
        // git ends not every line of its answers.
        let line = |value: &Value| value["payload"].as_str().map(|text| text.trim_end().to_owned());
        assert_eq!((line(value), &value["control"]), (line(before), &before["control"]));
    }
    let (flush, packets) = packets.split_last().unwrap();
    assert_eq!(flush["control"], "flush");
    assert!(packets.len() > 4, "{} packets", packets.len());
    let banded = packets.iter().map(|packet| payload(packet).unwrap());
    banded.filter(|packet| packet[0] == 1).flat_map(|packet| packet[1..].to_vec()).collect()
}

#[test]
fn the_refs_that_git_advertises_are_packets_and_a_flush() {
    let Some(repository) = Repository::new() else { return };
    let advertised = repository.git(&["upload-pack", "--advertise-refs", "."], b"");
    let refs = repository.text(&["ls-remote", "."]);
    let refs: Vec<String> = refs.lines().map(|line| line.replace('\t', " ")).collect();
    assert_eq!(refs.len(), 4);

    let mut lines = shown(&advertised);
    assert_eq!(lines.pop().as_deref(), Some("[flush]"));
    let (first, capabilities) = lines[0].split_once("\\u{0}").unwrap();
    assert!(capabilities.contains("side-band-64k"), "{capabilities}");
    lines[0] = first.to_owned();
    assert_eq!(lines, refs);

    // Without --show and --json a flush is nothing.
    let raw = String::from_utf8(decoded("pkt-line", &["--raw"], &advertised)).unwrap();
    assert_eq!(raw.lines().skip(1).collect::<Vec<_>>(), refs[1..]);
    let in_lines = String::from_utf8(decoded("pkt-line", &["--lines"], &advertised)).unwrap();
    assert_eq!(in_lines, raw.replace('\n', "\n\n"));
    let json = decoded("pkt-line", &["--json"], &advertised);
    assert_eq!(encoded("pkt-line", &["--json"], &json), advertised);
}

#[test]
fn git_answers_a_request_that_was_encoded_with_a_pack() {
    let Some(repository) = Repository::new() else { return };
    let head = repository.text(&["rev-parse", "HEAD"]);
    let want = format!("want {} side-band-64k no-progress", head.trim());
    let answer = repository.answer(0, &[line(want), control("flush"), line("done")]);
    let pack = pack(&answer, &[line("NAK")]);

    let other = Repository(Sandbox::new());
    other.git(&["init", "--quiet", "."], b"");
    other.git(&["index-pack", "--stdin", "--strict"], &pack);
    assert_eq!(other.text(&["log", "--format=%H %s", head.trim()]), repository.text(&["log", "--format=%H %s"]));
    assert!(other.git(&["cat-file", "blob", &format!("{}:large", head.trim())], b"") == noise(300_000));
}

#[test]
fn gits_second_protocol_takes_and_gives_delimiters() {
    let Some(repository) = Repository::new() else { return };
    let command = |name: &str| [line(format!("command={name}")), line("object-format=sha1"), control("delim")].to_vec();
    let request = [command("ls-refs"), vec![line("ref-prefix refs/"), control("flush")]].concat();
    let refs = repository.text(&["ls-remote", "--refs", "."]).replace('\t', " ");
    assert_eq!(shown(&repository.answer(2, &request)), refs.lines().chain(["[flush]"]).collect::<Vec<_>>());

    let head = repository.text(&["rev-parse", "HEAD"]);
    let want = [line(format!("want {}", head.trim())), line("deepen 1"), line("no-progress"), line("done")];
    let request = [command("fetch"), want.to_vec(), vec![control("flush")]].concat();
    let answer = repository.answer(2, &request);
    let before = [line("shallow-info"), line(format!("shallow {}", head.trim())), control("delim"), line("packfile")];
    let pack = pack(&answer, &before);
    let other = Repository(Sandbox::new());
    other.git(&["init", "--quiet", "."], b"");
    other.git(&["unpack-objects", "-q"], &pack);
    assert!(other.git(&["cat-file", "blob", &format!("{}:large", head.trim())], b"") == noise(300_000));
}

/// A Kafka cluster of one broker that forgets everything when it is dropped: librdkafka's mock, in a producer that waits
/// for its first record.
struct Broker {
    process: Child,
    address: String,
    sandbox: Sandbox,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Broker {
    /// None where there is no kcat.
    fn new() -> Option<Self> {
        let kcat = support::peer("kcat", "Apache Kafka")?;
        let sandbox = Sandbox::new();
        let mut command = Command::new(kcat);
        command.args(["-P", "-b", "127.0.0.1:1", "-t", "none", "-X", "test.mock.num.brokers=1", "-d", "mock"]);
        // A file takes all that it says; a pipe that nobody empties would stop it.
        let log = sandbox.path("log");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let mut command = sandbox.prepare(command);
        command.env("HOME", sandbox.path(""));
        let mut broker = Self { process: command.spawn().unwrap(), address: String::new(), sandbox };
        wait_until("a mock cluster", || {
            let log = std::fs::read_to_string(&log).unwrap();
            let address = log.split_once("bootstrap.servers=").and_then(|(_, rest)| rest.split_once('\n'));
            broker.address = address.map(|(address, _)| address.to_owned()).unwrap_or_default();
            !broker.address.is_empty()
        });
        Some(broker)
    }

    /// A shell that runs `line` with `$BROKER` as the address.
    fn shell(&self, line: &str) -> Command {
        let mut command = self.sandbox.shell("rframe", &format!("set -o pipefail; {line}"));
        command.env("BROKER", &self.address).env("HOME", self.sandbox.path(""));
        command
    }
}

#[test]
fn what_kcat_consumes_is_decoded_byte_for_byte() {
    let Some(broker) = Broker::new() else { return };
    let mut values = samples(1 << 16);
    values.extend([pattern(500_000), noise(500_000), every_byte(), every_byte().repeat(300), Vec::new()]);
    // kcat drops a record without any bytes, so each has a key; both end with words that no value has.
    let produce = "kcat -P -m 60 -b $BROKER -t topic -p 0 -K '<key>' -D '<end>'";
    let records: Vec<u8> = values.iter().flat_map(|value| [b"k<key>", &value[..], b"<end>"].concat()).collect();
    through(broker.shell(produce), &records);
    through(broker.shell(&format!("{produce} -Z")), b"k<key><end>k<key>after a null<end>");

    let consume = |options: &str| {
        let line = format!("kcat -C -m 60 -b $BROKER -t topic -p 0 -e -q -f '%R%s' | $TEE decode -f kcat {options}");
        through(broker.shell(&line), b"")
    };
    let mut consumed: Vec<Option<Vec<u8>>> = values.iter().cloned().map(Some).collect();
    consumed.extend([None, Some(b"after a null".to_vec())]);
    let decoded: Vec<Option<Vec<u8>>> = parsed(&consume("--json")).iter().map(payload).collect();
    assert!(decoded == consumed);

    // A null is an empty record where there is no other way to write it.
    let with = |end: &[u8]| -> Vec<u8> {
        consumed.iter().flat_map(|value| [value.as_deref().unwrap_or_default(), end].concat()).collect()
    };
    assert!(consume("--raw") == with(b""));
    assert!(consume("-0") == with(b"\0"));
    assert!(consume("") == with(b"\n"));

    // The stream itself is what encode makes of those values.
    let stream = through(broker.shell("kcat -C -m 60 -b $BROKER -t topic -p 0 -e -q -f '%R%s'"), b"");
    let json = consume("--json");
    assert!(encoded("kcat", &["--json"], &json) == stream);
}
