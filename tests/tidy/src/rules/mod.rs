//! The rules, by what they are about. Each takes a repository and gives its complaints; an empty list is a clean house.

pub mod links;
pub mod machine;
pub mod manifests;
pub mod order;
pub mod sources;
