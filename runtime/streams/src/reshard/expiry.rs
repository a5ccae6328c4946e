//! Closed shards of which retention covers nothing any more.
//!
//! In: a stream. Out: the same without them; how many records they ever had is known for a while.

use model::StreamKey;

use crate::{
    engine::Streams,
    facts::UnknownStream,
    registry::{GoneShard, ShardEntry},
    revise::{Draft, Unrevised},
};

impl Streams {
    /// Forgets closed shards of which retention covers nothing any more.
    pub(crate) async fn drop_expired_shards(&self, key: &StreamKey) -> Result<(), UnknownStream> {
        let now = self.now();
        let entry = self.existing(key)?;
        if !entry
            .shards
            .iter()
            .any(|shard| entry.has_expired(shard, now))
        {
            return Ok(());
        }
        let streams = self.clone();
        let decide = move |draft: &mut Draft| {
            let shards = draft.entry.shards.iter();
            let expired: Vec<ShardEntry> = shards
                .filter(|shard| draft.entry.has_expired(shard, draft.now))
                .copied()
                .collect();
            draft.drops = expired.iter().map(|shard| shard.slot).collect();
            let gone = expired.iter().map(|shard| GoneShard {
                id: shard.id,
                records: streams
                    .ever_before(shard.slot, u64::MAX)
                    .unwrap_or_default(),
            });
            draft.entry.forget(gone.collect());
            Ok::<(), UnknownStream>(())
        };
        match self.revise(key.clone(), decide).await {
            Ok(()) => Ok(()),
            Err(Unrevised::Unknown(unknown) | Unrevised::Refused(unknown)) => Err(unknown),
            Err(Unrevised::Down(reason)) => {
                // The next look tries again.
                tracing::warn!(%reason, "expired shards could not be forgotten");
                Ok(())
            }
        }
    }
}
