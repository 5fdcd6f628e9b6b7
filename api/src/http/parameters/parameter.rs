//! Parameters: a name, a type that parses and describes it, and the set of parameters of a call.

use std::sync::Arc;

use axum::http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use spice_core::error::ErrorCode;

use super::given::Given;
use crate::http::{Surface, failure::Failure};

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter<K> {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its purpose, in Markdown.
    pub(super) description: &'static str,
    /// A possible value.
    pub(super) example: Option<&'static str>,
    /// Its type, with bounds and default.
    pub(crate) kind: K,
}

/// The place of a parameter in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// A type of parameters: how they are parsed and described.
pub(crate) trait Kind: Copy + Sync + 'static {
    /// Its place in requests.
    const PLACE: Place = Place::Query;
    /// Whether it is required.
    const IS_REQUIRED: bool = matches!(Self::PLACE, Place::Path);
    /// The value for a handler.
    type Value<'a>;

    /// Parses it from a request.
    fn read<'a>(&self, name: &str, given: &'a Given) -> Result<Self::Value<'a>, Failure>;

    /// Its JSON schema.
    fn schema(&self) -> Value {
        json!({"type": "string"})
    }

    /// The code that refuses a value, if it is not one that every such call has.
    fn refusal(&self, _surface: Surface) -> Option<ErrorCode> {
        None
    }
}

/// A parameter of any type, for descriptions.
pub(crate) trait Described: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Its place in requests.
    fn place(&self) -> Place;

    /// The code that refuses a value, if it is not one that every such call has.
    fn refusal(&self, surface: Surface) -> Option<ErrorCode>;

    /// The parameter object of `OpenAPI`.
    fn describe(&self) -> Value;
}

impl<K: Kind> Parameter<K> {
    /// Parses it from a request.
    pub(crate) fn read<'a>(&self, given: &'a Given) -> Result<K::Value<'a>, Failure> {
        self.kind.read(self.name, given)
    }
}

impl<K: Kind> Described for Parameter<K> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn place(&self) -> Place {
        K::PLACE
    }

    fn refusal(&self, surface: Surface) -> Option<ErrorCode> {
        self.kind.refusal(surface)
    }

    fn describe(&self) -> Value {
        let mut described = json!({
            "name": self.name,
            "in": K::PLACE,
            "required": K::IS_REQUIRED,
            "description": self.description,
        });
        let schema = self.kind.schema();
        if schema["type"] == "object" {
            described["content"] = json!({"application/json": {"schema": schema}});
            return described;
        }
        if let Some(example) = self.example {
            let number = example.parse::<u64>().ok();
            let number = number.filter(|_| schema["type"] != "string");
            described["example"] = number.map_or_else(|| example.into(), Value::from);
        }
        described["schema"] = schema;
        described
    }
}

/// Declares parameters, one per row: constant, type (and its value, if it has bounds), name,
/// description, an example.
macro_rules! parameters {
    (@value $kind:ident) => { $kind };
    (@value $kind:ident $value:expr) => { $value };
    (@example) => { None };
    (@example $example:expr) => { Some($example) };
    ($($constant:ident: $kind:ident $(<$of:ident>)? $(= $value:expr)?,
        $name:literal, $description:literal $(, $example:expr)?;)+) => {
        $(
            #[doc = $description]
            pub(crate) const $constant: Parameter<$kind $(<$of>)?> = Parameter {
                name: $name,
                description: $description,
                example: parameters!(@example $($example)?),
                kind: parameters!(@value $kind $($value)?),
            };
        )+
    };
}
pub(super) use parameters;

/// The parameters of one call. A misspelled parameter must not be ignored: a write would go to the
/// wrong branch.
#[derive(Clone)]
pub(crate) struct Accepted {
    /// The code that refuses an unknown parameter.
    pub(crate) refusal: ErrorCode,
    /// The known parameters.
    pub(crate) known: Arc<[&'static dyn Described]>,
    /// The path, with its placeholders.
    pub(crate) template: &'static str,
}

impl Accepted {
    /// Splits a request, and refuses unknown query parameters.
    pub(crate) fn read(
        &self,
        surface: Surface,
        uri: Uri,
        headers: HeaderMap,
    ) -> Result<Given, Failure> {
        let given = Given::new(surface, uri, headers, self.template)?;
        self.check(given.pairs())?;
        Ok(given)
    }

    /// Refuses unknown and repeated parameters.
    fn check(&self, query: &[(String, String)]) -> Result<(), Failure> {
        let names = self.names();
        for (index, (name, _)) in query.iter().enumerate() {
            let message = if !names.contains(&name.as_str()) {
                let takes = match names[..] {
                    [] => "none".to_owned(),
                    ref names => names.join(", "),
                };
                format!("unknown parameter {name:?}; this call takes {takes}")
            } else if query.iter().take(index).any(|(other, _)| other == name) {
                format!("{name} is given twice")
            } else {
                continue;
            };
            return Err(Failure::new(self.refusal, message)
                .with("field", name.as_str())
                .with("known", names));
        }
        Ok(())
    }

    fn names(&self) -> Vec<&'static str> {
        let query = self.known.iter().filter(|it| it.place() == Place::Query);
        query.map(|known| known.name()).collect()
    }
}
