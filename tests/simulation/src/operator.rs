//! An operator: asks why shards do not move, pauses a trigger at drawn moments and resumes it, and moves one back.

use std::time::Duration;

use platform::{Rng, StopToken};
use serde_json::{Value, json};

use crate::{
    client::{Ask, Client},
    fault::Fault,
    trace::Trace,
};

const LOOK_MAX_MS: u64 = 120;
const TRIGGERS: [&str; 4] = ["departures", "board", "customs", "heavy"];
/// The trigger that is moved.
pub(crate) const MOVED: &str = "replays";
const BACK_MAX_MS: u64 = 2_000;

#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) client: Client,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
    pub(crate) seeks: bool,
}

impl Operator {
    /// Returns every answer to `why`. Whatever was paused is resumed.
    pub(crate) async fn run(mut self, stop: StopToken) -> Vec<Value> {
        let mut looks = Vec::new();
        while !stop.is_stopped() {
            self.rest().await;
            looks.push(self.client.ask(&Ask::get("why")).await);
            if self.rng.below(4) == 0 {
                let turn = usize::try_from(self.rng.below(TRIGGERS.len() as u64)).unwrap_or(0);
                self.trace.fault(Fault::Pause);
                self.order(TRIGGERS[turn], "pause").await;
                self.rest().await;
                looks.push(self.client.ask(&Ask::get("why")).await);
                self.order(TRIGGERS[turn], "resume").await;
            }
            if self.rng.below(8) == 0 {
                self.seek().await;
            }
        }
        looks
    }

    /// To the oldest record, or to a time that lies behind the checkpoints; nothing is skipped.
    async fn seek(&mut self) {
        let now = self.client.platform.clock.wall().as_millis();
        let from = if self.rng.below(2) == 0 {
            "oldest".to_owned()
        } else {
            format!(
                "@{}",
                moment(now.saturating_sub(self.rng.below(BACK_MAX_MS)))
            )
        };
        if !self.seeks {
            return;
        }
        let asked = |dry_run: bool| json!({ "from": from, "dry_run": dry_run, "state": "keep" });
        let path = format!("triggers/{MOVED}/seek");
        let counted = self.client.once(&Ask::post(&path, &asked(true))).await;
        let Some((status, body)) = counted else {
            self.client.hang_up();
            return;
        };
        let counted: Value = serde_json::from_slice(&body).unwrap_or_default();
        if !status.is_success() || counted["skips"] != 0 {
            return;
        }
        self.trace.fault(Fault::Seek);
        if self
            .client
            .once(&Ask::post(&path, &asked(false)))
            .await
            .is_none()
        {
            self.client.hang_up();
        }
    }

    async fn order(&mut self, trigger: &str, verb: &str) {
        let ask = Ask::post(&format!("triggers/{trigger}/{verb}"), &json!({}));
        self.client.ask(&ask).await;
    }

    async fn rest(&self) {
        let pause = Duration::from_millis(self.rng.below(LOOK_MAX_MS));
        self.client.platform.clock.sleep(pause).await;
    }
}

/// As people write it, in UTC. Stories begin with a year and are over before its first day ends.
fn moment(millis: u64) -> String {
    let of_day = millis % 86_400_000;
    let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (seconds, millis) = (of_day / 1_000 % 60, of_day % 1_000);
    format!("2026-01-01T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}
