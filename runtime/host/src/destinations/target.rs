//! What a failure document can be sent to: as the file writes it, or as an ARN of the Lambda API.

use std::path::PathBuf;

use model::StreamName;

use super::Address;

/// A destination, and the endpoint that stands in for AWS's where one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) target: Target,
    pub(crate) endpoint: Option<Address>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Queue {
        arn: String,
        region: String,
        account: String,
        name: String,
    },
    Topic {
        arn: String,
        region: String,
    },
    Bucket {
        bucket: String,
        /// Before the key of every object; empty, or with a slash at its end.
        prefix: String,
    },
    Http(Address),
    Stream(StreamName),
    Directory(PathBuf),
}

/// Why a text is no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTarget {
    #[error("is no ARN of this kind")]
    Form,
    #[error("is a FIFO one, which takes no failure documents")]
    Fifo,
}

impl Target {
    /// Of a queue, `arn:aws:sqs:REGION:ACCOUNT:NAME`.
    pub(crate) fn queue(arn: &str) -> Result<Self, NoTarget> {
        let (region, account, name) = parts(arn, "sqs")?;
        Ok(Self::Queue {
            arn: arn.to_owned(),
            region,
            account,
            name,
        })
    }

    /// Of a topic, `arn:aws:sns:REGION:ACCOUNT:NAME`.
    pub(crate) fn topic(arn: &str) -> Result<Self, NoTarget> {
        let (region, _, _) = parts(arn, "sns")?;
        Ok(Self::Topic {
            arn: arn.to_owned(),
            region,
        })
    }

    /// `s3://BUCKET[/PREFIX]`.
    pub(crate) fn bucket(text: &str) -> Result<Self, NoTarget> {
        let rest = text.strip_prefix("s3://").ok_or(NoTarget::Form)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(allowed) {
            return Err(NoTarget::Form);
        }
        let prefix = prefix.trim_matches('/');
        Ok(Self::Bucket {
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
        })
    }

    /// As event source mappings name destinations: a queue, a topic or a bucket.
    pub(crate) fn of_arn(arn: &str) -> Result<Self, NoTarget> {
        if let Some(bucket) = arn.strip_prefix("arn:aws:s3:::") {
            return Self::bucket(&format!("s3://{bucket}"));
        }
        match Self::queue(arn) {
            Err(NoTarget::Form) => Self::topic(arn),
            other => other,
        }
    }

    /// As event source mappings name it; none for what they cannot name.
    pub(crate) fn arn(&self) -> Option<String> {
        match self {
            Self::Queue { arn, .. } | Self::Topic { arn, .. } => Some(arn.clone()),
            Self::Bucket { bucket, prefix } => {
                let path = format!("{bucket}/{prefix}");
                Some(format!("arn:aws:s3:::{}", path.trim_end_matches('/')))
            }
            Self::Http(_) | Self::Stream(_) | Self::Directory(_) => None,
        }
    }

    /// In one word, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Queue { .. } => "sqs",
            Self::Topic { .. } => "sns",
            Self::Bucket { .. } => "s3",
            Self::Http(_) => "http",
            Self::Stream(_) => "stream",
            Self::Directory(_) => "directory",
        }
    }
}

fn parts(arn: &str, service: &str) -> Result<(String, String, String), NoTarget> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, found, region, account, name] = parts.as_slice() else {
        return Err(NoTarget::Form);
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = partition.starts_with("aws")
        && *found == service
        && is_account
        && !region.is_empty()
        && !name.is_empty()
        && region.chars().chain(name.chars()).all(plain);
    if !fits {
        return Err(NoTarget::Form);
    }
    if name.ends_with(".fifo") {
        return Err(NoTarget::Fifo);
    }
    Ok((
        (*region).to_owned(),
        (*account).to_owned(),
        (*name).to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_what_kind_of_destination_it_is() {
        for (arn, kind) in [
            ("arn:aws:sqs:us-east-1:000000000000:failed", Ok("sqs")),
            ("arn:aws:sns:eu-west-1:123456789012:failed", Ok("sns")),
            ("arn:aws:s3:::acme-failed", Ok("s3")),
            (
                "arn:aws:sqs:us-east-1:000000000000:failed.fifo",
                Err(NoTarget::Fifo),
            ),
            (
                "arn:aws:sns:us-east-1:000000000000:failed.fifo",
                Err(NoTarget::Fifo),
            ),
            ("arn:aws:sqs:us-east-1:12:failed", Err(NoTarget::Form)),
            ("arn:aws:s3:::NO", Err(NoTarget::Form)),
            ("kafka://topic", Err(NoTarget::Form)),
            ("", Err(NoTarget::Form)),
        ] {
            assert_eq!(Target::of_arn(arn).map(|it| it.kind()), kind, "{arn}");
        }
        let bucket = Target::bucket("s3://acme-failed/late/").unwrap();
        let prefix = "late/".to_owned();
        assert_eq!(
            bucket,
            Target::Bucket {
                bucket: "acme-failed".to_owned(),
                prefix
            }
        );
    }
}
