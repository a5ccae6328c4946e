//! Terraform with its own provider for AWS, unmodified: what a team keeps for a function on a stream is made, found unchanged,
//! changed and taken away again. It waits ten seconds at a time for AWS, so this takes one minute, nearly all of them asleep.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment where Terraform's provider is"
)]

use std::process::Command;

use serde_json::json;
use shardmill_end_to_end::{Project, Server, run};

const HANDLER: &str = "exports.handler = async (event) => {
  for (const record of event.Records) console.log('billed', Buffer.from(record.kinesis.data, 'base64').toString());
  return { batchItemFailures: [] };
};
";

struct Workspace<'a> {
    project: &'a Project,
    server: &'a Server,
    installed: String,
}

impl Workspace<'_> {
    /// Runs a command of Terraform over what lies in the project's folder, which must end with 0.
    fn run(&self, arguments: &[&str], settings: &[&str]) {
        let settings = [&["package=bill.zip"], settings].concat();
        let settings = settings.iter().flat_map(|setting| ["-var", setting]);
        let mut terraform = Command::new("terraform");
        terraform
            .args(arguments)
            .args(["-input=false", "-no-color"])
            .args(settings)
            .env("TF_DATA_DIR", format!("{}/data", self.installed))
            .env("CHECKPOINT_DISABLE", "1")
            .current_dir(self.project.folder());
        let said = run(self.server.for_aws(&mut terraform));
        assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    }

    /// Makes it so; then there is nothing left to do, or the plan would not end with 0.
    fn apply(&self, settings: &[&str]) {
        self.run(&["apply", "-auto-approve"], settings);
        self.run(&["plan", "-detailed-exitcode"], settings);
    }

    fn pack(&self, handler: &str) {
        self.project.write("index.js", handler);
        let mut zip = Command::new("python3");
        zip.args(["-m", "zipfile", "-c", "bill.zip", "index.js"])
            .current_dir(self.project.folder());
        assert_eq!(run(&mut zip).code, Some(0));
    }
}

#[test]
fn terraform_makes_changes_and_removes_a_function_on_a_stream() {
    let Ok(installed) = std::env::var("SHARDMILL_TEST_TERRAFORM") else {
        return;
    };
    let project = Project::new("version: 1\n");
    for file in ["main.tf", ".terraform.lock.hcl"] {
        std::fs::copy(format!("{installed}/{file}"), project.folder().join(file))
            .expect("it is installed");
    }
    let server = project.up();
    let workspace = Workspace {
        project: &project,
        server: &server,
        installed,
    };
    workspace.pack(HANDLER);
    workspace.apply(&[]);
    project.done(&["put", "orders", r#"{"kind": "order", "id": 1}"#]);
    project.done(&["put", "orders", r#"{"kind": "other", "id": 2}"#]);
    project.done(&["wait"]);
    let logged = project.done(&["logs"]);
    assert!(
        logged.contains(r#"billed {"kind": "order", "id": 1}"#),
        "{logged}"
    );
    assert!(!logged.contains(r#""id": 2"#), "{logged}");

    workspace.pack(&HANDLER.replace("billed", "charged"));
    workspace.apply(&["batch=77", "share=0.25"]);
    let shown = project.json(&["function", "show", "bill"]);
    let shares = &shown["aliases"]["live"]["shares"];
    assert_eq!(*shares, json!({"version": 2, "weight": 0.25}), "{shown}");

    workspace.run(&["destroy", "-auto-approve"], &[]);
    assert_eq!(project.json(&["stream", "list"]), json!([]));
    assert_eq!(server.stop().code, Some(0));
}
