//! The Lambda API as tests ask it: functions made of zips, and invoked.

use std::process::Command;

use serde_json::{Value, json};

use crate::{Answer, Server, run, web};

const ZIP: &str = r"
import base64, io, sys, zipfile
packed = io.BytesIO()
with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as zip:
    for name, text in zip_of.items():
        zip.writestr(name, text)
print(base64.b64encode(packed.getvalue()).decode())
";

/// Files, by name, as a package in base64.
#[must_use]
pub fn zip(files: &[(&str, &str)]) -> String {
    let files: Value = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), json!(text)))
        .collect();
    let program = format!("import json, sys; zip_of = json.loads(sys.argv[1]){ZIP}");
    let said = run(Command::new("python3").args(["-c", &program, &files.to_string()]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.out.trim().to_owned()
}

/// What an invocation came to.
#[derive(Debug)]
pub struct Invoked {
    pub error: Option<String>,
    pub payload: Value,
    /// In base64.
    pub log: String,
}

impl Server {
    /// A request of the Lambda API, as a client would sign it.
    #[must_use]
    pub fn lambda(&self, head: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let region = &self.region;
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=dev/20260101/{region}/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
        );
        let signed = [
            ("x-amz-date", "20260101T000000Z"),
            ("x-amz-log-type", "Tail"),
            ("authorization", &signature),
        ];
        let headers = [&signed[..], headers].concat();
        let body = body.to_string();
        web(&self.address, head, &headers, body.as_bytes())
    }

    /// Makes a function of files; `more` is put into the request.
    pub fn create(&self, name: &str, runtime: &str, files: &[(&str, &str)], more: &Value) {
        let mut body = json!({
            "FunctionName": name, "Runtime": runtime, "Timeout": 60, "Role": "arn:aws:iam::000000000000:role/r",
            "Code": { "ZipFile": zip(files) },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let made = self.lambda("POST /2015-03-31/functions", &[], &body);
        assert_eq!(made.status, 201, "{}", made.body);
    }

    /// `name` may have a qualifier.
    #[must_use]
    pub fn invoke(&self, name: &str, headers: &[(&str, &str)], event: &Value) -> Invoked {
        let head = format!("POST /2015-03-31/functions/{name}/invocations");
        let answer = self.lambda(&head, headers, event);
        assert_eq!(answer.status, 200, "{answer:?}");
        let header = |name: &str| answer.header(name).map(str::to_owned);
        Invoked {
            error: header("x-amz-function-error"),
            payload: serde_json::from_str(&answer.body).unwrap_or_default(),
            log: header("x-amz-log-result").unwrap_or_default(),
        }
    }
}
