//! Dotted paths into documents, through arrays, as queries and sorts see them.

use bson::{RawArray, RawBsonRef, RawDocument};

/// `a.b.c`, split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// Splits a dotted name.
    pub fn new(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }

    /// The parts.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// Back to dots.
    pub fn dotted(&self) -> String {
        self.0.join(".")
    }

    /// Calls `see` with every value that a query on this path looks at, until it says true: the value itself, the
    /// elements of an array, values below the documents of an array; `None` where there is nothing.
    pub fn any<'a>(
        &self,
        document: &'a RawDocument,
        see: &mut impl FnMut(Option<RawBsonRef<'a>>) -> bool,
    ) -> bool {
        visit(document, &self.0, see)
    }

    /// The value without looking into arrays; what sorts and expressions start from.
    pub fn first<'a>(&self, document: &'a RawDocument) -> Option<RawBsonRef<'a>> {
        let (last, above) = self.0.split_last()?;
        let mut at = document;
        for part in above {
            at = at.get(part).ok()??.as_document()?;
        }
        at.get(last).ok()?
    }

    /// Whether the two name the same field, or one lies in the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }
}

fn visit<'a>(
    document: &'a RawDocument,
    parts: &[String],
    see: &mut impl FnMut(Option<RawBsonRef<'a>>) -> bool,
) -> bool {
    let Some((part, rest)) = parts.split_first() else { return false };
    match document.get(part) {
        Ok(Some(value)) => value_at(value, rest, see),
        _ => see(None),
    }
}

fn value_at<'a>(
    value: RawBsonRef<'a>,
    rest: &[String],
    see: &mut impl FnMut(Option<RawBsonRef<'a>>) -> bool,
) -> bool {
    match (value, rest.first()) {
        (RawBsonRef::Array(array), None) => {
            array.into_iter().flatten().any(|element| see(Some(element))) || see(Some(value))
        }
        (_, None) => see(Some(value)),
        (RawBsonRef::Document(inner), Some(_)) => visit(inner, rest, see),
        (RawBsonRef::Array(array), Some(part)) => in_array(array, part, rest, see),
        (_, Some(_)) => see(None),
    }
}

fn in_array<'a>(
    array: &'a RawArray,
    part: &str,
    rest: &[String],
    see: &mut impl FnMut(Option<RawBsonRef<'a>>) -> bool,
) -> bool {
    let by_number = part.parse::<usize>().ok().and_then(|index| array.get(index).ok().flatten());
    if by_number.is_some_and(|element| value_at(element, &rest[1..], see)) {
        return true;
    }
    array.into_iter().flatten().any(|element| match element {
        RawBsonRef::Document(inner) => visit(inner, rest, see),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use bson::{RawDocumentBuf, doc};

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "documents are written where they are used")]
    fn seen(document: bson::Document, path: &str) -> Vec<String> {
        let raw = RawDocumentBuf::from_document(&document).unwrap();
        let mut all = Vec::new();
        Path::new(path).any(&raw, &mut |value| {
            all.push(match value {
                None => "nothing".to_owned(),
                Some(RawBsonRef::Int32(n)) => n.to_string(),
                Some(other) => format!("{:?}", other.element_type()),
            });
            false
        });
        all
    }

    #[test]
    fn a_path_sees_into_documents_and_arrays() {
        assert_eq!(seen(doc! {"a": {"b": 1}}, "a.b"), ["1"]);
        assert_eq!(seen(doc! {"a": 1}, "a.b"), ["nothing"]);
        assert_eq!(seen(doc! {}, "a"), ["nothing"]);
        assert_eq!(seen(doc! {"a": [1, 2]}, "a"), ["1", "2", "Array"]);
        assert_eq!(seen(doc! {"a": [{"b": 1}, 5, {"b": 2}]}, "a.b"), ["1", "2"]);
        assert_eq!(seen(doc! {"a": [7, 8]}, "a.1"), ["8"]);
    }
}
