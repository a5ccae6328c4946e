//! The words of the command line: which lines are understood, and what help and refusals look like.

use clap::CommandFactory;

use super::*;

fn check(line: &str, expected: Result<&str, u8>) {
    let parsed = Arguments::try_parse_from(std::iter::once("shardmill").chain(line.split(' ')));
    match (parsed, expected) {
        (Ok(arguments), Ok(shown)) => {
            let actual = format!("{:?}", arguments.command);
            assert!(actual.contains(shown), "{line}: {actual}");
        }
        (Err(error), Err(code)) => assert_eq!(error.exit_code(), i32::from(code), "{line}"),
        (actual, expected) => panic!("{line}: {actual:?} is not {expected:?}"),
    }
}

#[test]
fn the_words_fit_together() {
    Arguments::command().debug_assert();
}

#[test]
fn lines() {
    check("version", Ok("Version"));
    check("streams", Ok("Stream(StreamNoun { verb: None })"));
    check("stream list -o json", Ok("Some(List { by_size: false })"));
    check("stream list --by-size", Ok("by_size: true"));
    check(
        "stream create a --shards 4 --retention 7d",
        Ok("shards: 4, retention: Some(604800s)"),
    );
    check("stream delete a --yes", Ok("yes: true, dry_run: false"));
    check(
        "trigger seek a --undo --yes",
        Ok("yes: true, dry_run: false"),
    );
    check("stream split a 0 --yes", Ok("yes: true, dry_run: false"));
    check("dead-letters", Ok("DeadLetterNoun { verb: None }"));
    check(
        "put flights - --key-field dest",
        Ok("records: [\"-\"], key_field: Some(\"dest\")"),
    );
    check(
        "put flights a b --key k --resume r",
        Ok("resume: Some(\"r\")"),
    );
    check("tail flights --from @-15m -f", Ok("from: Some(Ago(900s))"));
    check("wait late --timeout 2m", Ok("timeout: 120s"));
    check("up --port 0", Ok("port: 0, listen: 127.0.0.1"));
    check("put flights", Err(2));
    check("put flights a --key k --key-field f", Err(2));
    check("invoke late", Err(2));
    check("invoke late --event a --records b", Err(2));
    check("invoke late --event a --key-field f", Err(2));
    check("tail flights --from noon", Err(2));
    check("state", Err(2));
    check("--help", Err(0));
    check("help", Err(0));
    check("help stream create", Err(0));
    check("tail flights -n 3", Ok("number: Some(3)"));
    check("logs --level loud", Err(2));
}

/// An empty name would mean all of a kind in an address.
#[test]
fn names_are_not_empty() {
    for line in [
        &["tail", ""][..],
        &["put", "", "x"],
        &["stream", "delete", "", "--dry-run"],
        &["state", "get", "board", ""],
        &["dead-letter", "show", ""],
        &["why", "board", ""],
    ] {
        let parsed = Arguments::try_parse_from([&["shardmill"], line].concat());
        assert_eq!(parsed.unwrap_err().exit_code(), 2, "{line:?}");
    }
}

#[test]
fn help() {
    let text = Arguments::command()
        .term_width(100)
        .render_help()
        .to_string();
    insta::assert_snapshot!(text, @r"
    Streams, triggers and sandboxed functions on your own machine

    Usage: shardmill [OPTIONS] <COMMAND>

    Commands:
      init         Make a project from a template, or around code that is there
      dev          Run the server, build functions again at each save, and show each batch
      up           Build the functions and run the server in the foreground
      check        Read triggers.yaml and say what is wrong with it, offline
      config       What triggers.yaml says, as an environment has it
      build        Build the functions of triggers.yaml
      test         Give a function the same records in other ways, and see whether it comes to the same
      doctor       Look at the machine, the tools and the server
      data         What the server stores: check, repair, backup, restore
      server       Names for servers, and what AWS's tools need to find one
      completions  Print what a shell needs to complete these verbs
      man          Print the manual page of all, or of one verb
      version      Print the version
      put          Put records into a stream
      plan         Say what `deploy` would change; exit 7 when something would
      deploy       Build the project and put it into a running server; nothing stops
      tail         Show the records of a stream
      invoke       Run a function once; nothing is stored
      logs         Show what functions and the server logged
      why          Say why shards do not move, one sentence each
      replay       Run a failed invocation again as it was, without effects
      status       One screen: triggers, lag and reasons
      wait         Wait until all that was put so far is settled
      stream       Streams and their shards
      function     Functions and their versions
      trigger      Triggers: which function reads which stream
      key          Partition keys that wait, parked by a failure or an operator
      bookmark     Places of triggers to go back to; each seek makes one
      audit        What operators ordered, and what it did
      state        Values that triggers keep, by partition key
      dead-letter  Records that were given up, kept to be looked at
      help         Print this message or the help of the given subcommand(s)

    Options:
          --server <HOST:PORT|NAME>  The server, by its address or name; else SHARDMILL_SERVER, `server
                                     use`, the one of this folder or above, or 127.0.0.1:4566
      -o, --output <OUTPUT>          How data is written [default: table] [possible values: table, json,
                                     ndjson, yaml]
      -h, --help                     Print help
      -V, --version                  Print version
    ");
}

#[test]
fn what_is_wrong_with_a_line() {
    let error = Arguments::try_parse_from(["shardmill", "tail", "flights", "--from", "noon"]);
    insta::assert_snapshot!(error.unwrap_err().to_string(), @r"
    error: invalid value 'noon' for '--from <FROM>': `noon` is no place to begin; write oldest, latest, @-15m, @2026-11-23T09:00Z or a sequence number

    For more information, try '--help'.
    ");
}

/// The command lines in tables of the guide: cells in code that begin with the binary's name.
fn of_the_guide() -> Vec<Vec<String>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/guides/command-line.md"
    );
    let guide = std::fs::read_to_string(path).expect("the guide is in the repository");
    let rows = guide
        .lines()
        .filter_map(|row| row.strip_prefix("| `shardmill "));
    let lines = rows.filter_map(|row| row.split_once('`'));
    lines
        .map(|(line, _)| line.split(' ').map(str::to_owned).collect())
        .collect()
}

#[test]
fn the_guide_shows_every_verb_with_a_line_that_is_understood() {
    let shown = of_the_guide();
    for line in &shown {
        let words = std::iter::once("shardmill").chain(line.iter().map(String::as_str));
        if let Err(error) = Arguments::try_parse_from(words) {
            panic!("{line:?}: {error}");
        }
    }
    for verb in Arguments::command().get_subcommands() {
        let nested: Vec<&str> = verb
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        let wanted = if nested.is_empty() {
            vec![vec![verb.get_name()]]
        } else {
            let of = |name| vec![verb.get_name(), name];
            nested.into_iter().map(of).collect()
        };
        for words in wanted {
            let begins = |line: &Vec<String>| {
                line.iter()
                    .map(String::as_str)
                    .take(words.len())
                    .eq(words.iter().copied())
            };
            assert!(
                shown.iter().any(begins),
                "the guide does not show {words:?}"
            );
        }
    }
}
