//! A look at what a life has left, before the next one begins: a loss that a later life would mend is seen here.
//!
//! The look takes a copy of the disk into a world of its own, where a server without triggers shows the stream. The story
//! goes on from its own disk and does not know of it; only its time has passed.

use std::collections::BTreeMap;

use platform::{Platform, Survival};

use crate::{
    client::Client,
    pages::Pages,
    producer::Place,
    server::{Server, write_streams},
    trace::Trace,
};

/// Of the disk that is looked at.
const ROOM: u64 = 1 << 40;

/// What was promised by the end of a life, and what is there of it.
#[derive(Debug)]
pub struct Between {
    /// By the number of the line.
    pub acknowledged: BTreeMap<usize, Place>,
    pub flights: BTreeMap<Place, String>,
}

/// When the server is gone, and what the power took with it.
pub(crate) async fn look(
    world: &Platform,
    trace: &Trace,
    acknowledged: BTreeMap<usize, Place>,
) -> Between {
    let copy = Platform {
        disk: world.disk.after_power_loss(Survival::Everything),
        clock: world.clock.clone(),
        ..Platform::simulated(0)
    };
    copy.disk.limit(ROOM);
    let written = write_streams(&copy.disk).await;
    written.expect("a disk without faults");
    let unheard = Trace::default();
    trace.covers_its_ears(true);
    let server = Server::start(&copy, &unheard, None);
    let mut client = Client::new(&copy, "looker", &unheard);
    let flights = Pages::oldest("flights").all(&mut client).await;
    server.kill().await;
    trace.covers_its_ears(false);
    trace.note(&format!("{} records are there", flights.len()));
    Between {
        acknowledged,
        flights: flights
            .into_iter()
            .map(|stored| (stored.place, stored.body))
            .collect(),
    }
}
