//! The values of the file's secrets, read when a server starts and when it deploys; kept in memory alone.

use std::collections::BTreeMap;

use platform::Platform;
use sandbox::Secrets;

use crate::{
    config::{Project, SecretSource},
    errors::StartError,
    limits::SECRET_BYTES_MAX,
};

pub(crate) async fn read(
    platform: &Platform,
    project: &Project,
    variables: &BTreeMap<String, String>,
) -> Result<Secrets, StartError> {
    let mut values = Vec::new();
    for (name, source) in &project.secrets {
        let failed = |why: String| StartError::Other(format!("read secret `{name}`: {why}"));
        let value = match source {
            SecretSource::Env(variable) => variables
                .get(variable)
                .cloned()
                .ok_or_else(|| failed(format!("the variable {variable} is not set")))?,
            SecretSource::File(path) => {
                let bytes = platform.disk.read(path).await;
                let bytes =
                    bytes.map_err(|error| failed(format!("{}: {error}", path.display())))?;
                let text = String::from_utf8(bytes.to_vec())
                    .map_err(|_| failed(format!("{} is no text", path.display())))?;
                text.strip_suffix('\n').map_or(text.clone(), |line| {
                    line.strip_suffix('\r').unwrap_or(line).to_owned()
                })
            }
        };
        if value.len() > SECRET_BYTES_MAX {
            return Err(failed(format!(
                "it has {} bytes, at most {SECRET_BYTES_MAX} are kept",
                value.len()
            )));
        }
        values.push((name.clone(), value));
    }
    Ok(values.into_iter().collect())
}
