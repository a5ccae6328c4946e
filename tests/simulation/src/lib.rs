//! The whole server in a simulated world: clock, disk, network and tasks come from one seed.
//!
//! `run` plays one story: producers put flights at drawn moments, the server is crashed at drawn moments and started
//! again, and when all is settled the story's end is looked at from outside. What it returns holds a trace of everything
//! that was said, so that two runs of a seed can be compared line by line. Nothing here sleeps or touches real files but
//! to build the functions, once.

mod client;
mod compiled;
mod functions;
mod producer;
mod seeds;
mod server;
mod story;
mod totals;
mod trace;

pub use producer::Place;
pub use seeds::each_seed;
pub use story::{Ending, run};
pub use totals::{Row, Totals};
