//! Log lines that reach the host: `log::info!("{} flights", n)`, and the same for trace, debug, warn and error.
//!
//! The host keeps them with the invocation and cuts what is beyond the function's limit (64 KiB unless set).
use std::fmt::Arguments;

pub use crate::{
    __log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace,
    __log_warn as warn,
};

/// How much a line matters. The numbers are those of `function.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Trace => 0,
            Self::Debug => 1,
            Self::Info => 2,
            Self::Warn => 3,
            Self::Error => 4,
        }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn from_code(code: u32) -> Self {
        let levels = [Self::Trace, Self::Debug, Self::Info, Self::Warn];
        levels
            .into_iter()
            .find(|level| level.code() == code)
            .unwrap_or(Self::Error)
    }
}

/// Writes one line; the macros of this module end here.
pub fn write(level: Level, message: Arguments<'_>) {
    match message.as_str() {
        Some(text) => crate::host::log(level.code(), text),
        None => crate::host::log(level.code(), &message.to_string()),
    }
}

/// Makes a panic readable: its place and message go to the log before the trap ends the invocation.
#[cfg(target_family = "wasm")]
pub(crate) fn log_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            write(Level::Error, format_args!("{panic}"))
        }));
    });
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($message:tt)*) => { $crate::log::write($crate::log::Level::Trace, format_args!($($message)*)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($message:tt)*) => { $crate::log::write($crate::log::Level::Debug, format_args!($($message)*)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($message:tt)*) => { $crate::log::write($crate::log::Level::Info, format_args!($($message)*)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($message:tt)*) => { $crate::log::write($crate::log::Level::Warn, format_args!($($message)*)) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($message:tt)*) => { $crate::log::write($crate::log::Level::Error, format_args!($($message)*)) };
}
