//! The whole server in a simulated world: clock, disk, network and tasks come from one seed.
//!
//! `run` plays one story: producers put flights at drawn moments, the server is killed, stopped and loses its power, the
//! disk fails and fills up, and when all is settled the story's end is looked at from outside. The trace holds everything
//! that was said, so that two runs of a seed can be compared line by line. Nothing here sleeps or touches real files but
//! to build the functions, once.

mod between;
mod clerk;
mod client;
mod clockmaker;
mod compiled;
pub mod disks;
mod events;
mod fault;
mod functions;
pub mod invariants;
mod life;
mod mischief;
mod operator;
mod packer;
mod pages;
mod parcels;
mod people;
mod plan;
pub mod post;
mod producer;
pub mod promises;
mod reader;
mod resharder;
mod seeds;
mod server;
mod story;
mod totals;
mod trace;
mod trouble;

pub use between::Between;
pub use events::{Event, Reached, Worker};
pub use fault::{Fault, Faults};
pub use pages::Stored;
pub use parcels::Parcel;
pub use plan::{Part, Plan};
pub use producer::Place;
pub use seeds::{each_seed, each_seed_twice};
pub use story::{Ending, run, run_as_planned};
pub use totals::{Row, Totals};
pub use trace::Trace;
