//! The resolution of a conflict in a request body.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use spice_core::{
    command::{Choice, Resolution, Side},
    json::Json,
};

use crate::http::{bodies::given, call::Call, failure::Failure};

/// `{aggregate_id, property?, take}` or `{aggregate_id, property, value}`; earlier clients write
/// `{path, resolution_type, resolved_value}`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolutionBody {
    /// The aggregate on the target branch, as in the conflict.
    #[serde(default)]
    aggregate_id: Option<String>,
    /// The property; by default the whole aggregate.
    #[serde(default)]
    property: Option<String>,
    /// The side to use.
    #[serde(default)]
    take: Option<Side>,
    /// The value to set; `null` for none. Replaces `take`.
    #[serde(default, deserialize_with = "given")]
    value: Option<Json>,
    /// The `path` of the conflict: `aggregate_id/property`. Replaces `aggregate_id` and `property`.
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    resolution_type: Option<ResolutionType>,
    /// The value to set for `path`; `null` for none.
    #[serde(default, deserialize_with = "given")]
    resolved_value: Option<Json>,
    /// Data of the client; ignored.
    #[serde(default, rename = "metadata")]
    _metadata: Option<Json>,
}

/// The only earlier kind of resolution.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResolutionType {
    /// The value that is given holds.
    UseValue,
}

/// Parses resolutions.
pub(in crate::http::branches) fn resolutions(
    call: &Call,
    bodies: Vec<ResolutionBody>,
) -> Result<Vec<Resolution>, Failure> {
    let bodies = bodies.into_iter().enumerate();
    let read = |(index, mut body): (usize, ResolutionBody)| {
        let wrong = |(field, rule, value, message): Wrong| {
            let field = format!("resolutions[{index}].{field}");
            let message = format!("{field} {message}");
            call.refuse(&field, rule, value, message)
        };
        match body.path.take() {
            Some(path) => body.read_by_path(&path).map_err(wrong),
            None => body.read_by_aggregate().map_err(wrong),
        }
    };
    bodies.map(read).collect()
}

/// A field of a resolution, its broken rule, its value, and the rest of the message.
type Wrong = (&'static str, &'static str, Value, &'static str);

impl ResolutionBody {
    fn read_by_aggregate(self) -> Result<Resolution, Wrong> {
        if self.resolution_type.is_some() || self.resolved_value.is_some() {
            let message = "is missing: it names the conflict as `aggregate_id/property`";
            return Err(("path", "required", Value::Null, message));
        }
        let Some(aggregate_id) = self.aggregate_id else {
            let message = "is missing: a resolution names a conflict by `path` or `aggregate_id`";
            return Err(("aggregate_id", "required", Value::Null, message));
        };
        let choice = match (self.take, self.value) {
            (None, None) => {
                let message = "is missing: choose a side with `take`, or give a `value`";
                return Err(("take", "required", Value::Null, message));
            }
            (Some(_), Some(value)) => {
                let message = "cannot be combined with `take`";
                return Err(("value", "exclusive", value.to_shown(), message));
            }
            (None, Some(_)) if self.property.is_none() => {
                let message = "is missing: a value needs a property";
                return Err(("property", "required", Value::Null, message));
            }
            (Some(side), None) => Choice::Take(side),
            (None, Some(value)) => Choice::Value(value),
        };
        Ok(Resolution {
            aggregate_id,
            property: self.property,
            choice,
        })
    }

    fn read_by_path(self, path: &str) -> Result<Resolution, Wrong> {
        for (field, is_there) in [
            ("aggregate_id", self.aggregate_id.is_some()),
            ("property", self.property.is_some()),
            ("take", self.take.is_some()),
            ("value", self.value.is_some()),
        ] {
            if is_there {
                let message = "cannot be combined with `path`";
                return Err((field, "exclusive", Value::Null, message));
            }
        }
        let Some((aggregate_id, property)) = path.rsplit_once('/') else {
            let message = "must name a conflict as `aggregate_id/property`";
            return Err(("path", "path", path.into(), message));
        };
        let Some(value) = self.resolved_value else {
            let message = "is missing: the value to set";
            return Err(("resolved_value", "required", Value::Null, message));
        };
        Ok(Resolution {
            aggregate_id: aggregate_id.to_owned(),
            property: Some(property.to_owned()),
            choice: Choice::Value(value),
        })
    }
}
