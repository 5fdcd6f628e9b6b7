//! The content of indexes, however they are built.

use proptest::prelude::*;
use rusqlite::Connection;
use spice_core::ontology::PropertyType;

use super::{
    Index, Keeper, SLOTS, TABLES, Wanted,
    build::{Built, STEP, build_step_of},
    find_index,
};
use crate::scopes;

fn open() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for tables in [scopes::TABLES, crate::documents::rows::TABLES, TABLES] {
        connection.execute_batch(tables).unwrap();
    }
    connection
        .execute_batch(
            "INSERT INTO scopes (id, stream, branch, kind, class) VALUES (1, 1, 0, 1, 'A')",
        )
        .unwrap();
    connection
}

/// Writes one document as a batch of one.
fn write(connection: &Connection, id: usize, data: Option<&str>) {
    let name = format!("i{id}");
    let row = i64::try_from(id).unwrap() + 1;
    let mut keeper = Keeper::new(connection).unwrap();
    let live = "SELECT live FROM documents WHERE row = ?1";
    let was_live = connection
        .query_row(live, [row], |row| row.get(0))
        .unwrap_or(false);
    let before = was_live
        .then(|| keeper.read_before(1, row).unwrap())
        .flatten();
    connection
        .execute(
            "INSERT OR REPLACE INTO documents (row, scope, id, position, live, sequence,
                 event_id, occurred_at, created_at, data)
             VALUES (?1, 1, ?2, 0, ?3, 1, x'', 0, 0, ?4)",
            rusqlite::params![row, name, data.is_some(), data],
        )
        .unwrap();
    keeper
        .replace((1, &name, row), before.as_deref(), data)
        .unwrap();
    keeper.save().unwrap();
}

fn entries(connection: &Connection) -> Vec<(i64, Vec<u8>, String, i64)> {
    let mut all = connection
        .prepare("SELECT slot, value, id, row FROM sorted_values")
        .unwrap();
    let rows = all.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

const STATES: [Option<&str>; 6] = [
    None,
    Some("{}"),
    Some(r#"{"p":1}"#),
    Some(r#"{"p":"x","q":2}"#),
    Some(r#"{"p":[1,"x",1]}"#),
    Some(r#"{"p":null}"#),
];

fn wanted(number: i64) -> Wanted {
    Wanted::new(1, &format!("p{number}"), PropertyType::Integer)
}

#[test]
fn a_scope_has_a_maximum_number_of_indexes() {
    let connection = open();
    let build = |wanted: &Wanted| build_step_of(&connection, wanted, STEP).unwrap();
    let find = |number| find_index(&connection, &wanted(number)).unwrap();
    for number in 0..SLOTS {
        assert_eq!(find(number), Index::Possible);
        let left = SLOTS - 1 - number;
        assert_eq!(build(&wanted(number)), Built::Wholly { left });
    }
    assert_eq!(find(SLOTS), Index::Refused);
    assert_eq!(build(&wanted(SLOTS)), Built::Nothing);
    assert!(matches!(find(0), Index::Complete(_)));
    assert_eq!(build(&wanted(0)), Built::Nothing);
    let of_none = Wanted::new(2, "p", PropertyType::Integer);
    assert_eq!(build(&of_none), Built::Nothing);
}

/// The builder may have been stopped, and nobody else would continue.
#[test]
fn a_half_built_index_is_requested_although_no_new_one_is_possible() {
    let connection = open();
    write(&connection, 0, Some("{}"));
    assert_eq!(
        build_step_of(&connection, &wanted(0), 1).unwrap(),
        Built::Partly
    );
    for number in 1..SLOTS {
        build_step_of(&connection, &wanted(number), STEP).unwrap();
    }
    let find = |number| find_index(&connection, &wanted(number)).unwrap();
    assert_eq!((find(0), find(SLOTS)), (Index::Possible, Index::Refused));
    let built = build_step_of(&connection, &wanted(0), STEP).unwrap();
    assert_eq!(built, Built::Wholly { left: 0 });
    assert!(matches!(find(0), Index::Complete(_)));
}

proptest! {
    /// However writes fall between the steps, the index equals one that is built at the end.
    #[test]
    fn an_index_built_between_writes_is_complete(
        rounds in prop::collection::vec(
            prop::collection::vec((0..9_usize, 0..STATES.len()), 0..6), 1..8),
    ) {
        let wanted = Wanted::new(1, "p", PropertyType::Integer);
        let connection = open();
        for round in &rounds {
            for (id, state) in round {
                write(&connection, *id, STATES[*state]);
            }
            build_step_of(&connection, &wanted, 2).unwrap();
        }
        while build_step_of(&connection, &wanted, 2).unwrap() == Built::Partly {}
        let between = entries(&connection);
        connection
            .execute_batch("DELETE FROM sorted_values; DELETE FROM sorted_properties")
            .unwrap();
        prop_assert_eq!(
                build_step_of(&connection, &wanted, STEP).unwrap(),
                Built::Wholly { left: SLOTS - 1 }
            );
        prop_assert_eq!(between, entries(&connection));
    }
}
