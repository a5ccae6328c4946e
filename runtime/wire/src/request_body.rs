//! The body of a request as a whole, from a client that may be slow, half gone, or sending without end.
//!
//! A body that says that it is too large is refused before a byte of it is read, and any other as soon as it grew too
//! large. Whoever pauses too long or trickles is given up: what a client holds here it holds for a bounded time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use platform::Clock;

use crate::limits::{BODY_BYTES_PER_SECOND_MIN, BODY_PAUSE_MAX, BODY_TIME_GRANTED};

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyRefused {
    #[error("the body is too large")]
    TooLarge,
    #[error("the body did not come in time")]
    TooSlow,
    #[error("the body was cut off")]
    CutOff,
}

/// Waits for all of it, as long as it keeps coming.
pub async fn whole_body<B>(
    clock: &Clock,
    mut body: B,
    bytes_max: usize,
) -> Result<Bytes, BodyRefused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(BodyRefused::TooLarge);
    }
    let began = clock.monotonic();
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    loop {
        let received = first.len().max(joined.len());
        let spent = clock.monotonic().0.saturating_sub(began.0);
        let wait = allowed(received).saturating_sub(spent).min(BODY_PAUSE_MAX);
        let frame = clock.timeout(wait, body.frame()).await;
        let frame = match frame.map_err(|_| BodyRefused::TooSlow)? {
            None => break,
            Some(frame) => frame.map_err(|_| BodyRefused::CutOff)?,
        };
        // Trailers say nothing to us.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if received + data.len() > bytes_max {
            return Err(BodyRefused::TooLarge);
        }
        if received == 0 {
            first = data;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(announced.max(received + data.len()));
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&data);
    }
    Ok(if joined.is_empty() {
        first
    } else {
        joined.freeze()
    })
}

/// How long a body may take of which so much has come.
fn allowed(received: usize) -> Duration {
    let received = u64::try_from(received).unwrap_or(u64::MAX);
    BODY_TIME_GRANTED + Duration::from_secs(received / BODY_BYTES_PER_SECOND_MIN)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, pin::Pin};

    use futures_util::stream::{self, StreamExt as _};
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use platform::Platform;

    use super::*;

    const BYTES_MAX: usize = 1 << 20;

    type Sent = Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>>>>;

    /// A client that sends a part of so many bytes after each pause.
    fn client(clock: &Clock, parts: usize, bytes: usize, pause: Duration) -> StreamBody<Sent> {
        let clock = clock.clone();
        let sent = stream::iter(0..parts).then(move |_| {
            let clock = clock.clone();
            async move {
                clock.sleep(pause).await;
                Ok(Frame::data(Bytes::from(vec![b'x'; bytes])))
            }
        });
        StreamBody::new(Box::pin(sent))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_given_up_that_pauses_trickles_or_grows() {
        let clock = Platform::simulated(1).clock;
        let second = Duration::from_secs(1);
        for (parts, bytes, pause, expected) in [
            (0, 0, second, Ok(0)),
            (1, 7, second, Ok(7)),
            (20, 1024, second, Ok(20_480)),
            (64, 1024, second, Err(BodyRefused::TooSlow)),
            (2, BYTES_MAX / 2, second, Ok(BYTES_MAX)),
            (1, 1, BODY_PAUSE_MAX + second, Err(BodyRefused::TooSlow)),
            (BYTES_MAX, 1, second, Err(BodyRefused::TooSlow)),
            (usize::MAX, 1024, Duration::ZERO, Err(BodyRefused::TooLarge)),
        ] {
            let body = client(&clock, parts, bytes, pause);
            let whole = whole_body(&clock, body, BYTES_MAX).await;
            assert_eq!(
                whole.map(|whole| whole.len()),
                expected,
                "{parts} x {bytes}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_client_gets_is_bounded() {
        let clock = Platform::simulated(1).clock;
        let body = client(&clock, usize::MAX, 1, BODY_PAUSE_MAX / 2);
        let refused = whole_body(&clock, body, BYTES_MAX).await;
        assert_eq!(refused, Err(BodyRefused::TooSlow));
        assert_eq!(clock.monotonic().0, BODY_TIME_GRANTED);
        assert!(allowed(crate::limits::BODY_BYTES_MAX) < Duration::from_mins(5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_says_that_it_is_too_large_is_not_read() {
        let clock = Platform::simulated(1).clock;
        let body = Full::new(Bytes::from(vec![b'x'; 9]));
        let refused = whole_body(&clock, body.clone(), 8).await;
        assert_eq!(refused, Err(BodyRefused::TooLarge));
        assert_eq!(
            whole_body(&clock, body, 9).await.map(|whole| whole.len()),
            Ok(9)
        );
    }
}
