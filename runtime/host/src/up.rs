//! `up`: from the file to a server that answers, and back down when it is asked to stop.
//!
//! The port is bound before anything else, so that a taken port costs nothing; it is served only once every function is
//! loaded and every trigger runs. On a stop the doors close first, then triggers release their leases, then the log
//! writes what is left.

use std::{io, net::SocketAddr, sync::Arc};

use platform::{Listener, Platform, Stop, StopToken};
use wire::{AllowedHosts, kinesis::KinesisDoor};

use crate::{
    api::Api,
    assemble::{Rooms, assemble},
    config,
    errors::StartError,
    housekeeping::Housekeeping,
    listener::{Doors, serve},
    options::UpOptions,
};

/// Runs until `stop`. `ready` is called once, when the server answers.
pub async fn up(
    platform: &Platform,
    options: UpOptions,
    stop: StopToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), StartError> {
    let text =
        platform.disk.read(&options.file).await.map_err(|error| {
            StartError::Other(format!("read {}: {error}", options.file.display()))
        })?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let project = config::read(&options.file, &text, &options.env)?;
    let listener = listen(platform, &options).await?;
    let address = listener
        .local_addr()
        .map_err(|error| StartError::Other(error.to_string()))?;
    let rooms = Arc::new(assemble(platform, &project, &options, address).await?);
    let housekeeping = Housekeeping::new(Arc::clone(&rooms)).run(stop.clone());
    let housekeeping = platform.tasks.spawn("housekeeping", housekeeping);
    let (quiet, silence) = Stop::new();
    let logs = Arc::clone(&rooms.logs);
    let logs = platform
        .tasks
        .spawn("logs", async move { logs.run(&silence).await });
    let doors = Arc::new(Doors {
        kinesis: KinesisDoor::new(rooms.streams.clone(), platform.clone(), hosts(&options)),
        api: Api::new(Arc::clone(&rooms), hosts(&options)),
    });
    announce(platform, &options, address).await?;
    ready(address);
    serve(platform.clone(), listener, doors, stop).await;
    if let Err(error) = housekeeping.await {
        tracing::warn!(%error, "housekeeping ended early");
    }
    down(platform, &options, &rooms).await;
    quiet.stop();
    if let Err(error) = logs.await {
        tracing::warn!(%error, "the newest log lines may not be written");
    }
    Ok(())
}

async fn listen(platform: &Platform, options: &UpOptions) -> Result<Listener, StartError> {
    let address = options.address();
    if !address.ip().is_loopback() && !options.insecure {
        return Err(StartError::Exposed { address });
    }
    platform.net.listen(address).await.map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            return StartError::PortTaken { address };
        }
        let reason = error.to_string();
        StartError::Listen { address, reason }
    })
}

fn hosts(options: &UpOptions) -> AllowedHosts {
    if options.insecure {
        AllowedHosts::any()
    } else {
        AllowedHosts::loopback_and(Vec::new())
    }
}

/// Lets verbs in this folder find the server.
async fn announce(
    platform: &Platform,
    options: &UpOptions,
    address: SocketAddr,
) -> Result<(), StartError> {
    let Some(path) = &options.server_json else {
        return Ok(());
    };
    let text = serde_json::json!({
        "address": address.to_string(),
        "pid": std::process::id(),
    });
    let written = async {
        if let Some(folder) = path.parent() {
            platform.disk.create_dir_all(folder).await?;
        }
        platform
            .disk
            .replace(path, text.to_string().as_bytes())
            .await
    };
    written
        .await
        .map_err(|error| StartError::Other(format!("write {}: {error}", path.display())))
}

async fn down(platform: &Platform, options: &UpOptions, rooms: &Rooms) {
    rooms.runners.stop().await;
    rooms.log.stop().await;
    if let Some(path) = &options.server_json {
        drop(platform.disk.remove_file(path).await);
    }
}
