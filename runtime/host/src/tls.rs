//! TLS on the one port: the certificate of the operator, or one that is made once and kept in the data directory.
//!
//! What is made is for names of this machine only, and is its own authority: it vouches for nothing else, so a client
//! may be told to trust it. Clients are shown its SHA-256 fingerprint and path at the start. The key never leaves its
//! file, which only this user may read. In a simulation there is no TLS: its handshakes draw from the system.

use std::{
    fmt::Write as _,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use platform::{Clock, Platform};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    time_provider::TimeProvider,
};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{errors::StartError, options::Certificate};

/// The names under which a server on this machine is asked.
const NAMES: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];
/// A made certificate is good for so many years; deleting its file makes another.
const YEARS: i16 = 20;
/// What is spoken within, the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a client needs to know to trust the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// In PEM, for `--ca-bundle` and the like.
    pub certificate: PathBuf,
    /// SHA-256 of the certificate, as openssl and browsers print it.
    pub fingerprint: String,
}

/// Ready to take connections.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    pub(crate) shown: Shown,
}

impl Tls {
    /// Reads the certificate and its key, or makes them.
    pub(crate) async fn open(
        platform: &Platform,
        from: &Certificate,
        listen: IpAddr,
    ) -> Result<Self, StartError> {
        let (certificate, key) = match from {
            Certificate::Own { certificate, key } => (certificate.clone(), key.clone()),
            Certificate::Made(folder) => made(platform, folder, listen).await?,
        };
        let pem = read(platform, &certificate).await?;
        let unfit = |path: &Path, why: &dyn std::fmt::Display| {
            StartError::Certificate(format!("{}: {why}", path.display()))
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let chain = chain.map_err(|error| unfit(&certificate, &error))?;
        let Some(first) = chain.first() else {
            return Err(unfit(&certificate, &"it holds no certificate in PEM"));
        };
        let fingerprint = fingerprint(first);
        let secret = PrivateKeyDer::from_pem_slice(&read(platform, &key).await?)
            .map_err(|error| unfit(&key, &error))?;
        let config = config(platform, chain, secret).map_err(|error| unfit(&key, &error))?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            shown: Shown {
                certificate,
                fingerprint,
            },
        })
    }

    /// Waits for the client's part of the handshake, as long as it lets us wait.
    pub(crate) async fn accept<C>(&self, connection: C) -> io::Result<TlsStream<C>>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(connection).await
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

/// The age of a session is counted by the clock that nobody shifts.
#[derive(Debug)]
struct Now(Clock);

impl TimeProvider for Now {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = self.0.unshifted_wall().as_millis();
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

fn config(
    platform: &Platform,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let now = Arc::new(Now(platform.clock.clone()));
    let mut config = ServerConfig::builder_with_details(provider, now)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

/// Where the made certificate and its key are; makes both where one is missing or is for other names.
async fn made(
    platform: &Platform,
    folder: &Path,
    listen: IpAddr,
) -> Result<(PathBuf, PathBuf), StartError> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let names = names(listen);
    let note = format!("# Made by shardmill for {}.\n", names.join(", "));
    let disk = &platform.disk;
    let kept = disk.read(&certificate).await;
    if disk.exists(&key).await && kept.is_ok_and(|kept| kept.starts_with(note.as_bytes())) {
        return Ok((certificate, key));
    }
    let unmade = |error: &dyn std::fmt::Display| {
        StartError::Certificate(format!("make one in {}: {error}", folder.display()))
    };
    let pair = make(platform, names).map_err(|error| unmade(&error))?;
    let written = async {
        disk.create_dir_all(folder).await?;
        // The key first: a certificate without its key would be used no more, a key alone is made again.
        disk.replace_private(&key, pair.key.as_bytes()).await?;
        let text = note + &pair.certificate;
        disk.replace(&certificate, text.as_bytes()).await
    };
    written.await.map_err(|error| unmade(&error))?;
    Ok((certificate, key))
}

fn names(listen: IpAddr) -> Vec<String> {
    let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
    let listen = listen.to_string();
    let anywhere = ["0.0.0.0", "::"].contains(&listen.as_str());
    if !anywhere && !names.contains(&listen) {
        names.push(listen);
    }
    names
}

/// Both in PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn make(platform: &Platform, names: Vec<String>) -> Result<Pair, rcgen::Error> {
    let mut wanted = CertificateParams::new(names)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "shardmill on this machine");
    wanted.distinguished_name = name;
    wanted.is_ca = IsCa::ExplicitNoCa;
    wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let year = year(&platform.clock);
    wanted.not_before = date_time_ymd(i32::from(year) - 1, 1, 1);
    wanted.not_after = date_time_ymd(i32::from(year + YEARS), 1, 1);
    let key = KeyPair::generate()?;
    let certificate = wanted.self_signed(&key)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// A clock that shows no year of the calendar is taken for one of 1970.
fn year(clock: &Clock) -> i16 {
    let millis = i64::try_from(clock.unshifted_wall().as_millis()).unwrap_or_default();
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).year()
}

fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(certificate) {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing into a text cannot fail.
        let _written = write!(text, "{colon}{byte:02X}");
    }
    text
}

async fn read(platform: &Platform, path: &Path) -> Result<bytes::Bytes, StartError> {
    let read = platform.disk.read(path).await;
    read.map_err(|error| {
        StartError::Certificate(format!("{}: it cannot be read: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test(start_paused = true)]
    async fn a_certificate_is_made_once_and_again_for_another_address() {
        let platform = Platform::simulated(1);
        let from = Certificate::Made("/data/tls".into());
        let fingerprint = async |listen: IpAddr| {
            let tls = Tls::open(&platform, &from, listen).await.unwrap();
            tls.shown.fingerprint
        };
        let first = fingerprint(HERE).await;
        assert_eq!(first.len(), 32 * 3 - 1, "{first}");
        assert_eq!(fingerprint(HERE).await, first);
        assert_eq!(fingerprint([0, 0, 0, 0].into()).await, first);
        assert_ne!(fingerprint([10, 0, 0, 7].into()).await, first);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_certificate_is_named() {
        let platform = Platform::simulated(1);
        platform
            .disk
            .replace(Path::new("/a.pem"), b"hello")
            .await
            .unwrap();
        let from = Certificate::Own {
            certificate: "/a.pem".into(),
            key: "/b.pem".into(),
        };
        let refused = Tls::open(&platform, &from, HERE).await.unwrap_err();
        insta::assert_snapshot!(refused, @"serve TLS with /a.pem: it holds no certificate in PEM");
        let made = Certificate::Made("/data/tls".into());
        Tls::open(&platform, &made, HERE).await.unwrap();
        let mismatched = Certificate::Own {
            certificate: "/data/tls/certificate.pem".into(),
            key: "/missing.pem".into(),
        };
        let refused = Tls::open(&platform, &mismatched, HERE).await.unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("serve TLS with /missing.pem: it cannot be read")
        );
    }
}
