//! Which of the routes takes a request. Pure.

use std::collections::BTreeSet;

use http::Method;

use super::pattern::Route;

/// What was found for a method and a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    /// With the decoded parts of its path.
    Route(T, Vec<(String, String)>),
    /// The path is known; these are its methods, as `Allow` lists them.
    OtherMethods(Vec<String>),
    Nothing,
}

/// How exact a route is, whose it is, and the parts of the path that it names.
type Best<T> = ((Vec<u8>, u8), T, Vec<(String, String)>);

/// The most exact of those that take the method.
pub(super) fn find<'a, T>(
    routes: impl Iterator<Item = (&'a Route, T)>,
    method: &Method,
    path: &str,
) -> Found<T> {
    let mut known = BTreeSet::new();
    let mut best: Option<Best<T>> = None;
    for (route, of) in routes {
        let Some(parts) = route.parts(path) else {
            continue;
        };
        if !route.takes(method) {
            let own = route.method.iter().map(|method| method.as_str().to_owned());
            known.extend(own);
            if route.method == Some(Method::GET) {
                known.insert("HEAD".to_owned());
            }
            continue;
        }
        let exactness = route.exactness(method);
        if best.as_ref().is_none_or(|(known, _, _)| exactness < *known) {
            best = Some((exactness, of, parts));
        }
    }
    match best {
        Some((_, of, parts)) => Found::Route(of, parts),
        None if known.is_empty() => Found::Nothing,
        None => Found::OtherMethods(known.into_iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_route_wins() {
        let texts = [
            "GET /flights/{day}",
            "GET /flights/today",
            "ANY /flights/today",
            "POST /flights/{day}",
            "HEAD /ping",
            "GET /ping",
            "ANY /{all+}",
        ];
        let routes: Vec<Route> = texts
            .iter()
            .map(|text| Route::parse(text).unwrap())
            .collect();
        let check = |method: &str, path: &str, expect: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = find(routes.iter().zip(texts), &method, path);
            let Found::Route(text, _) = found else {
                panic!("{method} {path}: {found:?}");
            };
            assert_eq!(text, expect, "{method} {path}");
        };
        check("GET", "/flights/mon", "GET /flights/{day}");
        check("HEAD", "/flights/mon", "GET /flights/{day}");
        check("GET", "/flights/today", "GET /flights/today");
        check("DELETE", "/flights/today", "ANY /flights/today");
        check("POST", "/flights/mon", "POST /flights/{day}");
        check("POST", "/flights/today", "ANY /flights/today");
        check("HEAD", "/ping", "HEAD /ping");
        check("GET", "/ping", "GET /ping");
        check("PUT", "/flights/mon", "ANY /{all+}");
        check("PUT", "/else", "ANY /{all+}");
    }

    #[test]
    fn a_known_path_says_its_methods() {
        let routes: Vec<Route> = ["GET /a", "POST /a", "PUT /b"]
            .iter()
            .map(|text| Route::parse(text).unwrap())
            .collect();
        let found = |method: Method, path: &str| {
            let routes = routes.iter().map(|route| (route, ()));
            find(routes, &method, path)
        };
        let others = Found::OtherMethods(vec!["GET".into(), "HEAD".into(), "POST".into()]);
        assert_eq!(found(Method::DELETE, "/a"), others);
        assert_eq!(
            found(Method::GET, "/b"),
            Found::OtherMethods(vec!["PUT".into()])
        );
        assert_eq!(found(Method::GET, "/c"), Found::Nothing);
    }
}
