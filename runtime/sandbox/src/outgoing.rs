//! What guests ask other servers: checked against what is granted, sent over the platform's network, counted.
//!
//! A name is resolved once and only an address that was checked is connected to, so a name that changes its mind between
//! the two reaches nothing else. No redirect is followed here: where a guest follows one, that is another request and is
//! checked as one. What is not granted is refused, and the log of the function says which line to add.

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as Waking, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, Uri, uri::Scheme};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Body, Frame, SizeHint},
    client::conn::http1,
};
use model::FunctionName;
use platform::{Clock, Connection, Platform};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpHooks, io::TokioIo,
    p2::bindings::http::types::ErrorCode,
};

use crate::{
    limits::{ASKED_ANSWER_BYTES_MAX, ASKED_AT_ONCE_MAX, ASKING_TIMEOUT},
    logs::{InvocationLog, LEVEL_WARN},
    network::Network,
};

type Ending = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Asked = Result<(Response<WasiBody>, Ending), Error>;

/// What the guest of one sandbox may ask.
#[derive(Debug)]
pub(crate) struct Outgoing {
    platform: Platform,
    network: Arc<Network>,
    function: FunctionName,
    log: InvocationLog,
    /// A place for each connection of this sandbox.
    places: Arc<Semaphore>,
}

/// Where a request goes.
struct Target {
    host: String,
    port: u16,
    secure: bool,
}

impl Outgoing {
    pub(crate) fn new(
        platform: &Platform,
        network: &Arc<Network>,
        function: &FunctionName,
        log: &InvocationLog,
    ) -> Self {
        Self {
            platform: platform.clone(),
            network: Arc::clone(network),
            function: function.clone(),
            log: log.clone(),
            places: Arc::new(Semaphore::new(ASKED_AT_ONCE_MAX)),
        }
    }

    fn target(&self, request: &Request<WasiBody>) -> Result<Target, Error> {
        let target = target(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
        if request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        if !self.network.names(&target.host, target.port) {
            let (host, port) = (&target.host, target.port);
            let key = self.network.key(&self.function);
            self.say(&format!(
                "asking {host}:{port} is not granted: add \"{host}:{port}\" to `{key}` in triggers.yaml"
            ));
            return Err(Error::HttpRequestDenied);
        }
        Ok(target)
    }

    fn say(&self, what: &str) {
        self.log.line(LEVEL_WARN, what);
    }

    /// Sends a request and takes its whole answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Bytes>, Error> {
        let request = request.map(|body| {
            let body = Full::new(Bytes::from(body));
            body.map_err(|never| match never {}).boxed_unsync()
        });
        let asking = self.send_request(request, None, Box::new(async { Ok(()) }));
        let (answer, ending) = Box::into_pin(asking).await?;
        let (head, body) = answer.into_parts();
        let mut body = pin!(Limited::new(body, ASKED_ANSWER_BYTES_MAX).collect());
        let mut ending = Box::into_pin(ending);
        let body = tokio::select! {
            biased;
            body = &mut body => body,
            // Nothing more comes; what is there is read to its end.
            _ = &mut ending => body.await,
        };
        let body = body.map_err(|error| match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(_) => Error::HttpResponseBodySize(Some(ASKED_ANSWER_BYTES_MAX as u64)),
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    /// The addresses of the target that may be connected to.
    async fn addresses(&self, to: &Target) -> Result<Vec<SocketAddr>, Error> {
        let resolved = self.platform.net.resolve(&to.host, to.port);
        let all = resolved.await.map_err(|error| Error::DnsError {
            rcode: Some(error.to_string()),
            info_code: None,
        })?;
        let allowed = |address: &&SocketAddr| self.network.reaches(address.ip(), address.port());
        let reached: Vec<SocketAddr> = all.iter().filter(allowed).copied().collect();
        match all.first() {
            None => Err(Error::DestinationNotFound),
            Some(first) if reached.is_empty() => {
                self.say(&format!(
                    "{} leads to {}, which is not of the public network: grant it as what it is, \"{first}\" in `{}` of triggers.yaml",
                    to.host, first.ip(), self.network.key(&self.function)
                ));
                Err(Error::DestinationIpProhibited)
            }
            Some(_) => Ok(reached),
        }
    }

    async fn connect(&self, to: &Target) -> Result<Connection, Error> {
        let mut refused = Error::DestinationUnavailable;
        for address in self.addresses(to).await? {
            match self.platform.net.connect(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    refused = Error::ConnectionRefused;
                }
                Err(_) => {}
            }
        }
        Err(refused)
    }

    async fn ask(
        self,
        to: Target,
        request: Request<WasiBody>,
        options: RequestOptions,
        place: OwnedSemaphorePermit,
    ) -> Asked {
        let clock = self.platform.clock.clone();
        let patience = options.connect_timeout.unwrap_or(ASKING_TIMEOUT);
        let connected = clock.timeout(patience, self.connect(&to)).await;
        let connection = connected.map_err(|_| Error::ConnectionTimeout)??;
        if !to.secure {
            return spoken(clock, connection, request, options, place).await;
        }
        let secured = clock.timeout(patience, connection.secured(&to.host)).await;
        let secured = secured.map_err(|_| Error::ConnectionTimeout)?;
        let secured = secured.map_err(|error| {
            self.say(&format!("{} is not who it says: {error}", to.host));
            Error::TlsCertificateError
        })?;
        spoken(clock, secured, request, options, place).await
    }
}

/// Sends a request and waits for the head of its answer; the body comes as it comes.
async fn spoken<C>(
    clock: Clock,
    connection: C,
    mut request: Request<WasiBody>,
    options: RequestOptions,
    place: OwnedSemaphorePermit,
) -> Asked
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let hands = http1::handshake(TokioIo::new(connection)).await;
    let (mut sender, driver) = hands.map_err(|error| broken(&error))?;
    let mut driver = Box::pin(async move {
        let _place = place;
        driver.await.map_err(|error| broken(&error))
    });
    let patience = options.first_byte_timeout.unwrap_or(ASKING_TIMEOUT);
    let mut answer = pin!(clock.timeout(patience, sender.send_request(request)));
    let mut driven = None;
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = &mut driver => {
            driven = Some(ended);
            // Its answer came before its end, or never will.
            answer.await
        }
    };
    let answer = answer
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(|error| broken(&error))?;
    let patience = options.between_bytes_timeout.unwrap_or(ASKING_TIMEOUT);
    let answer = answer.map(|inner| Awaited::new(clock.clone(), patience, inner).boxed_unsync());
    let ending: Ending = match driven {
        Some(ended) => Box::new(async move { ended }),
        None => Box::new(driver),
    };
    Ok((answer, ending))
}

fn broken(error: &hyper::Error) -> Error {
    if error.is_parse() {
        Error::HttpProtocolError
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else {
        Error::ConnectionTerminated
    }
}

/// None: an address that no request can have.
fn target(uri: &Uri) -> Option<Target> {
    let authority = uri.authority()?;
    let secure = uri.scheme() == Some(&Scheme::HTTPS);
    let host = authority.host();
    // A name and a password in front of the host would be sent as if they were part of it.
    if authority.as_str().contains('@') || host.is_empty() {
        return None;
    }
    // A port that is none must not be taken for none being there.
    let port = match authority.as_str().strip_prefix(host)?.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if secure => 443,
        None => 80,
    };
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    Some(Target {
        host: bare.unwrap_or(host).to_ascii_lowercase(),
        port,
        secure,
    })
}

/// The body of an answer, whose next part is waited for so long.
struct Awaited<B> {
    clock: Clock,
    patience: Duration,
    inner: B,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<B> Awaited<B> {
    fn new(clock: Clock, patience: Duration, inner: B) -> Self {
        Self {
            clock,
            patience,
            inner,
            waiting: None,
        }
    }
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Body for Awaited<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        waking: &mut Waking<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(waking) {
            self.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| broken(&error))));
        }
        let (clock, patience) = (self.clock.clone(), self.patience);
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(async move { clock.sleep(patience).await }));
        waiting
            .as_mut()
            .poll(waking)
            .map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Asked> + Send> {
        let to = match self.target(&request) {
            Ok(to) => to,
            Err(error) => return Box::new(async { Err(error) }),
        };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.say(&format!(
                "more than {ASKED_AT_ONCE_MAX} requests at the same time: read what was answered, or wait"
            ));
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        };
        let asking = Self {
            platform: self.platform.clone(),
            network: Arc::clone(&self.network),
            function: self.function.clone(),
            log: self.log.clone(),
            places: Arc::clone(&self.places),
        };
        Box::new(asking.ask(to, request, options.unwrap_or_default(), place))
    }

    /// Of what a guest sends, not of what it is sent: neither is news for the host's log.
    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        for (uri, expect) in [
            ("http://example.com/a", Some(("example.com", 80, false))),
            ("https://Example.com", Some(("example.com", 443, true))),
            ("http://[::1]:8080/", Some(("::1", 8080, false))),
            ("http://user@example.com/", None),
            ("http://example.com:99999/", None),
            ("/a", None),
        ] {
            let found = uri.parse().ok().and_then(|uri| target(&uri));
            let found = found.map(|it| (it.host, it.port, it.secure));
            let expect = expect.map(|(host, port, secure)| (host.to_owned(), port, secure));
            assert_eq!(found, expect, "{uri}");
        }
    }
}
