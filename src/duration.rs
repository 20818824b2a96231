//! Durations as people write them: `10`, `0.5`, `200ms`, `2m`.

use std::time::Duration;

/// The duration that `text` stands for.
///
/// Digits, with a fraction or without, and a unit: ms, s (the default), m, h or d. The error says, in words that follow
/// the value, what is wrong with it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || "not a duration, which is digits and a unit such as ms, s, m or h".to_owned();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds: f64 = match &text[number.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong()),
    };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !digits || !number.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(count * seconds).map_err(|_| "too long a duration".to_owned())
}
