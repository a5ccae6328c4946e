//! Records of a shard in their order, shared by everyone who reads them at about the same time.
//!
//! A clone or a part costs no copy of a record. What one reader makes of a record can be kept beside it for the others.

use std::{
    any::Any,
    fmt,
    ops::{Deref, Range},
    sync::{Arc, OnceLock},
};

use crate::Record;

#[derive(Clone)]
pub struct Records {
    all: Arc<All>,
    /// Within `all.records`.
    part: Range<usize>,
}

struct All {
    records: Vec<Record>,
    made: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Records {
    /// These of them.
    ///
    /// # Panics
    /// Where there are not as many.
    #[must_use]
    pub fn part(&self, part: Range<usize>) -> Self {
        let (start, end) = (self.part.start + part.start, self.part.start + part.end);
        assert!(
            start <= end && end <= self.part.end,
            "there are not as many"
        );
        Self {
            all: Arc::clone(&self.all),
            part: start..end,
        }
    }

    /// Whether somebody else has them, or some of them, too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.all) > 1
    }

    /// Each record with what `make` made of it when it was first asked for; all who ask make the same.
    pub fn made<T: Any + Send + Sync>(
        &self,
        make: impl Fn(&Record) -> T,
    ) -> impl Iterator<Item = (&Record, Option<&T>)> {
        let all = &self.all;
        let made = all.made.get_or_init(|| {
            let made: Vec<T> = all.records.iter().map(make).collect();
            Box::new(made)
        });
        let made: Option<&Vec<T>> = made.downcast_ref();
        let at = self.part.start;
        let records = self.iter().enumerate();
        records.map(move |(index, record)| (record, made.and_then(|made| made.get(at + index))))
    }
}

impl From<Vec<Record>> for Records {
    fn from(records: Vec<Record>) -> Self {
        Self {
            part: 0..records.len(),
            all: Arc::new(All {
                records,
                made: OnceLock::new(),
            }),
        }
    }
}

impl Deref for Records {
    type Target = [Record];

    fn deref(&self) -> &[Record] {
        self.all.records.get(self.part.clone()).unwrap_or_default()
    }
}

impl Default for Records {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Records {}
