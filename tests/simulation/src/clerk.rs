//! An operator of parcels: lets parked keys go on, parks some, and runs dead letters again, one, some or all, in order or on the side.
//!
//! Whatever waits in the end goes on: nothing of the parcels is parked and no dead letter of theirs is left.

use std::time::Duration;

use platform::{Rng, StopToken};
use serde_json::{Value, json};

use crate::{
    client::{Ask, Client},
    fault::Fault,
    pages::{rows, text},
    trace::Trace,
};

const TRIGGERS: [&str; 2] = ["customs", "heavy"];
/// The trigger that parks.
const PARKS: &str = "customs";
const PAUSE_MAX_MS: u64 = 250;
const KEYS: u64 = 12;
/// Rounds in the end, each after a pause in which customs may let something go.
const ROUNDS_MAX: u64 = 60;
const ROUND: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Clerk {
    pub(crate) client: Client,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
    /// What the triggers said of their records.
    pub(crate) looks: Vec<Value>,
}

impl Clerk {
    /// Gives itself back, for the end.
    pub(crate) async fn run(mut self, stop: StopToken) -> Self {
        while !stop.is_stopped() {
            let pause = Duration::from_millis(self.rng.below(PAUSE_MAX_MS));
            self.client.platform.clock.sleep(pause).await;
            match self.rng.below(4) {
                0 => self.look().await,
                1 => self.park().await,
                2 => self.unpark_some().await,
                _ => {
                    let trigger = TRIGGERS[self.below(TRIGGERS.len())];
                    self.redrive_some(trigger).await;
                }
            }
        }
        self
    }

    /// Until nothing waits. Returns all that triggers said of their records.
    pub(crate) async fn finish(mut self) -> Vec<Value> {
        for _ in 0..ROUNDS_MAX {
            self.wait().await;
            self.look().await;
            let keys = self.keys().await;
            let mut waits = !keys.is_empty();
            for key in keys {
                self.order(Fault::Unpark, &format!("keys/{PARKS}/{key}/unpark"))
                    .await;
            }
            for trigger in TRIGGERS {
                let letters = self.letters(trigger, "").await;
                waits |= !letters.is_empty();
                if !letters.is_empty() {
                    self.redrive(trigger, &letters, false, true).await;
                }
            }
            if !waits {
                return self.looks;
            }
            self.client.platform.clock.sleep(ROUND).await;
        }
        panic!("after {ROUNDS_MAX} rounds parcels wait still");
    }

    async fn wait(&mut self) {
        let wait = Ask::post("wait", &json!({ "timeout_ms": 60_000 }));
        let waited = self.client.once(&wait).await;
        if waited.is_some_and(|(status, _)| status.is_success()) {
            return;
        }
        let why = self.client.ask(&Ask::get("why")).await;
        self.look().await;
        panic!("not everything settles: {why} {:?}", self.looks);
    }

    async fn look(&mut self) {
        for trigger in TRIGGERS {
            let facts = self
                .client
                .ask(&Ask::get(&format!("triggers/{trigger}")))
                .await;
            self.looks.push(facts);
        }
    }

    async fn park(&mut self) {
        let key = self.rng.below(KEYS);
        let path = format!("keys/{PARKS}/sender-{key}/park");
        self.order(Fault::Park, &path).await;
    }

    async fn unpark_some(&mut self) {
        for key in self.keys().await {
            if self.rng.below(3) > 0 {
                self.order(Fault::Unpark, &format!("keys/{PARKS}/{key}/unpark"))
                    .await;
            }
        }
    }

    /// One, those of a key, or all.
    async fn redrive_some(&mut self, trigger: &str) {
        let filter = match self.rng.below(3) {
            0 => format!("&key=sender-{}", self.rng.below(KEYS)),
            _ => String::new(),
        };
        let mut letters = self.letters(trigger, &filter).await;
        if letters.is_empty() {
            return;
        }
        if self.rng.below(2) == 0 {
            letters = vec![letters.swap_remove(self.below(letters.len()))];
        }
        if self.rng.below(4) == 0 {
            let asked = json!({ "entries": letters, "dry_run": true });
            self.once(&Ask::post(
                &format!("dead-letters/{trigger}/redrive"),
                &asked,
            ))
            .await;
        }
        let (side, stale) = (self.rng.below(2) == 0, self.rng.below(2) == 0);
        self.redrive(trigger, &letters, side, stale).await;
    }

    async fn redrive(&mut self, trigger: &str, letters: &[String], side: bool, stale: bool) {
        self.trace.fault(Fault::Redrive);
        let asked = json!({ "entries": letters, "side": side, "allow_stale": stale });
        let ask = Ask::post(&format!("dead-letters/{trigger}/redrive"), &asked);
        self.once(&ask).await;
    }

    async fn keys(&mut self) -> Vec<String> {
        let keys = self.client.ask(&Ask::get("keys")).await;
        rows(&keys, "keys")
            .iter()
            .map(|row| text(row, "key"))
            .collect()
    }

    /// Ids without the trigger's name.
    async fn letters(&mut self, trigger: &str, filter: &str) -> Vec<String> {
        let path = format!("dead-letters?trigger={trigger}&limit=100{filter}");
        let letters = self.client.ask(&Ask::get(&path)).await;
        let ids = rows(&letters, "dead_letters")
            .iter()
            .map(|row| text(row, "id"));
        ids.filter_map(|id| Some(id.split_once('/')?.1.to_owned()))
            .collect()
    }

    async fn order(&mut self, fault: Fault, path: &str) {
        self.trace.fault(fault);
        self.once(&Ask::post(path, &json!({}))).await;
    }

    /// What is refused or not answered may have been done; the end asks again.
    async fn once(&mut self, ask: &Ask) -> Option<Value> {
        let Some((status, body)) = self.client.once(ask).await else {
            self.client.hang_up();
            return None;
        };
        let refused = status.is_server_error() || status.as_u16() == 404 || status.as_u16() == 408;
        let told = String::from_utf8_lossy(&body);
        assert!(status.is_success() || refused, "{ask:?}: {status} {told}");
        serde_json::from_slice(&body).ok()
    }

    fn below(&self, n: usize) -> usize {
        usize::try_from(self.rng.below(n as u64)).unwrap_or(0)
    }
}
