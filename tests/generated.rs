//! The committed manual pages and completions are what the clap definitions say, and their readers take them.
//!
//! `TEEBOX_RENEW=1 cargo test generated` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command as Process;

use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::Shell;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use crate::support::{Sandbox, peer};

/// The day of the version that the pages describe.
const DATE: &str = "2026-11-21";

/// The commands that have pages: each applet, and the family.
fn commands() -> Vec<Command> {
    let applets = teebox::applets::ALL.iter().map(|applet| (applet.command)());
    let family = teebox::dispatch::command();
    applets.chain([family]).collect()
}

/// `teebox` with the applets as its subcommands, as it is typed. DIR belongs to --install here: as an operand, zsh would
/// take an applet for it.
fn family_with_applets() -> Command {
    let family = teebox::dispatch::command();
    let options = family.get_arguments().filter(|arg| !arg.is_positional()).map(|arg| {
        let name: &str = arg.get_long().unwrap().to_owned().leak();
        let option = Arg::new(name).long(name).help(arg.get_help().unwrap().clone());
        if arg.get_id() == "install" {
            option.value_name("DIR").value_hint(ValueHint::DirPath)
        } else {
            option.action(ArgAction::SetTrue)
        }
    });
    Command::new(teebox::dispatch::NAME)
        .disable_help_flag(true)
        .args(options)
        .subcommands(teebox::applets::ALL.iter().map(|applet| (applet.command)()))
}

/// The sections that are running text; the others are shown line by line.
const PROSE: [&str; 9] =
    ["Ends", "Exit status", "Frames", "Inputs", "JSON", "Notes", "See also", "Times", "Whole records"];

/// Names of pages, as in tee(1), in bold.
fn with_references(line: &str) -> Vec<Inline> {
    let mut inlines = Vec::new();
    for word in line.split_inclusive(' ') {
        match word.split_once('(') {
            Some((name, rest)) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
                inlines.extend([bold(name), roman(format!("({rest}"))]);
            }
            _ => inlines.push(roman(word)),
        }
    }
    inlines
}

/// The help's own sections: a title that ends in a colon, then indented lines.
fn sections(help: &str) -> Roff {
    let mut roff = Roff::new();
    let mut prose = false;
    for line in help.lines() {
        if let Some(title) = line.strip_suffix(':').filter(|title| !title.starts_with(' ')) {
            if !prose && !roff.to_roff().is_empty() {
                roff.control("fi", []);
            }
            prose = PROSE.contains(&title);
            roff.control("SH", [title.to_uppercase().as_str()]);
            if !prose {
                roff.control("nf", []);
            }
        } else if line.is_empty() {
            // A blank line ends a section, or a paragraph within one.
            if prose {
                roff.control("PP", []);
            }
        } else {
            let line = line.strip_prefix("  ").unwrap_or(line);
            roff.text(if prose { with_references(line) } else { vec![roman(line)] });
        }
    }
    roff
}

/// The usage, its lines as they are in the help.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for (number, line) in usage.strip_prefix("Usage: ").unwrap().lines().enumerate() {
        if number > 0 {
            roff.control("br", []);
        }
        let (name, rest) = line.trim().split_once(' ').unwrap();
        roff.text([bold(name), roman(format!(" {rest}"))]);
    }
    roff
}

/// A subcommand as a section of its command's options: what it does, and its own.
fn subcommand_section(command: &Command, subcommand: &Command) -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("SS", [format!("{} {}", command.get_name(), subcommand.get_name()).as_str()]);
    roff.text([roman(subcommand.get_about().unwrap().to_string())]);
    let mut options = Vec::new();
    let own = subcommand.clone().mut_args(|arg| {
        let shared = arg.get_id() == "help" || arg.get_id() == "version";
        arg.hide(shared).help_heading(None::<&str>)
    });
    clap_mangen::Man::new(own).render_options_section(&mut options).unwrap();
    [roff.to_roff().into_bytes(), String::from_utf8(options).unwrap().replace(".SH OPTIONS\n", "").into_bytes()]
        .concat()
}

fn page(command: &Command) -> String {
    let help = command.get_after_help().unwrap().to_string();
    let man = clap_mangen::Man::new(command.clone())
        .date(DATE)
        .source(format!("teebox {}", env!("CARGO_PKG_VERSION")))
        .manual("teebox");
    let mut bytes = Vec::new();
    man.render_title(&mut bytes).unwrap();
    man.render_name_section(&mut bytes).unwrap();
    bytes.extend(synopsis(command).to_roff().into_bytes());
    man.render_description_section(&mut bytes).unwrap();
    if command.has_subcommands() {
        bytes.extend(b".SH OPTIONS\n");
        // A subcommand has its options once it is built.
        let mut built = command.clone();
        built.build();
        for subcommand in built.get_subcommands() {
            bytes.extend(subcommand_section(command, subcommand));
        }
    }
    man.render_options_section(&mut bytes).unwrap();
    let mut text = String::from_utf8(bytes).unwrap();
    text.push_str(&sections(&help).to_roff());
    // Each part repeats a preamble of which one is enough; and a break before a break, or a paragraph before a heading,
    // is nothing but a warning of the linter.
    let preamble = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
    assert!(text.starts_with(preamble));
    let text = text.replace(preamble, "").replace(".br\n\n.br\n", ".br\n").replace(".PP\n.SH", ".SH");
    format!("{preamble}{text}")
}

/// Every generated file by its path.
fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for command in commands() {
        let name = command.get_name().to_owned();
        files.insert(format!("man/{name}.1"), page(&command).into_bytes());
        let mut typed = if name == teebox::dispatch::NAME { family_with_applets() } else { command };
        for (shell, file) in [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ] {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut typed, &name, &mut bytes);
            files.insert(format!("completions/{file}"), bytes);
        }
    }
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn committed_pages_and_completions_are_up_to_date() {
    let renew = std::env::var_os("TEEBOX_RENEW").is_some();
    for (path, wanted) in files() {
        let there = root().join(&path);
        if renew {
            // Whole at once: other tests read it.
            std::fs::create_dir_all(there.parent().unwrap()).unwrap();
            let beside = there.with_extension("new");
            std::fs::write(&beside, &wanted).unwrap();
            std::fs::rename(&beside, &there).unwrap();
        }
        let found = std::fs::read(&there).unwrap_or_default();
        assert!(found == wanted, "{path} is stale: TEEBOX_RENEW=1 cargo test generated");
    }
    for directory in ["man", "completions"] {
        for entry in std::fs::read_dir(root().join(directory)).unwrap() {
            let path = format!("{directory}/{}", entry.unwrap().file_name().to_str().unwrap());
            assert!(files().contains_key(&path), "{path} belongs to no command");
        }
    }
}

#[test]
fn every_page_has_the_sections_that_readers_look_for() {
    for command in commands() {
        let page = page(&command);
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
            assert!(page.contains(&format!(".SH {section}\n")), "{} lacks {section}", command.get_name());
        }
    }
}

#[test]
fn pages_pass_the_linter() {
    if Process::new("mandoc").arg("-h").output().is_err() {
        assert!(std::env::var_os("TEEBOX_ALL_PEERS").is_none(), "mandoc is not installed");
        return;
    }
    for command in commands() {
        let path = root().join("man").join(format!("{}.1", command.get_name()));
        let output = Process::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        assert!(output.status.success());
    }
}

/// Runs a line of a shell that loads a completion, and returns what it prints.
fn completed(shell: &str, arguments: &[&str], line: &str) -> Option<String> {
    peer(shell, shell)?;
    let output = Process::new(shell).args(arguments).arg("-c").arg(line).current_dir(root()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}: {line}");
    assert!(output.status.success(), "{shell}: {line}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn completions_load_and_offer_the_options_in_bash() {
    let line = "source completions/rtee.bash; COMP_WORDS=(rtee --a); COMP_CWORD=1; \
        _rtee rtee --a rtee; echo \"${COMPREPLY[@]}\"";
    assert!(completed("bash", &["--norc"], line).is_none_or(|offered| offered == "--append\n"));
    let line = "source completions/rpipesz.bash; COMP_WORDS=(rpipesz --mea); COMP_CWORD=1; \
        _rpipesz rpipesz --mea rpipesz; echo \"${COMPREPLY[@]}\"";
    assert!(completed("bash", &["--norc"], line).is_none_or(|offered| offered == "--measure\n"));
    let line = "source completions/teebox.bash; COMP_WORDS=(teebox --i); COMP_CWORD=1; \
        _teebox teebox --i teebox; echo \"${COMPREPLY[@]}\"";
    assert!(completed("bash", &["--norc"], line).is_none_or(|offered| offered == "--install\n"));
    let line = "source completions/rframe.bash; COMP_WORDS=(rframe decode -f n); COMP_CWORD=3; \
        _rframe rframe n -f; echo \"${COMPREPLY[@]}\"";
    assert!(completed("bash", &["--norc"], line).is_none_or(|offered| offered == "native-messaging netstring\n"));
}

#[test]
fn completions_load_and_offer_the_options_in_zsh() {
    if peer("zsh", "zsh").is_none() {
        return;
    }
    // An interactive shell at a terminal of its own, where what is typed is completed by the Tab key.
    let line = r"
        zmodload zsh/zpty
        zpty shell 'TERM=dumb zsh -f -i'
        zpty -w shell 'fpath=(completions $fpath); autoload -U compinit; compinit -u -D; print READY-$((1+1))'
        zpty -r -m shell shown '*READY-2*'
        complete() { zpty -w -n shell $'\C-u'$1$'\t'; zpty -r -m shell shown $2 && print -r -- $1 }
        complete 'rframe encode -f pkt' '*pkt-line*'
        complete 'rpipesz --mea' '*--measure*'
        complete 'rtee --app' '*--append*'
        complete 'rtee --output-error=exit-' '*exit-nopipe*'
        complete 'teebox --inst' '*--install*'
        complete 'teebox rtee --app' '*--append*'
        zpty -d shell";
    let offered = completed("timeout", &["60", "zsh", "-f"], line);
    let typed = [
        "rframe encode -f pkt",
        "rpipesz --mea",
        "rtee --app",
        "rtee --output-error=exit-",
        "teebox --inst",
        "teebox rtee --app",
    ];
    assert!(offered.is_none_or(|offered| offered.lines().eq(typed)));
}

#[test]
fn completions_load_and_offer_the_options_in_fish() {
    let line = "source completions/rtee.fish; complete -C 'rtee --output-error=warn'";
    let offered = completed("fish", &["--no-config"], line);
    assert!(offered.is_none_or(|offered| offered.contains("--output-error=warn-nopipe")));
    let line = "source completions/rframe.fish; complete -C 'rframe encode -f pkt'";
    let offered = completed("fish", &["--no-config"], line);
    assert!(offered.is_none_or(|offered| offered.starts_with("pkt-line\tgit")));
    let line = "source completions/teebox.fish; complete -C 'teebox rt'";
    assert!(completed("fish", &["--no-config"], line).is_none_or(|offered| offered.starts_with("rtee")));
}

/// The blocks of a kind in README.
fn blocks(kind: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let fence = format!("```{kind}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_readmes_examples_run_as_they_stand() {
    let examples = blocks("sh");
    assert!(!examples.is_empty());
    for example in examples {
        let sandbox = Sandbox::new();
        let outcome = sandbox.run(sandbox.shell("rtee", &format!("set -e; {example}")));
        assert_eq!((outcome.status.as_str(), outcome.stderr.as_slice()), ("exit status: 0", &b""[..]), "{example}");
    }
}

#[test]
fn the_readme_links_to_every_page_and_names_every_applet() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    for command in commands() {
        let name = command.get_name();
        assert!(text.contains(&format!("(man/{name}.1)")), "README.md lacks man/{name}.1");
    }
}
