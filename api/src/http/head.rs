//! Checks the head of every request (RFC 9110, RFC 9112, RFC 3986) before routing, so that no
//! handler sees an invalid one.

use std::borrow::Cow;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, Version, header::HOST, uri::Authority},
    response::{IntoResponse, Response},
};
use spice_core::error::ErrorCode;

use crate::http::{
    failure::Failure,
    parameters::headers::{ACCEPT_LANGUAGE, IDEMPOTENCY_KEY, LAST_EVENT_ID, PREFER},
    serve::HasFragment,
};

/// Single-value headers.
const SINGLE: [&str; 5] = [
    "content-length",
    "content-type",
    "host",
    IDEMPOTENCY_KEY.name,
    LAST_EVENT_ID.name,
];
/// List headers, which may come in several parts.
const LISTS: [&str; 3] = [ACCEPT_LANGUAGE.name, "content-encoding", PREFER.name];

/// Refuses an invalid head, and joins the parts of list headers.
pub(crate) fn check(request: &mut Request) -> Result<(), Box<Response>> {
    let refuse = |failure: Failure| Box::new(failure.into_response());
    let is_1_0 = request.version() <= Version::HTTP_10;
    check_target(request).map_err(refuse)?;
    let headers = request.headers_mut();
    check_single(headers).map_err(refuse)?;
    check_host(headers, is_1_0).map_err(refuse)?;
    let expect = ("Expect", "100-continue");
    check_only(headers, expect, StatusCode::EXPECTATION_FAILED)?;
    let encoding = ("Transfer-Encoding", "chunked");
    check_only(headers, encoding, StatusCode::NOT_IMPLEMENTED)?;
    join_lists(headers);
    Ok(())
}

fn check_target(request: &Request) -> Result<(), Failure> {
    let uri = request.uri();
    if request.extensions().get::<HasFragment>().is_some() {
        let message = "the request target has a fragment (#…); write # itself as %23";
        return Err(Failure::token("path", "fragment", uri.path(), message));
    }
    if let Some(fault) = find_fault(uri.path()) {
        let message = format!("the path {:?} {fault}", uri.path());
        return Err(Failure::new(ErrorCode::InvalidName, message)
            .with("field", "path")
            .with("rule", "percent_encoding")
            .with("value", uri.path()));
    }
    for pair in uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        for (part, text) in [("name", name), ("value", value)] {
            if let Some(fault) = find_fault(text) {
                let message = format!("invalid query: the {part} in {pair:?} {fault}");
                return Err(Failure::token(name, "percent_encoding", text, message));
            }
        }
    }
    Ok(())
}

/// The problem of a text's percent-encoding.
fn find_fault(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let is_broken = |(at, byte): (usize, &u8)| *byte == b'%' && !(digit(at + 1) && digit(at + 2));
    if bytes.iter().enumerate().any(is_broken) {
        return Some("has a % without two hexadecimal digits after it; write % itself as %25");
    }
    let decoded: Cow<'_, [u8]> = percent_encoding::percent_decode(bytes).into();
    let is_text = std::str::from_utf8(&decoded).is_ok();
    (!is_text).then_some("is not UTF-8 after decoding")
}

fn check_single(headers: &HeaderMap) -> Result<(), Failure> {
    for name in SINGLE {
        let mut values = headers.get_all(name).iter().skip(1);
        if let Some(value) = values.next() {
            let value = String::from_utf8_lossy(value.as_bytes());
            let name = name.to_ascii_lowercase();
            let message = format!("the header {name} is given more than once; give it once");
            return Err(Failure::token(&name, "single", &value, message));
        }
    }
    Ok(())
}

fn check_host(headers: &HeaderMap, is_1_0: bool) -> Result<(), Failure> {
    let Some(host) = headers.get(HOST) else {
        if is_1_0 {
            return Ok(());
        }
        let message = "the header Host is missing; HTTP/1.1 requires it";
        return Err(Failure::token("host", "required", "", message));
    };
    let text = host.to_str().unwrap_or_default();
    let is_authority = text.parse::<Authority>().is_ok() && !text.contains('@');
    if is_authority || host.is_empty() {
        return Ok(());
    }
    let value = String::from_utf8_lossy(host.as_bytes());
    let message = format!("the header Host must be a host, or a host and a port, not {value:?}");
    Err(Failure::token("host", "host", &value, message))
}

/// Refuses a header with another value than the supported one.
fn check_only(
    headers: &HeaderMap,
    (name, supported): (&str, &str),
    status: StatusCode,
) -> Result<(), Box<Response>> {
    for value in headers.get_all(name) {
        let value = String::from_utf8_lossy(value.as_bytes());
        if !value.trim().eq_ignore_ascii_case(supported) {
            let message = format!("unsupported {name} {value:?}; only {supported} is supported");
            let failure = Failure::token(&name.to_ascii_lowercase(), "enum", &value, message);
            return Err(Box::new(failure.into_response_with(status)));
        }
    }
    Ok(())
}

/// Joins several headers of a list (RFC 9110, 5.3).
fn join_lists(headers: &mut HeaderMap) {
    for name in LISTS {
        let parts: Vec<&[u8]> = headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if parts.len() < 2 {
            continue;
        }
        if let Ok(joined) = HeaderValue::from_bytes(&parts.join(&b", "[..])) {
            headers.insert(name, joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::find_fault;

    #[test]
    fn percent_encoding_must_be_complete_and_decode_to_text() {
        for right in [
            "",
            "a",
            "%41",
            "%EA%B0%80",
            "%ea%b0%80",
            "a+b",
            "100%25",
            "%00",
        ] {
            assert_eq!(find_fault(right), None, "{right}");
        }
        for wrong in [
            "%", "%4", "%zz", "%4z", "a%", "%%41", "%u0041", "%FF", "%EA%B0", "%C0%80",
        ] {
            assert!(find_fault(wrong).is_some(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn encoded_text_is_valid(text in any::<String>()) {
            let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            prop_assert_eq!(find_fault(&encoded.to_string()), None);
        }
    }
}
