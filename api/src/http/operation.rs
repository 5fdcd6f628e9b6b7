//! A described call of a service: the source of the router and of `OpenAPI`. There is no other way
//! to register a handler, so none is undescribed.

use std::sync::Arc;

use axum::{
    Extension,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;
use spice_core::error::ErrorCode;

use crate::http::{
    Service,
    parameters::{Accepted, Described, headers},
};

/// Makes the schema of a type.
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// The calls about one subject.
pub(crate) struct Subject {
    /// The subject.
    pub(crate) name: &'static str,
    /// Its description.
    pub(crate) description: &'static str,
    /// The calls.
    pub(crate) operations: Vec<Operation>,
}

/// The body of a call.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    /// Its schema.
    pub(crate) shape: Shape,
    /// Whether it is optional.
    pub(crate) required: bool,
}

/// A successful answer of a call.
pub(crate) struct Answered {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Its meaning.
    pub(crate) meaning: &'static str,
    /// The media type and the schema of its body, if it has one.
    pub(crate) content: Option<(&'static str, Shape)>,
    /// An example of it.
    pub(crate) example: Option<Value>,
}

/// One call.
pub(crate) struct Operation {
    /// Its method.
    pub(crate) method: Method,
    /// Its path. `{*name}` stands for one or more parts, and fixed parts may follow it.
    pub(crate) path: &'static str,
    /// Further paths that are not in the document, each with the template for its parameters.
    pub(crate) also: Vec<(&'static str, &'static str)>,
    /// Its id, unique in a service.
    pub(crate) id: &'static str,
    /// What it does, in a sentence.
    pub(crate) summary: &'static str,
    /// Further description.
    pub(crate) notes: &'static str,
    /// The query parameters and headers of the call.
    pub(crate) parameters: Vec<&'static dyn Described>,
    /// Its body.
    pub(crate) body: Option<Body>,
    /// An example of the body, as JSON.
    pub(crate) example: Option<Value>,
    /// Its successful answers.
    pub(crate) answers: Vec<Answered>,
    /// Its refusals, in addition to those that follow from its parts.
    pub(crate) failures: Vec<ErrorCode>,
    /// Whether it passes a command to the writer.
    pub(crate) is_command: bool,
    /// The refusal of an unknown parameter.
    pub(crate) refusal: ErrorCode,
    endpoint: MethodRouter<Service>,
}

/// A read. `path` is complete; `id` is in camelCase and unique.
pub(crate) fn reads<H: Handler<T, Service>, T: 'static>(
    method: Method,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: H,
) -> Operation {
    let refusal = ErrorCode::InvalidQuery;
    let endpoint = on(filter(&method), handler);
    Operation::new(method, path, [id, summary], refusal, endpoint)
}

/// A change.
pub(crate) fn writes<H: Handler<T, Service>, T: 'static>(
    method: Method,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    handler: H,
) -> Operation {
    let refusal = ErrorCode::InvalidRequest;
    let endpoint = on(filter(&method), handler);
    Operation::new(method, path, [id, summary], refusal, endpoint)
}

fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

impl Operation {
    fn new(
        method: Method,
        path: &'static str,
        [id, summary]: [&'static str; 2],
        refusal: ErrorCode,
        endpoint: MethodRouter<Service>,
    ) -> Self {
        Self {
            method,
            path,
            also: Vec::new(),
            id,
            summary,
            notes: "",
            parameters: Vec::new(),
            body: None,
            example: None,
            answers: Vec::new(),
            failures: Vec::new(),
            is_command: false,
            refusal,
            endpoint,
        }
    }

    /// The same call at another path. `id` is unique.
    pub(crate) fn renamed(mut self, path: &'static str, id: &'static str) -> Self {
        self.path = path;
        self.id = id;
        self
    }

    /// Further paths of the call. Their parameters have the same places as in the call's own path.
    pub(crate) fn also_at(mut self, paths: &[&'static str]) -> Self {
        let own = self.path;
        self.also.extend(paths.iter().map(|path| (*path, own)));
        self
    }

    /// A further path of the call, with its own placeholders.
    pub(crate) fn also_as(mut self, path: &'static str) -> Self {
        self.also.push((path, path));
        self
    }

    /// Further description, in Markdown.
    pub(crate) fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// The parameters of the call; any other query parameter is refused.
    pub(crate) fn takes(mut self, parameters: &[&'static dyn Described]) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Its body, by the type that parses it.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        let (shape, required) = (shape::<T> as Shape, true);
        self.body = Some(Body { shape, required });
        self
    }

    /// An optional body.
    pub(crate) fn optional_body<T: JsonSchema>(mut self) -> Self {
        let (shape, required) = (shape::<T> as Shape, false);
        self.body = Some(Body { shape, required });
        self
    }

    /// An example of the body.
    pub(crate) fn example(mut self, body: Value) -> Self {
        self.example = Some(body);
        self
    }

    /// An answer in JSON.
    pub(crate) fn answers<T: JsonSchema>(self, status: u16, meaning: &'static str) -> Self {
        self.answers_as::<T>(status, "application/json", meaning)
    }

    /// An answer of another media type.
    pub(crate) fn answers_as<T: JsonSchema>(
        mut self,
        status: u16,
        media: &'static str,
        meaning: &'static str,
    ) -> Self {
        let content = Some((media, shape::<T> as Shape));
        self.answers.push(Answered {
            status,
            meaning,
            content,
            example: None,
        });
        self
    }

    /// An answer without a body.
    pub(crate) fn answers_empty(mut self, status: u16, meaning: &'static str) -> Self {
        self.answers.push(Answered {
            status,
            meaning,
            content: None,
            example: None,
        });
        self
    }

    /// An example of the last answer.
    pub(crate) fn shows(mut self, example: Value) -> Self {
        if let Some(answered) = self.answers.last_mut() {
            answered.example = Some(example);
        }
        self
    }

    /// Its answer contains labels, in the language that the client requests.
    pub(crate) fn speaks(self) -> Self {
        self.takes(&[&headers::ACCEPT_LANGUAGE])
    }

    /// It passes a command to the writer: 202, or `finished` if the client waits for the
    /// projections; a repeated `Idempotency-Key` gets the first answer.
    pub(crate) fn commands<T: JsonSchema>(self, finished: u16) -> Self {
        self.decides::<T>(
            202,
            "Accepted: it is in the log, and the projections follow.",
        )
        .answers::<T>(finished, "Done: the projections show it.")
    }

    /// It passes a command to the writer, and its answer is valid from the decision on.
    pub(crate) fn decides<T: JsonSchema>(mut self, status: u16, meaning: &'static str) -> Self {
        self.is_command = true;
        self.takes(&[&headers::PREFER, &headers::IDEMPOTENCY_KEY])
            .answers::<T>(status, meaning)
    }

    /// Its refusals, in addition to those of every call of its kind: wrong parameters, wrong
    /// bodies, an unknown database, an unavailable store.
    pub(crate) fn fails(mut self, codes: &[ErrorCode]) -> Self {
        self.failures.extend(codes);
        self
    }

    /// The handler, with the parameters of the call. `template` gives the places of those in the
    /// path.
    pub(crate) fn endpoint(&self, template: &'static str) -> MethodRouter<Service> {
        let accepted = Accepted {
            refusal: self.refusal,
            known: Arc::from(self.parameters.as_slice()),
            template,
        };
        self.endpoint.clone().route_layer(Extension(accepted))
    }
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
