//! The world as a guest sees it: clocks, random numbers, keyed state; as it is, or as it was in an earlier run.
//!
//! While a guest runs, all that it is told is written down, so that a run that failed can be kept and repeated. Random
//! numbers come from a seed that is drawn for each invocation, so that the seed is all there is to keep of them.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use model::{
    HashKey, Timestamp,
    invocation::{StateReader, StateUnavailable},
};
use platform::{Clock, Monotonic, Rng};

use crate::limits::{TOLD_READS_MAX, TOLD_TIMES_MAX, TOLD_VALUES_BYTES_MAX};

/// All that a guest was told during one invocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub seed: [u8; 32],
    /// What the wall clock said, in milliseconds, in order.
    pub wall_ms: Vec<u64>,
    /// What the other clock said, in nanoseconds, in order.
    pub monotonic_ns: Vec<u64>,
    pub deadline_ns: u64,
    pub deadline_wall_ms: u64,
    pub values: Vec<ToldValue>,
    pub names: Vec<ToldNames>,
    /// How many invocations the same sandbox had served before: what it kept of them is not in here.
    pub warmth: u32,
    /// It was told more than is kept.
    pub is_cut_off: bool,
}

/// A value of the state as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldValue {
    pub hash_key: HashKey,
    pub partition_key: Bytes,
    pub name: String,
    pub value: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldNames {
    pub hash_key: HashKey,
    pub partition_key: Bytes,
    pub names: Vec<String>,
}

/// Shared by the clocks, the random numbers and the imports of one sandbox.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<Inner>>);

struct Inner {
    clock: Clock,
    rng: Rng,
    told: Told,
    played: Option<Played>,
}

/// How far an earlier run is repeated.
struct Played {
    told: Told,
    wall: usize,
    monotonic: usize,
    /// A sandbox that had served before did not begin within that run.
    begun: bool,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// As it is.
    pub(crate) fn real(clock: Clock, seed: [u8; 32]) -> Self {
        Self::of(clock, seed, None)
    }

    /// As it was.
    pub(crate) fn played(clock: Clock, told: Told) -> Self {
        let seed = told.seed;
        let begun = told.warmth == 0;
        let played = Played {
            told,
            wall: 0,
            monotonic: 0,
            begun,
        };
        Self::of(clock, seed, Some(played))
    }

    fn of(clock: Clock, seed: [u8; 32], played: Option<Played>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            clock,
            rng: Rng::of_seed(seed),
            told: Told {
                seed,
                ..Told::default()
            },
            played,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A warm sandbox goes on with another invocation.
    pub(crate) fn next_invocation(&self, seed: [u8; 32], warmth: u32) {
        let mut inner = self.inner();
        inner.rng = Rng::of_seed(seed);
        inner.told = Told {
            seed,
            warmth,
            ..Told::default()
        };
    }

    /// The guest stands ready and its handler is called.
    pub(crate) fn begin(&self) {
        let mut inner = self.inner();
        let rng = match &mut inner.played {
            Some(played) if !played.begun => {
                played.begun = true;
                Some(Rng::of_seed(played.told.seed))
            }
            Some(_) | None => None,
        };
        if let Some(rng) = rng {
            inner.rng = rng;
        }
    }

    /// Until when the guest is told that it may run.
    pub(crate) fn deadline(&self, deadline: Monotonic, wall: Timestamp) -> (Monotonic, Timestamp) {
        let mut inner = self.inner();
        if let Some(Played { told, .. }) = &inner.played {
            let wall = Timestamp::from_millis(told.deadline_wall_ms);
            return (Monotonic(Duration::from_nanos(told.deadline_ns)), wall);
        }
        inner.told.deadline_ns = nanos(deadline);
        inner.told.deadline_wall_ms = wall.as_millis();
        (deadline, wall)
    }

    pub(crate) fn wall(&self) -> Timestamp {
        let mut inner = self.inner();
        let ms = match &mut inner.played {
            Some(played) => {
                let now = played.told.wall_ms.get(played.wall);
                let last = played.told.wall_ms.last();
                played.wall += usize::from(played.begun);
                now.or(last)
                    .copied()
                    .unwrap_or(played.told.deadline_wall_ms)
            }
            None => inner.clock.wall().as_millis(),
        };
        if inner.told.wall_ms.len() < TOLD_TIMES_MAX {
            inner.told.wall_ms.push(ms);
        } else {
            inner.told.is_cut_off = true;
        }
        Timestamp::from_millis(ms)
    }

    pub(crate) fn monotonic(&self) -> Monotonic {
        let mut inner = self.inner();
        let ns = match &mut inner.played {
            Some(played) => {
                let now = played.told.monotonic_ns.get(played.monotonic);
                let last = played.told.monotonic_ns.last();
                played.monotonic += usize::from(played.begun);
                now.or(last).copied().unwrap_or_default()
            }
            None => nanos(inner.clock.monotonic()),
        };
        if inner.told.monotonic_ns.len() < TOLD_TIMES_MAX {
            inner.told.monotonic_ns.push(ns);
        } else {
            inner.told.is_cut_off = true;
        }
        Monotonic(Duration::from_nanos(ns))
    }

    /// For what wants a seed of its own.
    pub(crate) fn sixteen(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.inner().rng.fill(&mut bytes);
        bytes
    }

    pub(crate) fn random(&self) -> Random {
        Random(self.clone())
    }

    /// What the guest was told so far.
    pub(crate) fn told(&self) -> Told {
        self.inner().told.clone()
    }

    fn note_value(&self, value: ToldValue) {
        let told = &mut self.inner().told;
        let bytes = |value: &ToldValue| value.value.as_ref().map_or(0, Bytes::len);
        let kept: usize = told.values.iter().map(bytes).sum();
        if told.values.len() < TOLD_READS_MAX && kept + bytes(&value) <= TOLD_VALUES_BYTES_MAX {
            told.values.push(value);
        } else {
            told.is_cut_off = true;
        }
    }

    fn note_names(&self, names: ToldNames) {
        let told = &mut self.inner().told;
        if told.names.len() < TOLD_READS_MAX {
            told.names.push(names);
        } else {
            told.is_cut_off = true;
        }
    }
}

fn nanos(at: Monotonic) -> u64 {
    u64::try_from(at.0.as_nanos()).unwrap_or(u64::MAX)
}

/// Random numbers of an invocation.
pub(crate) struct Random(World);

impl rand_core::TryRng for Random {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.inner().rng.fill(bytes);
        Ok(())
    }
}

/// Keyed state whose answers are written down.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) state: Arc<dyn StateReader>,
    pub(crate) world: World,
}

impl StateReader for Observed {
    fn get(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
        name: &str,
    ) -> Result<Option<Bytes>, StateUnavailable> {
        let value = self.state.get(hash_key, partition_key, name)?;
        self.world.note_value(ToldValue {
            hash_key,
            partition_key: Bytes::copy_from_slice(partition_key),
            name: name.to_owned(),
            value: value.clone(),
        });
        Ok(value)
    }

    fn names(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
    ) -> Result<Vec<String>, StateUnavailable> {
        let names = self.state.names(hash_key, partition_key)?;
        self.world.note_names(ToldNames {
            hash_key,
            partition_key: Bytes::copy_from_slice(partition_key),
            names: names.clone(),
        });
        Ok(names)
    }
}

/// Keyed state as an earlier run read it; what that run did not read comes from `more`, or is not there.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) told: Told,
    pub(crate) more: Option<Arc<dyn StateReader>>,
}

impl StateReader for Remembered {
    fn get(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
        name: &str,
    ) -> Result<Option<Bytes>, StateUnavailable> {
        let same = |value: &&ToldValue| {
            value.hash_key == hash_key && value.partition_key == partition_key && value.name == name
        };
        match (self.told.values.iter().find(same), &self.more) {
            (Some(found), _) => Ok(found.value.clone()),
            (None, Some(more)) => more.get(hash_key, partition_key, name),
            (None, None) => Ok(None),
        }
    }

    fn names(
        &self,
        hash_key: HashKey,
        partition_key: &[u8],
    ) -> Result<Vec<String>, StateUnavailable> {
        let same =
            |names: &&ToldNames| names.hash_key == hash_key && names.partition_key == partition_key;
        match (self.told.names.iter().find(same), &self.more) {
            (Some(found), _) => Ok(found.names.clone()),
            (None, Some(more)) => more.names(hash_key, partition_key),
            (None, None) => Ok(Vec::new()),
        }
    }
}
