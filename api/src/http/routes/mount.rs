//! Builds a router from the descriptions: aliases, rests of paths with fixed endings, layers.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::Request,
    response::Response,
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
    let mut paths = Paths::new();
    for operation in subjects.iter().flat_map(|subject| &subject.operations) {
        add(&mut paths, operation);
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

fn add(paths: &mut Paths, operation: &Operation) {
    let own = (operation.path, operation.path);
    for (path, template) in operation.also.iter().copied().chain([own]) {
        let older = path
            .strip_prefix(DATABASES[0])
            .map(|rest| format!("{}{rest}", DATABASES[1]));
        for path in [Some(path.to_owned()), older].into_iter().flatten() {
            let methods = paths.remove(&path).unwrap_or_default();
            paths.insert(path, methods.merge(operation.endpoint(template)));
        }
    }
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
                Some(methods) => answered(methods.oneshot(request).await),
            }
        }
    })
}

fn answered(response: Result<Response, std::convert::Infallible>) -> Response {
    match response {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
