//! `network` of `function.wit`: one request as a whole, for language runtimes, which have no sockets. It goes the way of all that
//! guests ask, so that the same is granted, checked and counted.

use http::{
    HeaderMap, HeaderName, HeaderValue, Request,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE},
};

use crate::{bindings::network, context::Context};

/// Of the connection, which is not the guest's.
const OF_THE_CONNECTION: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE];

fn request(asked: network::Request) -> Result<Request<Vec<u8>>, http::Error> {
    let mut request = Request::builder()
        .method(asked.method.as_str())
        .uri(asked.url)
        .body(asked.body)?;
    let mut headers = HeaderMap::new();
    for (name, value) in asked.headers {
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    if !headers.contains_key(HOST)
        && let Some(authority) = request.uri().authority()
    {
        headers.insert(HOST, HeaderValue::try_from(authority.as_str())?);
    }
    *request.headers_mut() = headers;
    Ok(request)
}

impl network::Host for Context {
    async fn ask(
        &mut self,
        asked: network::Request,
    ) -> wasmtime::Result<Result<network::Answer, String>> {
        let request = match request(asked) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let answer = match self.outgoing.exchange(request).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(format!("{error:?}"))),
        };
        let (head, body) = answer.into_parts();
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        };
        Ok(Ok(network::Answer {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(header).collect(),
            body: body.to_vec(),
        }))
    }
}
