//! The actions of the clients in the standard run: two databases in parallel, with everything that
//! a projection can get wrong.

use std::sync::Arc;

use serde_json::json;
use spice_core::{
    command::Strategy,
    error::ErrorCode,
    id::{InstanceRef, Sequence},
    port::graph::Entity,
};

use super::{
    client::{
        Answers, Client, bulk, change, create_branch, create_branch_at, create_class,
        create_database, creation, declare, delete_branch, delete_database, deletion, merge, patch,
        product_class, rebase, roll_back, supplier_class, transaction, update_class,
    },
    world::World,
};

/// Runs all of it; records the answer to every command.
pub async fn standard(world: &Arc<World>, answers: &Answers) -> anyhow::Result<()> {
    let poison: InstanceRef = "Product/poison".parse()?;
    world.poison.put(Entity::Instance(poison));
    let alpha = Client::new(world, 0, "alpha", answers)?;
    let beta = Client::new(world, 0, "beta", answers)?;
    let (first, second) = tokio::join!(Box::pin(trade(&alpha)), Box::pin(reuse(&beta)));
    first?;
    second
}

/// One database: instances, a transaction, a bulk, branches, a schema change, poison.
async fn trade(alpha: &Client) -> anyhow::Result<()> {
    alpha.send_accepted("create", create_database()).await?;
    let class = create_class("main", supplier_class())?;
    alpha.send_accepted("Supplier", class).await?;
    let class = create_class("main", product_class())?;
    let product = alpha.send_accepted("Product", class).await?;
    let supplier = creation("Supplier", json!({"supplier_id": "s1", "name": "First"}));
    alpha.send_accepted("s1", change("main", supplier)?).await?;
    for (sku, code) in [("p1", "one"), ("p2", "two"), ("p3", "three")] {
        let data = json!({"sku": sku, "price": 1, "code": code, "supplier": "Supplier/s1"});
        let action = change("main", creation("Product", data))?;
        alpha.send_accepted(sku, action).await?;
    }
    change_instances(alpha).await?;
    poison(alpha).await?;
    branches(alpha).await?;
    merges(alpha).await?;
    declarations(alpha).await?;
    let property = json!({"properties": [
        {"name": "sku", "type": "string", "primaryKey": true},
        {"name": "name", "type": "string"},
        {"name": "price", "type": "integer"},
        {"name": "code", "type": "string", "constraints": {"unique": true}},
        {"name": "colour", "type": "string", "default": "grey"}
    ]});
    let sequence = product.sequence.unwrap_or_default();
    let action = update_class("main", "Product", property, sequence)?;
    alpha.send_accepted("schema", action).await?;
    let data = json!({"sku": "p9", "price": 9, "colour": "red"});
    alpha
        .send_accepted("p9", change("main", creation("Product", data))?)
        .await?;
    Ok(())
}

async fn change_instances(alpha: &Client) -> anyhow::Result<()> {
    let dearer = patch("Product", "p1", json!({"price": 2}), Sequence(1))?;
    alpha
        .send_accepted("p1 dearer", change("main", dearer)?)
        .await?;
    let stale = patch("Product", "p1", json!({"price": 3}), Sequence(1))?;
    let conflict = ErrorCode::OptimisticConcurrencyConflict;
    alpha
        .send_refused("p1 stale", change("main", stale)?, conflict)
        .await?;
    let gone = deletion("Product", "p2", Sequence(1))?;
    alpha
        .send_accepted("p2 gone", change("main", gone)?)
        .await?;
    let again = creation("Product", json!({"sku": "p2", "price": 1}));
    alpha
        .send_refused("p2 again", change("main", again)?, ErrorCode::Deleted)
        .await?;
    let together = transaction(
        "main",
        vec![
            creation("Product", json!({"sku": "p4", "price": 4, "code": "two"})),
            patch("Product", "p1", json!({"code": "uno"}), Sequence(2))?,
            deletion("Product", "p3", Sequence(1))?,
        ],
    )?;
    alpha.send_accepted("together", together).await?;
    let rows = (0..4)
        .map(|row| json!({"sku": format!("b{row}"), "price": row, "supplier": "Supplier/s1"}))
        .collect();
    alpha
        .send_accepted("bulk", bulk("main", "Product", rows)?)
        .await?;
    Ok(())
}

/// Two owners declare classes; one gives up a class of its own.
async fn declarations(alpha: &Client) -> anyhow::Result<()> {
    let class = |id: &str, target: &str| json!({"id": id, "label": id, "relationships": [{"predicate": "to", "target": target}]});
    let both = vec![class("Left", "Right"), class("Right", "Left")];
    let first = declare("first", 1, both);
    alpha.send_accepted("declared", first).await?;
    let taken = declare("second", 1, vec![class("Left", "Right")]);
    alpha.send_refused("taken", taken, ErrorCode::Owned).await?;
    let fewer = declare("first", 2, vec![class("Left", "Left")]);
    alpha.send_accepted("fewer", fewer).await?;
    let late = declare("first", 1, vec![class("Right", "Right")]);
    alpha
        .send_refused("late", late, ErrorCode::StaleGeneration)
        .await?;
    Ok(())
}

async fn poison(alpha: &Client) -> anyhow::Result<()> {
    let bad = creation("Product", json!({"sku": "poison", "price": 1}));
    alpha.send_accepted("poison", change("main", bad)?).await?;
    let more = patch("Product", "poison", json!({"price": 2}), Sequence(1))?;
    alpha
        .send_accepted("more poison", change("main", more)?)
        .await?;
    Ok(())
}

async fn branches(alpha: &Client) -> anyhow::Result<()> {
    let begun = alpha
        .send_accepted("what-if", create_branch("what-if", "main")?)
        .await?;
    let own = patch("Product", "p1", json!({"price": 10}), Sequence(3))?;
    alpha
        .send_accepted("if p1", change("what-if", own)?)
        .await?;
    // From here on the branch shows versions that main no longer shows.
    let moved = patch("Product", "p4", json!({"price": 44}), Sequence(1))?;
    alpha
        .send_accepted("p4 moved", change("main", moved)?)
        .await?;
    let gone = deletion("Product", "b0", Sequence(1))?;
    alpha
        .send_accepted("b0 gone", change("main", gone)?)
        .await?;
    let new = creation("Product", json!({"sku": "p5", "price": 5}));
    alpha
        .send_accepted("if p5", change("what-if", new)?)
        .await?;
    let hidden = deletion("Product", "b1", Sequence(1))?;
    alpha
        .send_accepted("if b1 gone", change("what-if", hidden)?)
        .await?;
    alpha
        .send_accepted("deep", create_branch("what-if/deep", "what-if")?)
        .await?;
    let below = patch("Product", "p5", json!({"price": 55}), Sequence(1))?;
    alpha
        .send_accepted("if p5 moved", change("what-if", below)?)
        .await?;
    let deep = patch("Product", "p4", json!({"price": 444}), Sequence(1))?;
    alpha
        .send_accepted("deep p4", change("what-if/deep", deep)?)
        .await?;
    let gone = deletion("Product", "b2", Sequence(1))?;
    alpha
        .send_accepted("b2 gone", change("main", gone)?)
        .await?;
    alpha
        .send_accepted("kept", create_branch("kept", "main")?)
        .await?;
    alpha
        .send_accepted("deep off", delete_branch("what-if/deep")?)
        .await?;
    alpha
        .send_accepted("what-if off", delete_branch("what-if")?)
        .await?;
    alpha
        .send_accepted("what-if on", create_branch("what-if", "main")?)
        .await?;
    let then = create_branch_at("then", "main", begun.last)?;
    alpha.send_accepted("then", then).await?;
    let own = patch("Product", "b3", json!({"price": 33}), Sequence(1))?;
    alpha.send_accepted("then b3", change("then", own)?).await?;
    let again = patch("Product", "p1", json!({"price": 11}), Sequence(3))?;
    alpha
        .send_accepted("if p1 again", change("what-if", again)?)
        .await?;
    let late = patch("Product", "p4", json!({"price": 45}), Sequence(2))?;
    alpha
        .send_accepted("p4 again", change("main", late)?)
        .await?;
    Ok(())
}

/// Branch operations: merges in both directions, a rebase under a branch that keeps its point, a
/// rollback.
async fn merges(alpha: &Client) -> anyhow::Result<()> {
    let draft = create_branch("draft", "main")?;
    alpha.send_accepted("draft", draft).await?;
    let own = patch(
        "Product",
        "p1",
        json!({"price": 7, "code": "sieben"}),
        Sequence(3),
    )?;
    alpha
        .send_accepted("draft p1", change("draft", own)?)
        .await?;
    let new = creation("Product", json!({"sku": "p6", "price": 6, "code": "six"}));
    let made = alpha
        .send_accepted("draft p6", change("draft", new)?)
        .await?;
    let gone = deletion("Product", "b1", Sequence(1))?;
    alpha
        .send_accepted("draft b1", change("draft", gone)?)
        .await?;
    let stack = create_branch("draft/stack", "draft")?;
    alpha.send_accepted("stack", stack).await?;
    let moved = patch("Product", "p4", json!({"price": 46}), Sequence(3))?;
    alpha
        .send_accepted("p4 meanwhile", change("main", moved)?)
        .await?;
    let onto = rebase("draft", "main", Strategy::Fail)?;
    alpha.send_accepted("rebase", onto).await?;
    let taken = merge("draft", "main", Strategy::Fail)?;
    alpha.send_accepted("merge", taken).await?;
    let other = merge("what-if", "main", Strategy::Fail)?;
    let conflict = ErrorCode::MergeConflict;
    alpha.send_refused("conflict", other, conflict).await?;
    let theirs = merge("what-if", "main", Strategy::Theirs)?;
    alpha.send_accepted("theirs", theirs).await?;
    let back = roll_back("draft/stack", made.last)?;
    alpha
        .send_refused("too far back", back, ErrorCode::InvalidRequest)
        .await?;
    let begun = alpha
        .send_accepted("on", create_branch("on", "main")?)
        .await?;
    let more = patch("Product", "p6", json!({"code": "sechs"}), Sequence(1))?;
    alpha.send_accepted("on p6", change("on", more)?).await?;
    let back = roll_back("on", begun.last)?;
    alpha.send_accepted("back", back).await?;
    Ok(())
}

/// A database that is deleted and created again with the same name.
async fn reuse(beta: &Client) -> anyhow::Result<()> {
    let database = beta.send_accepted("create", create_database()).await?;
    let class = create_class("main", product_class())?;
    beta.send_accepted("Product", class).await?;
    let one = creation("Product", json!({"sku": "x", "price": 1, "code": "same"}));
    beta.send_accepted("x", change("main", one)?).await?;
    let other = creation("Product", json!({"sku": "y", "price": 1, "code": "same"}));
    beta.send_refused("y", change("main", other)?, ErrorCode::ValidationFailed)
        .await?;
    beta.send_accepted("twig", create_branch("twig", "main")?)
        .await?;
    let twig = patch("Product", "x", json!({"price": 7}), Sequence(1))?;
    beta.send_accepted("twig x", change("twig", twig)?).await?;
    let sequence = database.sequence.unwrap_or_default();
    beta.send_accepted("delete", delete_database(sequence))
        .await?;
    let nothing = creation("Product", json!({"sku": "z"}));
    beta.send_refused("z", change("main", nothing)?, ErrorCode::NotFound)
        .await?;
    beta.send_accepted("create again", create_database())
        .await?;
    let class = create_class("main", product_class())?;
    beta.send_accepted("Product again", class).await?;
    let one = creation("Product", json!({"sku": "x", "price": 100}));
    beta.send_accepted("x again", change("main", one)?).await?;
    beta.send_accepted("twig again", create_branch("twig", "main")?)
        .await?;
    let one = patch("Product", "x", json!({"price": 101}), Sequence(1))?;
    beta.send_accepted("x moved", change("main", one)?).await?;
    Ok(())
}
