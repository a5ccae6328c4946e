//! The templates: per language one function that finds late flights, with its test, a sample and the file that binds them; a
//! web hook and a job that runs by the clock.

use super::{Plan, Template};

const FLIGHTS: &str = include_str!("../../../templates/flights.ndjson");

macro_rules! files {
    ($($name:literal = $file:literal),*) => {
        &[$(($name, include_str!(concat!("../../../templates/", $file)))),*]
    };
}

/// Of the function's folder.
fn files(template: Template) -> &'static [(&'static str, &'static str)] {
    match template {
        Template::Rust => files![
            "Cargo.toml" = "rust/manifest.toml",
            "src/lib.rs" = "rust/lib.rs"
        ],
        Template::Javascript => files![
            "index.mjs" = "javascript/index.mjs",
            "index.test.mjs" = "javascript/index.test.mjs",
            "package.json" = "javascript/package.json"
        ],
        Template::Typescript => files![
            "index.ts" = "typescript/index.ts",
            "index.test.ts" = "typescript/index.test.ts",
            "package.json" = "typescript/package.json",
            "tsconfig.json" = "typescript/tsconfig.json"
        ],
        Template::Python => files![
            "app.py" = "python/app.py",
            "test_app.py" = "python/test_app.py"
        ],
        Template::Go => files![
            "main.go" = "go/main.go",
            "main_test.go" = "go/main_test.go",
            "go.mod" = "go/module.txt"
        ],
        Template::C => files!["hello.c" = "c/hello.c", "hello_test.c" = "c/hello_test.c"],
        Template::Http => files![
            "index.mjs" = "http/index.mjs",
            "index.test.mjs" = "http/index.test.mjs",
            "package.json" = "javascript/package.json"
        ],
        Template::Schedule => files![
            "app.py" = "schedule/app.py",
            "test_app.py" = "schedule/test_app.py"
        ],
    }
}

/// Streams of the file, what drives the function, and whether there is a sample of it.
fn driven(template: Template) -> (&'static str, &'static str, bool) {
    match template {
        Template::Rust
        | Template::Javascript
        | Template::Typescript
        | Template::Python
        | Template::Go
        | Template::C => (
            "  flights: { shards: 1 }\n  late-flights: { shards: 1 }\n",
            "stream: flights",
            true,
        ),
        Template::Http => (
            "  late-flights: { shards: 1 }\n",
            "http: \"POST /flights\"",
            false,
        ),
        Template::Schedule => (
            "  reports: { shards: 1 }\n",
            "schedule: \"rate(1 minute)\", input: { days: 1 }",
            false,
        ),
    }
}

fn outputs(template: Template) -> &'static str {
    match template {
        Template::Schedule => "reports",
        Template::Rust
        | Template::Javascript
        | Template::Typescript
        | Template::Python
        | Template::Go
        | Template::C
        | Template::Http => "late-flights",
    }
}

pub(super) fn plan(template: Template, name: &str) -> Plan {
    let (streams, driven, sample) = driven(template);
    let triggers = format!(
        "version: 1
streams:
{streams}functions:
  {name}: {{ source: functions/{name} }}
triggers:
  {name}: {{ {driven}, function: {name}, outputs: {} }}
",
        outputs(template)
    );
    let own = files(template).iter().map(|(file, text)| {
        // A package has the name of its function.
        let text = match *file {
            "Cargo.toml" => text.replace("name = \"hello\"", &format!("name = \"{name}\"")),
            "package.json" => text.replace(
                "\"name\": \"hello\"",
                &format!("\"name\": \"{}\"", name.to_ascii_lowercase()),
            ),
            _ => (*text).to_owned(),
        };
        (format!("functions/{name}/{file}"), text)
    });
    let files = [("triggers.yaml".to_owned(), triggers)]
        .into_iter()
        .chain(own)
        .chain(sample.then(|| ("samples/flights.ndjson".to_owned(), FLIGHTS.to_owned())))
        .collect();
    Plan {
        files,
        ..Plan::default()
    }
}
