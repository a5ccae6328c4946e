//! `server`: names for servers, with the key that signs for each, and what AWS's tools need to find one.

use std::path::Path;

use serde_json::{Value, json};

use crate::arguments::ServerVerb;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Output, text};
use crate::server::{Address, Found};
use crate::servers::{Named, Servers, first_key};

const SERVERS: &[Column] = &[
    ("NAME", "/name"),
    ("ADDRESS", "/address"),
    ("USED", "/used"),
    ("KEY", "/key"),
];

/// `found` is the server that other verbs would ask now.
pub(crate) async fn server(
    output: Output,
    verb: &ServerVerb,
    found: impl FnOnce() -> Result<Found, Failure>,
) -> Result<(), Failure> {
    match verb {
        ServerVerb::List => {
            let servers = Servers::read()?;
            let items: Vec<Value> = servers
                .named
                .iter()
                .map(|(name, named)| {
                    json!({
                        "name": name, "address": named.address, "used": servers.used.as_ref() == Some(name),
                        "key": named.key.as_ref().map(|key| &key.id),
                    })
                })
                .collect();
            output.list(&items, SERVERS)
        }
        ServerVerb::Add {
            name,
            address,
            credentials,
        } => add(output, name, address, credentials.as_deref()).await,
        ServerVerb::Use { name } => {
            let mut servers = Servers::read()?;
            let address = servers.get(name)?.address.clone();
            servers.used = Some(name.clone());
            servers.write().await?;
            let used = json!({"used": name, "address": address});
            output.one(&used, |_| format!("used     server {name} at {address}"))
        }
        ServerVerb::Remove { name } => {
            let mut servers = Servers::read()?;
            servers.get(name)?;
            servers.named.remove(name);
            servers.used = servers.used.filter(|used| used != name);
            servers.write().await?;
            output.one(&json!({"removed": name}), |_| {
                format!("removed  server {name}")
            })
        }
        ServerVerb::Env => env(output, &found()?),
    }
}

async fn add(
    output: Output,
    name: &str,
    address: &str,
    credentials: Option<&Path>,
) -> Result<(), Failure> {
    if Address::parse(name).is_ok_and(|parsed| parsed.as_str() == name) {
        return Err(Failure::usage(format!(
            "name a server `{name}`: that is an address"
        )));
    }
    let key = match credentials {
        None => None,
        Some(file) => {
            let unusable = |why: &str| {
                Failure::failed(format!("take the key of {}: {why}", file.display()))
                    .hint("it must be in the form of AWS's shared credentials, as `up --auth dev` writes it")
            };
            let read = std::fs::read_to_string(file);
            let read = read.map_err(|error| unusable(&error.to_string()))?;
            Some(first_key(&read).ok_or_else(|| unusable("it holds none"))?)
        }
    };
    let mut servers = Servers::read()?;
    if servers.named.contains_key(name) {
        return Err(Failure::new(
            Exit::Conflict,
            format!("name a server `{name}`: there is one of that name"),
        )
        .hint(format!("`shardmill server remove {name}` first")));
    }
    let address = Address::parse(address)?.to_string();
    let named = Named {
        address: address.clone(),
        key,
    };
    servers.named.insert(name.to_owned(), named);
    servers.write().await?;
    let added = json!({"name": name, "address": address});
    output.one(&added, |_| format!("added    server {name} at {address}"))
}

/// For `eval`: what AWS's tools and SDKs take from the environment.
fn env(output: Output, found: &Found) -> Result<(), Failure> {
    let (id, secret) = found
        .key
        .as_ref()
        .map_or(("dev", "dev"), |key| (key.id.as_str(), key.secret.as_str()));
    let values = json!({
        "AWS_ENDPOINT_URL": format!("http://{}", found.address),
        "AWS_ACCESS_KEY_ID": id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
    });
    output.one(&values, |values| {
        let line = |name: &str| {
            let value = text(values, &format!("/{name}"));
            format!("export {name}='{}'", value.replace('\'', "'\\''"))
        };
        let names = [
            "AWS_ENDPOINT_URL",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_REGION",
        ];
        names.map(line).join("\n")
    })
}
