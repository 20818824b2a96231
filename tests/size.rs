//! Sizes as they are written on command lines.

use proptest::prelude::*;
use teebox::size::parse;

#[test]
fn units_are_powers_of_1024_or_with_b_alone_of_1000() {
    for (text, bytes) in [
        ("0", 0),
        ("007", 7),
        ("1", 1),
        ("64K", 65536),
        ("64k", 65536),
        ("64KiB", 65536),
        ("64kib", 65536),
        ("64KB", 64000),
        ("1M", 1 << 20),
        ("1MB", 1_000_000),
        ("2G", 2 << 30),
        ("3TiB", 3 << 40),
        ("1PB", 1_000_000_000_000_000),
        ("15E", 15 << 60),
        ("18446744073709551615", u64::MAX),
    ] {
        assert_eq!(parse(text), Ok(bytes), "{text}");
    }
}

#[test]
fn fractions_are_of_a_unit_and_exact() {
    for (text, bytes) in [
        ("1.5K", 1536),
        ("0.5M", 524_288),
        ("1.0K", 1024),
        ("0.1KB", 100),
        ("1.999999999999999999999999K", 2047),
        ("15.999999999E", 18_446_744_072_556_630_111),
    ] {
        assert_eq!(parse(text), Ok(bytes), "{text}");
    }
}

#[test]
fn what_is_no_size_is_refused_and_what_is_too_large_is_told_so() {
    for text in [
        "", " ", "-1", "+1", "K", ".5K", "1.K", "1.5", "1,5K", "1 K", "1K ", "1KX", "1KiBs", "1i", "1B", "0x10", "1é",
        "é", "1e3",
    ] {
        assert!(parse(text).unwrap_err().starts_with("not a size"), "{text}");
    }
    for text in ["16E", "18446744073709551616", "999999999999999999999999", "18446744073709551615K"] {
        assert!(parse(text).unwrap_err().starts_with("too large"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_number_is_itself_and_any_text_is_judged(number in any::<u64>(), text in ".*") {
        prop_assert_eq!(parse(&number.to_string()), Ok(number));
        let _ = parse(&text);
    }
}
