//! Filters: parsed once, then asked of each document.

use bson::{Bson, Document, RawBsonRef, RawDocument};

use crate::refusal::{Refusal, bad_value};
use crate::values::order::{self, kind};
use crate::values::path::Path;

/// A parsed filter.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// All of them; of none, everything.
    All(Vec<Self>),
    /// Any of them.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A field's values.
    Field(Path, Test),
}

/// What a field's value must be. Values are encoded in their order.
#[derive(Clone, Debug)]
pub enum Test {
    /// Equal.
    Equal(Vec<u8>),
    /// One of these, sorted.
    In(Vec<Vec<u8>>),
    /// Less, of the same type.
    Below {
        /// Than this.
        value: Vec<u8>,
        /// Or equal.
        or_equal: bool,
    },
    /// Greater, of the same type.
    Above {
        /// Than this.
        value: Vec<u8>,
        /// Or equal.
        or_equal: bool,
    },
    /// There is one.
    Exists,
}

impl Matcher {
    /// Reads a filter.
    pub fn parse(filter: &Document) -> Result<Self, Refusal> {
        let mut all = Vec::new();
        for (name, value) in filter {
            match name.as_str() {
                "$and" => all.push(Self::All(list(name, value)?)),
                "$or" => all.push(Self::Any(list(name, value)?)),
                "$nor" => all.push(Self::Not(Box::new(Self::Any(list(name, value)?)))),
                "$comment" => (),
                name if name.starts_with('$') => {
                    return Err(bad_value(format!("unknown top level operator: {name}")));
                }
                name => field(&Path::new(name), value, &mut all)?,
            }
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Self::All(all) })
    }

    /// Whether a document fits.
    pub fn matches(&self, document: &RawDocument) -> bool {
        self.fits(document, &mut Vec::new())
    }

    /// Like `matches`, with memory that is used again.
    pub fn fits(&self, document: &RawDocument, scratch: &mut Vec<u8>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.fits(document, scratch)),
            Self::Any(any) => any.iter().any(|one| one.fits(document, scratch)),
            Self::Not(one) => !one.fits(document, scratch),
            Self::Field(path, test) => path.any(document, &mut |value| test.fits(value, scratch)),
        }
    }

    /// Whether it fits everything.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::All(all) if all.iter().all(Self::is_empty))
    }

    /// The tests that every fitting document passes: what an index may be asked.
    pub fn conjuncts(&self) -> Vec<(&Path, &Test)> {
        match self {
            Self::All(all) => all.iter().flat_map(Self::conjuncts).collect(),
            Self::Field(path, test) => vec![(path, test)],
            Self::Any(_) | Self::Not(_) => Vec::new(),
        }
    }
}

impl Test {
    fn fits(&self, value: Option<RawBsonRef<'_>>, scratch: &mut Vec<u8>) -> bool {
        if matches!(self, Self::Exists) {
            return value.is_some();
        }
        let value = value.unwrap_or(RawBsonRef::Null);
        let own = order::kind_of(value);
        let mut compared = |other: &[u8]| {
            scratch.clear();
            order::append(scratch, value);
            scratch.as_slice().cmp(other)
        };
        // Values of different types do not compare; only the two ends of the order compare with all.
        let comparable = |other: &[u8]| other[0] == own || matches!(other[0], kind::MIN_KEY | kind::MAX_KEY);
        match self {
            Self::Equal(wanted) => wanted[0] == own && compared(wanted).is_eq(),
            Self::In(wanted) => {
                scratch.clear();
                order::append(scratch, value);
                wanted.binary_search_by(|one| one.as_slice().cmp(scratch)).is_ok()
            }
            Self::Below { value, or_equal } => {
                comparable(value) && (compared(value).is_lt() || *or_equal && compared(value).is_eq())
            }
            Self::Above { value, or_equal } => {
                comparable(value) && (compared(value).is_gt() || *or_equal && compared(value).is_eq())
            }
            Self::Exists => true,
        }
    }
}

fn list(name: &str, value: &Bson) -> Result<Vec<Matcher>, Refusal> {
    let array = value.as_array().filter(|array| !array.is_empty());
    let array = array.ok_or_else(|| bad_value(format!("{name} must be a nonempty array")))?;
    let one = |entry: &Bson| {
        let document = entry.as_document();
        Matcher::parse(document.ok_or_else(|| bad_value(format!("{name} entries need to be full objects")))?)
    };
    array.iter().map(one).collect()
}

fn is_operators(document: &Document) -> bool {
    document.keys().next().is_some_and(|name| name.starts_with('$'))
}

fn field(path: &Path, value: &Bson, all: &mut Vec<Matcher>) -> Result<(), Refusal> {
    match value {
        Bson::Document(operators) if is_operators(operators) => {
            for (name, operand) in operators {
                all.push(operator(path, name, operand)?);
            }
        }
        value => all.push(Matcher::Field(path.clone(), Test::Equal(operand("equality", value)?))),
    }
    Ok(())
}

fn operand(name: &str, value: &Bson) -> Result<Vec<u8>, Refusal> {
    if matches!(value, Bson::RegularExpression(_)) {
        return Err(bad_value(format!("{name}: this double does not match regular expressions")));
    }
    Ok(order::encoded(value))
}

fn operator(path: &Path, name: &str, value: &Bson) -> Result<Matcher, Refusal> {
    let field = |test| Matcher::Field(path.clone(), test);
    let not = |matcher| Matcher::Not(Box::new(matcher));
    let many = || {
        let array = value.as_array().ok_or_else(|| bad_value(format!("{name} needs an array")))?;
        let mut values = array.iter().map(|one| operand(name, one)).collect::<Result<Vec<_>, _>>()?;
        values.sort_unstable();
        values.dedup();
        Ok::<_, Refusal>(Test::In(values))
    };
    Ok(match name {
        "$eq" => field(Test::Equal(operand(name, value)?)),
        "$ne" => not(field(Test::Equal(operand(name, value)?))),
        "$in" => field(many()?),
        "$nin" => not(field(many()?)),
        "$lt" | "$lte" => field(Test::Below { value: operand(name, value)?, or_equal: name == "$lte" }),
        "$gt" | "$gte" => field(Test::Above { value: operand(name, value)?, or_equal: name == "$gte" }),
        "$exists" if crate::arguments::truthy(Some(value)) => field(Test::Exists),
        "$exists" => not(field(Test::Exists)),
        "$not" => {
            let inner = value.as_document().filter(|inner| is_operators(inner));
            let inner = inner.ok_or_else(|| bad_value("$not needs a document of operators"))?;
            let all: Result<Vec<_>, _> =
                inner.iter().map(|(name, value)| operator(path, name, value)).collect();
            not(Matcher::All(all?))
        }
        _ => return Err(bad_value(format!("unknown operator: {name}"))),
    })
}

/// The values that a filter pins a field to: what routing needs. `None` where it pins nothing.
pub fn values_of(filter: &Document, field: &str) -> Option<Vec<Bson>> {
    match filter.get(field) {
        Some(Bson::Document(operators)) if is_operators(operators) => {
            if let Some(value) = operators.get("$eq") {
                return Some(vec![value.clone()]);
            }
            if let Some(Bson::Array(values)) = operators.get("$in") {
                return Some(values.clone());
            }
        }
        Some(value) => return Some(vec![value.clone()]),
        None => (),
    }
    let and = filter.get_array("$and").ok()?;
    and.iter().filter_map(Bson::as_document).find_map(|one| values_of(one, field))
}

#[cfg(test)]
mod tests {
    use bson::{DateTime, RawDocumentBuf, doc};

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "documents are written where they are used")]
    fn fits(document: &Document, filter: Document) -> bool {
        let raw = RawDocumentBuf::from_document(document).unwrap();
        Matcher::parse(&filter).unwrap().matches(&raw)
    }

    #[test]
    fn filters_of_the_project_fit_what_they_should() {
        let at = DateTime::from_millis(1_000);
        let letter =
            doc! {"_id": 5, "userId": "u", "status": "open", "at": at, "reason": {"code": "c"}, "n": 3};
        for (filter, expected) in [
            (doc! {}, true),
            (doc! {"userId": "u", "status": "open"}, true),
            (doc! {"userId": "v"}, false),
            (doc! {"reason.code": "c"}, true),
            (doc! {"reason": {"code": "c"}}, true),
            (doc! {"reason": {"code": "c", "x": 1}}, false),
            (doc! {"status": {"$in": ["open", "discarded"]}}, true),
            (doc! {"status": {"$nin": ["open", "discarded"]}}, false),
            (doc! {"at": {"$gte": at, "$lt": DateTime::from_millis(1_001)}}, true),
            (doc! {"at": {"$gt": at}}, false),
            (doc! {"at": {"$gt": 1}}, false),
            (doc! {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": 6}}]}, true),
            (doc! {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": 5}}]}, false),
            (doc! {"$nor": [{"n": 3}, {"n": 4}]}, false),
            (doc! {"$and": [{"n": {"$lte": 3.0}}, {"n": {"$gte": 3_i64}}]}, true),
            (doc! {"n": {"$not": {"$gt": 2}}}, false),
            (doc! {"missing": Bson::Null}, true),
            (doc! {"missing": {"$exists": false}}, true),
            (doc! {"missing": {"$ne": 1}}, true),
            (doc! {"n": {"$gte": Bson::MinKey}}, true),
        ] {
            assert_eq!(fits(&letter, filter.clone()), expected, "{filter}");
        }
    }

    #[test]
    fn an_array_fits_when_an_element_does() {
        let document = doc! {"a": [1, {"b": 2}]};
        for (filter, expected) in [
            (doc! {"a": 1}, true),
            (doc! {"a": {"b": 2}}, true),
            (doc! {"a.b": 2}, true),
            (doc! {"a": [1, {"b": 2}]}, true),
            (doc! {"a": {"$ne": 1}}, false),
            (doc! {"a": 2}, false),
        ] {
            assert_eq!(fits(&document, filter.clone()), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for filter in [
            doc! {"$where": "1"},
            doc! {"a": {"$near": 1}},
            doc! {"a": bson::Regex { pattern: "x".into(), options: String::new() }},
            doc! {"$or": []},
            doc! {"a": {"$in": 1}},
        ] {
            assert_eq!(Matcher::parse(&filter).unwrap_err().code, 2, "{filter}");
        }
    }

    #[test]
    fn a_filter_pins_a_field_by_equality_alone() {
        assert_eq!(values_of(&doc! {"u": "a", "x": 1}, "u"), Some(vec!["a".into()]));
        assert_eq!(values_of(&doc! {"$and": [{"x": 1}, {"u": {"$eq": "a"}}]}, "u"), Some(vec!["a".into()]));
        assert_eq!(values_of(&doc! {"u": {"$in": ["a", "b"]}}, "u"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(values_of(&doc! {"u": {"$gt": "a"}}, "u"), None);
        assert_eq!(values_of(&doc! {"$or": [{"u": "a"}]}, "u"), None);
    }
}
