//! Bundles: built once, run and deployed elsewhere without building or compiling, refused when they are not as they were
//! written; and layouts of OCI as sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use shardmill_end_to_end::{Project, guest};

fn project() -> Project {
    Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ echo: {{ source: \"{}\" }} }}
triggers: {{ copy: {{ stream: in, function: echo, outputs: out }} }}
",
        guest("echo")
    ))
}

/// A bundle of the project, in a folder of it.
fn bundle(project: &Project) -> PathBuf {
    project.done(&["build", "--release", "-o", "release"]);
    project.folder().join("release")
}

fn listed(bundle: &Path) -> Value {
    let text = fs::read(bundle.join("bundle.json")).expect("the list is there");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn a_bundle_runs_where_nothing_is_built() {
    let made = project();
    let bundle = bundle(&made);
    let listed = listed(&bundle);
    let compiled = listed["files"].as_object().expect("files").keys();
    let compiled: Vec<&String> = compiled
        .filter(|name| name.starts_with("compiled/"))
        .collect();
    assert_eq!(compiled.len(), 1, "{listed}");
    // Elsewhere: the folder of another project, which has nothing of the first.
    let elsewhere = Project::new("version: 1\n");
    let away = elsewhere.folder().join("taken");
    fs::rename(&bundle, &away).expect("it is moved");
    let server = elsewhere.up_with(&["taken"]);
    elsewhere.done(&["put", "in", "one", "two"]);
    elsewhere.done(&["wait"]);
    assert_eq!(elsewhere.records("out").len(), 2);
    // Machine code of the bundle was taken, and no other was made.
    let store = elsewhere.folder().join(".shardmill/dev/data/functions");
    let names: Vec<String> = fs::read_dir(store)
        .expect("compiled code is there")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(names, [compiled[0].trim_start_matches("compiled/")]);
    assert!(!away.join(".shardmill").exists());
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_bundle_that_was_changed_is_refused_before_anything_runs() {
    let project = project();
    let bundle = bundle(&project);
    let changed = |name: &str| {
        let path = bundle.join(name);
        let whole = fs::read(&path).expect("the file is there");
        let mut other = whole.clone();
        let last = other.len() - 1;
        other[last] ^= 1;
        fs::write(&path, other).expect("written");
        let said = project.verb(&["up", "release", "--port", "0"]);
        assert_eq!(said.code, Some(7), "{name}: {}", said.err);
        fs::write(&path, whole).expect("written");
        said.err
    };
    let listed = listed(&bundle);
    for name in listed["files"].as_object().expect("files").keys() {
        let said = changed(name);
        assert!(
            said.contains(&format!("{name} is not as it was written")),
            "{said}"
        );
    }
    let mut blobs = fs::read_dir(bundle.join("blobs/sha256")).expect("blobs");
    let code = blobs.find_map(|entry| {
        let entry = entry.ok()?;
        (entry.metadata().ok()?.len() > 10_000).then(|| entry.file_name())
    });
    let code = code
        .expect("the code is there")
        .to_string_lossy()
        .into_owned();
    let said = changed(&format!("blobs/sha256/{code}"));
    assert!(said.contains("is damaged"), "{said}");
}

#[test]
fn a_bundle_is_deployed_into_a_server_that_runs() {
    let first = project();
    let text = fs::read_to_string(first.folder().join("triggers.yaml")).expect("the file");
    first.write(
        "triggers.yaml",
        &text.replace("source:", "memory: 64MiB, source:"),
    );
    let bundle = bundle(&first);
    let second = project();
    let server = second.up();
    second.done(&["put", "in", "one"]);
    second.done(&["wait"]);
    second.done(&["deploy", &bundle.display().to_string()]);
    assert_eq!(second.json(&["function", "show", "echo"])["version"], 2);
    second.done(&["put", "in", "two"]);
    second.done(&["wait"]);
    assert_eq!(second.records("out").len(), 2);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn an_artifact_of_a_layout_is_a_source() {
    let made = project();
    let bundle = bundle(&made);
    let digest = listed(&bundle)["functions"]["echo"]
        .as_str()
        .expect("a digest")
        .to_owned();
    for reference in [format!("@{digest}"), ":echo".to_owned()] {
        let other = Project::new(&format!(
            "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
functions: {{ copied: {{ source: \"oci://{}{reference}\" }} }}
triggers: {{ copy: {{ stream: in, function: copied, outputs: out }} }}
",
            bundle.display()
        ));
        let server = other.up();
        other.done(&["put", "in", "one"]);
        other.done(&["wait"]);
        assert_eq!(other.records("out").len(), 1);
        assert_eq!(server.stop().code, Some(0));
    }
    let none = Project::new("version: 1\nfunctions: { f: { source: \"oci://nowhere:f\" } }\n");
    let said = none.verb(&["build"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    fs::create_dir(none.folder().join("nowhere")).expect("a folder");
    let text = format!(
        "version: 1\nfunctions: {{ f: {{ source: \"oci://nowhere@sha256:{}\" }} }}\n",
        "0".repeat(64)
    );
    none.write("triggers.yaml", &text);
    let said = none.verb(&["build"]);
    assert!(said.err.contains("holds no layout of OCI"), "{}", said.err);
    assert!(said.err.contains("skopeo copy"), "{}", said.err);
}
