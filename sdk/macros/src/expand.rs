//! The handler in, the handler with its checks and its export out. A wrong handler keeps its function beside the error,
//! so that the rest of the crate is not reported as well.
use crate::signature::{self, Input, Kind};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Ident, ItemFn, Result};

pub(crate) fn expand(attribute: TokenStream, item: &TokenStream) -> TokenStream {
    match parts(attribute, item.clone()) {
        // A handler takes its input by value, since it comes from the host and belongs to nobody else.
        Ok(beside) => quote!(#[allow(clippy::needless_pass_by_value)] #item #beside),
        Err(error) => {
            let error = error.to_compile_error();
            quote!(#item #error)
        }
    }
}

fn parts(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let kind = kind(attribute)?;
    let function: ItemFn = syn::parse2(item)?;
    let input = signature::read(kind, &function.sig)?;
    let name = &function.sig.ident;
    let types = type_checks(&input);
    let form = form_check(kind, name);
    let export = export(kind, name);
    Ok(quote! {
        const _: fn() = || { #types #form };
        #export
    })
}

fn kind(attribute: TokenStream) -> Result<Kind> {
    if attribute.is_empty() {
        return Ok(Kind::Stream);
    }
    let wrong = Error::new(
        attribute.span(),
        "expected `#[handler]` or `#[handler(event)]`",
    );
    match syn::parse2::<Ident>(attribute) {
        Ok(ident) if ident == "event" => Ok(Kind::Event),
        Ok(_) | Err(_) => Err(wrong),
    }
}

/// Says at the parameter what its type lacks, before the trait of the form says it about the whole function.
fn type_checks(input: &Input) -> TokenStream {
    match input {
        Input::Batch => TokenStream::new(),
        Input::Body { body, state } => {
            let state = state.iter().map(
                |state| quote_spanned!(state.span()=> ::shardmill::attribute::state::<#state>();),
            );
            let body = quote_spanned!(body.span()=> ::shardmill::attribute::body::<#body>(););
            quote!(#body #(#state)*)
        }
    }
}

fn form_check(kind: Kind, name: &Ident) -> TokenStream {
    match kind {
        Kind::Stream => quote_spanned!(name.span()=> ::shardmill::attribute::stream(&#name);),
        Kind::Event => quote_spanned!(name.span()=> ::shardmill::attribute::event(&#name);),
    }
}

fn export(kind: Kind, name: &Ident) -> TokenStream {
    let body = match kind {
        Kind::Stream => quote! {
            use ::shardmill::component as bindings;
            use bindings::{exports::shardmill::function::stream_handler::Guest, stream as run};
            use bindings::shardmill::function::types::{Fault, Response as Answer};
            bindings::export_stream_handler!(Component with_types_in bindings);
        },
        Kind::Event => quote! {
            use ::shardmill::component::event as bindings;
            use bindings::exports::shardmill::function::event_handler::Guest;
            use ::shardmill::component::{answer as run, shardmill::function::types::Fault};
            type Answer = ::std::vec::Vec<u8>;
            bindings::export_event_handler!(Component with_types_in bindings);
        },
    };
    quote! {
        #[cfg(target_family = "wasm")]
        const _: () = {
            #body
            struct Component;
            impl Guest for Component {
                fn handle(input: ::std::vec::Vec<u8>) -> ::std::result::Result<Answer, Fault> {
                    run(&#name, &input)
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_attribute_is_refused_and_the_function_stays() {
        let text = expand(
            quote!(events),
            &quote!(
                fn f() {}
            ),
        )
        .to_string();
        assert!(text.contains("fn f ()"), "{text}");
        assert!(
            text.contains("expected `#[handler]` or `#[handler(event)]`"),
            "{text}"
        );
    }

    #[test]
    fn the_export_is_only_for_webassembly() {
        let text = expand(
            quote!(),
            &quote!(
                fn f(x: Flight) -> Result {
                    Ok(())
                }
            ),
        )
        .to_string();
        let (native, wasm) = text
            .split_once("# [cfg (target_family = \"wasm\")]")
            .unwrap();
        assert!(
            native.contains("attribute :: body :: < Flight >"),
            "{native}"
        );
        assert!(wasm.contains("export_stream_handler"), "{wasm}");
    }
}
