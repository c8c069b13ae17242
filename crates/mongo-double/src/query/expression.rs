//! Expressions of aggregation: constants, fields, documents and arrays of them. Anything that computes is refused.

use std::collections::BTreeSet;

use bson::{Bson, Document, RawDocument};

use crate::codes;
use crate::refusal::Refusal;
use crate::values::path::Path;

/// A parsed expression.
#[derive(Clone, Debug)]
pub enum Expression {
    /// The same for every document.
    Constant(Bson),
    /// A field, by its path.
    Field(Path),
    /// A document of expressions; what is missing is left out.
    Document(Vec<(String, Self)>),
    /// An array of expressions; what is missing is null.
    Array(Vec<Self>),
}

impl Expression {
    /// Reads an expression.
    pub fn parse(value: &Bson) -> Result<Self, Refusal> {
        Ok(match value {
            Bson::String(text) if text.starts_with("$$") => {
                return Err(Refusal::new(17276, format!("Use of undefined variable: {}", &text[2..])));
            }
            Bson::String(text) if text.starts_with('$') && text.len() > 1 => Self::Field(Path::new(&text[1..])),
            Bson::Document(document) => Self::document(document)?,
            Bson::Array(array) => Self::Array(array.iter().map(Self::parse).collect::<Result<_, _>>()?),
            other => Self::Constant(other.clone()),
        })
    }

    fn document(document: &Document) -> Result<Self, Refusal> {
        if let Some(literal) = document.get("$literal").filter(|_| document.len() == 1) {
            return Ok(Self::Constant(literal.clone()));
        }
        if let Some(name) = document.keys().find(|name| name.starts_with('$')) {
            return Err(Refusal::new(
                codes::INVALID_PIPELINE_OPERATOR,
                format!("Unrecognized expression '{name}'"),
            ));
        }
        let fields = document.iter().map(|(name, value)| Ok((name.clone(), Self::parse(value)?)));
        Ok(Self::Document(fields.collect::<Result<_, Refusal>>()?))
    }

    /// Its value for a document; `None` where a field is missing.
    pub fn value(&self, document: &RawDocument) -> Option<Bson> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Field(path) => path.first(document)?.to_raw_bson().try_into().ok(),
            Self::Document(fields) => {
                let fields = fields.iter().filter_map(|(name, one)| Some((name.clone(), one.value(document)?)));
                Some(Bson::Document(fields.collect()))
            }
            Self::Array(all) => {
                Some(Bson::Array(all.iter().map(|one| one.value(document).unwrap_or(Bson::Null)).collect()))
            }
        }
    }

    /// The top-level fields that it reads.
    pub fn fields(&self, into: &mut BTreeSet<String>) {
        match self {
            Self::Constant(_) => (),
            Self::Field(path) => {
                into.insert(path.parts()[0].clone());
            }
            Self::Document(fields) => fields.iter().for_each(|(_, one)| one.fields(into)),
            Self::Array(all) => all.iter().for_each(|one| one.fields(into)),
        }
    }
}
