//! The listener of the web: bound with the port, so that a taken one costs nothing; served at once; opened with the doors.
//! There is none where no trigger of the file has a route, until a deploy brings the first.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Weak},
};

use platform::{Listener, Platform, StopToken, Task};
use tokio::sync::Mutex;
use wire::AllowedHosts;

use super::bound;
use crate::{
    assemble::Rooms,
    config::Project,
    errors::StartError,
    listener::serve,
    options::{UpOptions, WebOptions},
    routes::{Web, WebDoor},
    tls::Tls,
};

/// An open port that nobody serves yet.
pub(crate) struct BoundWeb(Option<(Listener, SocketAddr)>);

pub(super) struct ServedWeb(Option<Serving>);

struct Serving {
    address: SocketAddr,
    door: Arc<WebDoor>,
    task: Task<()>,
}

impl BoundWeb {
    pub(super) async fn bind(
        platform: &Platform,
        options: &UpOptions,
        project: &Project,
    ) -> Result<Self, StartError> {
        if project.routes.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(listening(platform, &options.web).await?)))
    }

    pub(super) fn serve(
        self,
        platform: &Platform,
        tls: Option<Tls>,
        stop: &StopToken,
    ) -> ServedWeb {
        ServedWeb(self.0.map(|bound| Serving::of(bound, platform, tls, stop)))
    }
}

impl Serving {
    fn of(
        (listener, address): (Listener, SocketAddr),
        platform: &Platform,
        tls: Option<Tls>,
        stop: &StopToken,
    ) -> Self {
        let door = Arc::new(WebDoor::with(tls));
        let serving = serve(platform.clone(), listener, Arc::clone(&door), stop.clone());
        Self {
            address,
            door,
            task: platform.tasks.spawn("web", serving),
        }
    }
}

async fn listening(
    platform: &Platform,
    web: &WebOptions,
) -> Result<(Listener, SocketAddr), StartError> {
    let address = web.address();
    let listener = platform.net.listen(address).await.map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            return StartError::WebPortTaken { address };
        }
        let reason = error.to_string();
        StartError::Listen { address, reason }
    })?;
    let address = bound(&listener)?;
    Ok((listener, address))
}

impl ServedWeb {
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.0.as_ref().map(|serving| serving.address)
    }

    /// There are rooms behind it now.
    pub(super) fn open(
        self,
        platform: &Platform,
        web: WebOptions,
        tls: Option<Tls>,
        rooms: &Arc<Rooms>,
    ) -> Arc<WebListener> {
        if let Some(serving) = &self.0 {
            serving.door.open(Web {
                rooms: Arc::clone(rooms),
                hosts: hosts(&web),
            });
        }
        Arc::new(WebListener {
            platform: platform.clone(),
            web,
            tls,
            rooms: Arc::downgrade(rooms),
            serving: Mutex::new(self.0),
        })
    }

    pub(super) fn abort(&self) {
        if let Some(serving) = &self.0 {
            serving.task.abort();
        }
    }
}

/// What is kept of it while the server runs.
pub(crate) struct WebListener {
    platform: Platform,
    web: WebOptions,
    tls: Option<Tls>,
    rooms: Weak<Rooms>,
    serving: Mutex<Option<Serving>>,
}

impl fmt::Debug for WebListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebListener").finish_non_exhaustive()
    }
}

impl WebListener {
    /// Takes the port where nobody listens yet; who lets go of it gives it back.
    ///
    /// # Errors
    ///
    /// When the port is taken, or may not be listened on.
    pub(crate) async fn bind(&self) -> Result<BoundWeb, StartError> {
        if self.is_open().await {
            return Ok(BoundWeb(None));
        }
        let bound = listening(&self.platform, &self.web).await?;
        Ok(BoundWeb(Some(bound)))
    }

    /// Answers at a port that was taken, and says where that is.
    pub(crate) async fn serve(&self, bound: BoundWeb) -> Option<SocketAddr> {
        let (bound, rooms) = bound.0.zip(self.rooms.upgrade())?;
        let address = bound.1;
        let opened = Serving::of(bound, &self.platform, self.tls.clone(), &rooms.stop);
        opened.door.open(Web {
            rooms,
            hosts: hosts(&self.web),
        });
        *self.serving.lock().await = Some(opened);
        Some(address)
    }

    pub(crate) async fn is_open(&self) -> bool {
        self.serving.lock().await.is_some()
    }

    /// Waits until its open requests are answered.
    pub(super) async fn ended(&self) {
        let serving = self.serving.lock().await.take();
        if let Some(serving) = serving
            && let Err(error) = serving.task.await
        {
            tracing::warn!(%error, "routes closed early");
        }
    }
}

/// On an address of this machine alone, a page that rebinds its name to it is not answered.
fn hosts(web: &WebOptions) -> AllowedHosts {
    if web.listen.is_loopback() {
        AllowedHosts::loopback_and(web.hosts.clone())
    } else {
        AllowedHosts::any()
    }
}
