//! The one port as clients meet it: plain and within TLS, HTTP/1.1 and HTTP/2, and clients that do not do their part.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment where the clients are"
)]

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    path::PathBuf,
    process::Command,
    thread,
    time::Duration,
};

use shardmill_end_to_end::{Project, Server, root, run};

const FILE: &str = "version: 1\nstreams: { flights: { shards: 4 } }\n";

/// Where a server of the folder keeps the certificate that it made.
fn certificate(project: &Project) -> PathBuf {
    project
        .folder()
        .join(".shardmill/dev/data/tls/certificate.pem")
}

/// Runs a client's program against the server's TLS; it must trust the certificate and succeed.
fn check(variable: &str, command: impl FnOnce(&str) -> Command) {
    let Ok(place) = std::env::var(variable) else {
        return;
    };
    let project = Project::new(FILE);
    let server = project.up();
    let mut command = command(&place);
    command.current_dir(root().join("tests/end_to_end/clients"));
    let trusted = certificate(&project);
    let command = server
        .for_aws(&mut command)
        .env(
            "AWS_ENDPOINT_URL",
            format!("https://localhost:{}", server.port()),
        )
        .env("AWS_CA_BUNDLE", &trusted)
        .env("NODE_EXTRA_CA_CERTS", &trusted);
    let said = run(command);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
}

fn python(program: &str) {
    check("SHARDMILL_TEST_PYTHON", |interpreter| {
        let mut python = Command::new(interpreter);
        python.arg(program);
        python
    });
}

#[test]
fn boto3_within_tls() {
    python("python/boto3_client.py");
}

#[test]
fn the_aws_cli_within_tls() {
    python("python/aws_cli.py");
}

#[test]
fn the_sdk_for_javascript_within_tls_over_http2() {
    check("SHARDMILL_TEST_JAVASCRIPT", |modules| {
        let mut node = Command::new("node");
        node.arg("javascript/client.cjs").env("NODE_PATH", modules);
        node
    });
}

#[test]
fn the_sdk_for_go_within_tls() {
    check("SHARDMILL_TEST_GO", |program| Command::new(program));
}

/// The version of HTTP that curl came to speak, or nothing where there is no curl.
fn curl(arguments: &[&str], url: &str) -> Option<String> {
    let version = Command::new("curl").arg("--version").output().ok()?;
    if !String::from_utf8_lossy(&version.stdout).contains("HTTP2") {
        return None;
    }
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--output",
        "/dev/null",
    ]);
    curl.args(["--write-out", "%{http_version}"]);
    let said = run(curl.args(arguments).arg(url));
    assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
    Some(said.out)
}

fn speaks(server: &Server, trusted: &std::path::Path) {
    let trusted = trusted.to_string_lossy().into_owned();
    let within = format!("https://localhost:{}/healthz", server.port());
    let plain = format!("http://{}/healthz", server.address);
    for (arguments, url, expected) in [
        (&["--cacert", &trusted][..], &within, "2"),
        (&["--cacert", &trusted, "--http1.1"], &within, "1.1"),
        (&["--http2-prior-knowledge"], &plain, "2"),
        (&[], &plain, "1.1"),
    ] {
        let spoken = curl(arguments, url);
        assert!(
            spoken.is_none_or(|spoken| spoken == expected),
            "{arguments:?}"
        );
    }
}

#[test]
fn one_port_speaks_both_versions_plain_and_within_tls() {
    let project = Project::new(FILE);
    let server = project.up();
    speaks(&server, &certificate(&project));
    let doctor = project.json(&["doctor", "--server", &server.address]);
    let said = doctor.as_array().is_some_and(|findings| {
        findings.iter().any(|finding| {
            let fact = finding["fact"].as_str().unwrap_or_default();
            finding["check"] == "tls" && fact.contains("certificate.pem, SHA-256 ")
        })
    });
    assert!(said, "{doctor}");
}

#[test]
fn a_certificate_of_ones_own_is_served_and_a_wrong_one_is_named() {
    let other = Project::new(FILE);
    drop(other.up());
    let own = certificate(&other);
    let key = own.with_file_name("key.pem");
    let (own_text, key_text) = (own.to_string_lossy(), key.to_string_lossy());
    let project = Project::new(FILE);
    let server = project.up_with(&["--tls-cert", &own_text, "--tls-key", &key_text]);
    speaks(&server, &own);
    drop(server);
    let refused = project.verb(&[
        "up",
        "--port",
        "0",
        "--tls-cert",
        "triggers.yaml",
        "--tls-key",
        &key_text,
    ]);
    assert_eq!(refused.code, Some(1));
    let said = "error: serve TLS with triggers.yaml: it holds no certificate in PEM\nhint: ";
    assert!(refused.err.contains(said), "{}", refused.err);
}

#[cfg(unix)]
#[test]
fn the_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new(FILE);
    drop(project.up());
    let key = certificate(&project).with_file_name("key.pem");
    let mode = std::fs::metadata(key)
        .expect("the key")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Sends these bytes, and gives the head of what comes until the server closes.
fn answered(address: &str, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the server answers");
    // Longer than any bound of the server that is tried here.
    stream
        .set_read_timeout(Some(Duration::from_secs(90)))
        .expect("a timeout");
    stream.write_all(sent).expect("the bytes are taken");
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let reset = error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(reset, "the server let a silent client be: {error}");
    }
    drop(stream.shutdown(Shutdown::Both));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// All at once, since each takes as long as the server is patient.
#[test]
fn slow_and_half_open_clients_are_let_go() {
    let project = Project::new(FILE);
    let server = project.up();
    let head = |length: u64, rest: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n\r\n{rest}",
            server.address
        )
    };
    let cases = [
        (String::new(), ""),
        ("POST / HT".to_owned(), ""),
        ("\u{16}\u{3}\u{1}".to_owned(), ""),
        (head(100, "{\"Str"), "HTTP/1.1 408 Request Timeout"),
        (head(1 << 40, "{"), "HTTP/1.1 413 Payload Too Large"),
    ];
    thread::scope(|scope| {
        for (sent, expected) in &cases {
            let address = &server.address;
            scope.spawn(move || assert_eq!(answered(address, sent.as_bytes()), *expected));
        }
    });
    let listed = server.kinesis("ListStreams", "{}");
    assert_eq!(listed.status, 200, "{}", listed.body);
}
