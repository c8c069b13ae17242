//! An answer of a server that says no: code, words, and labels for the driver.

use bson::{Document, doc};

use crate::codes;

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message} (code {code})")]
pub struct Refusal {
    /// The numeric code that clients match.
    pub code: i32,
    /// Words for people.
    pub message: String,
    /// `errorLabels`, decided where the error arose.
    pub labels: Vec<String>,
}

impl Refusal {
    /// With a code of `codes`.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), labels: Vec::new() }
    }

    /// As it goes over the wire.
    pub fn document(&self) -> Document {
        let mut document = doc! {
            "ok": 0.0,
            "errmsg": &self.message,
            "code": self.code,
            "codeName": codes::name(self.code).as_ref(),
        };
        if !self.labels.is_empty() {
            document.insert("errorLabels", self.labels.clone());
        }
        document
    }

    /// Out of another server's reply, when that says no.
    pub fn of_reply(reply: &Document) -> Option<Self> {
        if crate::arguments::truthy(reply.get("ok")) {
            return None;
        }
        let labels = reply.get_array("errorLabels").map(Vec::as_slice).unwrap_or_default();
        Some(Self {
            code: reply.get_i32("code").unwrap_or(codes::UNKNOWN_ERROR),
            message: reply.get_str("errmsg").unwrap_or("no errmsg").to_owned(),
            labels: labels.iter().filter_map(|label| label.as_str().map(str::to_owned)).collect(),
        })
    }
}

/// 2, for what is malformed.
pub fn bad_value(message: impl Into<String>) -> Refusal {
    Refusal::new(codes::BAD_VALUE, message)
}

/// 13 for commands that want another database.
pub fn only_on_admin(command: &str) -> Refusal {
    Refusal::new(
        codes::UNAUTHORIZED,
        format!("{command} may only be run against the admin database."),
    )
}
