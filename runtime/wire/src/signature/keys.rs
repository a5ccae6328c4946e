//! The keys that a server knows, read from a file in the form of AWS's shared credentials.
//!
//! In: text with one section a key. Out: keys by their ids. Secrets are never printed.

use std::{collections::BTreeMap, fmt};

use model::AccountId;

/// Keys by their ids.
#[derive(Debug, Clone, Default)]
pub struct Keyring(BTreeMap<String, AccessKey>);

/// What belongs to the id of an access key.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub secret: String,
    /// For whom it acts; absent where the id itself is an account, or the default one is meant.
    pub account: Option<AccountId>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct UnreadableKeys {
    pub line: usize,
    pub reason: String,
}

/// A section while it is read.
#[derive(Debug, Default)]
struct Section {
    line: usize,
    id: Option<String>,
    secret: Option<String>,
    account: Option<AccountId>,
}

impl Keyring {
    /// Reads sections with `aws_access_key_id`, `aws_secret_access_key` and, of ours, `account`. Other settings of
    /// AWS's tools are passed over.
    pub fn parse(text: &str) -> Result<Self, UnreadableKeys> {
        let mut keys = Self::default();
        let mut section: Option<Section> = None;
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with(['#', ';']) {
                continue;
            }
            if text.starts_with('[') && text.ends_with(']') {
                keys.take(section.take())?;
                section = Some(Section {
                    line,
                    ..Section::default()
                });
                continue;
            }
            let wrong = |reason: &str| UnreadableKeys {
                line,
                reason: reason.to_owned(),
            };
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| wrong("expected `name = value` or `[section]`"))?;
            let section = section
                .as_mut()
                .ok_or_else(|| wrong("expected a `[section]` first"))?;
            let value = value.trim();
            match name.trim() {
                "aws_access_key_id" => section.id = Some(value.to_owned()),
                "aws_secret_access_key" => section.secret = Some(value.to_owned()),
                // The second as AWS's tools call it.
                "account" | "aws_account_id" => {
                    let digits =
                        value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
                    let account = AccountId::parse(value).ok().filter(|_| digits);
                    section.account =
                        Some(account.ok_or_else(|| wrong("an account has 12 digits"))?);
                }
                _ => {}
            }
        }
        keys.take(section)?;
        if keys.0.is_empty() {
            return Err(UnreadableKeys {
                line: 1,
                reason: "it holds no key".to_owned(),
            });
        }
        Ok(keys)
    }

    /// Adds a key, in place of one with the same id.
    #[must_use]
    pub fn with(mut self, id: String, key: AccessKey) -> Self {
        self.0.insert(id, key);
        self
    }

    #[must_use]
    pub fn find(&self, id: &str) -> Option<&AccessKey> {
        self.0.get(id)
    }

    fn take(&mut self, section: Option<Section>) -> Result<(), UnreadableKeys> {
        let Some(section) = section else {
            return Ok(());
        };
        let (Some(id), Some(secret)) = (section.id, section.secret) else {
            return Err(UnreadableKeys {
                line: section.line,
                reason: "the section needs aws_access_key_id and aws_secret_access_key".to_owned(),
            });
        };
        let key = AccessKey {
            secret,
            account: section.account,
        };
        if self.0.insert(id, key).is_some() {
            return Err(UnreadableKeys {
                line: section.line,
                reason: "the same aws_access_key_id stands in two sections".to_owned(),
            });
        }
        Ok(())
    }
}
