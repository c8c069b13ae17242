//! Updates: replacement documents and the operators that are modelled.

use bson::{Bson, Document};

use crate::codes;
use crate::refusal::{Refusal, bad_value};
use crate::values::order::encoded;
use crate::values::path::Path;

/// A parsed update.
#[derive(Clone, Debug)]
pub enum Update {
    /// The whole document but its `_id`.
    Replace(Document),
    /// Operators in their order.
    Operators(Vec<Change>),
}

/// One path and what happens to it.
#[derive(Clone, Debug)]
pub struct Change {
    operator: Operator,
    path: Path,
    value: Bson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Set,
    SetOnInsert,
    Unset,
    Inc,
    Min,
    Max,
}

const OPERATORS: &[(&str, Operator)] = &[
    ("$set", Operator::Set),
    ("$setOnInsert", Operator::SetOnInsert),
    ("$unset", Operator::Unset),
    ("$inc", Operator::Inc),
    ("$min", Operator::Min),
    ("$max", Operator::Max),
];

impl Update {
    /// Reads an update.
    pub fn parse(update: &Bson) -> Result<Self, Refusal> {
        let failed = |message: String| Refusal::new(codes::FAILED_TO_PARSE, message);
        let Bson::Document(document) = update else {
            return Err(failed("this double does not model updates by pipeline".into()));
        };
        if !document.keys().next().is_some_and(|name| name.starts_with('$')) {
            if let Some(name) = document.keys().find(|name| name.starts_with('$')) {
                return Err(Refusal::new(
                    codes::DOLLAR_PREFIXED_FIELD_NAME,
                    format!(
                        "The dollar ($) prefixed field '{name}' is not allowed in a replacement document"
                    ),
                ));
            }
            return Ok(Self::Replace(document.clone()));
        }
        let mut changes: Vec<Change> = Vec::new();
        for (name, operands) in document {
            let Some((_, operator)) = OPERATORS.iter().find(|(known, _)| known == name) else {
                return Err(failed(format!(
                    "Unknown modifier: {name}. Expected a valid update modifier or pipeline-style update specified as an array"
                )));
            };
            let operands = operands.as_document();
            let operands = operands.ok_or_else(|| {
                failed(format!("Modifiers operate on fields but we found another type for {name}"))
            })?;
            for (dotted, value) in operands {
                let path = Path::new(dotted);
                if path.parts().iter().any(String::is_empty) {
                    return Err(bad_value(format!(
                        "The update path '{dotted}' contains an empty field name"
                    )));
                }
                if changes.iter().any(|change| change.path.overlaps(&path)) {
                    return Err(Refusal::new(
                        codes::CONFLICTING_UPDATE_OPERATORS,
                        format!("Updating the path '{dotted}' would create a conflict at '{dotted}'"),
                    ));
                }
                if *operator == Operator::Inc && !is_number(value) {
                    return Err(Refusal::new(
                        codes::TYPE_MISMATCH,
                        format!("Cannot increment with non-numeric argument: {{{dotted}: {value}}}"),
                    ));
                }
                changes.push(Change { operator: *operator, path, value: value.clone() });
            }
        }
        Ok(Self::Operators(changes))
    }

    /// Whether it may write a field; what a shard key must not be.
    pub fn touches(&self, field: &str) -> bool {
        let field = Path::new(field);
        match self {
            Self::Replace(_) => true,
            Self::Operators(changes) => changes.iter().any(|change| change.path.overlaps(&field)),
        }
    }

    /// The document after the update. `inserting`: it comes to be by an upsert.
    pub fn apply(&self, document: &Document, inserting: bool) -> Result<Document, Refusal> {
        let id = document.get("_id");
        let mut after = match self {
            Self::Replace(replacement) => {
                let mut after = Document::new();
                if let Some(id) = id {
                    after.insert("_id", id.clone());
                }
                after.extend(replacement.clone());
                after
            }
            Self::Operators(changes) => {
                let mut after = document.clone();
                for change in changes {
                    change.apply(&mut after, inserting)?;
                }
                after
            }
        };
        if let (Some(before), false) = (id, inserting)
            && after.get("_id").map(encoded) != Some(encoded(before))
        {
            return Err(Refusal::new(
                codes::IMMUTABLE_FIELD,
                "Performing an update on the path '_id' would modify the immutable field '_id'",
            ));
        }
        if let Some(id) = after.remove("_id") {
            // The id stands first.
            let rest = std::mem::take(&mut after);
            after.insert("_id", id);
            after.extend(rest);
        }
        Ok(after)
    }
}

impl Change {
    fn apply(&self, document: &mut Document, inserting: bool) -> Result<(), Refusal> {
        let Self { operator, path, value } = self;
        match operator {
            Operator::SetOnInsert if !inserting => Ok(()),
            Operator::Set | Operator::SetOnInsert => write(document, path.parts(), value.clone()),
            Operator::Unset => {
                unset(document, path.parts());
                Ok(())
            }
            Operator::Inc => {
                let sum = match read(document, path.parts()) {
                    None => value.clone(),
                    Some(old) => add(old, value).ok_or_else(|| not_a_number(path, old))?,
                };
                write(document, path.parts(), sum)
            }
            Operator::Min | Operator::Max => {
                let replaces = read(document, path.parts()).is_none_or(|old| {
                    let (new, old) = (encoded(value), encoded(old));
                    if *operator == Operator::Min { new < old } else { new > old }
                });
                if replaces { write(document, path.parts(), value.clone()) } else { Ok(()) }
            }
        }
    }
}

fn not_a_number(path: &Path, old: &Bson) -> Refusal {
    Refusal::new(
        codes::TYPE_MISMATCH,
        format!("Cannot apply $inc to a value of non-numeric type at '{}': {old}", path.dotted()),
    )
}

fn is_number(value: &Bson) -> bool {
    matches!(value, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_))
}

/// The sum of two numbers: as narrow as both are, wider when it does not fit.
#[allow(clippy::cast_precision_loss, reason = "what the server does")]
pub fn add(a: &Bson, b: &Bson) -> Option<Bson> {
    let float = |value: &Bson| match value {
        Bson::Int32(n) => Some(f64::from(*n)),
        Bson::Int64(n) => Some(*n as f64),
        Bson::Double(n) => Some(*n),
        _ => None,
    };
    match (a, b) {
        (Bson::Int32(a), Bson::Int32(b)) => {
            Some(a.checked_add(*b).map_or_else(|| Bson::Int64(i64::from(*a) + i64::from(*b)), Bson::Int32))
        }
        (Bson::Int64(a), Bson::Int64(b)) => a.checked_add(*b).map(Bson::Int64),
        (Bson::Int32(a), Bson::Int64(b)) | (Bson::Int64(b), Bson::Int32(a)) => {
            i64::from(*a).checked_add(*b).map(Bson::Int64)
        }
        _ => Some(Bson::Double(float(a)? + float(b)?)),
    }
}

fn read<'a>(document: &'a Document, parts: &[String]) -> Option<&'a Bson> {
    let (first, rest) = parts.split_first()?;
    let mut at = document.get(first)?;
    for part in rest {
        at = match at {
            Bson::Document(inner) => inner.get(part)?,
            Bson::Array(array) => array.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(at)
}

fn write(document: &mut Document, parts: &[String], value: Bson) -> Result<(), Refusal> {
    let Some((first, rest)) = parts.split_first() else { return Ok(()) };
    if rest.is_empty() {
        document.insert(first, value);
        return Ok(());
    }
    write_into(
        document.entry(first.clone()).or_insert_with(|| Bson::Document(Document::new())),
        first,
        rest,
        value,
    )
}

fn write_into(at: &mut Bson, name: &str, parts: &[String], value: Bson) -> Result<(), Refusal> {
    match at {
        Bson::Document(inner) => write(inner, parts, value),
        Bson::Array(array) if parts[0].parse::<usize>().is_ok_and(|index| index < array.len()) => {
            let element = &mut array[parts[0].parse::<usize>().unwrap_or_default()];
            if parts.len() == 1 {
                *element = value;
                return Ok(());
            }
            write_into(element, &parts[0], &parts[1..], value)
        }
        other => Err(Refusal::new(
            codes::PATH_NOT_VIABLE,
            format!("Cannot create field '{}' in element {{{name}: {other}}}", parts[0]),
        )),
    }
}

fn unset(document: &mut Document, parts: &[String]) {
    let Some((first, rest)) = parts.split_first() else { return };
    if rest.is_empty() {
        document.remove(first);
    } else if let Some(Bson::Document(inner)) = document.get_mut(first) {
        unset(inner, rest);
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "documents are written where they are used")]
    fn applied(document: Document, update: Document, inserting: bool) -> Result<Document, i32> {
        let update = Update::parse(&Bson::Document(update)).map_err(|refusal| refusal.code)?;
        update.apply(&document, inserting).map_err(|refusal| refusal.code)
    }

    #[test]
    fn operators_change_what_they_name() {
        for (before, update, expected) in [
            (doc! {"_id": 1}, doc! {"$set": {"a.b": 1}}, doc! {"_id": 1, "a": {"b": 1}}),
            (doc! {"_id": 1, "n": 1}, doc! {"$inc": {"n": 2, "m": 3}}, doc! {"_id": 1, "n": 3, "m": 3}),
            (
                doc! {"_id": 1, "n": i32::MAX},
                doc! {"$inc": {"n": 1}},
                doc! {"_id": 1, "n": 2_147_483_648_i64},
            ),
            (doc! {"_id": 1, "n": 1}, doc! {"$inc": {"n": 0.5}}, doc! {"_id": 1, "n": 1.5}),
            (doc! {"_id": 1, "a": 1}, doc! {"$unset": {"a": ""}, "$setOnInsert": {"b": 1}}, doc! {"_id": 1}),
            (
                doc! {"_id": 1, "a": 5},
                doc! {"$min": {"a": 3}, "$max": {"b": 1}},
                doc! {"_id": 1, "a": 3, "b": 1},
            ),
            (doc! {"_id": 1, "a": [1, 2]}, doc! {"$set": {"a.1": 9}}, doc! {"_id": 1, "a": [1, 9]}),
            (doc! {"_id": 1, "a": 5}, doc! {"b": 2}, doc! {"_id": 1, "b": 2}),
        ] {
            assert_eq!(applied(before, update.clone(), false), Ok(expected), "{update}");
        }
        let upserted = applied(doc! {"u": 1}, doc! {"$setOnInsert": {"_id": 7}, "$inc": {"n": 1}}, true);
        assert_eq!(upserted, Ok(doc! {"_id": 7, "u": 1, "n": 1}));
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_servers_code() {
        for (update, code) in [
            (doc! {"$set": {"_id": 2}}, 66),
            (doc! {"_id": 2, "a": 1}, 66),
            (doc! {"$set": {"a": 1}, "$inc": {"a": 1}}, 40),
            (doc! {"$set": {"a.b": 1}, "$inc": {"a": 1}}, 40),
            (doc! {"$inc": {"s": 1}}, 14),
            (doc! {"$inc": {"n": "x"}}, 14),
            (doc! {"$set": {"s.x": 1}}, 28),
            (doc! {"$push": {"a": 1}}, 9),
            (doc! {"$set": {"a..b": 1}}, 2),
        ] {
            let document = doc! {"_id": 1, "s": "text"};
            assert_eq!(applied(document, update.clone(), false), Err(code), "{update}");
        }
    }
}
