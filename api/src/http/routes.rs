//! The paths of the two services (contract §3), each under both its names.

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, delete, get, post, put},
};

use crate::http::{
    Api, Service, Surface, branches, commands, databases, dead_letters, graph, instances, layers,
    lists, ontology, probes,
};

/// The gateway: what clients talk to.
pub fn gateway_router(api: Arc<Api>) -> Router {
    let routes = Routes::default()
        .database("", get(databases::list).post(databases::create))
        .database("/{db}", get(databases::get).delete(databases::delete))
        .database("/{db}/branches", get(branches::list).post(branches::create))
        .database(
            "/{db}/branches/{*name}",
            get(branches::get).delete(branches::delete),
        )
        .ontology()
        .reads()
        .database("/{db}/instances/{class}/create", post(instances::create))
        .database(
            "/{db}/instances/{class}/bulk-create",
            post(instances::bulk_create),
        )
        .database(
            "/{db}/instances/{class}/{id}/update",
            put(instances::update),
        )
        .database(
            "/{db}/instances/{class}/{id}/delete",
            delete(instances::delete),
        )
        .database("/{db}/transactions", post(instances::transaction))
        .api("/commands/{id}/status", get(commands::status))
        .api("/graph-query/health", get(graph::health).post(graph::query))
        .api("/graph-query/{db}", post(graph::query))
        .api("/graph-query/{db}/simple", post(graph::simple))
        .api("/graph-query/{db}/multi-hop", post(graph::query))
        .api("/graph-query/{db}/paths", get(graph::paths))
        .dead_letters()
        .probes();
    routes.finish(api, Surface::Gateway)
}

/// oms: the older, lower service; the same engine.
pub fn oms_router(api: Arc<Api>) -> Router {
    let fixed = || delete(databases::delete).get(databases::get);
    let routes = Routes::default()
        .database("/create", fixed().post(databases::create))
        .database("/list", delete(databases::delete).get(databases::list))
        .database("/exists/{db}", get(databases::exists))
        .database("/{db}", get(databases::get).delete(databases::delete))
        .ontology()
        .reads()
        .api(
            "/instances/{db}/async/{class}/create",
            post(instances::create),
        )
        .api(
            "/instances/{db}/async/{class}/bulk-create",
            post(instances::bulk_create),
        )
        .api(
            "/instances/{db}/async/{class}/{id}/update",
            put(instances::update),
        )
        .api(
            "/instances/{db}/async/{class}/{id}/delete",
            delete(instances::delete),
        )
        .api("/branch/{db}/list", get(branches::list))
        .api("/branch/{db}/create", post(branches::create))
        .api("/branch/{db}/{*name}", get(branches::info))
        .api("/commands/{id}/status", get(commands::status))
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
        let class = || put(ontology::update).delete(ontology::delete);
        self.database("/{db}/ontology", post(ontology::create))
            .database("/{db}/ontology/list", class().get(ontology::list))
            .database("/{db}/ontology/{class}", class().get(ontology::get))
            .database("/{db}/ontology/{class}/schema", get(ontology::schema))
    }

    fn reads(self) -> Self {
        self.database("/{db}/class/{class}/instances", get(lists::list))
            .database("/{db}/class/{class}/instance/{id}", get(lists::get))
    }

    fn dead_letters(self) -> Self {
        let letter = "/dead-letters/{db}/{handler}/{position}";
        self.api("/dead-letters", get(dead_letters::list))
            .api(letter, get(dead_letters::get))
            .api(&format!("{letter}/retry"), post(dead_letters::retry))
            .api(&format!("{letter}/discard"), post(dead_letters::discard))
    }

    fn probes(self) -> Self {
        let routes = self.api("/health", get(probes::health)).0;
        Self(
            routes
                .route("/health", get(probes::health))
                .route("/livez", get(probes::live))
                .route("/readyz", get(probes::ready))
                .route("/metrics", get(probes::metrics)),
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
