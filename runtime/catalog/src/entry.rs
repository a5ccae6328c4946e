//! One function with its versions and aliases, and what may be done with them: pure, checked, told in words.
//!
//! A version is code and settings, and never changes; `$LATEST` is what was handed over last. The bare name of a function of
//! the file means its current version, of one of the Lambda API `$LATEST`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::{Digest, FunctionVersion};

use crate::row::{Alias, Code, Head, Origin, Published, Revision, Route, Share, TakenBack};

/// Of `before`: further back than that nobody rolls.
const BEFORE_MAX: usize = 50;

/// Where aliases have their names.
const BARE: &str = "";

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub head: Head,
    pub versions: BTreeMap<FunctionVersion, Published>,
}

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchanged {
    #[error("there is no version {}", .0.name())]
    NoVersion(FunctionVersion),
    #[error("there is no version or alias `{0}`")]
    NoQualifier(String),
    #[error("there is nothing to go back to: it has run no other version")]
    NothingBefore,
    #[error("version {version} is what {by} runs")]
    InUse {
        version: FunctionVersion,
        by: String,
    },
    #[error("a weight is 0 to 1, found {0}")]
    Weight(String),
    #[error("the versions that share what comes are two, found version {0} twice")]
    Same(FunctionVersion),
}

impl Entry {
    #[must_use]
    pub fn new(origin: Origin, latest: Revision) -> Self {
        Self {
            head: Head {
                origin,
                latest,
                next: 1,
                ..Head::default()
            },
            versions: BTreeMap::new(),
        }
    }

    /// What is left of a function that was deleted: its numbers are not given again. Nothing where none was given.
    #[must_use]
    pub fn remains(&self) -> Option<Self> {
        let remains = Self {
            head: Head {
                next: self.head.next,
                ..Head::default()
            },
            versions: BTreeMap::new(),
        };
        (self.head.next > 1).then_some(remains)
    }

    /// Its first version has this number.
    #[must_use]
    pub fn from_number(mut self, next: u64) -> Self {
        self.head.next = next;
        self
    }

    /// Versions of which only the digests are known, in their order.
    pub(crate) fn of_digests(digests: &[String]) -> Result<Self, String> {
        let mut entry = Self::new(Origin::File, Revision::default());
        for digest in digests {
            let digest: Digest = digest
                .parse()
                .map_err(|error| format!("`{digest}`: {error}"))?;
            let revision = Revision {
                code: Code {
                    digest,
                    ..Code::default()
                },
                ..Revision::default()
            };
            entry.add(revision, String::new());
        }
        Ok(entry)
    }

    fn add(&mut self, revision: Revision, description: String) -> FunctionVersion {
        let number = FunctionVersion(self.head.next);
        self.head.next += 1;
        let published = Published {
            revision,
            description,
        };
        self.versions.insert(number, published);
        number
    }

    #[must_use]
    pub fn newest(&self) -> Option<FunctionVersion> {
        self.versions.keys().next_back().copied()
    }

    /// Code and settings of a version, or of `$LATEST`.
    #[must_use]
    pub fn revision(&self, version: FunctionVersion) -> Option<&Revision> {
        if version == FunctionVersion::LATEST {
            return Some(&self.head.latest);
        }
        self.versions.get(&version).map(|found| &found.revision)
    }

    /// What a function of the file is now: the version of this code and these settings, which is a new one unless it was
    /// seen before. What an operator rolled back stays so as long as the file says the same.
    pub fn declare(&mut self, latest: Revision, told: Told) -> FunctionVersion {
        self.head.origin = Origin::File;
        let version = self.find(&latest).unwrap_or_else(|| {
            let revision = latest.clone();
            self.add(revision, String::new())
        });
        if let Some(known) = self.versions.get_mut(&version)
            && known.revision.code.kind.is_empty()
        {
            known.revision = latest.clone();
        }
        let same =
            |before: &Revision| before.code == latest.code && before.settings == latest.settings;
        // A start with what was there before changes nothing, and so writes nothing.
        if !same(&self.head.latest) {
            self.head.latest = latest;
        }
        let is_new = self.head.declared != Some(version);
        self.head.declared = Some(version);
        if is_new || told.anyway || self.head.current.is_none() {
            self.let_in(version, told);
        }
        version
    }

    /// A version runs as it was told; where nothing ran before, it is all that does.
    fn let_in(&mut self, version: FunctionVersion, told: Told) {
        match (told.place, self.head.current) {
            (Place::Instead, _) | (_, None) => self.run(Route::to(version), told.retries),
            (_, Some(current)) if current.version == version => {}
            (Place::Share(weight), Some(Route { version: main, .. })) => {
                let other = Some(Share { version, weight });
                let route = Route {
                    version: main,
                    other,
                };
                self.run(route, told.retries);
                self.head.roll_back = told.roll_back;
            }
            (Place::Nowhere, Some(_)) => {}
        }
    }

    /// A version with this code and these settings; the newest where there are several.
    fn find(&self, revision: &Revision) -> Option<FunctionVersion> {
        let same = |known: &Revision| {
            let code = known.code.digest == revision.code.digest;
            code && (known.settings == revision.settings || known.code.kind.is_empty())
        };
        let mut newest_first = self.versions.iter().rev();
        newest_first
            .find(|(_, known)| same(&known.revision))
            .map(|(number, _)| *number)
    }

    /// Makes what `$LATEST` is immutable; the newest version where that is the same (VA-1).
    pub fn publish(&mut self, description: Option<String>) -> FunctionVersion {
        let latest = &self.head.latest;
        let newest = self.versions.iter().next_back();
        if let Some((number, newest)) = newest
            && newest.revision.code == latest.code
            && newest.revision.settings == latest.settings
        {
            return *number;
        }
        let revision = latest.clone();
        self.add(revision, description.unwrap_or_default())
    }

    /// From now on the bare name runs this. `retries`: also what other versions have failed at.
    pub fn promote(&mut self, route: Route, retries: bool) -> Result<(), Unchanged> {
        self.check(&route)?;
        self.run(route, retries);
        Ok(())
    }

    fn run(&mut self, route: Route, retries: bool) {
        let head = &mut self.head;
        if let Some(before) = head.current
            && before.version != route.version
        {
            head.before.push(before.version);
            let surplus = head.before.len().saturating_sub(BEFORE_MAX);
            head.before.drain(..surplus);
        }
        head.current = Some(route);
        head.taken_back.remove(BARE);
        head.roll_back = None;
        if retries {
            head.left = self.versions.keys().copied().collect();
        }
        for version in route.versions() {
            self.head.left.remove(&version);
        }
    }

    /// Takes back what was let in last: the second version as long as it has a share, else the version that runs, in whose
    /// place comes the one that ran before.
    pub fn roll_back(&mut self, retries: bool) -> Result<RolledBack, Unchanged> {
        if let Some(Route { version, other }) = self.head.current
            && let Some(share) = other.filter(|share| share.weight > 0.0)
        {
            self.run(Route::to(version), retries);
            let from = share.version;
            return Ok(RolledBack { from, version });
        }
        let from = self.head.current.map(|route| route.version);
        let before = loop {
            let before = self.head.before.pop().ok_or(Unchanged::NothingBefore)?;
            if self.versions.contains_key(&before) {
                break before;
            }
        };
        let older = std::mem::take(&mut self.head.before);
        self.run(Route::to(before), retries);
        self.head.before = older;
        let from = from.unwrap_or(FunctionVersion::LATEST);
        Ok(RolledBack {
            from,
            version: before,
        })
    }

    /// A weighted route shares between two published versions.
    pub fn check(&self, route: &Route) -> Result<(), Unchanged> {
        if let Some(Share { version, weight }) = route.other {
            if !(0.0..=1.0).contains(&weight) {
                return Err(Unchanged::Weight(weight.to_string()));
            }
            if version == route.version {
                return Err(Unchanged::Same(version));
            }
            if route.version == FunctionVersion::LATEST || version == FunctionVersion::LATEST {
                return Err(Unchanged::NoVersion(FunctionVersion::LATEST));
            }
        }
        let missing = route
            .versions()
            .find(|version| self.revision(*version).is_none());
        missing.map_or(Ok(()), |version| Err(Unchanged::NoVersion(version)))
    }

    pub fn set_alias(&mut self, name: &str, alias: Alias) -> Result<(), Unchanged> {
        self.check(&alias.route)?;
        self.head.taken_back.remove(name);
        for version in alias.route.versions() {
            self.head.left.remove(&version);
        }
        self.head.aliases.insert(name.to_owned(), alias);
        Ok(())
    }

    /// The second version of what a qualifier means takes nothing more, and what it failed at is tried with the first. Says
    /// whether there was anything to take back.
    pub fn take_back(&mut self, qualifier: Option<&str>, told: TakenBack) -> bool {
        let head = &mut self.head;
        let route = match qualifier {
            Some(alias) => head.aliases.get_mut(alias).map(|alias| &mut alias.route),
            None => head.current.as_mut(),
        };
        let share = route.and_then(|route| route.other.as_mut());
        let Some(share) = share.filter(|it| it.version == told.version && it.weight > 0.0) else {
            return false;
        };
        share.weight = 0.0;
        head.left.insert(told.version);
        let qualifier = qualifier.unwrap_or(BARE).to_owned();
        head.taken_back.insert(qualifier, told);
        true
    }

    /// Its number is not given again.
    pub fn remove_version(&mut self, version: FunctionVersion) -> Result<(), Unchanged> {
        if !self.versions.contains_key(&version) {
            return Err(Unchanged::NoVersion(version));
        }
        let in_use = |by: String| Err(Unchanged::InUse { version, by });
        let runs = |route: &Route| route.versions().any(|it| it == version);
        if let Some((name, _)) = self.head.aliases.iter().find(|(_, it)| runs(&it.route)) {
            return in_use(format!("alias {name}"));
        }
        if self.head.current.is_some_and(|current| runs(&current)) {
            return in_use("the function".to_owned());
        }
        self.versions.remove(&version);
        Ok(())
    }

    /// What a qualifier means: a version, an alias, `$LATEST`; nothing for the bare name.
    pub fn route(&self, qualifier: Option<&str>) -> Result<Route, Unchanged> {
        let latest = match self.head.origin {
            // What the file says is a version, and is called by its number.
            Origin::File => self.head.declared.unwrap_or(FunctionVersion::LATEST),
            Origin::Api => FunctionVersion::LATEST,
        };
        let Some(qualifier) = qualifier else {
            let current = self
                .head
                .current
                .filter(|_| self.head.origin == Origin::File);
            return Ok(current.unwrap_or_else(|| Route::to(latest)));
        };
        if qualifier == "$LATEST" {
            return Ok(Route::to(latest));
        }
        if let Some(alias) = self.head.aliases.get(qualifier) {
            return Ok(alias.route);
        }
        let missing = || Unchanged::NoQualifier(qualifier.to_owned());
        let number = qualifier.parse().map_err(|_| missing())?;
        let version = FunctionVersion(number);
        if self.versions.contains_key(&version) {
            Ok(Route::to(version))
        } else {
            Err(missing())
        }
    }

    /// The version of a batch's next attempt: that of the one before, unless that is gone or was left.
    pub fn of_attempt(
        &self,
        qualifier: Option<&str>,
        before: Option<FunctionVersion>,
        fraction: f64,
    ) -> Result<FunctionVersion, Unchanged> {
        let stays = |version: &FunctionVersion| {
            !self.head.left.contains(version) && self.revision(*version).is_some()
        };
        match before.filter(stays) {
            Some(before) => Ok(before),
            None => self.route(qualifier).map(|route| route.pick(fraction)),
        }
    }

    /// Code that is still of use: of all versions that may be asked for.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        let latest = std::iter::once(&self.head.latest);
        let all = latest.chain(self.versions.values().map(|it| &it.revision));
        all.flat_map(|revision| {
            let package = revision.code.package.as_ref().map(|it| it.digest);
            [Some(revision.code.digest), package].into_iter().flatten()
        })
    }
}

/// What a rollback did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledBack {
    /// It takes nothing more.
    pub from: FunctionVersion,
    /// It runs, alone.
    pub version: FunctionVersion,
}

/// How what is deployed goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Told {
    /// It runs even if it was rolled back before.
    pub anyway: bool,
    /// What earlier versions failed at is tried again with it.
    pub retries: bool,
    pub place: Place,
    /// Of a share: how much more of it may fail than of what runs beside it; none: as triggers say it.
    pub roll_back: Option<f64>,
}

/// Where what is deployed goes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Place {
    /// It runs in place of what ran.
    #[default]
    Instead,
    /// It takes this much of what comes, 0 to 1, beside what runs.
    Share(f64),
    /// It is there, and what runs goes on.
    Nowhere,
}
