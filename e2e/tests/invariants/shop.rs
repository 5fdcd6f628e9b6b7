//! Shared by the scenarios of the invariants: a database with a product, and ways to read it.

use std::sync::Arc;

use serde_json::{Value, json};
use spice_core::{
    decide::Receipt,
    error::Refusal,
    id::{InstanceRef, Sequence, StreamId},
    lineage::{Lineage, View},
    port::{
        documents::Documents,
        graph::{Entity, Graph},
    },
};
use spice_e2e::sim::{
    client::{
        Answers, Client, change, create_class, create_database, creation, patch, product_class,
    },
    faults::{Node, Port, Role, Trigger},
    run::Outcome,
    world::{Setup, World},
};

pub(crate) const API: Node = node(Role::Api, 0);
pub(crate) const GRAPH: Node = node(Role::Graph, 0);
pub(crate) const PROJECTION: Node = node(Role::Projection, 0);

pub(crate) const fn node(role: Role, number: u8) -> Node {
    Node { role, number }
}

pub(crate) fn trigger_at(node: Node, port: Port, method: &'static str) -> Trigger {
    Trigger {
        node,
        port,
        method,
        skip: 0,
    }
}

/// Nodes of these roles in addition to the usual ones, each a separate process.
pub(crate) fn add_roles(roles: &[Role]) -> Setup {
    let mut setup = Setup {
        one_process: false,
        ..Setup::default()
    };
    setup.nodes.extend(roles.iter().map(|role| node(*role, 1)));
    setup
}

/// A client whose database and class exist, with a product `p` at sequence 1.
pub(crate) async fn open(
    world: &Arc<World>,
    name: &str,
    answers: &Answers,
) -> anyhow::Result<Client> {
    let client = Client::new(world, 0, name, answers)?;
    client.send_accepted("create", create_database()).await?;
    let class = create_class("main", product_class())?;
    client.send_accepted("Product", class).await?;
    add(&client, "main", "p").await?;
    Ok(client)
}

/// Creates a product on a branch.
pub(crate) async fn add(client: &Client, branch: &str, sku: &str) -> anyhow::Result<Receipt> {
    let data = json!({"sku": sku, "price": 1});
    let action = change(branch, creation("Product", data))?;
    client
        .send_accepted(&format!("{branch} {sku}"), action)
        .await
}

/// Sets the price of a product with an expected sequence.
pub(crate) async fn reprice(
    client: &Client,
    label: &str,
    (branch, sku): (&str, &str),
    price: u64,
    seen: u64,
) -> anyhow::Result<Result<Receipt, Refusal>> {
    let dearer = patch("Product", sku, json!({"price": price}), Sequence(seen))?;
    client.send(label, change(branch, dearer)?).await
}

pub(crate) fn product(sku: &str) -> anyhow::Result<InstanceRef> {
    Ok(format!("Product/{sku}").parse()?)
}

pub(crate) fn stream(name: &str) -> anyhow::Result<StreamId> {
    Ok(name.parse()?)
}

pub(crate) fn main_of(name: &str) -> anyhow::Result<View> {
    Ok(View {
        stream: stream(name)?,
        lineage: Lineage::main(),
    })
}

/// A product in graph and documents: its sequence and its data.
pub(crate) async fn read_product(
    world: &World,
    view: &View,
    sku: &str,
) -> anyhow::Result<[Option<(u64, Value)>; 2]> {
    let product = product(sku)?;
    let entity = Entity::Instance(product.clone());
    let graph = world.graph.get().get(view, &[entity]).await?;
    let documents = world.documents.get().get(view, &[product]).await?;
    let value =
        |data: Option<spice_core::json::Json>| data.map_or(Value::Null, |data| data.to_value());
    let version = graph.into_iter().flatten().next();
    let document = documents.into_iter().flatten().next();
    Ok([
        version.map(|version| (version.state.sequence.0, value(version.state.data))),
        document.map(|document| (document.state.sequence.0, value(document.state.data))),
    ])
}

/// The run succeeded, and the oracle found nothing.
pub(crate) fn require_clean(outcome: anyhow::Result<Outcome>) -> Outcome {
    let outcome = outcome.expect("the run");
    assert!(
        outcome.verdict.wrong.is_empty(),
        "{:#?}",
        outcome.verdict.wrong
    );
    outcome
}
