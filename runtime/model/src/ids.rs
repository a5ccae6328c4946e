//! Names and numbers that identify things, each a type of its own so that they cannot be mixed up.
//!
//! Names are checked once where they enter (`parse`); a value of these types is therefore always valid. Numbers
//! print the way their readers know them (`shardId-000000000004`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name outside the allowed characters or length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{text}` must be 1 to 128 characters of a-z, A-Z, 0-9, `_`, `.`, `-`")]
pub struct InvalidName {
    pub kind: &'static str,
    pub text: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(std::sync::Arc<str>);

        impl $type {
            /// Checks `text` against the characters and the length that AWS allows for such names.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
                if (1..=128).contains(&text.len()) && text.chars().all(allowed) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { kind: $kind, text: text.to_owned() })
                }
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name!(/** The name of a stream within its account and region. */ StreamName, "stream");
name!(/** The identity of a trigger: of its checkpoints, state and dead letters. */ TriggerName, "trigger");
name!(/** The name of a function. */ FunctionName, "function");
name!(/** One running host; the owner of a lease. */ NodeId, "node id");
name!(/** An AWS region, such as `us-east-1`. */ Region, "region");
name!(/** Twelve digits; `000000000000` unless an access key says otherwise. */ AccountId, "account");

/// A stream's full identity: (account, region) are separate worlds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamKey {
    pub account: AccountId,
    pub region: Region,
    pub name: StreamName,
}

impl StreamKey {
    /// `arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME`
    #[must_use]
    pub fn arn(&self) -> String {
        format!(
            "arn:{}:kinesis:{}:{}:stream/{}",
            partition(self.region.as_str()),
            self.region,
            self.account,
            self.name
        )
    }
}

impl FunctionName {
    /// `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`, and `:QUALIFIER` where a version or an alias is named.
    #[must_use]
    pub fn arn(&self, region: &Region, account: &AccountId, qualifier: Option<&str>) -> String {
        let partition = partition(region.as_str());
        let arn = format!("arn:{partition}:lambda:{region}:{account}:function:{self}");
        match qualifier {
            Some(qualifier) => format!("{arn}:{qualifier}"),
            None => arn,
        }
    }
}

/// Which of AWS's separate worlds a region belongs to, as ARNs say it: `aws`, but for a few.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    const OTHERS: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    let found = OTHERS.iter().find(|(begin, _)| region.starts_with(begin));
    found.map_or("aws", |(_, partition)| partition)
}

macro_rules! number {
    ($(#[$doc:meta])* $type:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $type(pub $inner);
    };
}

number!(/** The index of a shard within its stream, at most 2^31 - 1. */ ShardId(u32));
number!(/** The number of a shard in the log's frame headers, unique over all streams and never reused. */ ShardSlot(u32));
number!(/** The number of a lease row, unique over all triggers and never reused. */ LeaseSlot(u64));
number!(/** Only comparable: a larger token is a newer grant. Carried by every effect. */ FencingToken(u64));
number!(/** An immutable version of a function, from 1; 0 is what it runs newest, `$LATEST`, which changes. */ FunctionVersion(u64));

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0)
    }
}

impl ShardId {
    /// Reads what AWS accepts: `shardId-000000000004`, `shardId-4`, `4`, `anything-00004`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.rsplit('-').next()?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: u64 = digits.parse().ok()?;
        u32::try_from(number)
            .ok()
            .filter(|n| *n <= i32::MAX.unsigned_abs())
            .map(Self)
    }
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FunctionVersion {
    /// Not published, so not immutable.
    pub const LATEST: Self = Self(0);

    /// As Lambda and its callers name it.
    #[must_use]
    pub fn name(self) -> String {
        if self == Self::LATEST {
            "$LATEST".to_owned()
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for FunctionVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 of a function's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits")]
pub struct InvalidDigest;

impl std::str::FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digest = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != digest.len() || !rest.is_empty() {
            return Err(InvalidDigest);
        }
        for (byte, pair) in digest.iter_mut().zip(pairs) {
            let pair = str::from_utf8(pair).map_err(|_| InvalidDigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(digest))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_say_the_partition_of_their_region() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("eu-central-2", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            let key = StreamKey {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse(region).unwrap(),
                name: StreamName::parse("clicks").unwrap(),
            };
            let arn = format!("arn:{partition}:kinesis:{region}:000000000000:stream/clicks");
            assert_eq!(key.arn(), arn);
        }
    }
}
