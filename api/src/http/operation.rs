//! A call of a service, described: what the router is made of and what `OpenAPI` is made of. There
//! is no other way to register a handler, so none is left undescribed.

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

/// The calls about one thing.
pub(crate) struct Subject {
    /// What they are about.
    pub(crate) name: &'static str,
    /// A sentence on it.
    pub(crate) description: &'static str,
    /// The calls.
    pub(crate) operations: Vec<Operation>,
}

/// What a call takes as its body.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    /// Its schema.
    pub(crate) shape: Shape,
    /// Whether it may be left out.
    pub(crate) required: bool,
}

/// One way in which a call answers, when all is well.
pub(crate) struct Answered {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What it means.
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
    /// Its path. `{*name}` stands for one part or more, and fixed parts may follow it.
    pub(crate) path: &'static str,
    /// Further paths that lead to it and are not in the document, each with the template that its
    /// parameters are read by.
    pub(crate) also: Vec<(&'static str, &'static str)>,
    /// Its name, one among all of a service.
    pub(crate) id: &'static str,
    /// What it does, in a sentence.
    pub(crate) summary: &'static str,
    /// What else there is to know.
    pub(crate) notes: &'static str,
    /// The parameters of the query and the headers that it takes.
    pub(crate) parameters: Vec<&'static dyn Described>,
    /// Its body.
    pub(crate) body: Option<Body>,
    /// An example of the body, as JSON.
    pub(crate) example: Option<Value>,
    /// How it answers when all is well.
    pub(crate) answers: Vec<Answered>,
    /// What it refuses, beside what follows from its parts.
    pub(crate) failures: Vec<ErrorCode>,
    /// Whether it hands a command to the writer.
    pub(crate) is_command: bool,
    /// What an unknown parameter is refused as.
    pub(crate) refusal: ErrorCode,
    endpoint: MethodRouter<Service>,
}

/// A call that reads. `path` is whole; `id` is in camelCase and unlike every other one's.
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

/// A call that changes something.
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

    /// The same call at another path. `id` is unlike every other one's.
    pub(crate) fn renamed(mut self, path: &'static str, id: &'static str) -> Self {
        self.path = path;
        self.id = id;
        self
    }

    /// Further paths that lead here. Their parameters stand where those of the call's own path do.
    pub(crate) fn also_at(mut self, paths: &[&'static str]) -> Self {
        let own = self.path;
        self.also.extend(paths.iter().map(|path| (*path, own)));
        self
    }

    /// A further path that leads here, with its own placeholders.
    pub(crate) fn also_as(mut self, path: &'static str) -> Self {
        self.also.push((path, path));
        self
    }

    /// What else there is to know, in Markdown.
    pub(crate) fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }

    /// The parameters that it takes; any other parameter of the query is refused.
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

    /// A body that may be left out.
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

    /// Its answer holds labels, in the language that the client asks for.
    pub(crate) fn speaks(self) -> Self {
        self.takes(&[&headers::ACCEPT_LANGUAGE])
    }

    /// It hands a command to the writer: 202, or `finished` when the client waits for the
    /// projections; a repeated `Idempotency-Key` gets the first answer.
    pub(crate) fn commands<T: JsonSchema>(self, finished: u16) -> Self {
        self.decides::<T>(
            202,
            "Accepted: it is in the log, and the projections follow.",
        )
        .answers::<T>(finished, "Done: the projections show it.")
    }

    /// It hands a command to the writer, and its answer holds from the decision on.
    pub(crate) fn decides<T: JsonSchema>(mut self, status: u16, meaning: &'static str) -> Self {
        self.is_command = true;
        self.takes(&[&headers::PREFER, &headers::IDEMPOTENCY_KEY])
            .answers::<T>(status, meaning)
    }

    /// What it refuses, beside what every call of its kind does: wrong parameters, wrong bodies,
    /// an unknown database, a store that is away.
    pub(crate) fn fails(mut self, codes: &[ErrorCode]) -> Self {
        self.failures.extend(codes);
        self
    }

    /// What serves it, with the parameters that it takes. `template` says where those of the path
    /// stand.
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
