//! Guards of the writers: lost answers, repeated commands, several apis, a lost registry.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use spice_core::{guard::Guard, id::Sequence};
use spice_e2e::sim::{
    client::{Answered, Answers, Client, change, create_class, creation, patch, supplier_class},
    faults::{Fate, Fault, Life, Node, Port, Role, Scope, When},
    world::{Setup, World},
};

use super::stage::{API, node, reprice, shop, trigger_at, turns_red, wait_struck};

const SECOND_API: Node = node(Role::Api, 1);

/// A client that asks once gets a refusal only if its command will never be in the log.
#[test]
fn same_bytes_again_keeps_a_refusal_true() {
    turns_red(
        Guard::SameBytesAgain,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            world.faults.arm(
                trigger_at(API, Port::Log, "append"),
                Fault::LostAnswer(Fate::Late(3)),
            );
            let once = patch("Product", "p", json!({"price": 2}), Sequence(1))?;
            let id = shop.command_id("once");
            let answer = shop.send_once(id, change("main", once)?).await?;
            let answered = Answered {
                label: "once".to_owned(),
                id,
                answer,
            };
            answers.lock().expect("no one panics").push(answered);
            tokio::time::sleep(Duration::from_secs(5)).await;
            let data = json!({"sku": "q", "price": 1});
            shop.send_accepted("q", change("main", creation("Product", data))?)
                .await?;
            Ok(())
        },
    );
}

/// The process stops after the PUT; the client asks again.
#[test]
fn event_id_lookup_gives_the_first_answer() {
    turns_red(
        Guard::EventIdLookup,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            let crash = Fault::Crash(When::After, Scope::Process);
            world
                .faults
                .arm(trigger_at(API, Port::Log, "append"), crash);
            let data = json!({"sku": "q", "price": 1});
            shop.send_accepted("q", change("main", creation("Product", data))?)
                .await?;
            Ok(())
        },
    );
}

/// Two apis, each of which knows what the other appended only when it looks.
fn with_two_apis() -> Setup {
    // A hint would make it look, and hints get lost.
    let mut setup = Setup {
        deaf: true,
        ..Setup::default()
    };
    setup.nodes.push(SECOND_API);
    setup
}

/// One api creates a class, and sleeps before the registry has it; the other one, which has had the
/// database open, is sent an instance of it.
async fn class_of_another_api(world: Arc<World>, answers: Answers) -> anyhow::Result<()> {
    let shop = shop(&world, &answers).await?;
    let other = Client::new(&world, SECOND_API.number, "shop", &answers)?;
    let data = json!({"sku": "q", "price": 1});
    other
        .send_accepted("q", change("main", creation("Product", data))?)
        .await?;
    world.settle_with_faults().await?;
    world
        .faults
        .arm(trigger_at(API, Port::Model, "advance"), Fault::Pause);
    let class = create_class("main", supplier_class())?;
    shop.send_accepted("Supplier", class).await?;
    wait_struck(&world).await?;
    let data = json!({"supplier_id": "s"});
    other
        .send_accepted("s", change("main", creation("Supplier", data))?)
        .await?;
    world.faults.set_life(API, Life::Running);
    Ok(())
}

/// A writer that has not read the tail refuses the instance.
#[test]
fn tail_before_refusal_shows_what_another_api_appended() {
    let setup = with_two_apis();
    turns_red(Guard::TailBeforeRefusal, &setup, class_of_another_api);
}

/// A writer that takes the log's end from a cache finds no tail to read, and refuses the instance.
#[test]
fn a_fresh_end_shows_what_a_cached_one_hides() {
    let setup = with_two_apis();
    turns_red(Guard::FreshEnd, &setup, class_of_another_api);
}

/// The registry is lost between a writer's check and its advance.
#[test]
fn registry_position_keeps_the_write_model_whole() {
    turns_red(
        Guard::RegistryPosition,
        &Setup::default(),
        |world, answers| async move {
            let shop = shop(&world, &answers).await?;
            world.settle_with_faults().await?;
            world
                .faults
                .arm(trigger_at(API, Port::Model, "advance"), Fault::Pause);
            reprice(&shop, "main", 2, 1).await?;
            wait_struck(&world).await?;
            world.wipe_registry()?;
            world.faults.set_life(API, Life::Running);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        },
    );
}
