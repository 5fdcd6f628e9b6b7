//! Cursors: the end of a page, by order key and id, so that writes between pages do no harm.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use spice_core::json::Json;

use crate::failure::{Attempt, Failure};

/// The last hit of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Its value of the order's property; none without an order or without a value.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Json>,
    /// Its id.
    #[serde(rename = "i")]
    pub(super) id: String,
}

impl Cursor {
    /// Encodes it as clients get it and send it back unread.
    pub(super) fn to_text(&self) -> Attempt<String> {
        let json = serde_json::to_vec(self).map_err(Failure::unreadable)?;
        Ok(URL_SAFE_NO_PAD.encode(json))
    }

    /// Decodes a client's cursor.
    pub(super) fn parse(text: &str) -> Attempt<Self> {
        let json = URL_SAFE_NO_PAD.decode(text);
        let json = json.map_err(|_| Failure::UnknownCursor)?;
        serde_json::from_slice(&json).map_err(|_| Failure::UnknownCursor)
    }
}
