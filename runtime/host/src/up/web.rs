//! The listener of the web: bound with the port, so that a taken one costs nothing; served at once; opened with the doors.
//! There is none where no trigger of the file has a route.

use std::{io, net::SocketAddr, sync::Arc};

use platform::{Listener, Platform, StopToken, Task};
use wire::AllowedHosts;

use super::bound;
use crate::{
    assemble::Rooms,
    config::Project,
    errors::StartError,
    listener::serve,
    options::UpOptions,
    routes::{Web, WebDoor},
    tls::Tls,
};

/// An open port that nobody serves yet.
pub(super) struct BoundWeb(Option<(Listener, SocketAddr)>);

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
        let address = options.web.address();
        let listener = platform.net.listen(address).await.map_err(|error| {
            if error.kind() == io::ErrorKind::AddrInUse {
                return StartError::WebPortTaken { address };
            }
            let reason = error.to_string();
            StartError::Listen { address, reason }
        })?;
        let address = bound(&listener)?;
        Ok(Self(Some((listener, address))))
    }

    pub(super) fn serve(
        self,
        platform: &Platform,
        tls: Option<Tls>,
        stop: &StopToken,
    ) -> ServedWeb {
        let serving = self.0.map(|(listener, address)| {
            let door = Arc::new(WebDoor::with(tls));
            let serving = serve(platform.clone(), listener, Arc::clone(&door), stop.clone());
            Serving {
                address,
                door,
                task: platform.tasks.spawn("web", serving),
            }
        });
        ServedWeb(serving)
    }
}

impl ServedWeb {
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.0.as_ref().map(|serving| serving.address)
    }

    pub(super) fn open(&self, rooms: &Arc<Rooms>, options: &UpOptions) {
        if let Some(serving) = &self.0 {
            serving.door.open(Web {
                rooms: Arc::clone(rooms),
                hosts: hosts(options),
            });
        }
    }

    pub(super) fn abort(&self) {
        if let Some(serving) = &self.0 {
            serving.task.abort();
        }
    }

    /// Waits until its open requests are answered.
    pub(super) async fn ended(self) {
        if let Some(serving) = self.0
            && let Err(error) = serving.task.await
        {
            tracing::warn!(%error, "routes closed early");
        }
    }
}

/// On an address of this machine alone, a page that rebinds its name to it is not answered.
fn hosts(options: &UpOptions) -> AllowedHosts {
    if options.web.listen.is_loopback() {
        AllowedHosts::loopback_and(options.web.hosts.clone())
    } else {
        AllowedHosts::any()
    }
}
