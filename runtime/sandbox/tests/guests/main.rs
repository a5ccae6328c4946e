//! The sandbox with real guests, built from `tests/guests`: what they answer, how they misbehave, how they live.

mod answers;
mod capsules;
mod files;
mod lives;
mod misbehaviour;
mod neighbours;
mod network;
mod runtimes;
mod simulation;
mod world;
