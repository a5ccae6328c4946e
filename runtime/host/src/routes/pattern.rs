//! One route: a method and a path with named parts. Text in, a pattern out; a path in, its parts out. Pure.

use std::fmt;

use http::Method;
use model::lambda::web::percent_decoded;

use crate::limits::ROUTE_SEGMENTS_MAX;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// None: every method.
    pub(crate) method: Option<Method>,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    /// One segment of any text.
    Part(String),
    /// All that is left, at least one segment.
    Rest(String),
}

/// Why a text is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRoute {
    #[error("`{0}` has no method and path with a space between")]
    Shape(String),
    #[error("`{0}` is no method: it has capital letters alone, `ANY` is all of them")]
    Method(String),
    #[error("the path `{0}` does not begin with `/`")]
    Path(String),
    #[error(
        "`{0}` is no part of a path: a name of letters, digits, `_` and `-` in braces, with `+` for all that is left"
    )]
    Part(String),
    #[error("`{0}` stands twice in its path")]
    Twice(String),
    #[error("`{{{0}+}}` is not at the end of its path")]
    NotLast(String),
    #[error("its path has {0} parts, at most {ROUTE_SEGMENTS_MAX} are accepted")]
    TooLong(usize),
}

impl Route {
    pub(crate) fn parse(text: &str) -> Result<Self, BadRoute> {
        let (method, path) = text
            .split_once(' ')
            .ok_or_else(|| BadRoute::Shape(text.to_owned()))?;
        let letters = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        let bad_method = || BadRoute::Method(method.to_owned());
        let method = match method {
            "ANY" => None,
            _ if letters => Some(Method::from_bytes(method.as_bytes()).map_err(|_| bad_method())?),
            _ => return Err(bad_method()),
        };
        let rest = path
            .strip_prefix('/')
            .ok_or_else(|| BadRoute::Path(path.to_owned()))?;
        let segments: Vec<Segment> = rest.split('/').map(segment).collect::<Result<_, _>>()?;
        if segments.len() > ROUTE_SEGMENTS_MAX {
            return Err(BadRoute::TooLong(segments.len()));
        }
        let names: Vec<&str> = segments.iter().filter_map(Segment::name).collect();
        let twice = |index: &usize| names[..*index].contains(&names[*index]);
        if let Some(index) = (0..names.len()).find(twice) {
            return Err(BadRoute::Twice(names[index].to_owned()));
        }
        let before_last = &segments[..segments.len().saturating_sub(1)];
        if let Some(Segment::Rest(name)) =
            before_last.iter().find(|it| matches!(it, Segment::Rest(_)))
        {
            return Err(BadRoute::NotLast(name.clone()));
        }
        Ok(Self { method, segments })
    }

    /// The same for all routes that take the same requests.
    pub(crate) fn shape(&self) -> String {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => text.as_str(),
            Segment::Part(_) => "{}",
            Segment::Rest(_) => "{+}",
        });
        let segments: Vec<&str> = segments.collect();
        format!("{} /{}", self.method_name(), segments.join("/"))
    }

    fn method_name(&self) -> &str {
        self.method.as_ref().map_or("ANY", Method::as_str)
    }

    /// The decoded parts of a path, where it is of this route. Methods are another matter.
    pub(crate) fn parts(&self, path: &str) -> Option<Vec<(String, String)>> {
        let mut rest = path.strip_prefix('/')?.split('/');
        let mut parts = Vec::new();
        for segment in &self.segments {
            let found = rest.next()?;
            match segment {
                Segment::Literal(text) if *text == percent_decoded(found) => {}
                Segment::Part(name) if !found.is_empty() => {
                    parts.push((name.clone(), percent_decoded(found)));
                }
                Segment::Rest(name) => {
                    let all: Vec<&str> = std::iter::once(found).chain(rest.by_ref()).collect();
                    let all = all.join("/");
                    if all.is_empty() {
                        return None;
                    }
                    parts.push((name.clone(), percent_decoded(&all)));
                }
                Segment::Literal(_) | Segment::Part(_) => return None,
            }
        }
        rest.next().is_none().then_some(parts)
    }

    /// Whether it takes this method; where HEAD has no route of its own, GET's takes it.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        let Some(own) = &self.method else {
            return true;
        };
        own == method || (method == Method::HEAD && own == Method::GET)
    }

    /// The smallest is the most exact: texts before parts before all that is left, then the very method before others.
    pub(crate) fn exactness(&self, method: &Method) -> (Vec<u8>, u8) {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Part(_) => 1,
            Segment::Rest(_) => 2,
        });
        let by_method = match &self.method {
            Some(own) if own == method => 0,
            Some(_) => 1,
            None => 2,
        };
        (segments.collect(), by_method)
    }
}

fn segment(text: &str) -> Result<Segment, BadRoute> {
    let bad = || BadRoute::Part(text.to_owned());
    if let Some(inner) = text.strip_prefix('{') {
        let inner = inner.strip_suffix('}').ok_or_else(bad)?;
        let name = inner.strip_suffix('+').unwrap_or(inner);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(bad());
        }
        return Ok(if inner.ends_with('+') {
            Segment::Rest(name.to_owned())
        } else {
            Segment::Part(name.to_owned())
        });
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '{' | '}' | '?' | '#');
    if text.chars().any(odd) {
        return Err(bad());
    }
    Ok(Segment::Literal(percent_decoded(text)))
}

impl Segment {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Part(name) | Self::Rest(name) => Some(name),
        }
    }
}

/// As a file may say it.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.method_name())?;
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Part(name) => write!(f, "/{{{name}}}")?,
                Segment::Rest(name) => write!(f, "/{{{name}+}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(route: &str, path: &str) -> Option<String> {
        let parts = Route::parse(route).unwrap().parts(path)?;
        let shown: Vec<String> = parts
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Some(shown.join(" "))
    }

    #[test]
    fn which_paths_are_of_a_route() {
        let check = |route: &str, path: &str, expect: Option<&str>| {
            assert_eq!(parts(route, path).as_deref(), expect, "{route} {path}");
        };
        check("GET /", "/", Some(""));
        check("GET /", "/a", None);
        check("GET /a", "/a", Some(""));
        check("GET /a", "/a/", None);
        check("GET /a/", "/a/", Some(""));
        check("GET /a", "/A", None);
        check("GET /a%20b", "/a%20b", Some(""));
        check("GET /flights/{day}", "/flights/mon", Some("day=mon"));
        check("GET /flights/{day}", "/flights/a%2Fb", Some("day=a/b"));
        check("GET /flights/{day}", "/flights/", None);
        check("GET /flights/{day}", "/flights/mon/late", None);
        check("GET /{a}/x/{b}", "/1/x/2", Some("a=1 b=2"));
        check("GET /files/{path+}", "/files/a/b%20c", Some("path=a/b c"));
        check("GET /files/{path+}", "/files/", None);
        check("GET /files/{path+}", "/files", None);
        check("ANY /{all+}", "/x", Some("all=x"));
        check("GET /{day}", "/%zz", Some("day=%zz"));
    }

    #[test]
    fn what_is_no_route() {
        let check = |text: &str, expect: BadRoute| assert_eq!(Route::parse(text), Err(expect));
        check("/a", BadRoute::Shape("/a".into()));
        check("get /a", BadRoute::Method("get".into()));
        check("G3T /a", BadRoute::Method("G3T".into()));
        check("GET a", BadRoute::Path("a".into()));
        check("GET  /a", BadRoute::Path(" /a".into()));
        check("GET /{}", BadRoute::Part("{}".into()));
        check("GET /{a", BadRoute::Part("{a".into()));
        check("GET /a{b}", BadRoute::Part("a{b}".into()));
        check("GET /a?b", BadRoute::Part("a?b".into()));
        check("GET /a b", BadRoute::Part("a b".into()));
        check("GET /{a b}", BadRoute::Part("{a b}".into()));
        check("GET /{a}/{a}", BadRoute::Twice("a".into()));
        check("GET /{a+}/b", BadRoute::NotLast("a".into()));
        check(&format!("GET {}", "/a".repeat(40)), BadRoute::TooLong(40));
    }

    #[test]
    fn a_route_prints_as_it_was_written() {
        for text in [
            "GET /",
            "POST /flights/{day}",
            "ANY /files/{path+}",
            "DELETE /a/",
        ] {
            assert_eq!(Route::parse(text).unwrap().to_string(), text);
        }
    }
}
