//! The page of the console: what the verbs show, in a browser. It reads the API of this server and changes nothing, and takes
//! nothing from anywhere else.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;

const PAGE: &str = include_str!("console.html");
/// The page's own script and style, and this server's API.
const POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'";

pub(super) fn page() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(PAGE));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    let policy = HeaderValue::from_static(POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
