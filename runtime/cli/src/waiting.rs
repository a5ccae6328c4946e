//! Where the client verbs meet time: pauses, a connection's driver, now. They serve one person at a terminal and are no
//! part of what the simulator runs, so they use the machine's own clock and runtime; `up` never comes here.

use std::time::Duration;

use jiff::Timestamp;

#[expect(
    clippy::disallowed_methods,
    reason = "client verbs do not run in the simulator"
)]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Runs a connection beside the request that uses it; it ends when the connection does.
#[expect(
    clippy::disallowed_methods,
    reason = "client verbs do not run in the simulator"
)]
pub(crate) fn drive(connection: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(connection));
}

/// Of the clock on the wall, for who sits before it.
pub(crate) fn time_of_day() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S").to_string()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
