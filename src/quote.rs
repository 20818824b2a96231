//! Names as a shell could read them back, in the form GNU tools use in their messages.
//!
//! `out.txt` stays as it is, `a b` becomes `'a b'`, `it's` becomes `"it's"`, and bytes that a terminal must not get
//! raw are written as `'a'$'\n''b'`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// Quotes `name` if it needs that, for the locale that LC_ALL, LC_CTYPE and LANG name.
#[must_use]
pub fn quote(name: &OsStr) -> String {
    quote_for(name.as_bytes(), locale_is_utf8())
}

/// A name with everything that a terminal would act on written as an escape: control characters, and bytes that are not
/// UTF-8. Unlike [`quote`] it adds no quotes.
#[must_use]
pub fn visible(name: &OsStr) -> String {
    let mut text = String::new();
    for piece in pieces(name.as_bytes(), true) {
        match piece {
            Piece::Shown(c) => text.push(c),
            Piece::Escaped(byte) => push_escape(&mut text, byte),
        }
    }
    text
}

/// Whether the environment names a UTF-8 locale; only then are bytes above 127 shown as characters.
fn locale_is_utf8() -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    named.is_some_and(|value| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        value.contains(".utf-8") || value.contains(".utf8")
    })
}

/// A piece of a name: a character that can be shown, or a byte that has to be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Shown(char),
    Escaped(u8),
}

/// Whether the C library prints a character above ASCII: it has to be assigned, and no control or line separator.
///
/// Rust's own notion of what is printable is the table for that, where it is not stricter. What remains is that one of
/// the two knows a newer Unicode, and that the environment may name a UTF-8 locale that is not installed, where the C
/// library escapes everything above ASCII.
fn is_printable(c: char) -> bool {
    // After a letter, or a combining character would be escaped for having nothing to combine with.
    let mut text = String::from("a");
    text.push(c);
    let in_rust = text.escape_debug().nth(1) == Some(c);
    let separator = matches!(c, '\u{2028}' | '\u{2029}');
    let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}');
    in_rust || private || is_format(c) || c.is_whitespace() && !c.is_control() && !separator
}

/// Whether it is a format character (general category Cf), such as the joiner in many an emoji.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}')
}

fn pieces(name: &[u8], utf8: bool) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            let shown = if c.is_ascii() { !c.is_control() } else { utf8 && is_printable(c) };
            if shown {
                pieces.push(Piece::Shown(c));
            } else {
                pieces.extend(c.encode_utf8(&mut [0; 4]).bytes().map(Piece::Escaped));
            }
        }
        pieces.extend(chunk.invalid().iter().copied().map(Piece::Escaped));
    }
    pieces
}

fn quote_for(name: &[u8], utf8: bool) -> String {
    let pieces = pieces(name, utf8);
    let escaped = pieces.iter().any(|piece| matches!(piece, Piece::Escaped(_)));
    let apostrophe = pieces.contains(&Piece::Shown('\''));
    let shown = || {
        pieces.iter().filter_map(|piece| match piece {
            Piece::Shown(c) => Some(*c),
            Piece::Escaped(_) => None,
        })
    };
    // What a shell would act on between double quotes, or at the start of a word, or in an interactive line.
    let special = shown().any(|c| r#"!"$&()*;<=>?[\^`|"#.contains(c))
        || matches!(name.first(), Some(b'#' | b'~'))
        || matches!(name, b"{" | b"}");

    if !escaped && !apostrophe {
        let plain = !special && !name.is_empty() && !shown().any(|c| c == ' ' || c == ':');
        let text: String = shown().collect();
        return if plain { text } else { format!("'{text}'") };
    }
    if !escaped && !special && !shown().any(|c| "#{|}~".contains(c)) {
        return format!("\"{}\"", shown().collect::<String>());
    }
    single_quoted(&pieces, apostrophe)
}

/// Between single quotes, with apostrophes as `'\''` and runs of escapes as `'$'\n'`.
fn single_quoted(pieces: &[Piece], apostrophe: bool) -> String {
    let mut text = String::from("'");
    // GNU's form begins with an empty `''` when a name that has an apostrophe ends in an escape. To a shell it is the
    // same name, and messages stay comparable byte for byte.
    let mut in_escape = apostrophe
        && matches!(pieces.last(), Some(Piece::Escaped(_)))
        && matches!(pieces.first(), Some(Piece::Shown(_)));
    for piece in pieces {
        match piece {
            Piece::Shown('\'') => {
                text.push_str(r"'\''");
                in_escape = false;
            }
            Piece::Shown(c) => {
                if in_escape {
                    text.push_str("''");
                    in_escape = false;
                }
                text.push(*c);
            }
            Piece::Escaped(byte) => {
                if !in_escape {
                    text.push_str("'$'");
                    in_escape = true;
                }
                push_escape(&mut text, *byte);
            }
        }
    }
    text.push('\'');
    text
}

/// A byte as `$'...'` has it.
fn push_escape(text: &mut String, byte: u8) {
    match byte {
        0x07 => text.push_str(r"\a"),
        0x08 => text.push_str(r"\b"),
        b'\t' => text.push_str(r"\t"),
        b'\n' => text.push_str(r"\n"),
        0x0b => text.push_str(r"\v"),
        0x0c => text.push_str(r"\f"),
        b'\r' => text.push_str(r"\r"),
        // Writing to a String can't fail.
        _ => drop(write!(text, r"\{byte:03o}")),
    }
}
