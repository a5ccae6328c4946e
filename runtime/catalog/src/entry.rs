//! One function with its versions and aliases, and what may be done with them: pure, checked, told in words.
//!
//! A version is code and settings, and never changes; `$LATEST` is what was handed over last. The bare name of a function of
//! the file means its current version, of one of the Lambda API `$LATEST`.

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
    #[error("there is no version {0}")]
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
            self.run(Route::to(version), told.retries);
        }
        version
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
        if retries {
            head.left = self.versions.keys().copied().collect();
        }
        for version in route.versions() {
            self.head.left.remove(&version);
        }
    }

    /// Back to the version that ran before; which one that was.
    pub fn roll_back(&mut self, retries: bool) -> Result<FunctionVersion, Unchanged> {
        let before = loop {
            let before = self.head.before.pop().ok_or(Unchanged::NothingBefore)?;
            if self.versions.contains_key(&before) {
                break before;
            }
        };
        let older = std::mem::take(&mut self.head.before);
        self.run(Route::to(before), retries);
        self.head.before = older;
        Ok(before)
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

/// How what is deployed goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// It runs even if it was rolled back before.
    pub anyway: bool,
    /// What earlier versions failed at is tried again with it.
    pub retries: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Settings;

    fn revision(code: u8, memory: u64) -> Revision {
        Revision {
            code: Code {
                digest: Digest([code; 32]),
                kind: "stream".to_owned(),
                package: None,
            },
            settings: Settings {
                memory_bytes: memory,
                ..Settings::default()
            },
            ..Revision::default()
        }
    }

    fn declared(codes: &[u8]) -> Entry {
        let mut entry = Entry::new(Origin::File, Revision::default());
        for code in codes {
            entry.declare(revision(*code, 1), Told::default());
        }
        entry
    }

    fn current(entry: &Entry) -> u64 {
        entry.route(None).unwrap().version.0
    }

    #[test]
    fn the_same_code_and_settings_keep_their_number() {
        let mut entry = declared(&[1, 2, 1]);
        assert_eq!((current(&entry), entry.versions.len()), (1, 2));
        let before = entry.clone();
        entry.declare(revision(1, 1), Told::default());
        assert_eq!(entry, before);
        let other = entry.declare(revision(1, 2), Told::default());
        assert_eq!(other, FunctionVersion(3));
        assert_eq!(current(&entry), 3);
    }

    #[test]
    fn versions_of_which_only_the_digest_was_kept_are_found_again() {
        let old = [1, 2].map(|code| Digest([code; 32]).to_string());
        let mut entry = Entry::of_digests(&old).unwrap();
        assert_eq!(entry.declare(revision(2, 5), Told::default()).0, 2);
        assert_eq!(entry.declare(revision(3, 5), Told::default()).0, 3);
        let known = entry.revision(FunctionVersion(2)).unwrap();
        assert_eq!(known.settings.memory_bytes, 5);
        assert!(Entry::of_digests(&["x".to_owned()]).is_err());
    }

    #[test]
    fn what_was_rolled_back_stays_so_until_the_file_says_something_new() {
        let mut entry = declared(&[1, 2, 3]);
        assert_eq!(entry.roll_back(false), Ok(FunctionVersion(2)));
        assert_eq!(entry.roll_back(false), Ok(FunctionVersion(1)));
        assert_eq!(entry.roll_back(false), Err(Unchanged::NothingBefore));
        entry.declare(revision(3, 1), Told::default());
        assert_eq!(current(&entry), 1);
        let anyway = Told {
            anyway: true,
            retries: false,
        };
        entry.declare(revision(3, 1), anyway);
        assert_eq!(current(&entry), 3);
        entry.roll_back(false).unwrap();
        entry.declare(revision(4, 1), Told::default());
        assert_eq!(current(&entry), 4);
    }

    #[test]
    fn an_attempt_keeps_its_version_unless_that_was_left_or_is_gone() {
        let mut entry = declared(&[1, 2]);
        let of = |entry: &Entry, before: Option<u64>| {
            let before = before.map(FunctionVersion);
            entry.of_attempt(None, before, 0.5).unwrap().0
        };
        assert_eq!(of(&entry, None), 2);
        assert_eq!(of(&entry, Some(1)), 1);
        assert_eq!(of(&entry, Some(9)), 2);
        entry.promote(Route::to(FunctionVersion(2)), true).unwrap();
        assert_eq!(of(&entry, Some(1)), 2);
        entry.promote(Route::to(FunctionVersion(1)), true).unwrap();
        assert_eq!(of(&entry, Some(2)), 1);
        assert_eq!(of(&entry, Some(1)), 1);
    }

    #[test]
    fn publishing_what_is_published_makes_no_version() {
        let mut entry = Entry::new(Origin::Api, revision(1, 1));
        assert_eq!(entry.publish(Some("first".to_owned())).0, 1);
        assert_eq!(entry.publish(None).0, 1);
        entry.head.latest = revision(1, 2);
        assert_eq!(entry.publish(None).0, 2);
        entry.remove_version(FunctionVersion(2)).unwrap();
        entry.head.latest = revision(1, 3);
        assert_eq!(entry.publish(None).0, 3);
        assert_eq!(entry.route(None).unwrap().version, FunctionVersion::LATEST);
    }

    #[test]
    fn what_is_taken_back_takes_nothing_more_until_it_is_let_in_again() {
        let mut entry = declared(&[1, 2]);
        let route = Route {
            version: FunctionVersion(2),
            other: Some(Share {
                version: FunctionVersion(1),
                weight: 0.5,
            }),
        };
        let told = |version| TakenBack {
            version: FunctionVersion(version),
            at_ms: 7,
            because: "half of it failed".to_owned(),
        };
        entry.promote(route, false).unwrap();
        assert!(!entry.take_back(Some("live"), told(1)));
        assert!(!entry.take_back(None, told(2)));
        assert!(entry.take_back(None, told(1)));
        assert!(!entry.take_back(None, told(1)));
        let canary = Some(FunctionVersion(1));
        assert_eq!(entry.of_attempt(None, canary, 0.0).unwrap().0, 2);
        assert_eq!(entry.head.taken_back[BARE], told(1));
        assert_eq!(entry.route(None).unwrap().other.unwrap().weight, 0.0);

        entry.promote(route, false).unwrap();
        assert!(entry.head.taken_back.is_empty());
        assert_eq!(entry.of_attempt(None, canary, 0.9).unwrap().0, 1);

        let alias = Alias {
            route,
            description: String::new(),
            id: String::new(),
        };
        entry.set_alias("live", alias.clone()).unwrap();
        assert!(entry.take_back(Some("live"), told(1)));
        assert_eq!(entry.of_attempt(Some("live"), None, 0.0).unwrap().0, 2);
        entry.set_alias("live", alias).unwrap();
        assert!(entry.head.taken_back.is_empty() && entry.head.left.is_empty());
    }

    #[test]
    fn aliases_route_to_what_is_there_and_hold_it() {
        let mut entry = declared(&[1, 2]);
        let alias = |version, other: Option<(u64, f64)>| Alias {
            route: Route {
                version: FunctionVersion(version),
                other: other.map(|(version, weight)| Share {
                    version: FunctionVersion(version),
                    weight,
                }),
            },
            description: String::new(),
            id: String::new(),
        };
        entry.set_alias("live", alias(1, Some((2, 0.25)))).unwrap();
        let pick = |fraction| entry.of_attempt(Some("live"), None, fraction).unwrap().0;
        assert_eq!((pick(0.2), pick(0.3)), (2, 1));
        let held = entry.clone().remove_version(FunctionVersion(1));
        assert!(matches!(held, Err(Unchanged::InUse { .. })), "{held:?}");
        for (refused, why) in [
            (alias(9, None), "there is no version 9"),
            (
                alias(1, Some((1, 0.5))),
                "the versions that share what comes are two, found version 1 twice",
            ),
            (alias(1, Some((2, 1.5))), "a weight is 0 to 1, found 1.5"),
            (alias(0, Some((2, 0.5))), "there is no version 0"),
        ] {
            let said = entry.clone().set_alias("next", refused).unwrap_err();
            assert_eq!(said.to_string(), why);
        }
        assert_eq!(entry.route(Some("$LATEST")).unwrap().version.0, 2);
        assert!(entry.route(Some("7")).is_err());
        assert!(entry.route(Some("none")).is_err());
    }
}
