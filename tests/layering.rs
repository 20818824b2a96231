//! Dependencies point one way, and unsafe code is where it may be: read from the sources.

use std::path::{Path, PathBuf};

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Lines of code that hold `word`, less comments.
fn uses(path: &Path, word: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::trim).filter(|line| !line.starts_with("//")).any(|line| line.contains(word))
}

#[test]
fn the_core_knows_no_applet_no_option_and_no_message() {
    for path in sources(&src().join("fdio")).into_iter().chain(sources(&src().join("process"))) {
        for word in
            ["crate::app", "crate::dispatch", "crate::error", "crate::report", "crate::progress", "clap", "print"]
        {
            assert!(!uses(&path, word), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn the_codec_knows_no_descriptor_and_no_library_but_one() {
    for path in sources(&src().join("framing")) {
        for word in ["rustix", "nix::", "libc", "clap", "serde", "std::io", "std::fs", "std::os", "println"] {
            assert!(!uses(&path, word), "{} uses {word}", path.display());
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let outside = text.match_indices("crate::").filter(|(at, _)| !text[*at..].starts_with("crate::size"));
        assert_eq!(outside.count(), 0, "{} uses more of the crate than sizes", path.display());
    }
}

#[test]
fn the_lowest_of_the_core_knows_nothing_of_processes() {
    for path in sources(&src().join("fdio")) {
        assert!(!uses(&path, "crate::process"), "{}", path.display());
    }
}

#[test]
fn an_applet_uses_no_other_applet_and_not_the_dispatcher() {
    let names: Vec<&str> = teebox::applets::ALL.iter().map(|applet| applet.name).collect();
    for path in sources(&src().join("applets")) {
        let inside = path.strip_prefix(src().join("applets")).unwrap().to_string_lossy().into_owned();
        assert!(!uses(&path, "crate::dispatch"), "{inside}");
        for name in &names {
            let own = inside == "mod.rs" || inside.starts_with(name);
            assert!(own || !uses(&path, &format!("applets::{name}")), "{inside} uses {name}");
        }
    }
}

#[test]
fn only_the_applet_that_is_called_builds_its_command() {
    let text = std::fs::read_to_string(src().join("dispatch.rs")).unwrap();
    // The one place is where an applet runs; the list, the help and the links do with names and summaries.
    assert_eq!(text.matches(".command)()").count(), 1);
    let run_applet = text.split("fn run_applet(").nth(1).unwrap().split("\nfn ").next().unwrap();
    assert!(run_applet.contains(".command)()"));
    assert!(!uses(&src().join("applets/mod.rs"), "command"));
}

#[test]
fn what_lies_below_the_applets_does_not_look_up() {
    for (file, words) in [
        ("error.rs", &["crate::app", "crate::dispatch"][..]),
        ("report.rs", &["crate::app", "crate::dispatch", "crate::error"]),
        ("progress.rs", &["crate::app", "crate::dispatch", "crate::error"]),
        ("quote.rs", &["crate::"]),
        ("size.rs", &["crate::"]),
        ("duration.rs", &["crate::"]),
    ] {
        for word in words {
            assert!(!uses(&src().join(file), word), "{file} uses {word}");
        }
    }
}

#[test]
fn unsafe_code_is_in_fork_signal_and_the_entry_point_only() {
    for path in sources(&src()) {
        let allowed = ["fdio/fork.rs", "fdio/signal.rs", "main.rs"].iter().any(|file| path.ends_with(file));
        assert!(allowed || !uses(&path, "unsafe"), "{}", path.display());
    }
}

#[test]
fn every_file_says_first_why_it_exists() {
    for directory in ["src", "tests", "benches"] {
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)) {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//! "), "{}", path.display());
        }
    }
}
