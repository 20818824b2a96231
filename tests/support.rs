//! What the tests share: sandboxes, peers, broken pipes, stalled readers, and waiting for a thing to happen.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tempfile::TempDir;

/// The binary under test.
pub fn teebox() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_teebox"))
}

/// An applet, called by its name.
pub fn applet(name: &str) -> Command {
    let mut command = Command::new(teebox());
    std::os::unix::process::CommandExt::arg0(&mut command, name);
    command
}

/// `rtee`, called by that name.
pub fn rtee() -> Command {
    applet("rtee")
}

/// What makes a shell close the descriptors that everything here may have inherited, pipes among them.
pub const ALONE: &str =
    "for fd in /proc/self/fd/*; do [ ${fd##*/} -lt 3 ] || eval \"exec ${fd##*/}>&-\"; done 2> /dev/null; ";

/// A program that has standard descriptors and no others.
pub fn alone(program: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{ALONE} exec {program}")]).stderr(Stdio::null());
    command
}

/// Copies the binary, by a process of its own: while it is open for writing here, a child that another test has just
/// forked has it open too, and no copy can be run.
pub fn copy_teebox(to: &Path) {
    assert!(Command::new("cp").arg(teebox()).arg(to).status().unwrap().success());
}

/// A copy of the binary under an applet's name where every user can run it; None where it can't be made.
pub fn for_strangers(applet: &str) -> Option<PathBuf> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    static DIRECTORY: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        // It lasts as long as the tests, which have no last one to remove it; so each run takes the same place. Those of
        // another build may run at the same time.
        let mut hasher = DefaultHasher::new();
        teebox().hash(&mut hasher);
        let directory = std::env::temp_dir().join(format!("teebox-tests-for-strangers-{:x}", hasher.finish()));
        std::fs::create_dir_all(&directory).ok()?;
        // Where everybody may write, the place could have been taken by somebody else.
        if std::fs::symlink_metadata(&directory).ok()?.uid() != rustix::process::geteuid().as_raw() {
            return None;
        }
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).ok()?;
        let beside = directory.join(format!("teebox.{}", std::process::id()));
        copy_teebox(&beside);
        std::fs::rename(&beside, directory.join("teebox")).ok()?;
        Some(directory)
    });
    let link = directory.as_ref()?.join(applet);
    match std::os::unix::fs::symlink("teebox", &link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => None,
        _ => Some(link),
    }
}

/// The number of a user that no other test has, and no other run of the tests: limits count what a user's processes have.
pub fn new_user() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    1_000_000 + std::process::id() % 1_000_000 * 64 + next % 64
}

/// A program run by a user with this number and no rights; without root it is said that there is none.
pub fn as_user(program: impl AsRef<OsStr>, user: u32) -> Option<Command> {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can run something as another user");
        return None;
    }
    let mut command = Command::new(program);
    command.uid(user).gid(user).current_dir("/").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    Some(command)
}

/// An applet run by a user with no rights; without root it is said that there is none.
pub fn as_stranger(applet: &str) -> Option<Command> {
    as_user(for_strangers(applet)?, 61236)
}

/// A program from the PATH whose `--version` mentions `mark`. Where it is absent the test is skipped, or fails if the
/// environment says that all peers have to be there.
pub fn peer(program: &str, mark: &str) -> Option<PathBuf> {
    let found = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).contains(mark));
    is_there(found, &format!("{program} ({mark})")).then(|| PathBuf::from(program))
}

/// strace(1) with these failures of system calls, with blanks between them; it tells of the calls in a file `trace`.
pub fn injecting(injections: &str) -> String {
    // Only into calls that are traced.
    let calls: Vec<&str> = injections.split(' ').map(|injection| injection.split(':').next().unwrap()).collect();
    let inject = injections.replace(' ', "' -e 'inject=");
    format!("strace -f -qq -o trace -e 'trace={}' -e 'inject={inject}'", calls.join(","))
}

/// Whether a peer was found: says so where it was not, or fails.
pub fn is_there(found: bool, peer: &str) -> bool {
    assert!(found || std::env::var_os("TEEBOX_ALL_PEERS").is_none(), "{peer} is not installed");
    if !found {
        eprintln!("skipped: {peer} is not installed");
    }
    found
}

/// An empty directory of a test's own, with the applets on the PATH of what it runs.
pub struct Sandbox {
    directory: TempDir,
    links: TempDir,
}

/// What a command left behind: its status, its output, and every file in the sandbox.
#[derive(PartialEq, Eq)]
pub struct Outcome {
    pub status: String,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub files: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let brief = |bytes: &[u8]| format!("{} bytes: {}", bytes.len(), bytes[..bytes.len().min(300)].escape_ascii());
        writeln!(f, "status {}\nstdout {}\nstderr {}", self.status, brief(&self.stdout), brief(&self.stderr))?;
        self.files.iter().try_for_each(|(name, bytes)| writeln!(f, "{}: {}", name.escape_ascii(), brief(bytes)))
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let sandbox = Self { directory: TempDir::new().unwrap(), links: TempDir::new().unwrap() };
        for applet in teebox::applets::ALL {
            std::os::unix::fs::symlink(teebox(), sandbox.links.path().join(applet.name)).unwrap();
        }
        sandbox
    }

    pub fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.directory.path().join(name.as_ref())
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// A command that runs in the sandbox.
    pub fn prepare(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap();
        command.current_dir(self.directory.path()).env("PATH", format!("{}:{path}", self.links.path().display()));
        command.env_remove("POSIXLY_CORRECT").env("LC_ALL", "C.UTF-8");
        command
    }

    /// A shell that runs `line` in the sandbox, with `$TEE` as the tool's name.
    pub fn shell(&self, tool: &str, line: &str) -> Command {
        let mut command = Command::new("bash");
        command.arg("-c").arg(line).env("TEE", tool);
        self.prepare(command)
    }

    /// Runs a command without input.
    pub fn run(&self, mut command: Command) -> Outcome {
        let output = command.stdin(Stdio::null()).output().unwrap();
        Outcome { status: output.status.to_string(), stdout: output.stdout, stderr: output.stderr, files: self.files() }
    }

    pub fn files(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(self.directory.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                files.insert(entry.file_name().as_bytes().to_owned(), std::fs::read(entry.path()).unwrap());
            }
        }
        files
    }

    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        path
    }
}

/// Waits until `happened`, a little longer than anything on a busy machine takes.
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The processes whose parent is `pid`.
pub fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// The names of processes, less the newline; empty for one that is gone.
pub fn names(pids: &[u32]) -> Vec<String> {
    let name = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    pids.iter().map(|pid| name(pid).trim_end().to_owned()).collect()
}

/// Whether a process has pipes at other than the standard descriptors, as a shell has while it makes a pipeline.
pub fn has_more_pipes(pid: u32) -> bool {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let others = entries.filter(|entry| !["0", "1", "2"].iter().any(|number| entry.file_name() == *number));
    let mut links = others.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.any(|link| link.as_os_str().as_bytes().starts_with(b"pipe:"))
}

/// Whether a process sleeps in the kernel.
pub fn is_asleep(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().starts_with(" S")
}

/// VmHWM: the most memory that a process ever had resident, in KiB.
pub fn resident_peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

pub fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Starts a command with pipes at all three standard descriptors.
pub fn spawn(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Ends the input, and returns what is left of the output, the messages and the status.
pub fn finish(mut child: Child) -> (Vec<u8>, String, std::process::ExitStatus) {
    drop(child.stdin.take());
    let (mut stdout, mut stderr) = (Vec::new(), String::new());
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_end(&mut stdout).unwrap();
    }
    if let Some(mut pipe) = child.stderr.take() {
        pipe.read_to_string(&mut stderr).unwrap();
    }
    (stdout, stderr, child.wait().unwrap())
}

/// Sends a line through and waits until it is back on standard output.
pub fn echo(child: &mut Child, line: &str) {
    child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    let mut back = vec![0; line.len()];
    child.stdout.as_mut().unwrap().read_exact(&mut back).unwrap();
    assert_eq!(back, line.as_bytes());
}

/// Bytes in which every position tells where it is.
pub fn pattern(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=length as u64 / 8).flat_map(u64::to_le_bytes).collect();
    bytes.truncate(length);
    bytes
}

/// A pipe as (reader, writer).
pub fn pipe() -> (File, File) {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let file = |fd: OwnedFd| File::from(fd);
    (file(reader), file(writer))
}

/// Closes a reader, and waits until it is gone: what another test forks at this moment has it, too, until it runs.
pub fn leave(reader: File) {
    let name = |fd: &dyn AsRawFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
    let open = |name: String, flags| rustix::fs::open(name, flags | OFlags::CLOEXEC, rustix::fs::Mode::empty());
    let fifo = open(name(&reader), OFlags::PATH).unwrap();
    drop(reader);
    wait_until("nobody reads", || open(name(&fifo), OFlags::WRONLY | OFlags::NONBLOCK).is_err());
}

/// Two connected unix sockets of a kind that keeps packets whole.
pub fn packet_sockets(kind: SocketType) -> (OwnedFd, OwnedFd) {
    rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
}

/// A raw terminal as (master, slave, the slave's name).
pub fn terminal() -> (File, File, PathBuf) {
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY | rustix::pty::OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let path = PathBuf::from(std::ffi::OsString::from(name.to_str().unwrap()));
    let slave = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut settings = rustix::termios::tcgetattr(&slave).unwrap();
    settings.make_raw();
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &settings).unwrap();
    (File::from(master), slave, path)
}

/// Runs a line of bash in a sandbox of its own.
pub fn shell(line: &str) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.run(sandbox.shell("", line))
}

/// What a line prints; it must succeed and say nothing.
pub fn prints(line: &str) -> String {
    let outcome = shell(&format!("set -e -o pipefail; {line}"));
    assert_eq!((outcome.status.as_str(), said(&outcome)), ("exit status: 0", String::new()), "{line}");
    String::from_utf8(outcome.stdout).unwrap()
}

/// What a line prints, what it says, and the status of its last command.
pub fn fails(line: &str) -> (String, String, i32) {
    let outcome = shell(line);
    let status = outcome.status.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{outcome:?}"));
    (String::from_utf8_lossy(&outcome.stdout).into_owned(), said(&outcome), status)
}

/// What a run said on standard error.
pub fn said(outcome: &Outcome) -> String {
    String::from_utf8(outcome.stderr.clone()).unwrap()
}
