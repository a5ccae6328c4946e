//! An operator: asks why shards do not move, pauses a trigger at drawn moments and resumes it.

use std::time::Duration;

use platform::{Rng, StopToken};
use serde_json::{Value, json};

use crate::{
    client::{Ask, Client},
    fault::Fault,
    trace::Trace,
};

const LOOK_MAX_MS: u64 = 120;
const TRIGGERS: [&str; 2] = ["departures", "board"];

#[derive(Debug)]
pub(crate) struct Operator {
    pub(crate) client: Client,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
}

impl Operator {
    /// Returns every answer to `why`. Whatever was paused is resumed.
    pub(crate) async fn run(mut self, stop: StopToken) -> Vec<Value> {
        let mut looks = Vec::new();
        while !stop.is_stopped() {
            self.rest().await;
            looks.push(self.client.ask(&Ask::get("why")).await);
            if self.rng.below(4) == 0 {
                let turn = usize::try_from(self.rng.below(2)).unwrap_or(0);
                self.trace.fault(Fault::Pause);
                self.order(TRIGGERS[turn], "pause").await;
                self.rest().await;
                looks.push(self.client.ask(&Ask::get("why")).await);
                self.order(TRIGGERS[turn], "resume").await;
            }
        }
        looks
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
