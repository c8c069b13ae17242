//! The query language: filters, sorts, projections, updates, aggregation. Works on documents in memory and knows
//! nothing of collections. What is not modelled is refused, never ignored.

mod expression;
mod group;
mod matcher;
mod pipeline;
mod projection;
mod sort;
mod update;

use std::sync::LazyLock;

use bson::{Document, RawDocument, RawDocumentBuf};
use bytes::Bytes;

pub use expression::Expression;
pub use group::Group;
pub use matcher::{Matcher, Test, values_of};
pub use pipeline::{Pipeline, Stage};
pub use projection::Projection;
pub use sort::Sort;
pub use update::Update;

/// A stored document.
pub fn raw(document: &[u8]) -> &RawDocument {
    static EMPTY: LazyLock<RawDocumentBuf> = LazyLock::new(RawDocumentBuf::new);
    // Everything stored was checked when it came.
    RawDocument::from_bytes(document).unwrap_or(&EMPTY)
}

/// A document as it is stored.
pub fn stored(document: &Document) -> Bytes {
    // Only a NUL in a key does not encode, and no key of ours has one.
    Bytes::from(RawDocumentBuf::from_document(document).unwrap_or_default().into_bytes())
}

/// A stored document, decoded.
pub fn decoded(document: &[u8]) -> Document {
    Document::try_from(raw(document)).unwrap_or_default()
}
