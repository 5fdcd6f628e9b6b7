//! Digits survive every conversion.

use serde_json::json;

use super::*;

const LONG: &str = r#"{"a":[0.12345678901234567890,1234567890123456789.25,12345678901234567890123,1.0,1.00,1e400,-0,5],"b":{"c":"\u0000é","d":null,"e":true}}"#;

#[test]
fn digits_survive() {
    let value = Exact::parse(LONG).unwrap();
    assert_eq!(value.to_json().unwrap(), LONG, "{value:?}");
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(Exact::parse(&pretty).unwrap(), value);
    assert_eq!(Exact::of(&value).unwrap(), value);
}

/// A value that went through `Value` or a buffer of serde is read as far as possible.
#[test]
fn values_without_their_digits_are_still_read() {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Buffered {
        Exact { value: Exact },
    }
    let known = json!({"value": {"a": [1, 2.5, -3, "x", null, true]}});
    let Buffered::Exact { value } = serde_json::from_str(&known.to_string()).unwrap();
    assert_eq!(value, Exact::from(known["value"].clone()));
    let value: Exact = serde_json::from_value(known["value"].clone()).unwrap();
    assert_eq!(value, Exact::from(known["value"].clone()));
}

#[test]
fn numbers_are_those_of_json() {
    for text in [
        "0",
        "-0",
        "10",
        "0.10",
        "1e5",
        "1E+5",
        "-1.5e-9",
        "123456789012345678901234567890",
    ] {
        assert!(Number::parse(text).is_some(), "{text}");
    }
    for text in [
        "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1_0", "NaN", "1 ", "٣",
    ] {
        assert!(Number::parse(text).is_none(), "{text}");
    }
    assert_ne!(Number::parse("1.0"), Number::parse("1.00"));
}

#[test]
fn values_nested_too_deep_are_refused() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(Exact::parse(&deep).is_err());
}
