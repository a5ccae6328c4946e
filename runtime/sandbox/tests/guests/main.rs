//! The sandbox with real guests, built from `tests/guests`: what they answer, how they misbehave, how they live.

mod answers;
mod capsules;
mod lives;
mod misbehaviour;
mod simulation;
mod world;
