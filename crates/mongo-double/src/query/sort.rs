//! Sort orders. A document's sort key is bytes, so that keys of different servers can be merged.

use bson::{Document, RawBsonRef, RawDocument};

use crate::arguments::whole;
use crate::codes;
use crate::refusal::Refusal;
use crate::values::order;
use crate::values::path::Path;

/// Fields, each with whether larger values come first.
#[derive(Clone, Debug, Default)]
pub struct Sort(Vec<(Path, bool)>);

impl Sort {
    /// Reads `{field: 1, other: -1}`.
    pub fn parse(document: &Document) -> Result<Self, Refusal> {
        let field = |(name, direction): (&String, &bson::Bson)| match whole(direction) {
            Some(1) => Ok((Path::new(name), false)),
            Some(-1) => Ok((Path::new(name), true)),
            _ => Err(Refusal::new(
                codes::BAD_SORT_DIRECTION,
                "$sort key ordering must be 1 (for ascending) or -1 (for descending)",
            )),
        };
        document.iter().map(field).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields.
    pub fn fields(&self) -> &[(Path, bool)] {
        &self.0
    }

    /// Bytes in whose order documents come.
    pub fn key(&self, document: &RawDocument) -> Vec<u8> {
        let mut key = Vec::with_capacity(48);
        for (path, descending) in &self.0 {
            component(&mut key, document, path, *descending);
        }
        key
    }
}

/// Of an array the element that comes first in this direction.
fn component(key: &mut Vec<u8>, document: &RawDocument, path: &Path, descending: bool) {
    let start = key.len();
    let mut append = |value: RawBsonRef<'_>| {
        let own = key.len();
        if descending {
            order::append_descending(key, value);
        } else {
            order::append(key, value);
        }
        if own > start {
            if key[own..] < key[start..own] {
                key.drain(start..own);
            } else {
                key.truncate(own);
            }
        }
    };
    let mut found = false;
    path.any(document, &mut |value| {
        // The array itself comes after its elements, which speak for it.
        if !(found && matches!(value, Some(RawBsonRef::Array(_)))) {
            append(value.unwrap_or(RawBsonRef::Null));
            found = true;
        }
        false
    });
    if !found {
        append(RawBsonRef::Null);
    }
}

#[cfg(test)]
mod tests {
    use bson::{RawDocumentBuf, doc};

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "documents are written where they are used")]
    fn sorted(sort: Document, mut documents: Vec<Document>) -> Vec<i32> {
        let sort = Sort::parse(&sort).unwrap();
        documents.sort_by_key(|document| sort.key(&RawDocumentBuf::from_document(document).unwrap()));
        documents.iter().map(|document| document.get_i32("_id").unwrap()).collect()
    }

    #[test]
    fn documents_are_sorted_by_each_field_in_its_direction() {
        let documents = vec![
            doc! {"_id": 1, "a": "x"},
            doc! {"_id": 2, "a": "xy"},
            doc! {"_id": 3},
            doc! {"_id": 4, "a": "x"},
            doc! {"_id": 5, "a": ["w", "z"]},
        ];
        assert_eq!(sorted(doc! {"a": 1, "_id": -1}, documents.clone()), [3, 5, 4, 1, 2]);
        assert_eq!(sorted(doc! {"a": -1, "_id": 1}, documents), [5, 2, 1, 4, 3]);
    }

    #[test]
    fn a_direction_is_1_or_minus_1() {
        assert_eq!(Sort::parse(&doc! {"a": 2}).unwrap_err().code, 15975);
        assert_eq!(Sort::parse(&doc! {"a": {"$meta": "textScore"}}).unwrap_err().code, 15975);
    }
}
