//! The SDKs as this program carries them: files beside a project's build, for functions whose manifest or test leads there
//! (`.shardmill/sdk/rust`). They are written again when they differ, so that a function is always built with the SDK of the
//! `shardmill` that builds it.

use std::path::Path;

use crate::failure::Failure;

/// Path below the folder, and text.
type File = (&'static str, &'static str);

macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../sdk/", $path)))
    };
}

#[rustfmt::skip]
const FILES: &[File] = &[
    ("Cargo.toml", include_str!("../../../sdk/standalone.toml")),
    file!("c/shardmill.h"),
    file!("javascript/handlers.js"),
    file!("javascript/index.d.ts"),
    file!("javascript/index.js"),
    file!("javascript/memory.js"),
    file!("javascript/package.json"),
    file!("javascript/testing.d.ts"),
    file!("javascript/testing.js"),
    file!("macros/Cargo.toml"),
    file!("macros/src/expand.rs"),
    file!("macros/src/lib.rs"),
    file!("macros/src/signature.rs"),
    file!("python/shardmill/__init__.py"),
    file!("python/shardmill/handlers.py"),
    file!("python/shardmill/host.py"),
    file!("python/shardmill/memory.py"),
    file!("python/shardmill/testing.py"),
    file!("rust/Cargo.toml"),
    file!("rust/src/attribute.rs"),
    file!("rust/src/bench.rs"),
    file!("rust/src/component.rs"),
    file!("rust/src/context.rs"),
    file!("rust/src/error.rs"),
    file!("rust/src/forms/batch.rs"),
    file!("rust/src/forms/each.rs"),
    file!("rust/src/forms/event.rs"),
    file!("rust/src/forms/keyed.rs"),
    file!("rust/src/forms/mod.rs"),
    file!("rust/src/host/memory.rs"),
    file!("rust/src/host/mod.rs"),
    file!("rust/src/host/wasm.rs"),
    file!("rust/src/lib.rs"),
    file!("rust/src/limits.rs"),
    file!("rust/src/log.rs"),
    file!("rust/src/outputs.rs"),
    file!("rust/src/packed/batch.rs"),
    file!("rust/src/packed/layout.rs"),
    file!("rust/src/packed/mod.rs"),
    file!("rust/src/packed/output.rs"),
    file!("rust/src/packed/writer.rs"),
    file!("rust/src/verdict.rs"),
    file!("wit/function.wit"),
];

/// What of a function's folder says that it wants an SDK.
const WANTING: &[&str] = &["Cargo.toml", "package.json", "test_app.py"];

/// Whether a file of this folder leads to `.shardmill/sdk`.
pub(crate) fn is_wanted(folder: &Path) -> bool {
    WANTING.iter().any(|name| {
        let text = std::fs::read_to_string(folder.join(name));
        text.is_ok_and(|text| text.contains(".shardmill/sdk/"))
    })
}

/// Leaves the SDKs in a folder; files that are as they should be are not touched.
pub(crate) fn place(folder: &Path) -> Result<(), Failure> {
    for (path, text) in FILES {
        write(&folder.join(path), text)?;
    }
    Ok(())
}

/// Leaves the schema of `triggers.yaml` where editors are led to.
pub(crate) fn place_schema(store: &Path) -> Result<(), Failure> {
    let schema = host::config::schema();
    write(&store.join("schema.json"), &format!("{schema:#}\n"))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if std::fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| Failure::failed(format!("write {}: {error}", path.display())))
}

/// Lets Node find the module `shardmill` in tests of a function, as `npm install` would.
pub(crate) fn link_module(function: &Path, sdk: &Path) -> Result<(), Failure> {
    let place = function.join("node_modules/shardmill");
    if place.exists() {
        return Ok(());
    }
    let module = std::path::absolute(sdk.join("javascript"));
    let linked = module.and_then(|module| {
        std::fs::create_dir_all(function.join("node_modules"))?;
        // One that leads nowhere any more.
        drop(std::fs::remove_file(&place));
        std::os::unix::fs::symlink(module, &place)
    });
    linked.map_err(|error| Failure::failed(format!("link {}: {error}", place.display())))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Of the SDKs, but neither the language runtimes nor tests.
    const LEFT_OUT: &[&str] = &[
        "javascript/absent.js",
        "javascript/buffer.js",
        "javascript/buffer.test.js",
        "javascript/coding.js",
        "javascript/console.js",
        "javascript/crypto.js",
        "javascript/decoder.js",
        "javascript/errors.js",
        "javascript/event.js",
        "javascript/event.test.js",
        "javascript/events.js",
        "javascript/fetch.js",
        "javascript/fetch.test.js",
        "javascript/files.js",
        "javascript/files.test.js",
        "javascript/following.js",
        "javascript/forms.js",
        "javascript/forms.test.js",
        "javascript/handlers.test.js",
        "javascript/http.js",
        "javascript/http2.js",
        "javascript/inflate.js",
        "javascript/intl.js",
        "javascript/intl.test.js",
        "javascript/lines.js",
        "javascript/modules.test.js",
        "javascript/node.js",
        "javascript/open_files.js",
        "javascript/path.js",
        "javascript/path.test.js",
        "javascript/pipelines.js",
        "javascript/places.js",
        "javascript/places.test.js",
        "javascript/promise.js",
        "javascript/promise.test.js",
        "javascript/random.js",
        "javascript/readable.js",
        "javascript/replies.js",
        "javascript/replies.test.js",
        "javascript/signatures.js",
        "javascript/runtime.js",
        "javascript/stream_base.js",
        "javascript/streaming.js",
        "javascript/streams.js",
        "javascript/streams.test.js",
        "javascript/timers.js",
        "javascript/timers.test.js",
        "javascript/url.js",
        "javascript/util.js",
        "javascript/web.js",
        "javascript/writable.js",
        "javascript/zlib.js",
        "python/asking.py",
        "python/event_loop.py",
        "python/lambda_event.py",
        "python/library.py",
        "python/runtime.py",
        "python/secure.py",
        "python/test_event.py",
        "python/test_handlers.py",
        "python/threads.py",
        "python/zones.py",
        "rust/src/packed/tests.rs",
        "rust/src/tests.rs",
        "standalone.toml",
    ];

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk")
    }

    fn all(folder: &Path, below: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                if !name.ends_with("__pycache__") {
                    all(&entry.path(), &format!("{name}/"), found);
                }
            } else if !LEFT_OUT.contains(&name.as_str()) {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_sdks_is_carried() {
        let mut there = Vec::new();
        all(&root(), "", &mut there);
        there.sort();
        let mut carried: Vec<&str> = FILES.iter().skip(1).map(|(path, _)| *path).collect();
        carried.sort_unstable();
        assert_eq!(carried, there);
    }

    #[test]
    fn the_copy_inherits_what_the_repository_has() {
        let manifest = std::fs::read_to_string(root().join("../Cargo.toml")).unwrap();
        let ours = FILES[0].1;
        let lines = ours
            .lines()
            .skip_while(|line| *line != "[workspace.package]");
        for line in lines.filter(|line| line.contains('=') && !line.contains("path = ")) {
            assert!(manifest.lines().any(|other| other == line), "{line}");
        }
    }

    #[test]
    fn files_that_are_right_are_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        place(folder.path()).unwrap();
        let header = folder.path().join("c/shardmill.h");
        let before = std::fs::metadata(&header).unwrap().modified().unwrap();
        place(folder.path()).unwrap();
        assert_eq!(
            std::fs::metadata(&header).unwrap().modified().unwrap(),
            before
        );
        std::fs::write(&header, "old").unwrap();
        place(folder.path()).unwrap();
        assert!(
            std::fs::read_to_string(&header)
                .unwrap()
                .contains("SM_EACH")
        );
    }
}
