//! Stories of operators who move a trigger back and bring back the values that it kept then.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    Answer, Emitted, Invocation, Outcome, StateWrite, ViewWrite,
    keys::{self, Namespace},
    seams::Journal,
};

use super::world::World;
use crate::{
    Bookmark, Bookmarks, KeptValue, StatePolicy, Target, TriggerRunner, bookmark, restoring, seek,
};

/// Counts the records of each key, and puts out `key count`.
fn counts(invocation: &Invocation) -> Outcome {
    let state = invocation.state.as_ref().expect("it is granted");
    let mut answer = Answer {
        effects_attributed: true,
        ..Answer::default()
    };
    for (source, record) in (0..).zip(invocation.records.iter()) {
        let (hash, key) = (record.effective_hash_key(), &record.partition_key);
        let written = answer.state.iter().rev().find(|write: &&StateWrite| {
            let of = &invocation.records[write.source as usize];
            of.partition_key == *key
        });
        let before = match written {
            Some(write) => write.value.clone(),
            None => state.get(hash, key, "n").unwrap(),
        };
        let before = before.map_or(0, |it| String::from_utf8_lossy(&it).parse().unwrap());
        let count = (before + 1_u32).to_string();
        answer.outputs.push(Emitted {
            output: "out".to_owned(),
            partition_key: key.clone(),
            explicit_hash_key: None,
            data: format!("{} {count}", record.key_text()).into(),
            source: Some(source),
        });
        answer.state.push(StateWrite {
            source,
            name: "n".to_owned(),
            value: Some(count.into()),
        });
    }
    Outcome::Answered(answer)
}

fn world() -> World {
    let mut world = World::new(counts);
    world.settings.state = Some(StatePolicy {
        ttl: None,
        max: model::ByteSize::mib(8),
    });
    world
}

fn journal(world: &World) -> Arc<dyn Journal> {
    Arc::clone(&world.tape) as Arc<dyn Journal>
}

fn rows(world: &World, namespace: Namespace) -> Vec<(Bytes, Bytes)> {
    let prefix = keys::of_trigger(namespace, &world.settings.name);
    world.tape.scan(&prefix, None, 1_000).unwrap()
}

/// Key and count of every value.
fn values(world: &World) -> Vec<String> {
    let rows = rows(world, Namespace::State).into_iter();
    let mut values: Vec<String> = rows
        .map(|(key, value)| {
            let (_, key, _) = keys::split_state(&world.settings.name, &key).unwrap();
            let value = KeptValue::decode(&value).unwrap().value;
            format!(
                "{} {}",
                String::from_utf8_lossy(key),
                String::from_utf8_lossy(&value)
            )
        })
        .collect();
    values.sort();
    values
}

/// The count of the store is what lies there.
fn assert_counted(world: &World, runner: &TriggerRunner) {
    let stores = [Namespace::State, Namespace::StateBefore];
    let lies: usize = stores
        .into_iter()
        .flat_map(|store| rows(world, store))
        .map(|(key, value)| key.len() + value.len())
        .sum();
    let counted = runner.state().unwrap().bytes().unwrap().bytes();
    assert_eq!(counted, u64::try_from(lies).unwrap());
}

async fn put(world: &World, runner: &TriggerRunner, data: &[&str]) {
    world.put(0, data);
    world.caught_up(runner).await;
}

fn audit() -> ViewWrite {
    ViewWrite {
        key: Bytes::from_static(b"audit"),
        value: None,
    }
}

async fn marked(world: &World, runner: &TriggerRunner, name: &str) -> Bookmark {
    let (rooms, settings) = runner.parts();
    let made = bookmark(&rooms, &settings, name.to_owned()).unwrap();
    let bookmarks = Bookmarks::new(journal(world));
    bookmarks.make(&made, audit()).await.unwrap();
    runner.state().unwrap().look_for_bookmarks();
    made
}

/// Back to a bookmark, and the values with it.
async fn back(world: &World, runner: TriggerRunner, to: Bookmark) -> TriggerRunner {
    let (rooms, settings) = runner.parts();
    runner.stop().await;
    let with = restoring(world.tape.as_ref(), &to).unwrap();
    let to = crate::SeekTo {
        target: Target::Bookmark(Box::new(to)),
        shard: None,
    };
    seek(&rooms, &settings, to, with).await.unwrap();
    TriggerRunner::start(rooms, settings, false).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn values_go_back_with_the_place_and_what_is_handled_again_comes_to_the_same() {
    let world = world();
    let runner = world.start().await.unwrap();
    put(&world, &runner, &["a", "a", "b"]).await;
    let noon = marked(&world, &runner, "noon").await;
    put(&world, &runner, &["a", "c", "a"]).await;
    assert_eq!(values(&world), ["a 4", "b 1", "c 1"]);
    assert_counted(&world, &runner);
    let after_noon = world.tape.outputs().split_off(3);
    let runner = back(&world, runner, noon).await;
    world.caught_up(&runner).await;
    assert_eq!(world.tape.outputs().split_off(6), after_noon);
    assert_eq!(values(&world), ["a 4", "b 1", "c 1"]);
    assert_counted(&world, &runner);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_undo_brings_back_what_the_seek_took_away() {
    let world = world();
    let runner = world.start().await.unwrap();
    let begin = marked(&world, &runner, "begin").await;
    put(&world, &runner, &["a", "b", "a"]).await;
    let runner = back(&world, runner, begin).await;
    let undo = Bookmarks::new(journal(&world)).list(&world.settings.name);
    let undo = undo.unwrap().into_iter().rfind(Bookmark::is_automatic);
    let runner = back(&world, runner, undo.unwrap()).await;
    world.caught_up(&runner).await;
    assert_eq!(values(&world), ["a 2", "b 1"]);
    put(&world, &runner, &["b"]).await;
    assert_eq!(values(&world), ["a 2", "b 2"]);
    assert_counted(&world, &runner);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_that_goes_leaves_what_it_knew_to_the_one_before_it() {
    let world = world();
    let runner = world.start().await.unwrap();
    put(&world, &runner, &["a", "b"]).await;
    let first = marked(&world, &runner, "first").await;
    put(&world, &runner, &["a"]).await;
    let second = marked(&world, &runner, "second").await;
    assert!(second.made_ms > first.made_ms);
    put(&world, &runner, &["a", "b", "c"]).await;
    let bookmarks = Bookmarks::new(journal(&world));
    let state = runner.state();
    let removed = bookmarks.remove(&world.settings.name, "second", state, audit());
    assert!(removed.await.unwrap());
    assert_counted(&world, &runner);
    put(&world, &runner, &["b"]).await;
    let runner = back(&world, runner, first).await;
    world.caught_up(&runner).await;
    assert_eq!(values(&world), ["a 3", "b 3", "c 1"]);
    let again = ["a 2", "a 3", "b 2", "c 1", "b 3"];
    assert_eq!(world.tape.outputs().split_off(7), again);
    let state = runner.state();
    let removed = bookmarks.remove(&world.settings.name, "first", state, audit());
    assert!(removed.await.unwrap());
    assert_counted(&world, &runner);
    runner.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_bookmark_nothing_is_kept_twice() {
    let world = world();
    let runner = world.start().await.unwrap();
    put(&world, &runner, &["a", "b", "a"]).await;
    assert!(rows(&world, Namespace::StateBefore).is_empty());
    let only = marked(&world, &runner, "only").await;
    put(&world, &runner, &["a", "a", "a"]).await;
    assert_eq!(rows(&world, Namespace::StateBefore).len(), 1);
    assert_eq!(restoring(world.tape.as_ref(), &only).unwrap().len(), 1);
    runner.stop().await;
}
