//! `#[handler]`: turns a plain function into a Shardmill function.
//!
//! The function stays as it is. Next to it comes a check of its parameters and, for WebAssembly, the export that calls it.
//! A parameter list that has no meaning is an error at the parameter that is wrong, in words.
mod expand;
mod signature;

use proc_macro::TokenStream;

/// Makes a function the handler of its crate. The form follows from the parameters, which come in this order:
///
/// | first | then, each optional | answer |
/// |---|---|---|
/// | `batch: Batch<'_>` | `out: &mut Outputs`, `ctx: &Context` | `Result<Verdict>` |
/// | a body, `flight: Flight` | `state: &mut S`, `out: &mut Outputs`, `ctx: &Context` | `Result` or `Result<Option<T>>` |
/// | with `#[handler(event)]`: an event, `event: E` | `out: &mut Outputs`, `ctx: &Context` | `Result<T>` |
#[proc_macro_attribute]
pub fn handler(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(attribute.into(), &item.into()).into()
}
