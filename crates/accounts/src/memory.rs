//! What this process remembers of keys or people: a bounded map whose hit costs one look-up, and a fence that keeps
//! out what was read before a change and would be stored after it. Knows neither Redis nor PostgreSQL.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Locks of the map: enough that two cores seldom meet.
const SHARDS: usize = 16;
/// How many entries are compared to find one to give up: a sample is near enough to the least recently used.
const EVICTION_SAMPLE: usize = 8;
/// Ids known to be unknown, at most; each lives 5 s and costs about 50 bytes.
pub(crate) const NEGATIVE_ENTRIES_MAX: usize = 4_096;

/// Milliseconds on the clock of the owner.
pub(crate) type Milliseconds = u64;

/// One thing remembered; `facts` of `None`: it is known to be revoked.
#[derive(Debug)]
struct Slot<F> {
    facts: Option<Arc<F>>,
    /// The mistrust that was in force when it was read.
    trust: u64,
    used_at: AtomicU64,
    /// When a hit should have it looked at again.
    refresh_at: AtomicU64,
}

/// A hit.
#[derive(Debug)]
pub(crate) struct Hit<F> {
    /// `None`: revoked.
    pub facts: Option<Arc<F>>,
    /// It was read after the last time that everything became doubtful.
    pub trusted: bool,
    /// This hit, and no other for a while, is asked to have it looked at again.
    pub refresh: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Memory<K, F> {
    shards: Vec<RwLock<HashMap<K, Slot<F>>>>,
    hasher: RandomState,
    shard_entries_max: usize,
    /// A revoked entry cannot come back by reading something older; only [`forget`](Self::forget) clears it.
    revoked_for_good: bool,
    /// Grows with every change heard of.
    fence: AtomicU64,
    /// Grows when everything read so far becomes doubtful.
    trust: AtomicU64,
    negative: Mutex<HashMap<K, Milliseconds>>,
}

impl<K: Copy + Eq + Hash, F> Memory<K, F> {
    pub(crate) fn new(entries_max: usize, revoked_for_good: bool) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            shard_entries_max: entries_max.div_ceil(SHARDS),
            revoked_for_good,
            fence: AtomicU64::new(0),
            trust: AtomicU64::new(0),
            negative: Mutex::default(),
        }
    }

    /// The entry of `key`. `patience` is how long nobody else is asked to refresh it after this hit was.
    pub(crate) fn get(&self, key: &K, now: Milliseconds, patience: Milliseconds) -> Option<Hit<F>> {
        let shard = read(self.shard(key));
        let slot = shard.get(key)?;
        slot.used_at.store(now, Ordering::Relaxed);
        let due = slot.refresh_at.load(Ordering::Relaxed);
        let refresh = now >= due
            && slot
                .refresh_at
                .compare_exchange(due, now + patience, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        let trusted = slot.trust == self.trust.load(Ordering::Acquire);
        Some(Hit { facts: slot.facts.clone(), trusted, refresh })
    }

    /// To be taken before reading anything that shall be remembered.
    pub(crate) fn fence(&self) -> Fence {
        Fence { changes: self.fence.load(Ordering::SeqCst), trust: self.trust.load(Ordering::SeqCst) }
    }

    /// Remembers what was read after `fence`, unless a change was heard of since: then it may be older than that
    /// change, and `None` asks to read again. Facts that are the `same` as those remembered keep their place, so that
    /// what hangs on them (a rate limit) goes on.
    pub(crate) fn put(
        &self,
        fence: Fence,
        key: K,
        facts: Option<F>,
        same: impl Fn(&F, &F) -> bool,
        now: Milliseconds,
        refresh_at: Milliseconds,
    ) -> Result<Option<Arc<F>>, Option<F>> {
        let mut shard = write(self.shard(&key));
        if fence != self.fence() {
            return Err(facts);
        }
        let facts = match (shard.get(&key).map(|slot| &slot.facts), facts) {
            (Some(None), _) if self.revoked_for_good => None,
            (Some(Some(old)), Some(new)) if same(old, &new) => Some(Arc::clone(old)),
            (_, new) => new.map(Arc::new),
        };
        if shard.len() >= self.shard_entries_max && !shard.contains_key(&key) {
            let oldest = shard
                .iter()
                .take(EVICTION_SAMPLE)
                .min_by_key(|(_, slot)| slot.used_at.load(Ordering::Relaxed))
                .map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                shard.remove(&oldest);
            }
        }
        let slot = Slot {
            facts: facts.clone(),
            trust: fence.trust,
            used_at: AtomicU64::new(now),
            refresh_at: AtomicU64::new(refresh_at),
        };
        shard.insert(key, slot);
        Ok(facts)
    }

    /// Forgets `key`: it has changed. Whoever is reading it now will read again.
    pub(crate) fn forget(&self, key: &K) {
        self.fence.fetch_add(1, Ordering::SeqCst);
        write(self.shard(key)).remove(key);
        self.forget_unknown(key);
    }

    /// Remembers that `key` is revoked for good, if it is remembered at all.
    pub(crate) fn revoke(&self, key: &K) {
        self.fence.fetch_add(1, Ordering::SeqCst);
        if let Some(slot) = write(self.shard(key)).get_mut(key) {
            slot.facts = None;
        }
    }

    /// Makes every entry doubtful: changes may have been missed.
    pub(crate) fn doubt_all(&self) {
        self.trust.fetch_add(1, Ordering::SeqCst);
        self.fence.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether `key` was found unknown, less than its time ago.
    pub(crate) fn is_unknown(&self, key: &K, now: Milliseconds) -> bool {
        lock(&self.negative).get(key).is_some_and(|until| now < *until)
    }

    /// Remembers until `until` that `key` is unknown.
    pub(crate) fn put_unknown(&self, fence: Fence, key: K, now: Milliseconds, until: Milliseconds) {
        let mut negative = lock(&self.negative);
        if negative.len() >= NEGATIVE_ENTRIES_MAX {
            negative.retain(|_, until| now < *until);
            if negative.len() >= NEGATIVE_ENTRIES_MAX {
                negative.clear();
            }
        }
        if fence == self.fence() {
            negative.insert(key, until);
        }
        drop(negative);
        write(self.shard(&key)).remove(&key);
    }

    /// Forgets that `key` was unknown: it was just made.
    pub(crate) fn forget_unknown(&self, key: &K) {
        lock(&self.negative).remove(key);
    }

    /// Every live entry.
    pub(crate) fn live(&self) -> Vec<(K, Arc<F>)> {
        self.shards
            .iter()
            .flat_map(|shard| {
                let live = read(shard);
                live.iter().filter_map(|(key, slot)| Some((*key, slot.facts.clone()?))).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Entries remembered, revoked ones too.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| read(shard).len()).sum()
    }

    fn shard(&self, key: &K) -> &RwLock<HashMap<K, Slot<F>>> {
        // the high bits: the low ones choose the place within the map
        let hash = self.hasher.hash_one(key) >> 60;
        &self.shards[usize::try_from(hash).unwrap_or(0) % SHARDS]
    }
}

/// What was in force when a read began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    changes: u64,
    trust: u64,
}

// A panic while one of these locks is held leaves a map that is whole: every write to it is one call.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(memory: &Memory<u32, u32>, key: u32, facts: u32) -> bool {
        memory.put(memory.fence(), key, Some(facts), |a, b| a == b, u64::from(key), 1_000_000).is_ok()
    }

    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let memory = Memory::<u32, u32>::new(100, true);
        let fence = memory.fence();
        memory.forget(&1);
        assert_eq!(memory.put(fence, 1, Some(7), |a, b| a == b, 0, 0), Err(Some(7)));
        assert!(memory.get(&1, 0, 0).is_none());
        assert!(put(&memory, 1, 7));
        memory.revoke(&1);
        assert_eq!(memory.get(&1, 0, 0).unwrap().facts, None);
    }

    #[test]
    fn the_same_facts_keep_their_place_and_others_replace_them() {
        let memory = Memory::<u32, u32>::new(100, true);
        put(&memory, 1, 7);
        let first = memory.get(&1, 0, 0).unwrap().facts.unwrap();
        put(&memory, 1, 7);
        assert!(Arc::ptr_eq(&first, &memory.get(&1, 0, 0).unwrap().facts.unwrap()));
        put(&memory, 1, 8);
        assert_eq!(*memory.get(&1, 0, 0).unwrap().facts.unwrap(), 8);
    }

    #[test]
    fn the_map_and_the_list_of_unknown_ids_stay_bounded() {
        let memory = Memory::<u32, u32>::new(160, true);
        for key in 0..10_000 {
            put(&memory, key, key);
            memory.put_unknown(memory.fence(), key + 1_000_000, 0, 5_000);
        }
        assert!(memory.len() <= 160, "{}", memory.len());
        assert!(lock(&memory.negative).len() <= NEGATIVE_ENTRIES_MAX);
    }

    #[test]
    fn one_hit_is_asked_to_refresh_and_doubt_is_seen_until_read_again() {
        let memory = Memory::<u32, u32>::new(160, true);
        memory.put(memory.fence(), 1, Some(1), |a, b| a == b, 0, 60).unwrap();
        assert!(!memory.get(&1, 59, 5).unwrap().refresh);
        assert!(memory.get(&1, 60, 5).unwrap().refresh);
        assert!(!memory.get(&1, 60, 5).unwrap().refresh);
        assert!(memory.get(&1, 65, 5).unwrap().refresh);
        memory.doubt_all();
        assert!(!memory.get(&1, 66, 5).unwrap().trusted);
        put(&memory, 1, 1);
        assert!(memory.get(&1, 67, 5).unwrap().trusted);
    }
}
