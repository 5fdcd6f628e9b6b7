//! Admission, and how it is withdrawn.

use std::time::Duration;

use spice_core::access::Role;

use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn credential(name: &str, token: &str, role: Role) -> Credential {
    let principal = Principal {
        name: name.parse().unwrap(),
        role,
        databases: vec!["*".parse().unwrap()],
    };
    Credential {
        digest: TokenDigest::of(token),
        principal: Arc::new(principal),
    }
}

async fn actor(access: &Access, token: &str) -> Result<Option<String>, Denial> {
    let admission = access.admit(Ok(token), PEER).await?;
    Ok(admission.caller.actor().map(str::to_owned))
}

#[tokio::test(start_paused = true)]
async fn only_tokens_in_force_let_in() {
    let access = Access::of(vec![
        credential("ci", "old", Role::Editor),
        credential("ci", "new", Role::Editor),
        credential("ops", "third", Role::Admin),
    ]);
    for (token, name) in [("old", "ci"), ("new", "ci"), ("third", "ops")] {
        assert_eq!(actor(&access, token).await, Ok(Some(name.to_owned())));
    }
    for wrong in ["", "ol", "old ", "OLD", "fourth"] {
        assert_eq!(actor(&access, wrong).await, Err(Denial::Unknown), "{wrong}");
    }
    for denial in [Denial::Missing, Denial::Malformed] {
        assert_eq!(access.admit(Err(denial), PEER).await.err(), Some(denial));
    }
    let nobody = Access::of(Vec::new());
    assert_eq!(actor(&nobody, "old").await, Err(Denial::Unknown));
}

#[tokio::test]
async fn without_principals_anybody_is_let_in() {
    let access = Access::anonymous();
    let admission = access.admit(Err(Denial::Missing), PEER).await.unwrap();
    assert_eq!(admission.caller, Caller::Anonymous);
    access.replace(vec![credential("ci", "old", Role::Viewer)]);
    let admission = access.admit(Ok("any"), PEER).await.unwrap();
    assert_eq!(admission.caller, Caller::Anonymous);
}

#[tokio::test]
async fn what_is_removed_or_changed_is_withdrawn_and_nothing_else() {
    let kept = credential("kept", "kept", Role::Viewer);
    let access = Access::of(vec![
        kept.clone(),
        credential("lowered", "lowered", Role::Admin),
        credential("removed", "removed", Role::Viewer),
        credential("kept", "second", Role::Viewer),
    ]);
    let mut withdrawn = Vec::new();
    for token in ["kept", "lowered", "removed", "second"] {
        let admission = access.admit(Ok(token), PEER).await.unwrap();
        withdrawn.push(admission.withdrawn);
    }
    access.replace(vec![credential("lowered", "lowered", Role::Viewer), kept]);
    let cancelled: Vec<bool> = withdrawn
        .iter()
        .map(CancellationToken::is_cancelled)
        .collect();
    assert_eq!(cancelled, [false, true, true, true]);
    assert!(access.admit(Ok("kept"), PEER).await.is_ok());
    let lowered = access.admit(Ok("lowered"), PEER).await.unwrap();
    assert!(!lowered.withdrawn.is_cancelled() && !lowered.caller.has(Role::Editor));
    assert_eq!(actor(&access, "removed").await, Err(Denial::Unknown));
}

#[tokio::test(start_paused = true)]
async fn guesses_of_one_address_are_bounded() {
    let access = Arc::new(Access::of(vec![credential("ci", "right", Role::Viewer)]));
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..1_000 {
        let access = Arc::clone(&access);
        let guess = async move {
            access
                .admit(Ok(&format!("guess {guess}")), PEER)
                .await
                .err()
        };
        guesses.spawn(guess);
    }
    let denials = guesses.join_all().await;
    let compared = denials.iter().filter(|it| **it == Some(Denial::Unknown));
    assert!(compared.count() < 30, "most are not even compared");
    assert!(denials.iter().all(Option::is_some));
    // Nor is the right one, from the same address, while they wait.
    let slow: Vec<_> = (0..32)
        .map(|_| {
            let access = Arc::clone(&access);
            tokio::spawn(async move { access.admit(Ok("wrong"), PEER).await.err() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(actor(&access, "right").await, Err(Denial::Slowed));
    let elsewhere = "10.1.2.3".parse().unwrap();
    assert!(access.admit(Ok("right"), elsewhere).await.is_ok());
    for one in slow {
        one.await.unwrap();
    }
    assert_eq!(actor(&access, "right").await, Ok(Some("ci".to_owned())));
}
