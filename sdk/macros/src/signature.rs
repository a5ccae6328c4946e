//! The parameter list of a handler in, its form out, or an error that points at the parameter that is wrong.
//!
//! Only names are looked at, as that is all an attribute sees: `Batch`, `Outputs`, `Context`, however they are qualified.
use syn::spanned::Spanned;
use syn::{Error, FnArg, GenericArgument, PathArguments, Result, ReturnType, Signature, Type};

/// Which kind of function the attribute asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream,
    Event,
}

/// What the handler is given first.
pub(crate) enum Input {
    Batch,
    /// One JSON body or event, and the state of its key where the handler has one.
    Body {
        body: Box<Type>,
        state: Option<Box<Type>>,
    },
}

/// A parameter by its place in the order that handlers follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Input,
    State,
    Outputs,
    Context,
}

pub(crate) fn read(kind: Kind, signature: &Signature) -> Result<Input> {
    check_function(signature)?;
    let mut parameters = signature.inputs.iter();
    let first = parameters
        .next()
        .ok_or_else(|| Error::new(signature.ident.span(), no_input(kind)))?;
    let input = typed(first)?;
    let is_batch = last_name(input).is_some_and(|name| name == "Batch");
    check_input(kind, is_batch, input)?;
    let mut state = None;
    let mut before = Place::Input;
    for parameter in parameters {
        let ty = typed(parameter)?;
        let place = place_of(ty)?;
        if place <= before {
            return Err(Error::new(ty.span(), out_of_order(place, before)));
        }
        if place == Place::State {
            check_state(kind, is_batch, ty)?;
            state = referent(ty).cloned().map(Box::new);
        }
        before = place;
    }
    check_answer(kind, is_batch, signature)?;
    Ok(match is_batch {
        true => Input::Batch,
        false => Input::Body {
            body: Box::new(input.clone()),
            state,
        },
    })
}

fn check_function(signature: &Signature) -> Result<()> {
    let refuse = |span, what| Err(Error::new(span, what));
    if let Some(token) = signature.asyncness {
        return refuse(
            token.span(),
            "a handler is a plain function, not an async one",
        );
    }
    if let Some(token) = signature.unsafety {
        return refuse(token.span(), "a handler is a safe function");
    }
    if !signature.generics.params.is_empty() {
        let span = signature.generics.span();
        return refuse(
            span,
            "a handler has no generic parameters, write `Batch<'_>` and concrete types",
        );
    }
    Ok(())
}

fn no_input(kind: Kind) -> &'static str {
    match kind {
        Kind::Stream => "a handler takes `Batch<'_>` or one JSON body first",
        Kind::Event => "an event handler takes one JSON event first",
    }
}

fn check_input(kind: Kind, is_batch: bool, input: &Type) -> Result<()> {
    let refuse = |what: &str| Err(Error::new(input.span(), what));
    match (kind, is_batch) {
        (Kind::Event, true) => {
            refuse("an event handler takes a JSON event, write `#[handler]` for a batch")
        }
        (Kind::Stream, true) => Ok(()),
        (Kind::Stream | Kind::Event, false) => {
            if referent(input).is_some() {
                return refuse(
                    "the first parameter is `Batch<'_>` or a JSON body by value; `&mut` state comes second",
                );
            }
            if last_name(input).is_some_and(|name| name == "Outputs" || name == "Context") {
                return refuse(no_input(kind));
            }
            match borrows(input) {
                true => refuse(
                    "a typed body owns its data; take `Batch<'_>` and `record.json::<T<'_>>()` to borrow",
                ),
                false => Ok(()),
            }
        }
    }
}

fn check_state(kind: Kind, is_batch: bool, state: &Type) -> Result<()> {
    let refuse = |what: &str| Err(Error::new(state.span(), what));
    match (kind, is_batch) {
        (Kind::Event, _) => refuse("an event has no key, so an event handler has no state"),
        (Kind::Stream, true) => refuse(
            "a batch has many keys; take one body to have state: `(flight: Flight, board: &mut Board)`",
        ),
        (Kind::Stream, false) if borrows(state) => refuse("state owns its data"),
        (Kind::Stream, false) => Ok(()),
    }
}

fn place_of(ty: &Type) -> Result<Place> {
    let expected = "expected `&mut S` (state), `&mut Outputs` or `&Context` here";
    let Type::Reference(reference) = ty else {
        return Err(Error::new(ty.span(), expected));
    };
    let name = last_name(&reference.elem).unwrap_or_default();
    match (name.as_str(), reference.mutability.is_some()) {
        ("Outputs", true) => Ok(Place::Outputs),
        ("Outputs", false) => Err(Error::new(ty.span(), "outputs are written: `&mut Outputs`")),
        ("Context", false) => Ok(Place::Context),
        ("Context", true) => Err(Error::new(
            ty.span(),
            "the context is only read: `&Context`",
        )),
        ("Batch", _) => Err(Error::new(
            ty.span(),
            "the batch comes first and by value: `Batch<'_>`",
        )),
        (_, true) => Ok(Place::State),
        (_, false) => Err(Error::new(ty.span(), "state is changed in place: `&mut S`")),
    }
}

fn out_of_order(place: Place, before: Place) -> &'static str {
    match (place == before, place) {
        (true, Place::State) => "a key has one state; put both into one struct",
        (true, Place::Input | Place::Outputs | Place::Context) => "this parameter is there twice",
        (false, Place::Input | Place::State | Place::Outputs | Place::Context) => {
            "parameters come in this order: input, state, outputs, context"
        }
    }
}

fn check_answer(kind: Kind, is_batch: bool, signature: &Signature) -> Result<()> {
    let wanted = match (kind, is_batch) {
        (Kind::Event, _) => "an event handler returns `Result<T>`, where T is the JSON answer",
        (Kind::Stream, true) => "a handler of batches returns `Result<Verdict>`",
        (Kind::Stream, false) => "a typed handler returns `Result` or `Result<Option<T>>`",
    };
    let ReturnType::Type(_, ty) = &signature.output else {
        return Err(Error::new(signature.paren_token.span.close(), wanted));
    };
    let Some(inner) = inner_of_result(ty) else {
        return Err(Error::new(ty.span(), wanted));
    };
    let is = |name: &str| inner.and_then(last_name).is_some_and(|own| own == name);
    let unit = inner.is_none_or(|ty| matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty()));
    let fits = match (kind, is_batch) {
        (Kind::Event, _) => true,
        (Kind::Stream, true) => is("Verdict"),
        (Kind::Stream, false) => unit || is("Option"),
    };
    if fits {
        Ok(())
    } else {
        Err(Error::new(ty.span(), wanted))
    }
}

/// `Some(None)` for a bare `Result`, `Some(Some(T))` for `Result<T>`.
fn inner_of_result(ty: &Type) -> Option<Option<&Type>> {
    let Type::Path(path) = ty else { return None };
    let last = path
        .path
        .segments
        .last()
        .filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Some(None);
    };
    Some(arguments.args.iter().find_map(|argument| {
        if let GenericArgument::Type(inner) = argument {
            Some(inner)
        } else {
            None
        }
    }))
}

fn typed(parameter: &FnArg) -> Result<&Type> {
    match parameter {
        FnArg::Typed(typed) => Ok(&typed.ty),
        FnArg::Receiver(receiver) => Err(Error::new(
            receiver.span(),
            "a handler is a plain function, it has no `self`",
        )),
    }
}

fn referent(ty: &Type) -> Option<&Type> {
    if let Type::Reference(reference) = ty {
        Some(&reference.elem)
    } else {
        None
    }
}

fn last_name(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    path.path.segments.last().map(|last| last.ident.to_string())
}

/// Whether a lifetime is written inside the type.
fn borrows(ty: &Type) -> bool {
    fn has_lifetime(tokens: proc_macro2::TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Group(group) => has_lifetime(group.stream()),
            proc_macro2::TokenTree::Punct(punct) => punct.as_char() == '\'',
            proc_macro2::TokenTree::Ident(_) | proc_macro2::TokenTree::Literal(_) => false,
        })
    }
    let inner = referent(ty).unwrap_or(ty);
    has_lifetime(quote::quote!(#inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(kind: Kind, text: &str) -> Result<Input> {
        let function: syn::ItemFn = syn::parse_str(&format!("{text} {{}}")).unwrap();
        read(kind, &function.sig)
    }

    #[test]
    fn these_are_handlers() {
        for text in [
            "fn f(b: Batch<'_>) -> Result<Verdict>",
            "fn f(b: shardmill::Batch<'_>, out: &mut Outputs, ctx: &Context) -> shardmill::Result<Verdict>",
            "fn f(b: Batch<'_>, ctx: &Context<'_>) -> Result<Verdict, Error>",
            "fn f(x: Flight) -> Result",
            "fn f(x: Flight, out: &mut Outputs) -> Result<()>",
            "fn f(x: Vec<Flight>, ctx: &Context) -> Result<Option<Late>>",
            "fn f(x: Flight, s: &mut Option<Board>, out: &mut Outputs, ctx: &Context) -> Result",
        ] {
            read_text(Kind::Stream, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        read_text(
            Kind::Event,
            "fn f(e: Value, ctx: &Context) -> Result<Value>",
        )
        .unwrap();
    }

    const REFUSED: &[(&str, &str)] = &[
        (
            "fn f() -> Result",
            "a handler takes `Batch<'_>` or one JSON body first",
        ),
        (
            "fn f(out: &mut Outputs) -> Result",
            "the first parameter is `Batch<'_>` or a JSON body by value; `&mut` state comes second",
        ),
        (
            "fn f(x: Flight<'_>) -> Result",
            "a typed body owns its data; take `Batch<'_>` and `record.json::<T<'_>>()` to borrow",
        ),
        (
            "fn f(x: Flight, out: Outputs) -> Result",
            "expected `&mut S` (state), `&mut Outputs` or `&Context` here",
        ),
        (
            "fn f(x: Flight, out: &Outputs) -> Result",
            "outputs are written: `&mut Outputs`",
        ),
        (
            "fn f(x: Flight, c: &mut Context) -> Result",
            "the context is only read: `&Context`",
        ),
        (
            "fn f(x: Flight, s: &Board) -> Result",
            "state is changed in place: `&mut S`",
        ),
        (
            "fn f(x: Flight, out: &mut Outputs, s: &mut Board) -> Result",
            "parameters come in this order: input, state, outputs, context",
        ),
        (
            "fn f(x: Flight, a: &mut A, b: &mut B) -> Result",
            "a key has one state; put both into one struct",
        ),
        (
            "fn f(b: Batch<'_>, s: &mut Board) -> Result<Verdict>",
            "a batch has many keys; take one body to have state: `(flight: Flight, board: &mut Board)`",
        ),
        (
            "fn f(b: Batch<'_>) -> Result",
            "a handler of batches returns `Result<Verdict>`",
        ),
        (
            "fn f(x: Flight)",
            "a typed handler returns `Result` or `Result<Option<T>>`",
        ),
        (
            "fn f(x: Flight) -> Option<Late>",
            "a typed handler returns `Result` or `Result<Option<T>>`",
        ),
        (
            "async fn f(x: Flight) -> Result",
            "a handler is a plain function, not an async one",
        ),
        (
            "fn f<T>(x: T) -> Result",
            "a handler has no generic parameters, write `Batch<'_>` and concrete types",
        ),
    ];

    #[test]
    fn these_are_not_and_the_error_says_why() {
        for (text, expected) in REFUSED {
            let error = read_text(Kind::Stream, text).err().expect(text);
            assert_eq!(error.to_string(), *expected, "{text}");
        }
        let error = read_text(Kind::Event, "fn f(e: Value, s: &mut S) -> Result<Value>")
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "an event has no key, so an event handler has no state"
        );
    }
}
