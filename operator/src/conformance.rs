//! What the operator expects of an api. The double of the tests and the real api both pass it.

use spice_crds::{Adopt, ChangePolicy, Exact};

use crate::client::{
    Accepted, Api, ApiError, Change, Claim, Command, Declaration, Deletion, HandOver, Owner,
    Subject, Thing,
};

/// A step that did not answer as expected.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {found}")]
pub struct Difference {
    /// The step.
    pub step: &'static str,
    /// The answer.
    pub found: String,
}

/// An object that declares.
struct Person<'a, A> {
    api: &'a A,
    database: &'a str,
    owner: Owner,
}

type Answer = Result<Accepted, ApiError>;

impl<A: Api> Person<'_, A> {
    fn claim(&self, generation: i64) -> Claim {
        Claim {
            owner: self.owner.clone(),
            generation,
        }
    }

    fn declaration(&self, generation: i64, subject: Subject) -> Declaration {
        Declaration {
            claim: Some(self.claim(generation)),
            adopt: Adopt::IfEqual,
            recreate: false,
            change_policy: ChangePolicy::Safe,
            approve: None,
            dry_run: false,
            subject,
        }
    }

    async fn send(&self, declaration: Declaration) -> Answer {
        let command = Command::Declare(Box::new(declaration));
        self.api.send(self.database, &command).await
    }

    async fn declare(&self, generation: i64, subject: Subject) -> Answer {
        self.send(self.declaration(generation, subject)).await
    }

    async fn hand_over(&self, generation: i64, to: &Owner, classes: &[&str]) -> Answer {
        let only = classes.iter().map(|name| Thing::Class {
            branch: "main".to_owned(),
            name: (*name).to_owned(),
        });
        let command = Command::HandOver(Box::new(HandOver {
            claim: self.claim(generation),
            to: to.clone(),
            only: only.collect(),
        }));
        self.api.send(self.database, &command).await
    }

    async fn delete(&self, generation: i64) -> Answer {
        let command = Command::Delete(Box::new(Deletion {
            claim: self.claim(generation),
            delete: true,
            change_policy: ChangePolicy::Safe,
            approve: None,
        }));
        self.api.send(self.database, &command).await
    }
}

fn classes(branch: &str, names: &[(&str, Option<&str>)]) -> Subject {
    let definition = |(name, parent): &(&str, Option<&str>)| {
        let mut class = spice_crds::Fields::new();
        class.insert("id".into(), (*name).into());
        class.insert("label".into(), (*name).into());
        if let Some(parent) = parent {
            class.insert("parent_class".into(), (*parent).into());
        }
        Exact::from(class)
    };
    Subject::Classes {
        branch: branch.to_owned(),
        definitions: names.iter().map(definition).collect(),
    }
}

fn database(after_generation: Option<u64>) -> Subject {
    Subject::Database {
        description: None,
        after_generation,
    }
}

fn branch(name: &str, parent: &str) -> Subject {
    Subject::Branch {
        name: name.to_owned(),
        from_branch: parent.to_owned(),
        from_position: None,
    }
}

/// The answer in one line: `+a ~b -c` for effects, or the kind of the refusal.
fn summarize(answer: &Answer) -> String {
    match answer {
        Ok(accepted) => {
            let mut effects: Vec<String> = accepted
                .changes
                .iter()
                .map(|thing| {
                    let sign = match thing.change {
                        Change::Added => "+",
                        Change::Modified => "~",
                        Change::Deleted => "-",
                    };
                    format!("{sign}{}", thing.name)
                })
                .collect();
            effects.sort();
            effects.join(" ")
        }
        Err(ApiError::Missing { what }) => format!("missing {what}"),
        Err(ApiError::Owned {
            owner, generation, ..
        }) => format!("owned by {owner} at {generation}"),
        Err(ApiError::Stale { .. }) => "stale".to_owned(),
        Err(ApiError::NotAdopted { .. }) => "not adopted".to_owned(),
        Err(ApiError::Deleted { .. }) => "deleted".to_owned(),
        Err(ApiError::Unsafe { .. }) => "unsafe".to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

fn expect(step: &'static str, answer: &Answer, expected: &str) -> Result<(), Difference> {
    let found = summarize(answer);
    if found == expected {
        return Ok(());
    }
    let found = format!("{found:?} instead of {expected:?}");
    Err(Difference { step, found })
}

/// The objects of the check.
struct Cast<'a, A> {
    shop: Person<'a, A>,
    one: Person<'a, A>,
    two: Person<'a, A>,
    three: Person<'a, A>,
    trunk: Person<'a, A>,
}

impl<'a, A: Api> Cast<'a, A> {
    fn new(api: &'a A, database: &'a str) -> Self {
        let person = |kind: &str, name: &str| Person {
            api,
            database,
            owner: Owner {
                cluster: "conformance".into(),
                kind: kind.into(),
                namespace: "team".into(),
                name: name.into(),
                uid: format!("uid-{name}"),
            },
        };
        Self {
            shop: person("Database", "shop"),
            one: person("Ontology", "one"),
            two: person("Ontology", "two"),
            three: person("Ontology", "three"),
            trunk: person("Branch", "b"),
        }
    }
}

/// A class and its parent.
fn pair() -> Subject {
    classes("main", &[("X", Some("Y")), ("Y", None)])
}

fn single() -> Subject {
    classes("main", &[("Y", None)])
}

/// Checks an api with a database of this name, which must not exist before.
pub async fn check<A: Api>(api: &A, name: &str) -> Result<(), Difference> {
    let cast = Cast::new(api, name);
    check_sets(&cast, name).await?;
    check_places(&cast).await?;
    check_ends(&cast).await?;
    check_database(&cast, name).await
}

async fn check_sets<A: Api>(cast: &Cast<'_, A>, name: &str) -> Result<(), Difference> {
    let Cast { shop, one, two, .. } = cast;
    let missing = format!("missing database {name}");
    expect(
        "classes without a database",
        &one.declare(1, pair()).await,
        &missing,
    )?;
    let made = shop.declare(1, database(Some(0))).await;
    expect("a new database", &made, &format!("+{name}"))?;
    expect(
        "the same database",
        &shop.declare(1, database(None)).await,
        "",
    )?;
    expect("a set in any order", &one.declare(2, pair()).await, "+X +Y")?;
    expect("the same set", &one.declare(2, pair()).await, "")?;
    expect(
        "an older generation",
        &one.declare(1, single()).await,
        "stale",
    )?;
    let other = two.declare(1, single()).await;
    expect(
        "a set of another owner",
        &other,
        "owned by Ontology team/one at 2",
    )?;
    expect("a smaller set", &one.declare(3, single()).await, "-X")?;
    expect(
        "a class that comes back",
        &one.declare(4, pair()).await,
        "+X",
    )?;
    let mut plan = one.declaration(5, single());
    plan.dry_run = true;
    expect("a dry run", &one.send(plan).await, "-X")?;
    expect("nothing was done", &one.declare(4, pair()).await, "")?;
    Ok(())
}

async fn check_places<A: Api>(cast: &Cast<'_, A>) -> Result<(), Difference> {
    let Cast { two, trunk, .. } = cast;
    let orphan = two
        .declare(1, classes("main", &[("O", Some("Nowhere"))]))
        .await;
    expect("a missing parent", &orphan, "missing class Nowhere")?;
    let early = two.declare(1, classes("b", &[("B", None)])).await;
    expect("a missing branch", &early, "missing branch b")?;
    let early = trunk.declare(1, branch("b", "nowhere")).await;
    expect("a missing parent branch", &early, "missing branch nowhere")?;
    expect(
        "a branch",
        &trunk.declare(1, branch("b", "main")).await,
        "+b",
    )?;
    expect(
        "the same branch",
        &trunk.declare(1, branch("b", "main")).await,
        "",
    )?;
    expect(
        "classes on a branch",
        &two.declare(1, classes("b", &[("B", None)])).await,
        "+B",
    )?;
    Ok(())
}

async fn check_ends<A: Api>(cast: &Cast<'_, A>) -> Result<(), Difference> {
    let Cast { one, three, .. } = cast;
    expect(
        "a hand-over",
        &one.hand_over(4, &three.owner, &["X", "Missing"]).await,
        "",
    )?;
    let taken = one.declare(4, pair()).await;
    expect(
        "what was handed over",
        &taken,
        "owned by Ontology team/three at 0",
    )?;
    let given = classes("main", &[("X", Some("Y"))]);
    expect("the new owner", &three.declare(1, given).await, "")?;
    let parent = one.delete(5).await;
    expect("the deletion of a parent", &parent, "unsafe")?;
    expect("a deletion", &three.delete(1).await, "-X")?;
    expect("a repeated deletion", &three.delete(1).await, "")?;
    expect("the rest", &one.delete(5).await, "-Y")?;
    expect(
        "an ended declaration",
        &one.declare(5, pair()).await,
        "stale",
    )?;
    Ok(())
}

async fn check_database<A: Api>(cast: &Cast<'_, A>, name: &str) -> Result<(), Difference> {
    let Cast { shop, two, .. } = cast;
    let gone = shop.delete(1).await;
    expect("a deleted database", &gone, &format!("-{name}"))?;
    let known = shop.api.database(name).await;
    if !known
        .as_ref()
        .is_ok_and(|known| !known.exists && known.over == 1)
    {
        let found = format!("{known:?}");
        let step = "the generation of a deleted database";
        return Err(Difference { step, found });
    }
    expect(
        "classes without a database again",
        &two.declare(2, pair()).await,
        &format!("missing database {name}"),
    )
}
