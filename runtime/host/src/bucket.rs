//! A bucket of S3, or of what stands in for it, as the store of the archive.
//!
//! Objects are put, read in parts and deleted with signed requests over the platform's network, as failure documents are
//! sent. What fails is tried again by the archive.

use std::{fmt, io, ops::Range};

use bytes::Bytes;
use log::Store;
use model::seams::BoxFuture;
use platform::{Platform, Spawner};
use wire::encoded_path;

use crate::{
    destinations::{Address, Credentials, Fetched, Object, Patience, call_object, fetch},
    limits::{ARCHIVE_CALL_TIMEOUT, ARCHIVED_ANSWER_BYTES_MAX},
};

const ANSWERS: Patience = Patience {
    bytes_max: ARCHIVED_ANSWER_BYTES_MAX,
    timeout: ARCHIVE_CALL_TIMEOUT,
};

/// Where it is, and who signs.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) platform: Platform,
    /// Where its connections live: the log asks from threads without sockets.
    pub(crate) calls: Spawner,
    pub(crate) credentials: Credentials,
    /// In place of AWS's.
    pub(crate) endpoint: Option<Address>,
    pub(crate) region: String,
    pub(crate) name: String,
    /// Before the name of every object; empty, or with a slash at its end.
    pub(crate) prefix: String,
}

impl Bucket {
    async fn call(
        &self,
        object: &str,
        method: &'static str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> io::Result<Fetched> {
        let path = encoded_path(&format!("/{}/{}{object}", self.name, self.prefix));
        let place = Object {
            endpoint: self.endpoint.as_ref(),
            region: &self.region,
            path: &path,
        };
        let now = self.platform.clock.unshifted_wall();
        let call = call_object(&self.credentials, &place, (method, headers), (body, now));
        let platform = self.platform.clone();
        let fetched = self.calls.spawn("archive call", async move {
            fetch(&platform, call, ANSWERS).await
        });
        let fetched = fetched.await.map_err(io::Error::other)?;
        let fetched = fetched.map_err(io::Error::other)?;
        match fetched.status {
            200..=299 => Ok(fetched),
            404 => {
                let what = format!("{self} has no object {object}");
                Err(io::Error::new(io::ErrorKind::NotFound, what))
            }
            status => {
                let said = String::from_utf8_lossy(&fetched.body);
                let said: String = said.chars().take(200).collect();
                Err(io::Error::other(format!(
                    "{self} answered {status}: {said}"
                )))
            }
        }
    }

    async fn get(&self, object: &str, range: Range<u64>) -> io::Result<Bytes> {
        let last = range.end.saturating_sub(1);
        let range = format!("bytes={}-{last}", range.start);
        let headers = vec![("range".to_owned(), range)];
        let Fetched { length, body, .. } = self.call(object, "GET", headers, Vec::new()).await?;
        let len = body.len() as u64;
        if length.is_some_and(|length| length != len) {
            let what = format!("{self} sent {len} bytes of an answer that has more");
            return Err(io::Error::other(what));
        }
        Ok(body)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)
    }
}

impl Store for Bucket {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, io::Result<()>> {
        let kind = (
            "content-type".to_owned(),
            "application/octet-stream".to_owned(),
        );
        Box::pin(async move {
            let put = self.call(name, "PUT", vec![kind], bytes.to_vec());
            put.await.map(drop)
        })
    }

    fn size<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<u64>> {
        Box::pin(async move {
            let head = self.call(name, "HEAD", Vec::new(), Vec::new()).await?;
            let unsaid = || io::Error::other(format!("{self} does not say how long {name} is"));
            head.length.ok_or_else(unsaid)
        })
    }

    fn read<'a>(&'a self, name: &'a str, range: Range<u64>) -> BoxFuture<'a, io::Result<Bytes>> {
        Box::pin(self.get(name, range))
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            match self.call(name, "DELETE", Vec::new(), Vec::new()).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(_) | Err(_) => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
