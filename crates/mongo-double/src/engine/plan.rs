//! Which index a query walks, and the walk. A document that an index offers is still asked whether it fits.

use std::collections::{BTreeSet, BinaryHeap, HashSet};
use std::ops::Bound;

use bytes::Bytes;

use super::collection::Data;
use super::index::{Direction, Index};
use crate::query::{Matcher, Sort, Test, raw};
use crate::values::hash::hash_of_encoded;
use crate::values::order::{self, kind};

/// Ranges of one walk at most: a longer `$in` is tested document by document.
const RANGES_MAX: usize = 10_000;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Which documents.
    pub matcher: Matcher,
    /// In which order; none: as they are kept.
    pub sort: Sort,
    /// How many are passed over.
    pub skip: usize,
    /// How many at most.
    pub limit: Option<usize>,
}

impl Selection {
    /// Everything that fits, in any order.
    pub fn of(matcher: Matcher) -> Self {
        Self { matcher, sort: Sort::default(), skip: 0, limit: None }
    }
}

type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// A walk over one index.
struct Walk<'a> {
    index: &'a Index,
    ranges: Vec<Range>,
    backwards: bool,
    /// It comes in the order that was asked for.
    sorted: bool,
    /// How much it narrows: fields that are equal, then a range.
    narrows: (usize, bool),
}

impl Data {
    /// Documents that fit.
    pub fn find(&self, selection: &Selection) -> Vec<Bytes> {
        self.select(selection).into_iter().filter_map(|record| self.document(record).cloned()).collect()
    }

    /// How many fit.
    pub fn count_matching(&self, selection: &Selection) -> usize {
        if selection.matcher.is_empty() {
            let rest = self.count().saturating_sub(selection.skip);
            return selection.limit.map_or(rest, |limit| rest.min(limit));
        }
        self.select(selection).len()
    }

    /// Records that fit.
    pub fn select(&self, selection: &Selection) -> Vec<u32> {
        match self.walk(selection) {
            None => {
                let records = self.records().map(|(record, _)| record);
                self.gather(records, selection, selection.sort.is_empty())
            }
            Some(walk) => {
                let sorted = walk.sorted || selection.sort.is_empty();
                let several = walk.index.multikey || walk.ranges.len() > 1;
                let mut seen = HashSet::new();
                let records = walk.records().filter(move |record| !several || seen.insert(*record));
                self.gather(records, selection, sorted)
            }
        }
    }

    fn gather(&self, records: impl Iterator<Item = u32>, selection: &Selection, sorted: bool) -> Vec<u32> {
        let mut scratch = Vec::new();
        let all = selection.matcher.is_empty();
        let fits = |record: &u32| {
            all || self.document(*record).is_some_and(|document| selection.matcher.fits(raw(document), &mut scratch))
        };
        let most = selection.limit.unwrap_or(usize::MAX);
        if sorted {
            return records.filter(fits).skip(selection.skip).take(most).collect();
        }
        // Only the first so many are kept while the rest passes by.
        let keep = most.saturating_add(selection.skip);
        let mut heap: BinaryHeap<(Vec<u8>, u32)> = BinaryHeap::new();
        let mut fits = fits;
        for record in records {
            if !fits(&record) {
                continue;
            }
            let Some(document) = self.document(record) else { continue };
            let key = selection.sort.key(raw(document));
            if heap.len() < keep {
                heap.push((key, record));
            } else if heap.peek().is_some_and(|last| key < last.0) {
                heap.pop();
                heap.push((key, record));
            }
        }
        heap.into_sorted_vec().into_iter().skip(selection.skip).map(|(_, record)| record).collect()
    }

    fn walk(&self, selection: &Selection) -> Option<Walk<'_>> {
        let conjuncts = selection.matcher.conjuncts();
        let walks = self.indexes.iter().filter_map(|index| Walk::over(index, &conjuncts, &selection.sort));
        let useful = |walk: &Walk<'_>| {
            walk.narrows > (0, false) || walk.sorted && selection.limit.is_some()
        };
        // The whole of a unique key is one document; else the most equal fields, then the order, then a range.
        walks.filter(useful).max_by_key(|walk| {
            let whole = walk.index.unique && walk.narrows.0 == walk.index.fields.len();
            (whole, walk.narrows.0, walk.sorted, walk.narrows.1)
        })
    }
}

impl<'a> Walk<'a> {
    fn over(index: &'a Index, conjuncts: &[(&crate::values::path::Path, &Test)], sort: &Sort) -> Option<Self> {
        let mut prefixes = vec![Vec::new()];
        let (mut equal, mut pinned) = (0, BTreeSet::new());
        for (path, direction) in &index.fields {
            let tests = conjuncts.iter().filter(|(own, _)| *own == path).map(|(_, test)| *test);
            let Some(values) = tests.filter_map(values).min_by_key(|values| values.len()) else { break };
            if prefixes.len() * values.len() > RANGES_MAX {
                break;
            }
            let parts: Vec<Vec<u8>> = values.iter().map(|value| component(value, *direction)).collect();
            prefixes = prefixes.iter().flat_map(|prefix| parts.iter().map(move |part| [&prefix[..], part].concat())).collect();
            equal += 1;
            if values.len() == 1 {
                pinned.insert(path.dotted());
            }
        }
        prefixes.sort_unstable();
        prefixes.dedup();
        let next = index.fields.get(equal).filter(|(_, direction)| *direction != Direction::Hashed);
        // Two bounds of one array field may be met by two of its elements.
        let next = next.filter(|_| !index.multikey);
        let tests: Vec<&Test> = next.map_or_else(Vec::new, |(path, _)| {
            conjuncts.iter().filter(|(own, _)| *own == path).map(|(_, test)| *test).collect()
        });
        let descending = next.is_some_and(|(_, direction)| *direction == Direction::Descending);
        let mut is_range = false;
        let ranges = prefixes.iter().map(|prefix| {
            let (range, narrowed) = range(prefix, &tests, descending);
            is_range |= narrowed;
            range
        });
        let ranges = ranges.collect();
        let backwards = in_order(index, equal, &pinned, sort);
        let sorted = prefixes.len() == 1 && backwards.is_some() && !index.multikey;
        let walk = Self { index, ranges, backwards: sorted && backwards == Some(true), sorted, narrows: (equal, is_range) };
        Some(walk)
    }

    fn records(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        let ranges = self.ranges.iter().filter(|(from, to)| !is_empty(from, to));
        let within = |(from, to): &Range| {
            let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
            self.index.map.range::<[u8], _>(bounds).map(|(_, record)| *record)
        };
        if self.backwards {
            Box::new(ranges.flat_map(move |range| within(range).rev()))
        } else {
            Box::new(ranges.flat_map(within))
        }
    }
}

fn is_empty(from: &Bound<Vec<u8>>, to: &Bound<Vec<u8>>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}

/// The values of an equality. An array's own key is that of its elements, so it finds nothing.
fn values(test: &Test) -> Option<&[Vec<u8>]> {
    let values = match test {
        Test::Equal(value) => std::slice::from_ref(value),
        Test::In(values) => values.as_slice(),
        _ => return None,
    };
    values.iter().all(|value| value[0] != kind::ARRAY).then_some(values)
}

fn component(value: &[u8], direction: Direction) -> Vec<u8> {
    match direction {
        Direction::Ascending => value.to_vec(),
        Direction::Descending => value.iter().map(|byte| !byte).collect(),
        Direction::Hashed => {
            let mut part = Vec::new();
            order::append(&mut part, bson::RawBsonRef::Int64(hash_of_encoded(value)));
            part
        }
    }
}

/// The keys that begin with `prefix` and go on within the bounds of `tests`.
fn range(prefix: &[u8], tests: &[&Test], descending: bool) -> (Range, bool) {
    let mut low = Bound::Included(prefix.to_vec());
    let mut high = after(prefix.to_vec());
    let mut narrowed = false;
    for test in tests {
        let (value, or_equal, above) = match test {
            Test::Above { value, or_equal } => (value, *or_equal, true),
            Test::Below { value, or_equal } => (value, *or_equal, false),
            _ => continue,
        };
        if matches!(value[0], kind::MIN_KEY | kind::MAX_KEY | kind::ARRAY) {
            continue;
        }
        narrowed = true;
        let flip = |byte: u8| if descending { !byte } else { byte };
        let own: Vec<u8> = prefix.iter().copied().chain(value.iter().map(|byte| flip(*byte))).collect();
        let mut of_type = prefix.to_vec();
        of_type.push(flip(value[0]));
        // A bound on one side; on the other the end of the values of its type.
        let (from, to) = if above == descending {
            let end = if or_equal { after(own) } else { Bound::Excluded(own) };
            (Bound::Included(of_type), end)
        } else {
            let begin = if or_equal { Bound::Included(own) } else { as_begin(after(own)) };
            (begin, after(of_type))
        };
        low = later(low, from);
        high = earlier(high, to);
    }
    ((low, high), narrowed)
}

/// The end of all keys that begin with these bytes.
fn after(mut bytes: Vec<u8>) -> Bound<Vec<u8>> {
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Bound::Excluded(bytes);
        }
    }
    Bound::Unbounded
}

fn as_begin(end: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match end {
        Bound::Excluded(bytes) => Bound::Included(bytes),
        other => other,
    }
}

fn later(a: Bound<Vec<u8>>, b: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match (&a, &b) {
        (Bound::Included(x), Bound::Included(y)) => if x >= y { a } else { b },
        (Bound::Included(_), _) => a,
        _ => b,
    }
}

fn earlier(a: Bound<Vec<u8>>, b: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match (&a, &b) {
        (Bound::Excluded(x), Bound::Excluded(y)) => if x <= y { a } else { b },
        (Bound::Excluded(_), _) => a,
        _ => b,
    }
}

/// Whether what follows the equal fields is the order that was asked for: `Some(true)` when walked backwards.
fn in_order(index: &Index, equal: usize, pinned: &BTreeSet<String>, sort: &Sort) -> Option<bool> {
    if sort.is_empty() {
        return None;
    }
    let mut rest = index.fields[equal..].iter();
    let mut backwards = None;
    for (path, descending) in sort.fields() {
        if pinned.contains(&path.dotted()) {
            continue;
        }
        let (own, direction) = rest.next()?;
        let against = match direction {
            Direction::Ascending => *descending,
            Direction::Descending => !*descending,
            Direction::Hashed => return None,
        };
        if own != path || *backwards.get_or_insert(against) != against {
            return None;
        }
    }
    Some(backwards.unwrap_or(false))
}
