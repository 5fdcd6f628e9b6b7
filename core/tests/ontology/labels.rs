//! Labels by language, and classes found by them.

use std::sync::Arc;

use spice_core::ontology::Schema;

use crate::support::class;

#[test]
fn a_label_is_looked_up_by_accept_language_then_ko_en_and_the_first() {
    let all =
        class(r#"{"id":"T","label":{"de":"Ware","en":"Product","ko":"상품","pt-BR":"Produto"}}"#);
    for (accept, label) in [
        (None, "상품"),
        (Some(""), "상품"),
        (Some("en"), "Product"),
        (Some("EN-us"), "Product"),
        (Some("pt"), "Produto"),
        (Some("pt-PT"), "Produto"),
        (Some("fr, de;q=0.3, en;q=0.7"), "Product"),
        (Some("de;q=0.8,en;q=0.7"), "Ware"),
        (Some("en;q=0, de;q=0.1"), "Ware"),
        (Some("en;q=0"), "상품"),
        (Some("*"), "상품"),
        (Some("fr"), "상품"),
        (Some("de;q=x,en"), "Product"),
        (Some(";;,,q=1;"), "상품"),
    ] {
        assert_eq!(all.label(accept), label, "{accept:?}");
    }
    assert_eq!(
        class(r#"{"id":"T","label":{"de":"Ware","en":"Product"}}"#).label(None),
        "Product"
    );
    assert_eq!(
        class(r#"{"id":"T","label":{"de":"Ware","fr":"Chose"}}"#).label(Some("it")),
        "Ware"
    );
    assert_eq!(
        class(r#"{"id":"T","label":"Thing"}"#).label(Some("ko")),
        "Thing"
    );
}

#[test]
fn a_class_is_found_by_id_then_by_any_label() {
    let mut schema = Schema::default();
    for definition in [
        r#"{"id":"A","label":{"en":"B","ko":"가"}}"#,
        r#"{"id":"B","label":"Bee"}"#,
        r#"{"id":"C","label":"order item"}"#,
    ] {
        schema.put(Arc::new(class(definition)));
    }
    let found = |text: &str| {
        schema
            .resolve(text)
            .map(|class| class.id.as_str().to_owned())
    };
    assert_eq!(found("A").as_deref(), Some("A"));
    assert_eq!(
        found("B").as_deref(),
        Some("B"),
        "an id comes before a label"
    );
    assert_eq!(found("가").as_deref(), Some("A"));
    assert_eq!(found("order item").as_deref(), Some("C"));
    // In the form in which macOS writes names of files.
    assert_eq!(found("\u{1100}\u{1161}").as_deref(), Some("A"));
    assert_eq!(found("a"), None);
    assert_eq!(found(""), None);
    assert_eq!(schema.iter().count(), 3);
    let mut without = schema.clone();
    without.remove(&"C".parse().unwrap());
    assert!(without.get(&"C".parse().unwrap()).is_none() && schema.resolve("C").is_some());
}
