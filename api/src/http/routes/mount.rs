//! Builds a router from the descriptions: aliases, rests of paths with fixed endings, layers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Router,
    extract::Request,
    response::IntoResponse,
    routing::{MethodRouter, any},
};
use tower::ServiceExt;

use crate::http::{
    Api, Service, Surface, layers, openapi,
    operation::{Operation, Subject},
};

/// The paths of databases, and those of the earlier system.
const DATABASES: [&str; 2] = ["/api/v1/databases", "/api/v1/database"];

/// The handlers of a path, for all methods.
type Paths = BTreeMap<String, MethodRouter<Service>>;

/// The router of a service.
pub(super) fn router(api: Arc<Api>, surface: Surface, subjects: &[Subject]) -> Router {
    let document = openapi::render(surface, &api.settings.version, subjects);
    let service = Service {
        api,
        surface,
        document: Arc::new(document),
    };
    let operations: Vec<_> = subjects.iter().flat_map(|it| &it.operations).collect();
    let mut paths = Paths::new();
    for operation in &operations {
        let address = &operation.address;
        add(&mut paths, &service, operation, address.path, address.path);
        if let Some((path, template)) = address.also {
            add(&mut paths, &service, operation, path, template);
        }
        for path in find_hidden(&operations, operation) {
            add(&mut paths, &service, operation, path, address.path);
        }
    }
    let mut router = Router::new();
    let mut rests: BTreeMap<String, Vec<(String, MethodRouter)>> = BTreeMap::new();
    for (path, methods) in paths {
        match path.split_once("{*name}") {
            None => router = router.route(&path, methods),
            Some((front, ending)) => {
                let methods = methods.fallback(layers::wrong_method);
                let methods = methods.with_state(service.clone());
                let front = format!("{front}{{*name}}");
                let endings = rests.entry(front).or_default();
                endings.push((ending.to_owned(), methods));
            }
        }
    }
    for (path, endings) in rests {
        let own = by_ending(&path, endings);
        router = router.route(&path, own);
    }
    router
        .fallback(layers::unknown_path)
        .method_not_allowed_fallback(layers::wrong_method)
        .layer(axum::middleware::from_fn_with_state(
            service.clone(),
            layers::observe,
        ))
        .with_state(service)
}

/// Adds a call at a path, and at its older name.
fn add(
    paths: &mut Paths,
    service: &Service,
    operation: &Operation,
    path: &str,
    template: &'static str,
) {
    let older = path.strip_prefix(DATABASES[0]);
    let older = older.map(|rest| format!("{}{rest}", DATABASES[1]));
    for path in [Some(path.to_owned()), older].into_iter().flatten() {
        let methods = paths.remove(&path).unwrap_or_default();
        paths.insert(path, methods.merge(operation.endpoint(service, template)));
    }
}

/// The paths of other calls that hide a name from this call: `DELETE …/ontology/list` deletes the
/// class `list`, although `GET …/ontology/list` is another call.
fn find_hidden(operations: &[&Operation], own: &Operation) -> BTreeSet<&'static str> {
    let paths: BTreeSet<_> = operations.iter().map(|it| it.address.path).collect();
    let has_own = |path: &str| {
        let mut methods = operations.iter().filter(|it| it.address.path == path);
        methods.any(|it| it.method == own.method)
    };
    let paths = paths.into_iter();
    paths
        .filter(|path| covers(own.address.path, path) && !has_own(path))
        .collect()
}

/// Whether a template accepts every request of a path. Rests of paths are not compared.
fn covers(template: &str, path: &str) -> bool {
    let (parts, others) = (template.split('/'), path.split('/'));
    parts.clone().count() == others.clone().count()
        && !template.contains("{*")
        && parts
            .zip(others)
            .all(|(part, other)| part == other || part.starts_with('{'))
}

/// The rest of a path, distinguished by its ending: `feature/x/diff` is the diff of `feature/x`.
/// The slash of an ending must not be written `%2F`. An ending needs a name before it: `diff` alone
/// is a name.
fn by_ending(front: &str, mut endings: Vec<(String, MethodRouter)>) -> MethodRouter<Service> {
    let slashes = |path: &str| path.matches('/').count();
    let least = slashes(front);
    endings.sort_by_key(|(ending, _)| std::cmp::Reverse(ending.len()));
    let endings: Arc<[(String, MethodRouter)]> = endings.into();
    any(move |request: Request| {
        let path = request.uri().path();
        let found = endings
            .iter()
            .find(|(ending, _)| path.ends_with(ending) && slashes(path) >= least + slashes(ending));
        let methods = found.map(|(_, methods)| methods.clone());
        async move {
            match methods {
                None => layers::unknown_path(request).await,
                Some(methods) => methods.oneshot(request).await.into_response(),
            }
        }
    })
}
