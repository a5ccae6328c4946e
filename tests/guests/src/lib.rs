//! Guests for the tests of the sandbox; each file beside this one is a component of its own. See README.md.
