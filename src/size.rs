//! Sizes as people write them: `4096`, `64K`, `1.5M`, `1MiB`, `1MB`.

/// The bytes that `text` stands for.
///
/// Digits, with a fraction if a unit follows, and a unit: K, M, G, T, P or E in powers of 1024, the same with `iB`, or in
/// powers of 1000 with `B`; in either case of letters. A fraction of a byte is dropped. The error says, in words that
/// follow the value, what is wrong with it.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || "not a size, which is digits and a unit such as K, M, G, KiB or KB".to_owned();
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, unit) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let unit = unit_bytes(unit).ok_or_else(wrong)?;
    if whole.is_empty() || (rest.starts_with('.') && (fraction.is_empty() || unit == 1)) {
        return Err(wrong());
    }
    let large = || "too large a size; the largest is below 16E".to_owned();
    let whole: u64 = whole.parse().map_err(|_| large())?;
    // 18 digits of a fraction, times the largest unit, fit into 128 bits; further digits are less than a byte.
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = fraction.bytes().fold(1_u128, |scale, _| scale * 10);
    let part = fraction.parse::<u128>().unwrap_or(0) * u128::from(unit) / scale;
    u64::try_from(u128::from(whole) * u128::from(unit) + part).map_err(|_| large())
}

fn unit_bytes(unit: &str) -> Option<u64> {
    let Some(letter) = unit.chars().next() else { return Some(1) };
    let power = 1 + u32::try_from("KMGTPE".find(letter.to_ascii_uppercase())?).ok()?;
    let base: u64 = match unit[letter.len_utf8()..].to_ascii_lowercase().as_str() {
        "" | "ib" => 1024,
        "b" => 1000,
        _ => return None,
    };
    Some(base.pow(power))
}
