//! What holds for a whole world: account settings. One small entry a world, absent while nothing was set.

use model::{AccountId, Region, Timestamp, ViewWrite};
use serde::{Deserialize, Serialize};

use crate::{engine::Streams, facts::World, registry::account_key};

/// A promise to pay for a least throughput, in return for which streams may be warmed. Times are those of the promise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSettings {
    pub commitment: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("change the account settings: {0}")]
pub struct SettingsNotWritten(pub String);

impl Streams {
    #[must_use]
    pub fn account_settings(&self, world: &World) -> AccountSettings {
        self.shared
            .accounts()
            .get(world)
            .copied()
            .unwrap_or_default()
    }

    /// Lets `decide` change the settings. Waits until the change is durable.
    pub async fn change_account_settings(
        &self,
        world: World,
        decide: impl FnOnce(AccountSettings, Timestamp) -> AccountSettings + Send + 'static,
    ) -> Result<AccountSettings, SettingsNotWritten> {
        let streams = self.clone();
        let change = async move {
            let changing = streams.shared.changing.lock().await;
            let settings = decide(streams.account_settings(&world), streams.now());
            let value = serde_json::to_vec(&settings)
                .map_err(|error| SettingsNotWritten(error.to_string()))?;
            let write = ViewWrite {
                key: account_key(&world),
                value: Some(value.into()),
            };
            let written = streams.write(vec![write]).await;
            written.map_err(|error| SettingsNotWritten(error.0))?;
            streams.shared.accounts().insert(world, settings);
            drop(changing);
            Ok(settings)
        };
        let tasks = &self.shared.platform.tasks;
        match tasks.spawn("change account settings", change).await {
            Ok(done) => done,
            Err(failed) => Err(SettingsNotWritten(failed.to_string())),
        }
    }
}

/// `ACCOUNT/REGION`
pub(crate) fn world_of(name: &str) -> Option<World> {
    let (account, region) = name.split_once('/')?;
    Some(World {
        account: AccountId::parse(account).ok()?,
        region: Region::parse(region).ok()?,
    })
}
