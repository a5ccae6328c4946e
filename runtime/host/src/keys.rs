//! The keys of callers: read from a file, or made for a developer's own server.
//!
//! Beside them stands one more, made anew at each start and told only in the note by which verbs find the server.

use std::path::Path;

use platform::{Platform, Rng};
use wire::{AccessKey, Keyring, Signer};

use crate::{errors::StartError, options::Auth};

const SECRET_BYTES: usize = 30;

/// Reads the keys, and adds the one with which verbs sign.
pub(crate) async fn keyring(
    platform: &Platform,
    auth: &Auth,
    verbs: &Signer,
) -> Result<Keyring, StartError> {
    let text = match auth {
        Auth::File(path) => read(platform, path).await?,
        Auth::Made(path) if platform.disk.read(path).await.is_err() => {
            let made = text_of(&signer(&platform.rng, "dev"));
            write(platform, path, &made).await?;
            made
        }
        Auth::Made(path) => {
            // Earlier versions wrote it for everybody to read. Where it is another user's, that one must see to it.
            drop(platform.disk.make_private(path).await);
            read(platform, path).await?
        }
    };
    let (Auth::File(path) | Auth::Made(path)) = auth;
    let keys = Keyring::parse(&text).map_err(|error| {
        StartError::Other(format!("read keys from {}: {error}", path.display()))
    })?;
    let key = AccessKey {
        secret: verbs.secret.clone(),
        account: None,
    };
    Ok(keys.with(verbs.id.clone(), key))
}

/// A key that nobody has had before.
pub(crate) fn signer(rng: &Rng, prefix: &str) -> Signer {
    let mut secret = [0; SECRET_BYTES];
    rng.fill(&mut secret);
    Signer {
        id: format!("{prefix}-{:016x}", rng.u64()),
        secret: base64_simd::STANDARD.encode_to_string(secret),
    }
}

fn text_of(signer: &Signer) -> String {
    format!(
        "# Made by `shardmill up --auth dev`; AWS's tools read it by AWS_SHARED_CREDENTIALS_FILE.\n\
         [default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        signer.id, signer.secret
    )
}

async fn read(platform: &Platform, path: &Path) -> Result<String, StartError> {
    let bytes = platform.disk.read(path).await;
    let bytes = bytes.map_err(|error| {
        StartError::Other(format!("read keys from {}: {error}", path.display()))
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn write(platform: &Platform, path: &Path, text: &str) -> Result<(), StartError> {
    let written = async {
        if let Some(folder) = path.parent() {
            platform.disk.create_dir_all(folder).await?;
        }
        platform.disk.replace_private(path, text.as_bytes()).await
    };
    written
        .await
        .map_err(|error| StartError::Other(format!("write keys to {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keys_are_made_once_and_read_again() {
        let platform = Platform::simulated(1);
        let auth = Auth::Made("/project/.shardmill/dev/credentials".into());
        let verbs = signer(&platform.rng, "verbs");
        let (Auth::File(path) | Auth::Made(path)) = &auth;
        keyring(&platform, &auth, &verbs).await.unwrap();
        let made = read(&platform, path).await.unwrap();
        let id = made
            .lines()
            .find_map(|line| line.strip_prefix("aws_access_key_id = "));
        let again = keyring(&platform, &auth, &verbs).await.unwrap();
        assert!(again.find(id.unwrap()).is_some() && again.find(&verbs.id).is_some());
        assert_eq!(read(&platform, path).await.unwrap(), made);
        let missing = Auth::File("/nowhere".into());
        assert!(keyring(&platform, &missing, &verbs).await.is_err());
    }
}
