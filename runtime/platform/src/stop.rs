//! Cooperative stop: one side asks, any number of tokens hear it. Dropping the asking side also stops.

use crate::watch;

#[derive(Debug)]
pub struct Stop {
    asked: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
pub struct StopToken {
    asked: watch::Receiver<bool>,
}

impl Stop {
    #[must_use]
    pub fn new() -> (Self, StopToken) {
        let (sender, receiver) = watch::channel(false);
        (Self { asked: sender }, StopToken { asked: receiver })
    }

    pub fn stop(&self) {
        self.asked.send_replace(true);
    }
}

impl StopToken {
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.asked.borrow() || self.asked.has_changed().is_err()
    }

    pub async fn stopped(&self) {
        let mut asked = self.asked.clone();
        // An error means that the asking side is gone, which is a stop too.
        drop(asked.wait_for(|asked| *asked).await);
    }
}
