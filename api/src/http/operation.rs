//! A described call of a service: the source of the router and of `OpenAPI`. There is no other way
//! to register a handler, so none is undescribed, and none is without
//! a rule that says who may make it.
//!
//! A call is one row of a table in `routes/`: `get(VIEWER, "getThing", things::get)`, then what the row
//! says about it, in this order: `at`, `does`, `notes`, `takes`, `body`, `answers`, `fails`.

use std::sync::Arc;

use axum::{
    handler::Handler,
    http::Method,
    middleware,
    routing::{self, MethodRouter},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;
use spice_core::error::ErrorCode;

use crate::http::{
    Service, Surface,
    gate::{self, Gate, Rule},
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
pub(crate) struct Body {
    /// Its schema.
    pub(crate) shape: Shape,
    /// Whether it is required.
    pub(crate) required: bool,
    /// An example of it.
    pub(crate) example: Option<Value>,
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

/// Where a call is.
#[derive(Clone, Default)]
pub(crate) struct Address {
    services: &'static [Surface],
    /// Its path. `{*name}` stands for one or more parts, and fixed parts may follow it.
    pub(crate) path: &'static str,
    /// A further path that is not in the document, with the template for its parameters.
    pub(crate) also: Option<(&'static str, &'static str)>,
}

/// One call.
pub(crate) struct Operation {
    rule: Rule,
    /// Its method.
    pub(crate) method: Method,
    /// Its id in camelCase, unique in a service.
    pub(crate) id: &'static str,
    /// Its address at the service that [`Operation::choose`] named.
    pub(crate) address: Address,
    addresses: Vec<Address>,
    /// What it does, in a sentence.
    pub(crate) summary: &'static str,
    /// Further description.
    pub(crate) notes: &'static str,
    /// The query parameters and headers of the call.
    pub(crate) parameters: Vec<&'static dyn Described>,
    /// Its body.
    pub(crate) body: Option<Body>,
    /// Its successful answers.
    pub(crate) answers: Vec<Answered>,
    /// Its refusals, in addition to those that follow from its parts.
    pub(crate) failures: Vec<ErrorCode>,
    /// Whether it changes nothing.
    pub(crate) is_read: bool,
    /// Whether it passes a command to the writer.
    pub(crate) is_command: bool,
    endpoint: MethodRouter<Service>,
}

/// A read.
pub(crate) fn get<H: Handler<T, Service>, T: 'static>(
    rule: Rule,
    id: &'static str,
    handler: H,
) -> Operation {
    Operation::new(rule, Method::GET, id, routing::get(handler), true)
}

/// A read by `POST`: its question is a body.
pub(crate) fn ask<H: Handler<T, Service>, T: 'static>(
    rule: Rule,
    id: &'static str,
    handler: H,
) -> Operation {
    Operation::new(rule, Method::POST, id, routing::post(handler), true)
}

/// A change by `POST`.
pub(crate) fn post<H: Handler<T, Service>, T: 'static>(
    rule: Rule,
    id: &'static str,
    handler: H,
) -> Operation {
    Operation::new(rule, Method::POST, id, routing::post(handler), false)
}

/// A change by `PUT`.
pub(crate) fn put<H: Handler<T, Service>, T: 'static>(
    rule: Rule,
    id: &'static str,
    handler: H,
) -> Operation {
    Operation::new(rule, Method::PUT, id, routing::put(handler), false)
}

/// A change by `DELETE`.
pub(crate) fn delete<H: Handler<T, Service>, T: 'static>(
    rule: Rule,
    id: &'static str,
    handler: H,
) -> Operation {
    Operation::new(rule, Method::DELETE, id, routing::delete(handler), false)
}

impl Operation {
    fn new(
        rule: Rule,
        method: Method,
        id: &'static str,
        endpoint: MethodRouter<Service>,
        is_read: bool,
    ) -> Self {
        Self {
            rule,
            method,
            id,
            address: Address::default(),
            addresses: Vec::new(),
            summary: "",
            notes: "",
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            failures: Vec::new(),
            is_read,
            is_command: false,
            endpoint,
        }
    }

    /// Chooses its address at a service; false if the service does not have the call.
    pub(crate) fn choose(&mut self, service: Surface) -> bool {
        let mut addresses = self.addresses.iter();
        let found = addresses.find(|address| address.services.contains(&service));
        self.address = found.cloned().unwrap_or_default();
        found.is_some()
    }

    /// Its path at every service, also at those that only watch the process.
    pub(crate) fn everywhere(self, path: &'static str) -> Self {
        self.at_services(&Surface::ALL, path)
    }

    /// Its path at gateway and oms.
    pub(crate) fn at(self, path: &'static str) -> Self {
        self.at_services(&[Surface::Gateway, Surface::Oms], path)
    }

    /// Its path at the gateway.
    pub(crate) fn at_gateway(self, path: &'static str) -> Self {
        self.at_services(&[Surface::Gateway], path)
    }

    /// Its path at oms.
    pub(crate) fn at_oms(self, path: &'static str) -> Self {
        self.at_services(&[Surface::Oms], path)
    }

    fn at_services(mut self, services: &'static [Surface], path: &'static str) -> Self {
        let also = None;
        self.addresses.push(Address {
            services,
            path,
            also,
        });
        self
    }

    /// A further path beside the last one, with the template for its parameters.
    pub(crate) fn also_at(mut self, path: &'static str, template: &'static str) -> Self {
        if let Some(address) = self.addresses.last_mut() {
            address.also = Some((path, template));
        }
        self
    }

    /// What it does, in a sentence.
    pub(crate) fn does(mut self, summary: &'static str) -> Self {
        self.summary = summary;
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

    /// Its body, by the type that parses it, and an example.
    pub(crate) fn body<T: JsonSchema>(mut self, example: Value) -> Self {
        let (shape, example) = (shape::<T> as Shape, Some(example));
        self.body = Some(Body {
            shape,
            required: true,
            example,
        });
        self
    }

    /// An optional body, and an example.
    pub(crate) fn optional_body<T: JsonSchema>(mut self, example: Option<Value>) -> Self {
        let shape = shape::<T> as Shape;
        self.body = Some(Body {
            shape,
            required: false,
            example,
        });
        self
    }

    /// An answer in JSON.
    pub(crate) fn answers<T: JsonSchema>(self, status: u16, meaning: &'static str) -> Self {
        self.answers_as::<T>(status, "application/json", meaning)
    }

    /// An answer of another media type.
    pub(crate) fn answers_as<T: JsonSchema>(
        self,
        status: u16,
        media: &'static str,
        meaning: &'static str,
    ) -> Self {
        self.answer(status, meaning, Some((media, shape::<T> as Shape)))
    }

    /// An answer without a body.
    pub(crate) fn answers_empty(self, status: u16, meaning: &'static str) -> Self {
        self.answer(status, meaning, None)
    }

    fn answer(
        mut self,
        status: u16,
        meaning: &'static str,
        content: Option<(&'static str, Shape)>,
    ) -> Self {
        let example = None;
        self.answers.push(Answered {
            status,
            meaning,
            content,
            example,
        });
        self
    }

    /// An example of the last answer, in JSON.
    pub(crate) fn shows(mut self, example: &str) -> Self {
        if let Some(answered) = self.answers.last_mut() {
            answered.example = serde_json::from_str(example).ok();
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

    /// Who may make it at a service. The listener for metrics has only health and metrics, and a
    /// network of its own: it asks for no token.
    pub(crate) fn rule_at(&self, service: Surface) -> Rule {
        match service {
            Surface::Metrics => Rule::Open,
            Surface::Gateway | Surface::Oms | Surface::Funnel => self.rule,
        }
    }

    /// The refusal of an unknown parameter.
    pub(crate) fn refusal(&self) -> ErrorCode {
        if self.is_read {
            ErrorCode::InvalidQuery
        } else {
            ErrorCode::InvalidRequest
        }
    }

    /// The handler behind its gate, which knows the rule and the parameters of the call. `template`
    /// gives the places of those in the path.
    pub(crate) fn endpoint(
        &self,
        service: &Service,
        template: &'static str,
    ) -> MethodRouter<Service> {
        let accepted = Accepted {
            refusal: self.refusal(),
            known: Arc::from(self.parameters.as_slice()),
            template,
        };
        let gate = Gate {
            service: service.clone(),
            rule: self.rule_at(service.surface),
            accepted,
        };
        let layer = middleware::from_fn_with_state(gate, gate::enter);
        self.endpoint.clone().route_layer(layer)
    }
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
