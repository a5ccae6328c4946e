//! Master keys of every kind: what they wrap they open again, and nothing else does.

use super::*;

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/flights";

fn passphrase(now: &str, before: Option<&str>) -> MasterKeys {
    MasterKeys {
        file: "/keys/master".into(),
        passphrase: Some(now.to_owned()),
        passphrase_before: before.map(str::to_owned),
    }
}

fn file(name: &str) -> MasterKeys {
    MasterKeys {
        file: name.into(),
        ..MasterKeys::default()
    }
}

async fn vault(platform: &Platform, from: MasterKeys) -> Vault {
    Vault::open(platform, from).await.unwrap()
}

/// What a vault says of a wrapped key: the secret, or a sentence.
async fn said(platform: &Platform, from: MasterKeys, key: &WrappedKey) -> Result<Secret, String> {
    let unwrapped = vault(platform, from)
        .await
        .unwrap(std::slice::from_ref(key));
    unwrapped
        .map(|mut keys| keys.remove(0).1)
        .map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_key_file_is_made_once_and_opens_what_it_wrapped() {
    let platform = Platform::simulated(1);
    let (key, secret) = vault(&platform, file("/keys/master"))
        .await
        .draw(3, STREAM)
        .await
        .unwrap();
    let made = platform.disk.read(Path::new("/keys/master")).await.unwrap();
    assert_eq!(
        said(&platform, file("/keys/master"), &key).await,
        Ok(secret.clone())
    );
    vault(&platform, file("/keys/master"))
        .await
        .draw(4, STREAM)
        .await
        .unwrap();
    assert_eq!(
        platform.disk.read(Path::new("/keys/master")).await.unwrap(),
        made
    );

    let missing = said(&platform, file("/keys/gone"), &key).await.unwrap_err();
    assert!(missing.contains("/keys/gone is not there"), "{missing}");
    vault(&platform, file("/keys/other"))
        .await
        .draw(1, STREAM)
        .await
        .unwrap();
    let wrong = said(&platform, file("/keys/other"), &key)
        .await
        .unwrap_err();
    assert!(
        wrong.contains("none of the master keys given opens data key 3"),
        "{wrong}"
    );
    let moved = WrappedKey {
        stream: "another".to_owned(),
        ..key
    };
    assert!(said(&platform, file("/keys/master"), &moved).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_new_first_line_takes_over_and_the_old_one_may_go_then() {
    let platform = Platform::simulated(1);
    let (old, secret) = vault(&platform, file("/old"))
        .await
        .draw(3, STREAM)
        .await
        .unwrap();
    vault(&platform, file("/new"))
        .await
        .draw(1, STREAM)
        .await
        .unwrap();
    let text = async |path: &str| platform.disk.read(Path::new(path)).await.unwrap().to_vec();
    let both = [text("/new").await, text("/old").await].concat();
    platform
        .disk
        .replace(Path::new("/both"), &both)
        .await
        .unwrap();
    let renewed = vault(&platform, file("/both")).await;
    assert!(renewed.is_outdated(&old));
    let unwrapped = renewed
        .unwrap(std::slice::from_ref(&old))
        .unwrap()
        .remove(0)
        .1;
    let new = renewed.wrap(3, STREAM, &unwrapped).await.unwrap();
    assert!(!renewed.is_outdated(&new));
    assert_eq!(said(&platform, file("/new"), &new).await, Ok(secret));
    assert!(said(&platform, file("/old"), &new).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_passphrase_opens_what_it_wrapped_and_may_be_changed() {
    let platform = Platform::simulated(1);
    let (key, secret) = vault(&platform, passphrase("first passphrase", None))
        .await
        .draw(3, STREAM)
        .await
        .unwrap();
    assert!(!platform.disk.exists(Path::new("/keys/master")).await);
    assert_eq!(
        said(&platform, passphrase("first passphrase", None), &key).await,
        Ok(secret.clone())
    );
    assert!(
        said(&platform, passphrase("other passphrase", None), &key)
            .await
            .is_err()
    );
    let changed = vault(
        &platform,
        passphrase("other passphrase", Some("first passphrase")),
    )
    .await;
    let unwrapped = changed
        .unwrap(std::slice::from_ref(&key))
        .unwrap()
        .remove(0)
        .1;
    assert!(changed.is_outdated(&key));
    let new = changed.wrap(3, STREAM, &unwrapped).await.unwrap();
    assert!(!changed.is_outdated(&new));
    assert_eq!(
        said(&platform, passphrase("other passphrase", None), &new).await,
        Ok(secret)
    );
    let short = Vault::open(&platform, passphrase("short", None))
        .await
        .unwrap_err();
    assert!(short.to_string().contains("5 bytes"), "{short}");
}

#[test]
fn what_is_no_key_file_is_refused_with_its_line() {
    let good = format!("{LINE}{}", STANDARD.encode_to_string([7; 32]));
    for (text, expected) in [
        ("", Err("it holds no key")),
        ("# nothing\n", Err("it holds no key")),
        (&format!("# mine\n{good}\n"), Ok(1)),
        (&format!("{good}\n{good}"), Ok(2)),
        (&format!("{good}\nsecret"), Err("line 2 is no key")),
        (&format!("{good}AAAA"), Err("line 1 is no key")),
    ] {
        match (parse(text), expected) {
            (Ok(keys), Ok(count)) => assert_eq!(keys.len(), count),
            (Err(said), Err(part)) => assert!(said.contains(part), "{said}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
}
