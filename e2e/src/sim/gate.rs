//! What stands before every port of every node: counts, strikes, and holds back the calls of
//! those who sleep or have stopped.

use std::{future::pending, sync::Arc};

use spice_core::{error::StoreError, port::StoreResult};
use tokio::sync::watch;

use super::faults::{Call, Faults, Life, Node, Port, Scope, Verdict, When};

/// One node's way to the ports.
#[derive(Clone)]
pub struct Gate {
    pub(super) faults: Arc<Faults>,
    node: Node,
    life: watch::Receiver<Life>,
}

impl Gate {
    /// The way of a node that starts now.
    pub fn open(faults: &Arc<Faults>, node: Node) -> Self {
        Self {
            life: faults.birth(node),
            faults: Arc::clone(faults),
            node,
        }
    }

    /// Waits while the node sleeps; never returns once it has stopped.
    pub async fn alive(&self) {
        let mut life = self.life.clone();
        // An orphan whose sender is gone runs on as it was.
        let running = life.wait_for(|life| *life != Life::Paused).await;
        let dead = running.is_ok_and(|life| *life == Life::Dead);
        if dead {
            pending::<()>().await;
        }
    }

    /// Returns when the node has stopped.
    pub async fn dead(&self) {
        let mut life = self.life.clone();
        if life.wait_for(|life| *life == Life::Dead).await.is_err() {
            pending::<()>().await;
        }
    }

    /// Makes a call, or does to it what the plan says.
    pub async fn call<T>(
        &self,
        port: Port,
        method: &'static str,
        effect: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        self.alive().await;
        let call = Call {
            node: self.node,
            port,
            method,
        };
        match self.faults.enter(call) {
            Verdict::Proceed => {}
            Verdict::Away => {
                return Err(StoreError::Unavailable {
                    store: "simulated",
                    reason: format!("{port:?} is away"),
                });
            }
            Verdict::Crash(When::Before, scope) => return self.crash(scope).await,
            Verdict::Crash(When::After, scope) => {
                drop(effect.await);
                return self.crash(scope).await;
            }
        }
        let answer = effect.await;
        self.alive().await;
        answer
    }

    async fn crash<T>(&self, scope: Scope) -> T {
        self.faults.crash(self.node, scope);
        pending().await
    }
}
