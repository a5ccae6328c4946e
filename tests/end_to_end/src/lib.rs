//! Placeholder head: replaced when the room is built.
