//! Modes as mkfifo's `-m` takes them: octal digits, or symbolic changes to `a=rw`.

use rustix::fs::Mode;

/// Every bit of a mode, set-user-ID, set-group-ID and the sticky bit included.
const ALL: u32 = 0o7777;

/// The mode that `text` stands for, under this umask. The error says, in words that follow the value, what is wrong.
pub(super) fn parse(text: &str, umask: u32) -> Result<Mode, String> {
    let mode = if text.starts_with(|c: char| c.is_digit(8)) {
        octal(text)
    } else {
        text.split(',').try_fold(0o666, |mode, clause| apply(mode, clause, umask))
    };
    match mode {
        Some(mode) if mode & !0o777 == 0 => Ok(Mode::from_raw_mode(mode)),
        Some(_) => Err("a FIFO has file permission bits only".to_owned()),
        None => Err("not a mode, which is octal digits or changes such as u=rw,g+r".to_owned()),
    }
}

fn octal(digits: &str) -> Option<u32> {
    let octal = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    // As many zeros as one likes, as in C.
    let mode = digits.bytes().filter(|_| octal).try_fold(0_u32, |mode, byte| {
        mode.checked_mul(8).map(|mode| mode + u32::from(byte - b'0')).filter(|mode| *mode <= ALL)
    })?;
    octal.then_some(mode)
}

/// One clause: whose bits, then operators, each with its bits.
fn apply(mode: u32, clause: &str, umask: u32) -> Option<u32> {
    let operators = ['+', '-', '='];
    let start = clause.find(operators)?;
    let whose = clause[..start].chars().try_fold(0, |whose, c| {
        Some(
            whose
                | match c {
                    'u' => 0o4700,
                    'g' => 0o2070,
                    'o' => 0o1007,
                    'a' => ALL,
                    _ => return None,
                },
        )
    })?;
    let mut mode = mode;
    let mut rest = &clause[start..];
    while let Some(operator) = rest.chars().next() {
        let end = rest[1..].find(operators).map_or(rest.len(), |at| at + 1);
        let given = &rest[1..end];
        rest = &rest[end..];
        if given.starts_with(|c: char| c.is_digit(8)) {
            // Digits are for everybody, and nothing comes after them.
            let value = octal(given).filter(|_| start == 0 && rest.is_empty())?;
            mode = change(mode, operator, value, ALL, !ALL);
            continue;
        }
        let value = bits(mode, given)?;
        // Without a letter it is everybody, less what the umask holds back.
        let affected = if whose == 0 { ALL & !umask } else { whose };
        let kept = if whose == 0 { 0 } else { !whose };
        mode = change(mode, operator, value, affected, kept);
    }
    Some(mode)
}

fn change(mode: u32, operator: char, value: u32, affected: u32, kept: u32) -> u32 {
    let value = value & affected;
    match operator {
        '+' => mode | value,
        '-' => mode & !value,
        _ => mode & kept & ALL | value,
    }
}

/// The bits that letters stand for, for everybody: of `rwxXst`, or those that one of `ugo` has.
fn bits(mode: u32, letters: &str) -> Option<u32> {
    let shift = match letters {
        "u" => Some(6),
        "g" => Some(3),
        "o" => Some(0),
        _ => None,
    };
    if let Some(shift) = shift {
        return Some((mode >> shift & 7) * 0o111);
    }
    letters.chars().try_fold(0, |bits, c| {
        Some(
            bits | match c {
                'r' => 0o444,
                'w' => 0o222,
                'x' => 0o111,
                // A FIFO is no directory: only where somebody may execute it already.
                'X' if mode & 0o111 != 0 => 0o111,
                'X' => 0,
                's' => 0o6000,
                't' => 0o1000,
                _ => return None,
            },
        )
    })
}
