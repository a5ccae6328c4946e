//! Projects as they are written: every template passes `check`, existing code is built around, and nothing is overwritten.

use super::*;
use crate::output::Format;

const OUTPUT: Output = Output {
    format: Format::Table,
};

fn arguments(dir: &Path, template: Option<Template>, from: Option<PathBuf>) -> Init {
    Init {
        dir: Some(dir.to_owned()),
        template,
        from,
    }
}

#[test]
fn every_template_is_a_project_that_check_takes() {
    for template in Template::value_variants() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("hello");
        init(OUTPUT, &arguments(&place, Some(*template), None)).unwrap();
        let project = crate::project::read(&place.join("triggers.yaml")).unwrap();
        let triggers = project.triggers.len() + project.routes.len() + project.schedules.len();
        assert_eq!(triggers, 1, "{template:?}");
        assert!(place.join(".shardmill/sdk/rust/Cargo.toml").is_file());
        let again = init(OUTPUT, &arguments(&place, Some(*template), None)).unwrap_err();
        assert_eq!(again.exit, Exit::Conflict);
        assert!(again.message.ends_with("nothing was changed"), "{again}");
    }
}

#[test]
fn a_project_is_built_around_a_handler_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("app.py");
    std::fs::write(&from, "def handler(event, context):\n    return 1\n").unwrap();
    init(
        OUTPUT,
        &Init {
            dir: None,
            template: None,
            from: Some(from.clone()),
        },
    )
    .unwrap();
    let text = std::fs::read_to_string(folder.path().join("triggers.yaml")).unwrap();
    insta::assert_snapshot!(text, @r#"
    # yaml-language-server: $schema=.shardmill/schema.json
    version: 1
    streams:
      events: { shards: 1 }
    functions:
      app: { source: "app.py:handler" }
    triggers:
      app: { stream: events, function: app }
    "#);
    let schema = std::fs::read(folder.path().join(".shardmill/schema.json")).unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    assert_eq!(schema, host::config::schema());
    let code = std::fs::read_to_string(&from).unwrap();
    assert_eq!(code, "def handler(event, context):\n    return 1\n");
    let elsewhere = folder.path().join("project");
    init(OUTPUT, &arguments(&elsewhere, None, Some(from))).unwrap();
    let text = std::fs::read_to_string(elsewhere.join("triggers.yaml")).unwrap();
    assert!(text.contains("source: \"../app.py:handler\""), "{text}");
}

const SAM: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: { Runtime: python3.12, Timeout: 20, MemorySize: 256 }
Resources:
  Orders:
    Type: AWS::Kinesis::Stream
    Properties: { ShardCount: 2, RetentionPeriodHours: 48 }
  Count:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.lambda_handler
      Environment:
        Variables:
          TABLE: !Ref Table
          LEVEL: info
      Events:
        Orders:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Orders.Arn
            StartingPosition: TRIM_HORIZON
            BatchSize: 50
            MaximumRetryAttempts: 3
            ParallelizationFactor: 4
            FilterCriteria:
              Filters:
                - Pattern: '{\"data\":{\"kind\":[\"new\"]}}'
        Night:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: cron(0 2 * * ? *)
            ScheduleExpressionTimezone: Europe/Berlin
            Input: '{\"days\":1}'
            RetryPolicy: { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 600 }
            State: DISABLED
        Queue:
          Type: SQS
          Properties: { Queue: !Sub 'arn:aws:sqs:${AWS::Region}:1:q' }
      Policies: [ KinesisCrudPolicy: { StreamName: !Ref Orders }, !Ref More ]
  Packed:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: lib/, Handler: handlers.main.run }
  Old:
    Type: AWS::Serverless::Function
    Properties: { Runtime: java21, Handler: a.B::c, CodeUri: java/ }
";

#[test]
fn a_sam_template_becomes_a_project() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/app.py"), "").unwrap();
    std::fs::create_dir_all(folder.path().join("lib/handlers")).unwrap();
    std::fs::write(folder.path().join("lib/handlers/main.py"), "").unwrap();
    let from = folder.path().join("template.yaml");
    std::fs::write(&from, SAM).unwrap();
    let (_, plan) = from_code(None, &from).unwrap();
    let (_, text) = &plan.files[0];
    insta::assert_snapshot!(text, @r#"
    version: 1
    streams:
      Orders: {"retention":"48h","shards":2}
    functions:
      Count: {"env":{"LEVEL":"info","TABLE":"${TABLE:-}"},"memory":"256MiB","source":"src/app.py:lambda_handler","timeout":"20s"}
      Packed: {"memory":"256MiB","source":"lib:handlers.main.run","timeout":"20s"}
    triggers:
      Night: {"enabled":false,"function":"Count","input":{"days":1},"retry":{"age":"600s","attempts":3},"schedule":{"expression":"cron(0 2 * * ? *)","zone":"Europe/Berlin"}}
      Orders: {"batch":{"records":50},"filter":["{\"data\":{\"kind\":[\"new\"]}}"],"function":"Count","lanes":4,"retry":{"attempts":4},"stream":{"name":"Orders","start":"oldest"}}
    "#);
    assert_eq!(
        plan.left_out,
        [
            "event Queue of Count: SQS is no source of this program",
            "function Old: java21 does not run in a sandbox"
        ]
    );
}

/// What `sam build` writes to `.aws-sam/build`: code in a folder of the function's name, references spelled out.
const BUILT: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Flights:
    Type: AWS::Kinesis::Stream
    Properties: { ShardCount: 2, Name: flights }
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: Hello
      Handler: app.handler
      Runtime: python3.12
      Architectures:
      - x86_64
      Events:
        In:
          Type: Kinesis
          Properties:
            Stream:
              Fn::GetAtt:
              - Flights
              - Arn
            StartingPosition: LATEST
    Metadata:
      SamResourceId: Hello
";

#[test]
fn what_sam_has_built_becomes_a_project() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("Hello")).unwrap();
    std::fs::write(folder.path().join("Hello/app.py"), "").unwrap();
    let from = folder.path().join("template.yaml");
    std::fs::write(&from, BUILT).unwrap();
    let (_, plan) = from_code(None, &from).unwrap();
    let (_, text) = &plan.files[0];
    insta::assert_snapshot!(text, @r#"
    version: 1
    streams:
      flights: {"shards":2}
    functions:
      Hello: {"source":"Hello/app.py:handler"}
    triggers:
      In: {"function":"Hello","stream":{"name":"flights","start":"latest"}}
    "#);
}

#[test]
fn what_is_no_code_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("app.py");
    let check = |text: Option<&str>, exit, what: &str| {
        if let Some(text) = text {
            std::fs::write(&from, text).unwrap();
        }
        let failure = from_code(None, &from).unwrap_err();
        assert_eq!(failure.exit, exit);
        assert!(failure.message.contains(what), "{failure}");
    };
    check(None, Exit::NotFound, "app.py");
    check(
        Some("x = 1"),
        Exit::CheckFailed,
        "no function that looks like a handler",
    );
    let nothing = init(OUTPUT, &arguments(folder.path(), None, None)).unwrap_err();
    assert_eq!(nothing.exit, Exit::Usage);
}
