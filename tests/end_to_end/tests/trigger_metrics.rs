//! What `/metrics` says of a trigger, each metric by its name.

use shardmill_end_to_end::{Project, get, guest};

#[test]
fn a_trigger_has_all_its_metrics_and_they_add_up() {
    let project = Project::new(&format!(
        "\
version: 1
streams: {{ in: {{}}, out: {{}} }}
destinations: {{ folder: {{ directory: failed }} }}
functions: {{ fails: {{ source: {fails} }} }}
triggers:
  told: {{ stream: in, function: fails, outputs: out, filter: [ {{ partitionKey: [kept] }} ], on_failure: folder }}
  silent: {{ stream: in, function: fails, outputs: out }}
",
        fails = guest("fails_on")
    ));
    let server = project.up();
    project.done(&["put", "in", "--key", "kept", "good", "dead", "dead too"]);
    project.done(&["put", "in", "--key", "other", "good"]);
    project.done(&["wait"]);
    let metrics = get(&server.address, "/metrics").body;
    let value = |trigger: &str, name: &str| {
        let function = "function=\"fails\",stream=\"in\"";
        let head = format!("shardmill_trigger_{name}{{trigger=\"{trigger}\",{function}}} ");
        let mut lines = metrics.lines().filter_map(|line| line.strip_prefix(&head));
        let value = lines.next().unwrap_or_else(|| panic!("{head}: {metrics}"));
        assert_eq!(lines.next(), None, "{head}");
        value.to_owned()
    };
    for (name, told, silent) in [
        ("polled_records_total", "4", "4"),
        ("filtered_out_records_total", "1", "0"),
        // `dead too` twice: behind the record that failed, and alone.
        ("invoked_records_total", "4", "5"),
        ("failed_records_total", "3", "3"),
        // Of a trigger whose failures go somewhere nothing is dropped.
        ("given_up_records_total", "0", "2"),
        ("dead_lettered_records_total", "2", "2"),
        ("settled_records_total", "1", "2"),
        ("oversized_records_total", "0", "0"),
        ("lost_to_retention_records_total", "0", "0"),
        ("retention_expired_records_total", "0", "0"),
        ("failure_document_failures_total", "0", "0"),
        ("lag_records", "0", "0"),
        ("lag_milliseconds", "0", "0"),
        ("waiting_shards", "0", "0"),
        ("loses_data_in_seconds", "+Inf", "+Inf"),
        ("unaccounted_shards", "0", "0"),
    ] {
        let found = [value("told", name), value("silent", name)];
        assert_eq!(found, [told, silent], "{name}");
    }
    // Documents are on their way for a moment, and how old a record was is a matter of the machine.
    let documents = value("told", "failure_documents_total");
    assert!(["0", "1", "2"].contains(&documents.as_str()), "{documents}");
    assert_eq!(value("silent", "failure_documents_total"), "0");
    let age = value("told", "iterator_age_milliseconds");
    assert!(age.parse::<u64>().is_ok(), "{age}");
    let named = metrics.lines().filter_map(|line| {
        let name = line.strip_prefix("# TYPE shardmill_trigger_")?;
        name.split(' ').next()
    });
    assert_eq!(named.count(), 18, "a metric is not in this test: {metrics}");
    assert_eq!(server.stop().code, Some(0));
}
