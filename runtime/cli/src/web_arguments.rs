//! The arguments of `up` for routes of the web: where they are answered, and under which names.

use std::net::IpAddr;

use clap::Args;
use host::WebOptions;

#[derive(Debug, Args)]
pub(crate) struct Web {
    /// Where triggers with a route are answered, if there are any: else 8787, or a free port beside `--port 0`
    #[arg(long)]
    pub(crate) http_port: Option<u16>,
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub(crate) http_listen: IpAddr,
    /// A further name under which routes are asked, such as that of a tunnel; may be said again
    #[arg(long, value_name = "NAME")]
    pub(crate) http_host: Vec<String>,
}

impl Web {
    /// Beside the server's own port: where that is any free one, this is too.
    pub(crate) fn options(&self, port: u16) -> WebOptions {
        let usual = WebOptions::default();
        WebOptions {
            listen: self.http_listen,
            port: self.http_port.unwrap_or(match port {
                0 => 0,
                _ => usual.port,
            }),
            hosts: self.http_host.clone(),
        }
    }
}
