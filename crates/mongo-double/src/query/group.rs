//! `$group`: rows by a key, with sums and ends of what is in them.

use std::collections::{BTreeSet, HashMap};

use bson::{Bson, Document};
use bytes::Bytes;

use super::expression::Expression;
use super::update::add;
use super::{raw, stored};
use crate::codes;
use crate::refusal::Refusal;
use crate::values::order::encoded;
use crate::values::path::Path;

/// A parsed `$group`.
#[derive(Clone, Debug)]
pub struct Group {
    id: Expression,
    fields: Vec<(String, Accumulator, Expression)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accumulator {
    Sum,
    Min,
    Max,
    Avg,
    First,
    Last,
}

const ACCUMULATORS: &[(&str, Accumulator)] = &[
    ("$sum", Accumulator::Sum),
    ("$min", Accumulator::Min),
    ("$max", Accumulator::Max),
    ("$avg", Accumulator::Avg),
    ("$first", Accumulator::First),
    ("$last", Accumulator::Last),
];

#[derive(Clone, Debug)]
struct State {
    value: Bson,
    count: i64,
}

impl Group {
    /// Reads the operand of `$group`.
    pub fn parse(document: &Document) -> Result<Self, Refusal> {
        let id = document
            .get("_id")
            .ok_or_else(|| Refusal::new(15955, "a group specification must include an _id"))?;
        let mut fields = Vec::new();
        for (name, value) in document.iter().filter(|(name, _)| *name != "_id") {
            let one = value.as_document().filter(|one| one.len() == 1);
            let (operator, operand) = one.and_then(|one| one.iter().next()).ok_or_else(|| {
                Refusal::new(40234, format!("The field '{name}' must be an accumulator object"))
            })?;
            let (_, accumulator) = ACCUMULATORS.iter().find(|(known, _)| known == operator).ok_or_else(|| {
                Refusal::new(codes::UNKNOWN_GROUP_OPERATOR, format!("unknown group operator '{operator}'"))
            })?;
            fields.push((name.clone(), *accumulator, Expression::parse(operand)?));
        }
        Ok(Self { id: Expression::parse(id)?, fields })
    }

    /// The count of everything, as one row with a field of this name.
    pub fn counting(field: &str) -> Self {
        Self {
            id: Expression::Constant(Bson::Null),
            fields: vec![(field.to_owned(), Accumulator::Sum, Expression::Constant(Bson::Int32(1)))],
        }
    }

    /// The group that makes one result of the results of several shards; `None` where that would be wrong.
    pub fn merging(&self) -> Option<Self> {
        let merge = |(name, accumulator, _): &(String, Accumulator, Expression)| {
            let mergeable = matches!(accumulator, Accumulator::Sum | Accumulator::Min | Accumulator::Max);
            mergeable.then(|| (name.clone(), *accumulator, Expression::Field(Path::new(name))))
        };
        let fields = self.fields.iter().map(merge).collect::<Option<_>>()?;
        Some(Self { id: Expression::Field(Path::new("_id")), fields })
    }

    /// The top-level fields that it reads.
    pub fn reads(&self) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        self.id.fields(&mut fields);
        self.fields.iter().for_each(|(_, _, expression)| expression.fields(&mut fields));
        fields
    }

    /// The rows, in the order in which their keys first came.
    pub fn run<'a>(&self, documents: impl Iterator<Item = &'a Bytes>) -> Vec<Bytes> {
        let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut rows: Vec<(Bson, Vec<State>)> = Vec::new();
        let constant = matches!(self.id, Expression::Constant(_));
        for document in documents {
            let document = raw(document);
            let place = if constant && !rows.is_empty() {
                0
            } else {
                let id = self.id.value(document).unwrap_or(Bson::Null);
                *places.entry(encoded(&id)).or_insert_with(|| {
                    let states = self.fields.iter().map(|(_, accumulator, _)| accumulator.begin());
                    rows.push((id, states.collect()));
                    rows.len() - 1
                })
            };
            for ((_, accumulator, expression), state) in self.fields.iter().zip(&mut rows[place].1) {
                match expression {
                    Expression::Constant(value) => accumulator.add(state, Some(value)),
                    other => accumulator.add(state, other.value(document).as_ref()),
                }
            }
        }
        let row = |(id, states): (Bson, Vec<State>)| {
            let mut row = Document::new();
            row.insert("_id", id);
            for ((name, accumulator, _), state) in self.fields.iter().zip(states) {
                row.insert(name, accumulator.end(state));
            }
            stored(&row)
        };
        rows.into_iter().map(row).collect()
    }
}

impl Accumulator {
    fn begin(self) -> State {
        let value = if self == Self::Sum { Bson::Int32(0) } else { Bson::Null };
        State { value, count: 0 }
    }

    fn add(self, state: &mut State, value: Option<&Bson>) {
        let present = value.filter(|value| !matches!(value, Bson::Null | Bson::Undefined));
        match self {
            // What is no number counts as nothing.
            Self::Sum => {
                if let Some(sum) = present.and_then(|value| add(&state.value, value)) {
                    state.value = sum;
                }
            }
            Self::Avg => {
                let sum = present.and_then(|value| add(&Bson::Double(0.0), value));
                if let Some(value) = sum {
                    let old = if state.count == 0 { Bson::Double(0.0) } else { state.value.clone() };
                    state.value = add(&old, &value).unwrap_or(old);
                    state.count += 1;
                }
            }
            Self::Min | Self::Max => {
                let Some(value) = present else { return };
                let better = state.count == 0 || {
                    let (new, old) = (encoded(value), encoded(&state.value));
                    if self == Self::Min { new < old } else { new > old }
                };
                if better {
                    state.value = value.clone();
                }
                state.count += 1;
            }
            Self::First if state.count > 0 => (),
            Self::First | Self::Last => {
                state.value = value.cloned().unwrap_or(Bson::Null);
                state.count += 1;
            }
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a mean of fewer than 2^53 values")]
    fn end(self, state: State) -> Bson {
        match (self, &state.value) {
            (Self::Avg, Bson::Double(sum)) if state.count > 0 => Bson::Double(sum / state.count as f64),
            _ => state.value,
        }
    }
}
