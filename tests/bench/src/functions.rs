//! Functions that somebody waits for: Invoke of the Lambda API, and routes of the web, at 32 connections.
//!
//! Every call has a fresh sandbox, as functions in Rust have when nothing is said.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use bytes::Bytes;

use crate::{
    calibration::at,
    load::{self, Call, Load, Subject},
    report::{Report, Row, Target, say},
    server::{Project, Server},
};

pub(crate) const CONNECTIONS: usize = 32;
const INVOKES_PER_SECOND_MIN: f64 = 15_000.0;
const INVOKE_P99_US_MAX: f64 = 5_000.0;
const INVOKE: &str = "/2015-03-31/functions/event/invocations";
const EVENT: &str = r#"{"flight":"AA1","dep_delay":47}"#;
const ECHO: &str = r#"{"echo":{"dep_delay":47,"flight":"AA1"}}"#;
const GREETING: &[u8] = b"hello\n";

/// Of the row that peers stand beside.
pub(crate) const GREETS: &str = "route, Rust function of the kind http, 32 connections";

const FILE: &str = "version: 1
functions: { event: { source: event_echo.wasm }, greets: { source: greets.wasm } }
triggers:
  greets: { http: \"GET /greets\", function: greets }
  event: { http: \"POST /event\", function: event }
";

pub(crate) async fn measure(report: &mut Report, project: &Project) -> Result<()> {
    say("functions that are called");
    let server = project.start("functions", FILE).await?;
    let mut connection = server.connect().await?;
    let event = [Bytes::from_static(EVENT.as_bytes())];
    let answer = connection.lambda(INVOKE, event[0].clone()).await?;
    if answer != ECHO.as_bytes() {
        bail!("Invoke answered {}", String::from_utf8_lossy(&answer));
    }
    let load = load::run(&server, CONNECTIONS, Call::Lambda(INVOKE), &event).await?;
    let what = "Invoke of a Rust event function, 32 connections";
    let row = rate(what, &load).target(Target::AtLeast(INVOKES_PER_SECOND_MIN));
    report.add(row);
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let row = Row::new(format!("{what}, {name}"), at(&load.trips, quantile), "us");
        report.add(if name == "p99" {
            row.target(Target::AtMost(INVOKE_P99_US_MAX))
        } else {
            row
        });
    }
    let routes = Routes::of(&server);
    let load = greeted(&routes, "/greets").await?;
    report.add(rate(GREETS, &load));
    let load = load::run(&routes, CONNECTIONS, Call::Post("/event"), &event).await?;
    let what = "route, Rust event function, 32 connections";
    report.add(rate(what, &load));
    Ok(())
}

pub(crate) fn rate(what: &str, load: &Load) -> Row {
    Row::new(what, load.per_second(), "requests/s").server_us(load.server_us(1))
}

/// A load of requests, each of which is answered with the greeting.
pub(crate) async fn greeted(subject: &impl Subject, path: &'static str) -> Result<Load> {
    let mut connection = crate::client::Connection::open(subject.address()).await?;
    let answer = connection.get(path).await?;
    if answer != GREETING {
        bail!("{path} answered {}", String::from_utf8_lossy(&answer));
    }
    load::run(subject, CONNECTIONS, Call::Get(path), &[Bytes::new()]).await
}

/// A server where its routes are.
pub(crate) struct Routes<'a> {
    server: &'a Server,
    at: SocketAddr,
}

impl<'a> Routes<'a> {
    pub(crate) fn of(server: &'a Server) -> Self {
        let at = server.routes;
        Self { server, at }
    }
}

impl Subject for Routes<'_> {
    fn address(&self) -> SocketAddr {
        self.at
    }

    fn cpu_seconds(&self) -> Result<f64> {
        self.server.cpu_seconds()
    }
}
