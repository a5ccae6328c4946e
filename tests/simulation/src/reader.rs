//! A reader that follows the stream of flights through every life of the server, from where it stopped.

use std::time::Duration;

use platform::{Rng, StopToken};

use crate::{
    client::Client,
    pages::{Pages, Stored},
};

const PAUSE_MAX_MS: u64 = 60;

#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) client: Client,
    pub(crate) rng: Rng,
}

impl Reader {
    /// Returns what it was shown, in that order.
    pub(crate) async fn run(mut self, stop: StopToken) -> Vec<Stored> {
        let mut pages = Pages::oldest("flights");
        let mut shown = Vec::new();
        while !stop.is_stopped() {
            shown.extend(pages.next(&mut self.client).await);
            let pause = Duration::from_millis(self.rng.below(PAUSE_MAX_MS));
            self.client.platform.clock.sleep(pause).await;
        }
        shown
    }
}
