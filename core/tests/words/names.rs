//! Names: what is accepted, and that it is kept.

use std::str::FromStr;

use proptest::prelude::*;
use spice_core::{
    name::{BranchName, ClassName, DatabaseName, InstanceId, InvalidName, PropertyName},
    unicode::nfc,
};

fn table<N: FromStr<Err = InvalidName> + ToString>(accepted: &[&str], refused: &[&str]) {
    for text in accepted {
        let name: N = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(name.to_string(), *text);
    }
    for text in refused {
        let Err(invalid) = text.parse::<N>() else {
            panic!("{text:?} was accepted");
        };
        assert!(text.starts_with(&invalid.value));
        assert!(invalid.value.chars().count() <= 120);
        assert!(!invalid.rule.is_empty() && invalid.to_string().contains(invalid.kind));
    }
}

#[test]
fn names_follow_the_rules_of_the_contract() {
    let long = |count: usize| "a".repeat(count);
    table::<DatabaseName>(
        &["abc", "a-b", "a_b", "demo_db", "a1b2", &long(50)],
        &[
            "",
            "ab",
            &long(51),
            "Abc",
            "1ab",
            "_ab",
            "-ab",
            "ab_",
            "ab-",
            "a__b",
            "a--b",
            "a_-b",
            "a-_b",
            "a b",
            "a.b",
            "a/b",
            "äbc",
            "abc\n",
            " abc",
            "abc ",
            "a:b",
            "..",
            "a\u{0}b",
        ],
    );
    table::<ClassName>(
        &[
            "A",
            "a",
            "Product",
            "shop:Product",
            "A-b_c:d",
            "a--b",
            &long(100),
        ],
        &[
            "",
            "1A",
            "_A",
            ":A",
            "-A",
            "A b",
            "상품",
            "A/b",
            "A%3Ab",
            "A.b",
            &long(101),
            "A\n",
        ],
    );
    table::<BranchName>(
        &[
            "main",
            "m",
            "feature/whatif",
            "a/b/c",
            "-",
            "_",
            "1",
            "a/refs",
            "Refs",
            "head",
            &long(100),
        ],
        &[
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            "refs",
            "objects",
            "info",
            "hooks",
            "HEAD",
            "a b",
            "a:b",
            "a.b",
            "..",
            "a\\b",
            "ä",
            &long(101),
        ],
    );
    table::<InstanceId>(
        &[
            "a",
            "1",
            "-",
            ":",
            "_",
            "ORD-0000001:1",
            "2025-05-02:WH-YO-1:SKU-000001",
            "a b",
            "a/b",
            "a%b",
            "a+b",
            "kim+test@example.com",
            "https://example.com/a?b=c&d=%20#e",
            "2026-01-31T12:00:00+09:00",
            "12.30",
            "서울특별시",
            "É",
            "🧑‍🚀",
            "\"'\\`;,<>{}|^[]",
            ".",
            "..",
            "-rf",
            "true",
            "\u{10ffff}",
            &long(255),
            &"가".repeat(85),
        ],
        &[
            "",
            " ",
            " a",
            "a ",
            "\u{3000}a",
            "a\u{a0}",
            "\u{2028}a",
            &long(256),
            &"가".repeat(86),
            "a\n",
            "a\tb",
            "a\u{0}b",
            "a\u{7f}",
            "a\u{85}b",
        ],
    );
    table::<PropertyName>(
        &["a", "A1", "a_b", "branch", "constructor", &long(200)],
        &[
            "",
            "1a",
            "_a",
            "a-b",
            "a b",
            "a.b",
            "a:b",
            "가",
            "a$",
            &long(201),
        ],
    );
}

#[test]
fn only_main_is_main_and_three_branches_are_protected() {
    let branch = |text: &str| text.parse::<BranchName>().unwrap();
    assert!(branch("main").is_main() && BranchName::main() == branch("main"));
    assert!(!branch("Main").is_main());
    for name in ["main", "master", "production"] {
        assert!(branch(name).is_protected(), "{name}");
    }
    assert!(!branch("feature/main").is_protected());
}

proptest! {
    #[test]
    fn every_accepted_name_is_kept_unchanged(text in "[A-Za-z0-9_:/ -]{0,12}|\\PC{0,6}") {
        if let Ok(name) = text.parse::<DatabaseName>() { prop_assert_eq!(name.as_str(), &text); }
        if let Ok(name) = text.parse::<ClassName>() { prop_assert_eq!(name.as_str(), &text); }
        if let Ok(name) = text.parse::<BranchName>() { prop_assert_eq!(name.as_str(), &text); }
        if let Ok(name) = text.parse::<InstanceId>() {
            prop_assert_eq!(name.as_str(), &*nfc(&text));
            prop_assert_eq!(name.as_str().parse::<InstanceId>().unwrap(), name);
        }
        if let Ok(name) = text.parse::<PropertyName>() {
            prop_assert_eq!(name.as_str(), &text);
            prop_assert!(text.parse::<ClassName>().is_ok() || text.len() > 100);
        }
        let oracle = regex::Regex::new("^[a-z][a-z0-9_-]*$").unwrap().is_match(&text)
            && (3..=50).contains(&text.len())
            && !regex::Regex::new("[_-][_-]|[_-]$").unwrap().is_match(&text);
        prop_assert_eq!(text.parse::<DatabaseName>().is_ok(), oracle);
        let oracle = regex::Regex::new("^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$").unwrap().is_match(&text);
        prop_assert_eq!(text.parse::<BranchName>().is_ok(), oracle);
        let form = nfc(&text);
        let oracle = !form.is_empty() && form.trim() == form && form.len() <= 255
            && !regex::Regex::new(r"\p{Cc}").unwrap().is_match(&form);
        prop_assert_eq!(text.parse::<InstanceId>().is_ok(), oracle);
    }
}
