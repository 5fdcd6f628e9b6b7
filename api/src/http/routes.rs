//! The paths of the two services (contract §3), each under both its names.

use std::sync::Arc;

use axum::{
    Extension, Router,
    handler::{Handler, Layered},
    routing::{MethodRouter, delete, get, post, put},
};

use spice_core::error::ErrorCode;

use crate::http::{
    Api, Service, Surface, branches, commands, databases, dead_letters, graph, instances, layers,
    lists, ontology, parameters::Parameters, probes,
};

/// What the calls take, by name.
mod parameters {
    pub(super) const NONE: &[&str] = &[];
    pub(super) const NEWEST: &[&str] = &["at_least", "timeout"];
    pub(super) const READ: &[&str] = &["branch", "as_of", "at_least", "timeout"];
    #[rustfmt::skip]
    pub(super) const CLASSES: &[&str] =
        &["branch", "as_of", "at_least", "timeout", "limit", "offset"];
    pub(super) const SCHEMA: &[&str] = &["branch", "as_of", "at_least", "timeout", "format"];
    #[rustfmt::skip]
    pub(super) const INSTANCES: &[&str] = &[
        "branch", "as_of", "at_least", "timeout",
        "search", "filter", "order_by", "cursor", "limit", "offset",
    ];
    #[rustfmt::skip]
    pub(super) const PATHS: &[&str] = &[
        "branch", "as_of", "at_least", "timeout",
        "source_class", "target_class", "max_depth",
    ];
    pub(super) const LETTERS: &[&str] = &["database"];
    pub(super) const BRANCH: &[&str] = &["branch"];
    pub(super) const BULK: &[&str] = &["branch", "on_error"];
    pub(super) const UPDATE: &[&str] = &["branch", "expected_seq"];
    pub(super) const REMOVE: &[&str] = &["branch", "expected_seq", "force"];
    pub(super) const EXPECTED: &[&str] = &["expected_seq"];
    pub(super) const FORCE: &[&str] = &["force"];
}

type Declared<H, T> = Layered<Extension<Parameters>, H, T, Service>;

/// A handler that reads, and the parameters that it takes.
fn reads<H: Handler<T, Service>, T: 'static>(
    handler: H,
    known: &'static [&'static str],
) -> Declared<H, T> {
    let refusal = ErrorCode::InvalidQuery;
    handler.layer(Extension(Parameters { refusal, known }))
}

/// A handler that writes, and the parameters that it takes.
fn writes<H: Handler<T, Service>, T: 'static>(
    handler: H,
    known: &'static [&'static str],
) -> Declared<H, T> {
    let refusal = ErrorCode::InvalidRequest;
    handler.layer(Extension(Parameters { refusal, known }))
}

/// The gateway: what clients talk to.
pub fn gateway_router(api: Arc<Api>) -> Router {
    let routes = Routes::default()
        .database(
            "",
            get(reads(databases::list, parameters::NONE))
                .post(writes(databases::create, parameters::NONE)),
        )
        .database(
            "/{db}",
            get(reads(databases::get, parameters::NEWEST))
                .delete(writes(databases::delete, parameters::EXPECTED)),
        )
        .database(
            "/{db}/branches",
            get(reads(branches::list, parameters::NONE))
                .post(writes(branches::create, parameters::NONE)),
        )
        .database(
            "/{db}/branches/{*name}",
            get(reads(branches::get, parameters::NONE))
                .delete(writes(branches::delete, parameters::FORCE)),
        )
        .ontology()
        .reads()
        .database(
            "/{db}/instances/{class}/create",
            post(writes(instances::create, parameters::BRANCH)),
        )
        .database(
            "/{db}/instances/{class}/bulk-create",
            post(writes(instances::bulk_create, parameters::BULK)),
        )
        .database(
            "/{db}/instances/{class}/{id}/update",
            put(writes(instances::update, parameters::UPDATE)),
        )
        .database(
            "/{db}/instances/{class}/{id}/delete",
            delete(writes(instances::delete, parameters::UPDATE)),
        )
        .database(
            "/{db}/transactions",
            post(writes(instances::transaction, parameters::BRANCH)),
        )
        .api(
            "/commands/{id}/status",
            get(reads(commands::status, parameters::NONE)),
        )
        .api(
            "/graph-query/health",
            get(reads(graph::health, parameters::NONE)).post(reads(graph::query, parameters::READ)),
        )
        .api(
            "/graph-query/{db}",
            post(reads(graph::query, parameters::READ)),
        )
        .api(
            "/graph-query/{db}/simple",
            post(reads(graph::simple, parameters::READ)),
        )
        .api(
            "/graph-query/{db}/multi-hop",
            post(reads(graph::query, parameters::READ)),
        )
        .api(
            "/graph-query/{db}/paths",
            get(reads(graph::paths, parameters::PATHS)),
        )
        .dead_letters()
        .probes();
    routes.finish(api, Surface::Gateway)
}

/// oms: the older, lower service; the same engine.
pub fn oms_router(api: Arc<Api>) -> Router {
    let fixed = || {
        delete(writes(databases::delete, parameters::EXPECTED))
            .get(reads(databases::get, parameters::NEWEST))
    };
    let routes = Routes::default()
        .database(
            "/create",
            fixed().post(writes(databases::create, parameters::NONE)),
        )
        .database(
            "/list",
            delete(writes(databases::delete, parameters::EXPECTED))
                .get(reads(databases::list, parameters::NONE)),
        )
        .database(
            "/exists/{db}",
            get(reads(databases::exists, parameters::NONE)),
        )
        .database(
            "/{db}",
            get(reads(databases::get, parameters::NEWEST))
                .delete(writes(databases::delete, parameters::EXPECTED)),
        )
        .ontology()
        .reads()
        .api(
            "/instances/{db}/async/{class}/create",
            post(writes(instances::create, parameters::BRANCH)),
        )
        .api(
            "/instances/{db}/async/{class}/bulk-create",
            post(writes(instances::bulk_create, parameters::BULK)),
        )
        .api(
            "/instances/{db}/async/{class}/{id}/update",
            put(writes(instances::update, parameters::UPDATE)),
        )
        .api(
            "/instances/{db}/async/{class}/{id}/delete",
            delete(writes(instances::delete, parameters::UPDATE)),
        )
        .api(
            "/branch/{db}/list",
            get(reads(branches::list, parameters::NONE)),
        )
        .api(
            "/branch/{db}/create",
            post(writes(branches::create, parameters::NONE)),
        )
        .api(
            "/branch/{db}/{*name}",
            get(reads(branches::info, parameters::NONE)),
        )
        .api(
            "/commands/{id}/status",
            get(reads(commands::status, parameters::NONE)),
        )
        .dead_letters()
        .probes();
    routes.finish(api, Surface::Oms)
}

/// funnel: the inference of schemas. It only tells how it is, for now.
pub fn funnel_router(api: Arc<Api>) -> Router {
    Routes::default().probes().finish(api, Surface::Funnel)
}

#[derive(Default)]
struct Routes(Router<Service>);

impl Routes {
    fn api(self, path: &str, methods: MethodRouter<Service>) -> Self {
        Self(self.0.route(&format!("/api/v1{path}"), methods))
    }

    /// A path below `/databases`, and below its older name `/database`.
    fn database(self, path: &str, methods: MethodRouter<Service>) -> Self {
        self.api(&format!("/databases{path}"), methods.clone())
            .api(&format!("/database{path}"), methods)
    }

    fn ontology(self) -> Self {
        let class = || {
            put(writes(ontology::update, parameters::UPDATE))
                .delete(writes(ontology::delete, parameters::REMOVE))
        };
        self.database(
            "/{db}/ontology",
            post(writes(ontology::create, parameters::BRANCH)),
        )
        .database(
            "/{db}/ontology/list",
            class().get(reads(ontology::list, parameters::CLASSES)),
        )
        .database(
            "/{db}/ontology/{class}",
            class().get(reads(ontology::get, parameters::READ)),
        )
        .database(
            "/{db}/ontology/{class}/schema",
            get(reads(ontology::schema, parameters::SCHEMA)),
        )
    }

    fn reads(self) -> Self {
        self.database(
            "/{db}/class/{class}/instances",
            get(reads(lists::list, parameters::INSTANCES)),
        )
        .database(
            "/{db}/class/{class}/instance/{id}",
            get(reads(lists::get, parameters::READ)),
        )
    }

    fn dead_letters(self) -> Self {
        let letter = "/dead-letters/{db}/{handler}/{position}";
        self.api(
            "/dead-letters",
            get(reads(dead_letters::list, parameters::LETTERS)),
        )
        .api(letter, get(reads(dead_letters::get, parameters::NONE)))
        .api(
            &format!("{letter}/retry"),
            post(writes(dead_letters::retry, parameters::NONE)),
        )
        .api(
            &format!("{letter}/discard"),
            post(writes(dead_letters::discard, parameters::NONE)),
        )
    }

    fn probes(self) -> Self {
        let routes = self
            .api("/health", get(reads(probes::health, parameters::NONE)))
            .0;
        Self(
            routes
                .route("/health", get(reads(probes::health, parameters::NONE)))
                .route("/livez", get(reads(probes::live, parameters::NONE)))
                .route("/readyz", get(reads(probes::ready, parameters::NONE)))
                .route("/metrics", get(reads(probes::metrics, parameters::NONE))),
        )
    }

    fn finish(self, api: Arc<Api>, surface: Surface) -> Router {
        let service = Service { api, surface };
        self.0
            .fallback(layers::unknown_path)
            .method_not_allowed_fallback(layers::wrong_method)
            .layer(axum::middleware::from_fn_with_state(
                service.clone(),
                layers::observe,
            ))
            .with_state(service)
    }
}
