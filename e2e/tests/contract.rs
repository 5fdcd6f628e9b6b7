//! The contract, call by call, only over HTTP: against a new server, or against the URLs in
//! `SPICE_CONTRACT_GATEWAY` and `SPICE_CONTRACT_OMS` (with new database names).
//! `contract/scripts/*.http` contain each exchange as it is sent and answered; `contract/script.rs`
//! explains how to read them.
#![allow(clippy::unwrap_used)]

#[path = "contract/pattern.rs"]
mod pattern;
#[path = "contract/refusals.rs"]
mod refusals;
#[path = "contract/script.rs"]
mod script;
#[path = "contract/service.rs"]
mod service;
#[path = "contract/table.rs"]
mod table;

use service::Service;

macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                let text = include_str!(concat!("contract/scripts/", stringify!($name), ".http"));
                script::play(&Service::start().await?, text).await
            }
        )*

        /// Each request goes to the next of three nodes over the same stores.
        mod over_three_nodes {
            use crate::{script, service::Service};

            $(
                #[tokio::test]
                async fn $name() -> anyhow::Result<()> {
                    let text =
                        include_str!(concat!("contract/scripts/", stringify!($name), ".http"));
                    script::play(&Service::start_nodes(3).await?, text).await
                }
            )*
        }
    };
}

scripts! {
    databases
    ontology
    ontology_tools
    instances
    keys
    transactions
    branches
    reads
    merges
    commands
    graph
    oms
    earlier
    health
}
