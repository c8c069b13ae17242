//! Projections: which fields of a document are sent. Copies bytes, decodes nothing.

use std::collections::BTreeMap;

use bson::{Bson, Document, RawArrayBuf, RawBsonRef, RawDocument, RawDocumentBuf};
use bytes::Bytes;

use crate::arguments::truthy;
use crate::codes;
use crate::refusal::{Refusal, bad_value};
use crate::values::path::Path;

/// A parsed projection.
#[derive(Clone, Debug)]
pub struct Projection {
    include: bool,
    /// Whether `_id` is sent.
    id: bool,
    tree: Tree,
    paths: Vec<Path>,
}

#[derive(Clone, Debug, Default)]
struct Tree(BTreeMap<String, Tree>);

impl Tree {
    fn insert(&mut self, parts: &[String]) {
        if let Some((part, rest)) = parts.split_first() {
            self.0.entry(part.clone()).or_default().insert(rest);
        }
    }

    fn is_leaf(&self) -> bool {
        self.0.is_empty()
    }
}

impl Projection {
    /// Reads `{a: 1, "b.c": 1}` or `{a: 0}`; `None` when it sends everything.
    pub fn parse(document: &Document) -> Result<Option<Self>, Refusal> {
        let (mut include, mut id, mut tree, mut paths) = (None, None, Tree::default(), Vec::new());
        for (name, value) in document {
            if !matches!(value, Bson::Boolean(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) {
                return Err(bad_value(format!("projection of {name}: this double knows 0 and 1 only")));
            }
            if name.starts_with('$') || name.is_empty() {
                return Err(Refusal::new(codes::FAILED_TO_PARSE, format!("cannot project {name:?}")));
            }
            let yes = truthy(Some(value));
            if name == "_id" {
                id = Some(yes);
                continue;
            }
            if *include.get_or_insert(yes) != yes {
                let (kind, other) = if yes { ("inclusion", "exclusion") } else { ("exclusion", "inclusion") };
                return Err(Refusal::new(
                    codes::BAD_PROJECTION_MIX,
                    format!("Cannot do {kind} on field {name} in {other} projection"),
                ));
            }
            let path = Path::new(name);
            tree.insert(path.parts());
            paths.push(path);
        }
        let id = match (include, id) {
            (None, None) => return Ok(None),
            // `{_id: 1}` alone means nothing but the id.
            (None, Some(yes)) => {
                return Ok(Some(Self { include: yes, id: yes, tree, paths }));
            }
            (_, id) => id.unwrap_or(true),
        };
        Ok(Some(Self { include: include.unwrap_or(false), id, tree, paths }))
    }

    /// Whether a field comes out as it went in.
    pub fn keeps(&self, path: &Path) -> bool {
        if path.parts()[0] == "_id" {
            return self.id;
        }
        let touched = self.paths.iter().any(|own| own.overlaps(path));
        if self.include {
            self.paths.iter().any(|own| own.overlaps(path) && own.parts().len() <= path.parts().len())
        } else {
            !touched
        }
    }

    /// The document with the fields that are sent.
    pub fn apply(&self, document: &RawDocument) -> Bytes {
        let mut out = RawDocumentBuf::new();
        for (name, value) in document.into_iter().flatten() {
            if name == "_id" {
                if self.id {
                    out.append_ref(name, value);
                }
            } else {
                self.field(&mut out, name, value, &self.tree);
            }
        }
        Bytes::from(out.into_bytes())
    }

    fn field(&self, out: &mut RawDocumentBuf, name: &str, value: RawBsonRef<'_>, tree: &Tree) {
        match tree.0.get(name) {
            None if self.include => (),
            Some(inner) if inner.is_leaf() && !self.include => (),
            Some(inner) if !inner.is_leaf() => match value {
                RawBsonRef::Document(document) => out.append(name, self.inside(document, inner)),
                RawBsonRef::Array(array) => {
                    let mut kept = RawArrayBuf::new();
                    for element in array.into_iter().flatten() {
                        match element {
                            RawBsonRef::Document(document) => kept.push(self.inside(document, inner)),
                            other if !self.include => kept.push(other.to_raw_bson()),
                            _ => (),
                        }
                    }
                    out.append(name, kept);
                }
                other if !self.include => out.append_ref(name, other),
                _ => (),
            },
            _ => out.append_ref(name, value),
        }
    }

    fn inside(&self, document: &RawDocument, tree: &Tree) -> RawDocumentBuf {
        let mut out = RawDocumentBuf::new();
        for (name, value) in document.into_iter().flatten() {
            self.field(&mut out, name, value, tree);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;
    use crate::query::{decoded, stored};

    #[allow(clippy::needless_pass_by_value, reason = "documents are written where they are used")]
    fn projected(projection: Document) -> Document {
        let document = doc! {"_id": 1, "a": {"b": 1, "c": 2}, "d": [{"b": 1, "c": 2}, 3], "e": 4};
        let stored = stored(&document);
        match Projection::parse(&projection).unwrap() {
            None => document,
            Some(projection) => decoded(&projection.apply(crate::query::raw(&stored))),
        }
    }

    #[test]
    fn fields_are_kept_or_left_out_at_any_depth() {
        for (projection, expected) in [
            (doc! {"e": 1}, doc! {"_id": 1, "e": 4}),
            (doc! {"e": 1, "_id": 0}, doc! {"e": 4}),
            (doc! {"_id": 1}, doc! {"_id": 1}),
            (doc! {"a.b": 1, "d.b": true}, doc! {"_id": 1, "a": {"b": 1}, "d": [{"b": 1}]}),
            (doc! {"a": 0, "d": 0}, doc! {"_id": 1, "e": 4}),
            (doc! {"a.b": 0, "d.b": 0, "e": 0}, doc! {"_id": 1, "a": {"c": 2}, "d": [{"c": 2}, 3]}),
            (doc! {"_id": 0, "a": 0, "d": 0}, doc! {"e": 4}),
        ] {
            assert_eq!(projected(projection.clone()), expected, "{projection}");
        }
        assert!(Projection::parse(&doc! {"a": 1, "b": 0}).is_err());
        assert!(Projection::parse(&doc! {"a": {"$slice": 1}}).is_err());
    }
}
