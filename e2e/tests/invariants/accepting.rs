//! Invariants of accepting: the log, the writers, the answers.

use anyhow::{Context, ensure};
use serde_json::json;
use spice_core::{
    error::{ErrorCode, Refusal},
    id::{InstanceRef, Sequence},
    port::{documents::Documents, graph::Entity, log::Log},
};
use spice_e2e::sim::{
    client::{Client, change, create_branch, create_class, creation, delete_branch, patch},
    faults::{Fate, Fault, Port, Role, Scope, When},
    run,
    world::Setup,
};

use crate::shop::{
    API, add, add_roles, main_of, open, product, read_product, reprice, require_clean, trigger_at,
};

const TROUBLES: [Fault; 6] = [
    Fault::Crash(When::Before, Scope::Process),
    Fault::Crash(When::After, Scope::Process),
    Fault::LostAnswer(Fate::Landed),
    Fault::LostAnswer(Fate::Never),
    Fault::LostAnswer(Fate::Late(5)),
    Fault::Away(3),
];

/// Whatever happens to the PUT, an accepted command is in the log once; after everything but the
/// log was deleted, the same command gets the same answer.
#[test]
fn accepted_is_durable() {
    for trouble in TROUBLES {
        let outcome = run::scenario(Setup::default(), |world, answers| async move {
            let shop = open(&world, "shop", &answers).await?;
            world
                .faults
                .arm(trigger_at(API, Port::Log, "append"), trouble);
            let first = add(&shop, "main", "q").await?;
            world.settle_with_faults().await?;
            world.wipe_registry()?;
            world.wipe_graph()?;
            world.wipe_documents()?;
            world
                .faults
                .strike_next(Fault::Crash(When::Before, Scope::Process));
            let again = add(&shop, "main", "q").await?;
            ensure!(again == first, "{again:?} is not {first:?}");
            Ok(())
        });
        require_clean(outcome);
    }
}

/// The registry is deleted while an api keeps running: a repeated command still gets its first
/// answer, whatever facts its decision needs.
#[test]
fn a_retry_finds_its_answer_when_the_registry_was_lost() {
    let outcome = run::scenario(Setup::default(), |world, answers| async move {
        let shop = open(&world, "shop", &answers).await?;
        let twig = shop.send_accepted("twig", create_branch("twig", "main")?);
        let twig = twig.await?;
        let off = shop
            .send_accepted("twig off", delete_branch("twig")?)
            .await?;
        world.settle_with_faults().await?;
        for (label, action, first) in [
            ("twig off", delete_branch("twig")?, off),
            ("twig", create_branch("twig", "main")?, twig),
        ] {
            world.wipe_registry()?;
            let again = shop.send_as(shop.command_id(label), action).await?;
            ensure!(again.as_ref().ok() == Some(&first), "{label}: {again:?}");
            world.settle_with_faults().await?;
        }
        Ok(())
    });
    require_clean(outcome);
}

/// Two apis, six clients, one expected sequence, round after round.
#[test]
fn one_writer_wins() {
    let outcome = run::scenario(add_roles(&[Role::Api]), |world, answers| async move {
        open(&world, "shop", &answers).await?;
        for round in 1..6 {
            let mut racers = Vec::new();
            for number in 0..6_u8 {
                let client = Client::new(&world, number % 2, "shop", &answers)?;
                racers.push(tokio::spawn(async move {
                    let label = format!("racer {number} of {round}");
                    reprice(&client, &label, ("main", "p"), u64::from(number), round).await
                }));
            }
            let (mut won, mut lost) = (0, 0);
            for racer in racers {
                match racer.await?? {
                    Ok(receipt) => {
                        ensure!(receipt.sequence == Some(Sequence(round + 1)));
                        won += 1;
                    }
                    Err(refusal) => {
                        ensure!(is_conflict(&refusal, round, round + 1), "{refusal:?}");
                        lost += 1;
                    }
                }
            }
            ensure!((won, lost) == (1, 5), "{won} won, {lost} lost");
        }
        Ok(())
    });
    require_clean(outcome);
}

fn is_conflict(refusal: &Refusal, expected: u64, actual: u64) -> bool {
    refusal.code == ErrorCode::OptimisticConcurrencyConflict
        && refusal.detail.get("expected_seq") == Some(&expected.into())
        && refusal.detail.get("actual_seq") == Some(&actual.into())
}

/// Two apis append concurrently while answers are lost; the oracle reads the whole log.
#[test]
fn log_is_contiguous() {
    let outcome = run::scenario(add_roles(&[Role::Api]), |world, answers| async move {
        open(&world, "shop", &answers).await?;
        let fates = [Fate::Landed, Fate::Late(2), Fate::Never, Fate::Late(30)];
        for (round, fate) in fates.into_iter().enumerate() {
            world.faults.arm(
                trigger_at(API, Port::Log, "append"),
                Fault::LostAnswer(fate),
            );
            let mut writers = Vec::new();
            for number in 0..10_u8 {
                let client = Client::new(&world, number % 2, "shop", &answers)?;
                let sku = format!("r{round}n{number}");
                writers.push(tokio::spawn(
                    async move { add(&client, "main", &sku).await },
                ));
            }
            for writer in writers {
                writer.await??;
            }
        }
        let end = world.log.end(&"shop".parse()?).await?;
        // Opened, two for each of database, class and product, then forty products.
        ensure!(end.0 == 1 + 6 + 80, "the log ends at {end}");
        Ok(())
    });
    require_clean(outcome);
}

/// After any failure of log or registry, the sequence that a read shows is the one for the next
/// write, at either api.
#[test]
fn no_aggregate_is_wedged() {
    let calls = [
        (Port::Log, "append"),
        (Port::Log, "end"),
        (Port::Model, "commands"),
        (Port::Model, "advance"),
        (Port::Model, "get"),
    ];
    for (port, method) in calls {
        for trouble in TROUBLES {
            let outcome = run::scenario(add_roles(&[Role::Api]), |world, answers| async move {
                let shop = open(&world, "shop", &answers).await?;
                world.faults.arm(trigger_at(API, port, method), trouble);
                let label = "under trouble";
                reprice(&shop, label, ("main", "p"), 2, 1).await??;
                world.settle_with_faults().await?;
                for api in [0, 1] {
                    let shown = read_product(&world, &main_of("shop")?, "p").await?;
                    let sequence = shown[1].as_ref().context("no document")?.0;
                    let client = Client::new(&world, api, "shop", &answers)?;
                    let label = format!("next at {api}");
                    reprice(&client, &label, ("main", "p"), 3, sequence).await??;
                    world.settle_with_faults().await?;
                }
                Ok(())
            });
            require_clean(outcome);
        }
    }
}

/// The same id with another payload is refused: in one batch, after a crash, after the registry was
/// lost, at another api. The same payload gets the first answer each time.
#[test]
fn event_id_reuse_is_refused() {
    let outcome = run::scenario(add_roles(&[Role::Api]), |world, answers| async move {
        let shop = open(&world, "shop", &answers).await?;
        let first = add(&shop, "main", "q").await?;
        let same = change("main", creation("Product", json!({"sku": "q", "price": 1})))?;
        let other = change("main", creation("Product", json!({"sku": "r", "price": 1})))?;
        let id = shop.command_id("main q");
        for round in 0..3 {
            for api in [0, 1] {
                let client = Client::new(&world, api, "shop", &answers)?;
                let again = client.send_as(id, same.clone()).await?;
                ensure!(again.as_ref().ok() == Some(&first), "{again:?}");
                let refused = client.send_as(id, other.clone()).await?;
                let code = refused.err().map(|refusal| refusal.code);
                ensure!(code == Some(ErrorCode::EventIdReused), "{code:?}");
            }
            if round == 0 {
                world.wipe_registry()?;
            }
            world
                .faults
                .strike_next(Fault::Crash(When::Before, Scope::Process));
        }
        let fresh = shop.command_id("twice at once");
        let (one, two) = tokio::join!(
            shop.send_as(fresh, other.clone()),
            shop.send_as(
                fresh,
                change("main", patch("Product", "q", json!({}), Sequence(1))?)?
            )
        );
        let (one, two) = (one?, two?);
        ensure!(one.is_ok(), "{one:?}");
        let code = two.err().map(|refusal| refusal.code);
        ensure!(code == Some(ErrorCode::EventIdReused), "{code:?}");
        let first = spice_e2e::sim::client::Answered {
            label: "twice at once".to_owned(),
            id: fresh,
            answer: one,
        };
        answers.lock().expect("no one panics").push(first);
        Ok(())
    });
    require_clean(outcome);
}

/// Two databases with the same names in them, and names that would collide if they were only
/// concatenated.
#[test]
fn tenants_do_not_meet() {
    let outcome = run::scenario(Setup::default(), |world, answers| async move {
        let one = open(&world, "tenant", &answers).await?;
        let two = open(&world, "tenant-two", &answers).await?;
        reprice(&one, "mine", ("main", "p"), 11, 1).await??;
        reprice(&two, "mine", ("main", "p"), 22, 1).await??;
        for class in ["A", "A:b"] {
            let definition = json!({"id": class, "label": class, "properties": [
                {"name": "key", "type": "string", "primaryKey": true}]});
            let action = create_class("main", definition)?;
            one.send_accepted(&format!("class {class}"), action).await?;
        }
        for (class, id) in [("A", "b:c"), ("A:b", "c")] {
            let action = change("main", creation(class, json!({"key": id})))?;
            one.send_accepted(&format!("{class} {id}"), action).await?;
        }
        let stolen = two.send_as(
            one.command_id("mine"),
            change("main", creation("Product", json!({"sku": "s"})))?,
        );
        let code = stolen.await?.err().map(|refusal| refusal.code);
        ensure!(code == Some(ErrorCode::EventIdReused), "{code:?}");
        world.settle_with_faults().await?;
        for (name, price) in [("tenant", 11), ("tenant-two", 22)] {
            for shown in read_product(&world, &main_of(name)?, "p").await? {
                let (sequence, data) = shown.context("nothing shows")?;
                ensure!(sequence == 2 && data["price"] == price, "{name}: {data}");
            }
        }
        let documents = world.documents.get();
        let instances = [
            InstanceRef {
                class: "A".parse()?,
                id: "b:c".parse()?,
            },
            InstanceRef {
                class: "A:b".parse()?,
                id: "c".parse()?,
            },
        ];
        let found = documents.get(&main_of("tenant")?, &instances).await?;
        let keys: Vec<_> = found
            .into_iter()
            .flatten()
            .map(|document| document.state.entity)
            .collect();
        ensure!(keys == instances.map(Entity::Instance), "{keys:?}");
        let none = documents
            .get(&main_of("tenant-two")?, &[product("q")?])
            .await?;
        ensure!(none.into_iter().flatten().next().is_none());
        Ok(())
    });
    require_clean(outcome);
}
