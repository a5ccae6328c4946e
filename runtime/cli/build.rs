//! How a release is linked: functions that compile to the same code stand in the binary once.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment what it builds"
)]

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    // Where Rust links with its own lld. Generic code that comes to the same for several types is two megabytes here.
    if is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
    {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
