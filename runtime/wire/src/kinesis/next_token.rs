//! Tokens of further pages, for ListShards, ListStreams and ListStreamConsumers.
//!
//! In: which list, of which stream, after which item, under which filter. Out: an opaque text that is good for
//! 300 seconds and survives a restart of the server, because nothing is kept here.

use super::error::AwsError;
use crate::{limits::NEXT_TOKEN_LIFETIME, tokens};

/// What a token says. The parts are texts, and which ones there are is a matter of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NextToken {
    pub(super) created_ms: u64,
    pub(super) list: ListKind,
    /// Names and numbers, none with a line break.
    pub(super) parts: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    Shards,
    Streams,
    Consumers,
}

impl ListKind {
    fn code(self) -> u8 {
        match self {
            Self::Shards => 1,
            Self::Streams => 2,
            Self::Consumers => 3,
        }
    }
}

impl NextToken {
    pub(super) fn encode(&self, nonce: u64) -> String {
        let mut content = self.created_ms.to_be_bytes().to_vec();
        content.push(self.list.code());
        content.extend_from_slice(self.parts.join("\n").as_bytes());
        tokens::seal(&content, nonce, 152)
    }

    /// The parts of a token of this list that may be used at `now_ms`.
    pub(super) fn decode(text: &str, list: ListKind, now_ms: u64) -> Result<Vec<String>, AwsError> {
        let content = tokens::open(text).ok_or_else(AwsError::next_token_invalid)?;
        let (created_ms, parts) =
            Self::read(&content, list).ok_or_else(AwsError::next_token_invalid)?;
        let age_ms = u128::from(now_ms.saturating_sub(created_ms));
        if age_ms > NEXT_TOKEN_LIFETIME.as_millis() {
            return Err(AwsError::next_token_expired());
        }
        Ok(parts)
    }

    fn read(content: &[u8], list: ListKind) -> Option<(u64, Vec<String>)> {
        let (created, rest) = content.split_first_chunk()?;
        let (code, rest) = rest.split_first()?;
        if *code != list.code() {
            return None;
        }
        let parts = std::str::from_utf8(rest)
            .ok()?
            .split('\n')
            .map(str::to_owned)
            .collect();
        Some((u64::from_be_bytes(*created), parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_belong_to_their_list_and_expire() {
        let parts = vec![
            "arn:aws:kinesis:eu-west-1:000000000000:stream/flights".to_owned(),
            "shardId-000000000002".to_owned(),
            String::new(),
        ];
        let token = NextToken {
            created_ms: 1000,
            list: ListKind::Shards,
            parts: parts.clone(),
        };
        let text = token.encode(7);
        assert_eq!(
            NextToken::decode(&text, ListKind::Shards, 301_000),
            Ok(parts)
        );
        for (list, now_ms, expected) in [
            (ListKind::Shards, 301_001, AwsError::next_token_expired()),
            (ListKind::Streams, 1000, AwsError::next_token_invalid()),
        ] {
            assert_eq!(NextToken::decode(&text, list, now_ms), Err(expected));
        }
        let cut = text.get(..text.len() - 4).unwrap();
        assert_eq!(
            NextToken::decode(cut, ListKind::Shards, 1000),
            Err(AwsError::next_token_invalid())
        );
    }
}
