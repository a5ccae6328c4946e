//! How long streams are shown in between two states is a setting of the server.

use shardmill_end_to_end::Project;

#[test]
fn without_transitions_a_stream_is_active_at_once() {
    let project = Project::new("version: 1\nstreams: { flights: {} }\n");
    let server = project.up_with(&["--transition", "0s"]);
    let done = |action: &str, body: &str| {
        let answer = server.kinesis(action, body);
        assert_eq!(answer.status, 200, "{action}: {}", answer.body);
        answer.body
    };
    done("CreateStream", r#"{"StreamName":"numbers","ShardCount":1}"#);
    for shards in [2, 1, 2] {
        let input = format!(
            r#"{{"StreamName":"numbers","TargetShardCount":{shards},"ScalingType":"UNIFORM_SCALING"}}"#
        );
        done("UpdateShardCount", &input);
        let summary = done("DescribeStreamSummary", r#"{"StreamName":"numbers"}"#);
        assert!(
            summary.contains(&format!(r#""OpenShardCount":{shards}"#)),
            "{summary}"
        );
    }
    done("DeleteStream", r#"{"StreamName":"numbers"}"#);
    let gone = server.kinesis("DescribeStreamSummary", r#"{"StreamName":"numbers"}"#);
    assert!(
        gone.body.contains("ResourceNotFoundException"),
        "{}",
        gone.body
    );
}
