//! Durations as they are written on command lines.

use std::time::Duration;

use proptest::prelude::*;
use teebox::duration::parse;

#[test]
fn a_number_alone_is_seconds_and_units_are_ms_to_days() {
    for (text, milliseconds) in [
        ("0", 0),
        ("10", 10_000),
        ("0.5", 500),
        ("250ms", 250),
        ("1.5s", 1500),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("1d", 86_400_000),
    ] {
        assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused_and_what_is_too_long_is_told_so() {
    for text in ["", " ", "-1", "+1", "s", ".5", "1,5", "1 s", "1S", "1sec", "1e3", "inf", "nan", "0x10", "1.2.3", "é"]
    {
        assert!(parse(text).unwrap_err().starts_with("not a duration"), "{text}");
    }
    assert_eq!(parse(&"9".repeat(40)), Err("too long a duration".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_judged(text in ".*") {
        let _ = parse(&text);
    }
}
