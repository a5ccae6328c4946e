//! Forgetting streams at once, for servers that run for tests: no DELETING moment, no records left, settings of
//! accounts as of a new server. What is kept is decided by the caller, stream by stream.

use std::sync::Arc;

use model::{StreamKey, ViewWrite};

use crate::{
    change::DeleteError,
    engine::Streams,
    registry::{StreamEntry, account_key},
};

impl Streams {
    /// Every stream for which `goes` holds is gone once this returns; they are named.
    pub async fn reset(
        &self,
        goes: impl Fn(&StreamKey) -> bool,
    ) -> Result<Vec<StreamKey>, DeleteError> {
        let changing = self.shared.changing.lock().await;
        let now = self.now();
        let gone: Vec<(StreamKey, Arc<StreamEntry>)> = {
            let registry = self.shared.registry();
            let chosen = registry.iter().filter(|(key, _)| goes(key));
            let ended = chosen.map(|(key, entry)| {
                let mut entry = StreamEntry::clone(entry);
                entry.gone_from = Some(now);
                (key.clone(), Arc::new(entry))
            });
            ended.collect()
        };
        let entries: Result<Vec<ViewWrite>, _> =
            gone.iter().map(|(key, entry)| entry.write(key)).collect();
        let mut writes = entries.map_err(|error| DeleteError::Down(error.to_string()))?;
        let worlds: Vec<_> = self.shared.accounts().keys().cloned().collect();
        writes.extend(worlds.iter().map(|world| ViewWrite {
            key: account_key(world),
            value: None,
        }));
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        self.write(writes)
            .await
            .map_err(|error| DeleteError::Down(error.0))?;
        self.shared.accounts().clear();
        let names = gone.iter().map(|(key, _)| key.clone()).collect();
        self.shared.registry_mut().extend(gone);
        self.published();
        drop(changing);
        self.trim_expired(now).await?;
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::tests::{declared, key, start, started};

    #[tokio::test(start_paused = true)]
    async fn what_goes_is_gone_at_once_and_for_good() {
        let (platform, streams) = started().await;
        for name in ["stays", "goes"] {
            let declared = declared(2, Duration::from_hours(24));
            streams.declare(key(name), declared).await.unwrap();
        }
        let gone = streams.reset(|key| key.name.as_str() == "goes").await;
        assert_eq!(gone, Ok(vec![key("goes")]));
        let there = |name: &str| streams.describe(&key(name)).is_ok();
        assert_eq!((there("stays"), there("goes")), (true, false));
        let again = declared(1, Duration::from_hours(24));
        streams.declare(key("goes"), again).await.unwrap();
        assert_eq!(streams.describe(&key("goes")).unwrap().open_shards, 1);
        drop(streams);
        let (streams, _) = start(&platform).await;
        assert_eq!(streams.describe(&key("goes")).unwrap().open_shards, 1);
        assert_eq!(streams.describe(&key("stays")).unwrap().open_shards, 2);
    }
}
