//! Each parameter accepts exactly what its description allows.

use axum::http::{HeaderMap, HeaderValue};

use super::{headers, known, parameter::Described, path, *};
use crate::http::Surface;

fn given(uri: &str, template: &'static str) -> Given {
    let uri = uri.parse().unwrap();
    Given::new(Surface::Gateway, uri, HeaderMap::new(), template).unwrap()
}

fn query(name: &str, value: impl std::fmt::Display) -> Given {
    given(&format!("/?{name}={value}"), "/")
}

#[test]
fn numbers_respect_the_described_bounds() {
    for parameter in [
        known::TIMEOUT,
        known::LIMIT,
        known::OFFSET,
        known::INSTANCE_OFFSET,
        known::HISTORY_LIMIT,
        known::SAMPLE_LIMIT,
        known::DIFF_LIMIT,
    ] {
        let described = parameter.describe();
        let bound = |key: &str| described["schema"][key].as_u64().unwrap();
        let (least, most) = (bound("minimum"), bound("maximum"));
        let read = |value: String| parameter.read(&query(parameter.name, value)).ok();
        let name = parameter.name;
        let absent = parameter.read(&given("/", "/")).unwrap();
        assert_eq!(absent as u64, bound("default"), "{name}");
        for right in [least, most] {
            let number = read(right.to_string()).map(|number| number as u64);
            assert_eq!(number, Some(right), "{name}");
        }
        assert_eq!(read((most + 1).to_string()), None, "{name}");
        if let Some(below) = least.checked_sub(1) {
            assert_eq!(read(below.to_string()), None, "{name}");
        }
        for wrong in ["", "x", "+1", "1.0", "-1"] {
            assert_eq!(read(wrong.to_owned()), None, "{name} {wrong}");
        }
    }
}

#[test]
fn choices_are_the_described_words() {
    let described = known::FORMAT.describe();
    let words = described["schema"]["enum"].as_array().unwrap();
    assert_eq!(words.len(), 3);
    for word in words {
        let word = word.as_str().unwrap();
        known::FORMAT.read(&query("format", word)).unwrap();
    }
    assert!(known::FORMAT.read(&query("format", "JSON")).is_err());
    let absent = known::FORMAT.read(&given("/", "/")).unwrap();
    assert_eq!(absent, known::Format::Json);
    assert_eq!(described["schema"]["default"], "json");
}

#[test]
fn parts_of_a_path_are_found_by_name() {
    let template = "/api/v1/databases/{db}/class/{class}/instance/{id}";
    let request = given("/api/v1/database/demo/class/P%20q/instance/a%2Fb", template);
    assert_eq!(path::DATABASE.read(&request).unwrap().as_str(), "demo");
    assert_eq!(path::CLASS.read(&request).unwrap(), "P q");
    assert_eq!(path::INSTANCE.read(&request).unwrap().as_str(), "a/b");
    assert!(
        path::HANDLER.read(&request).is_err(),
        "the template has none"
    );
}

#[test]
fn a_branch_takes_the_rest_of_the_path_up_to_the_fixed_parts() {
    let read = |uri: &str, template| {
        let branch = path::BRANCH.read(&given(uri, template)).ok();
        branch.map(|branch| branch.to_string())
    };
    let some = |name: &str| Some(name.to_owned());
    let whole = "/d/{db}/branches/{*name}";
    let diff = "/d/{db}/branches/{*name}/diff";
    assert_eq!(read("/d/demo/branches/a", whole), some("a"));
    assert_eq!(read("/d/demo/branches/a/b", whole), some("a/b"));
    assert_eq!(read("/d/demo/branches/a%2Fb", whole), some("a/b"));
    assert_eq!(read("/d/demo/branches/a/b/diff", diff), some("a/b"));
    assert_eq!(read("/d/demo/branches/a/b", diff), None);
    assert_eq!(read("/d/demo/branches/diff", whole), some("diff"));
    assert_eq!(read("/d/demo/branches/a%2Fdiff", whole), some("a/diff"));
    assert_eq!(read("/d/demo/branches/a/diff", whole), None);
}

#[test]
fn placeholders_of_a_template_are_described_in_their_order() {
    let names = |template| -> Vec<&str> { path::of(template).map(Described::name).collect() };
    assert_eq!(names("/x/{db}/branches/{*name}/diff"), ["db", "name"]);
    let schema = |template| path::of(template).next().unwrap().describe()["schema"].clone();
    assert_eq!(schema("/commands/{id}/status")["format"], "uuid");
    assert_eq!(schema("/instance/{id}")["maxLength"], 255);
}

#[test]
fn a_key_has_the_described_length() {
    let described = headers::IDEMPOTENCY_KEY.describe();
    let most = usize::try_from(described["schema"]["maxLength"].as_u64().unwrap()).unwrap();
    let read = |value: &str| {
        let mut given = given("/", "/");
        let value = HeaderValue::from_str(value).unwrap();
        given.headers.insert("idempotency-key", value);
        let key = headers::IDEMPOTENCY_KEY.read(&given).ok();
        key.map(|key| key.map(str::len))
    };
    assert_eq!(read(&"k".repeat(most)), Some(Some(most)));
    assert_eq!(read(&"k".repeat(most + 1)), None);
    assert_eq!(read(""), None);
    assert_eq!(
        headers::IDEMPOTENCY_KEY.read(&given("/", "/")).ok(),
        Some(None)
    );
}

#[test]
fn the_description_of_prefer_names_the_longest_wait() {
    let described = headers::PREFER.describe();
    let text = described["description"].as_str().unwrap();
    assert!(text.contains(&format!("(at most {})", headers::LONGEST_WAIT)));
}
