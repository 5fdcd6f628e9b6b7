//! Unique values: one owner each, whatever happened to the class in between.

use sha2::{Digest, Sha256};

use super::*;

#[test]
fn unique_values_have_one_owner_a_branch() {
    let mut desk = Desk::with_ontology();
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p1", "code": "a"}),
    ));
    let taken = desk.refuse(create(
        "main",
        "Product",
        json!({"product_id": "p2", "code": "a"}),
    ));
    assert_eq!(taken.code, ErrorCode::ValidationFailed);
    assert_eq!(taken.detail["errors"][0]["rule"], "unique");
    desk.accept(fork("x", "main", None));
    let taken = desk.refuse(create(
        "x",
        "Product",
        json!({"product_id": "p3", "code": "a"}),
    ));
    assert_eq!(taken.detail["errors"][0]["field"], "code");
    desk.accept(update("main", "p1", json!({"code": "b"}), 1));
    desk.accept(create(
        "main",
        "Product",
        json!({"product_id": "p4", "code": "a"}),
    ));
    let still = desk.refuse(create(
        "x",
        "Product",
        json!({"product_id": "p5", "code": "a"}),
    ));
    assert_eq!(
        still.code,
        ErrorCode::ValidationFailed,
        "the branch still shows p1's a"
    );
    desk.accept(delete("x", "p1", 1));
    desk.accept(create(
        "x",
        "Product",
        json!({"product_id": "p6", "code": "a"}),
    ));
}

fn product(id: &str, code: &str) -> Action {
    create("main", "Product", json!({"product_id": id, "code": code}))
}

/// Changes the type and the constraints of `code`.
fn patch_code(kind: &str, unique: bool, expected: u64) -> Action {
    let patch = json!({"properties": [
        {"name": "product_id", "type": "string", "primaryKey": true},
        {"name": "price", "type": "decimal"},
        {"name": "code", "type": kind, "constraints": {"unique": unique}},
    ]});
    Action::UpdateClass {
        branch: branch("main"),
        class: "Product".parse().unwrap(),
        patch: patch.into(),
        expected_seq: Sequence(expected),
    }
}

fn counts(envelopes: &[Envelope]) -> (usize, usize) {
    let unique = event(envelopes).unique;
    (unique.claimed.len(), unique.released.len())
}

#[test]
fn a_property_becomes_unique_or_of_another_type_only_without_instances() {
    let mut desk = Desk::with_ontology();
    desk.accept(patch_code("uuid", true, 1));
    desk.accept(patch_code("string", true, 2));
    desk.accept(product("p1", "a"));
    desk.accept(patch_code("string", true, 3));
    let retyped = desk.refuse(patch_code("uuid", true, 4));
    assert_eq!(retyped.code, ErrorCode::FailedPrecondition);
    let detail = |refusal: &Refusal| {
        let field = |name| refusal.detail[name].as_str().map(str::to_owned);
        (field("property"), field("class_id"))
    };
    let named = (Some("code".to_owned()), Some("Product".to_owned()));
    assert_eq!(detail(&retyped), named);
    assert!(retyped.message.contains("code") && retyped.message.contains("Product"));
    desk.accept(patch_code("string", false, 4));
    desk.accept(product("p2", "a"));
    let late = desk.refuse(patch_code("string", true, 5));
    assert_eq!(
        (late.code, detail(&late)),
        (ErrorCode::FailedPrecondition, named)
    );
    desk.accept(delete("main", "p1", 1));
    desk.refuse(patch_code("string", true, 5));
    desk.accept(delete("main", "p2", 1));
    desk.accept(patch_code("string", true, 5));
}

#[test]
fn a_claim_of_an_earlier_version_excludes_others() {
    let apart = "\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}";
    let mut desk = Desk::with_ontology();
    // It computed the digest of the text as it is written.
    let written = format!("t{}:{apart}", apart.len());
    let digest = crate::json::hex(Sha256::digest(written.as_bytes()).iter().take(16));
    desk.accept_written(product("p1", apart), |event| {
        event.unique.claimed[0].1.clone_from(&digest);
    });
    for code in [apart, "이름"] {
        let refusal = desk.refuse(product("p2", code));
        assert_eq!(refusal.detail["errors"][0]["rule"], "unique", "{code}");
    }
    desk.accept(update("main", "p1", json!({"code": "b"}), 1));
    desk.accept(product("p2", "이름"));
    desk.accept(product("p3", "c"));
}

#[test]
fn a_stale_claim_is_ignored() {
    let mut desk = Desk::with_ontology();
    desk.accept(product("p1", "a"));
    desk.accept(patch_code("string", false, 1));
    let deleted = desk.accept(delete("main", "p1", 1));
    assert_eq!(counts(&deleted), (0, 0), "nobody looked");
    desk.accept(patch_code("string", true, 2));
    assert_eq!(counts(&desk.accept(product("p2", "a"))), (1, 0));
    assert_eq!(
        desk.refuse(product("p3", "a")).code,
        ErrorCode::ValidationFailed
    );
    // A log may contain this if it was written before a late `unique` was refused.
    desk.accept_written(update("main", "p2", json!({"code": "b"}), 1), |event| {
        event.unique = crate::event::UniqueChange::default();
    });
    assert_eq!(
        counts(&desk.accept(product("p3", "a"))),
        (1, 0),
        "p2 has b now"
    );
    assert_eq!(
        desk.refuse(product("p4", "a")).code,
        ErrorCode::ValidationFailed
    );
}

#[test]
fn an_update_claims_unclaimed_values_and_releases_only_its_own() {
    let mut desk = Desk::with_ontology();
    for id in ["p1", "p2"] {
        desk.accept_written(product(id, "a"), |event| event.unique.claimed.clear());
    }
    let claimed = desk.accept(update("main", "p1", json!({"price": 2}), 1));
    assert_eq!(counts(&claimed), (1, 0), "a was held and is claimed now");
    let again = desk.accept(update("main", "p1", json!({"price": 3}), 2));
    assert_eq!(counts(&again), (0, 0));
    let other = desk.refuse(update("main", "p2", json!({"price": 2}), 1));
    assert_eq!(other.detail["errors"][0]["rule"], "unique");
    let moved = desk.accept(update("main", "p2", json!({"code": "b"}), 1));
    assert_eq!(counts(&moved), (1, 0), "a is not p2's to give up");
    assert_eq!(
        desk.refuse(product("p3", "a")).code,
        ErrorCode::ValidationFailed
    );
    desk.accept_written(product("p4", "c"), |event| event.unique.claimed.clear());
    desk.accept(product("p5", "c"));
    assert_eq!(counts(&desk.accept(delete("main", "p4", 1))), (0, 0));
    assert_eq!(
        desk.refuse(product("p6", "c")).code,
        ErrorCode::ValidationFailed
    );
    assert_eq!(counts(&desk.accept(delete("main", "p5", 1))), (0, 1));
    desk.accept(product("p6", "c"));
}

#[test]
fn values_change_owner_within_a_transaction() {
    let mut desk = Desk::with_ontology();
    desk.accept(product("p1", "a"));
    desk.accept(product("p2", "b"));
    let update = |id: &str, code: &str| {
        json!({"type": "UPDATE_INSTANCE", "class": "Product", "id": id,
        "data": {"code": code}, "expected_seq": 1})
    };
    let early = desk.refuse(transaction(json!([update("p2", "a"), update("p1", "c")])));
    assert_eq!(early.code, ErrorCode::ValidationFailed);
    desk.accept(transaction(json!([update("p1", "c"), update("p2", "a")])));
    for code in ["a", "c"] {
        assert_eq!(
            desk.refuse(product("p3", code)).code,
            ErrorCode::ValidationFailed
        );
    }
    desk.accept(transaction(json!([
        {"type": "DELETE_INSTANCE", "class": "Product", "id": "p1", "expected_seq": 2},
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p3", "code": "c"}},
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p4", "code": "b"}},
    ])));
    let twice = desk.refuse(transaction(json!([
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p5", "code": "e"}},
        {"type": "CREATE_INSTANCE", "class": "Product", "data": {"product_id": "p6", "code": "e"}},
    ])));
    assert_eq!(twice.code, ErrorCode::ValidationFailed);
}
