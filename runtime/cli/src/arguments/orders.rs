//! The words of those who operate triggers: what moves, stops, repeats or removes something that is stored.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Sure, running::name};
use crate::moment;

#[derive(Debug, Args)]
pub(crate) struct TriggerNoun {
    #[command(subcommand)]
    pub(crate) verb: Option<TriggerVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TriggerVerb {
    /// All triggers: what drives which function
    List,
    /// One trigger with its shards, its next five runs, or its requests
    Show {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Stop handing out batches, runs and requests; checkpoints stay
    Pause {
        #[arg(value_parser = name)]
        name: String,
        /// Only this shard, by its number or full id
        #[arg(long, value_parser = name)]
        shard: Option<String>,
        /// Drop what runs now instead of waiting for it; its records use no attempt
        #[arg(long)]
        abort: bool,
    },
    /// End a pause, and try a blocked record again
    Resume {
        #[arg(value_parser = name)]
        name: String,
        /// Only this shard, by its number or full id
        #[arg(long, value_parser = name)]
        shard: Option<String>,
    },
    /// What its shadow would have done otherwise: records with another result, the newest hundred
    Shadow {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Run one with a schedule now, beside its slots
    Run {
        #[arg(value_parser = name)]
        name: String,
    },
    /// Move to another place of the stream: some records are handled again, or never
    Seek(Seek),
    /// Say how a trigger gets another name: triggers.yaml is what names it
    Rename {
        #[arg(value_parser = name)]
        name: String,
        #[arg(value_name = "NEW NAME", value_parser = name)]
        to: String,
    },
    /// Forget what a trigger left that triggers.yaml no longer has: checkpoints, state, dead letters
    Delete {
        #[arg(value_parser = name)]
        name: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("place").required(true))]
pub(crate) struct Seek {
    #[arg(value_parser = name)]
    pub(crate) name: String,
    /// oldest, latest, a time such as 2026-11-23T09:00Z, @-1h, a sequence number or a bookmark
    #[arg(long, group = "place", value_name = "PLACE")]
    pub(crate) from: Option<String>,
    /// Back to where the trigger was before its newest seek
    #[arg(long, group = "place")]
    pub(crate) undo: bool,
    /// Only this shard, by its number or full id
    #[arg(long, value_parser = name)]
    pub(crate) shard: Option<String>,
    /// What becomes of values that the records wrote before; `restore` as they were at the bookmark
    #[arg(long, value_parser = ["keep", "clear", "restore"])]
    pub(crate) state: Option<String>,
    /// Drop what runs now instead of waiting for it
    #[arg(long)]
    pub(crate) abort: bool,
    /// Asks a person who is there, once it has counted
    #[command(flatten)]
    pub(crate) sure: Sure,
}

#[derive(Debug, Args)]
pub(crate) struct KeyNoun {
    #[command(subcommand)]
    pub(crate) verb: Option<KeyVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// All keys that wait
    List {
        /// Only of this trigger
        #[arg(long, value_parser = name)]
        trigger: Option<String>,
    },
    /// One key: why it waits, and the first records that wait
    Show {
        #[arg(value_parser = name)]
        trigger: String,
        #[arg(value_parser = name)]
        key: String,
    },
    /// Let the records of a key wait, in order; the other keys go on
    Park {
        #[arg(value_parser = name)]
        trigger: String,
        #[arg(value_parser = name)]
        key: String,
    },
    /// Run what waits, in order, and then what comes
    Unpark {
        #[arg(value_parser = name)]
        trigger: String,
        #[arg(value_parser = name)]
        key: String,
    },
    /// Remove the records that wait behind a key, and let it go on
    Drop {
        #[arg(value_parser = name)]
        trigger: String,
        #[arg(value_parser = name)]
        key: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BookmarkNoun {
    #[command(subcommand)]
    pub(crate) verb: Option<BookmarkVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BookmarkVerb {
    /// All bookmarks, those that seeks made included
    List {
        /// Only of this trigger
        #[arg(long, value_parser = name)]
        trigger: Option<String>,
    },
    /// Mark where a trigger stands now
    Create {
        #[arg(value_parser = name)]
        trigger: String,
        #[arg(value_parser = name)]
        name: String,
    },
    /// Forget a bookmark
    Delete {
        #[arg(value_parser = name)]
        trigger: String,
        #[arg(value_parser = name)]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditNoun {
    /// Only orders about this trigger
    #[arg(long, value_parser = name)]
    pub(crate) trigger: Option<String>,
    /// Not older than this: 15m, 2h, 7d
    #[arg(long, value_parser = moment::parse_duration)]
    pub(crate) since: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// TRIGGER/ENTRY, as dead letters are named, or a file; without it, what there is to replay
    #[arg(value_name = "ID|FILE", value_parser = name)]
    pub(crate) what: Option<String>,
    /// Another function, version or alias (late@13), in place of what failed
    #[arg(long, value_name = "FUNCTION", value_parser = name)]
    pub(crate) with: Option<String>,
    /// Every place where it comes out otherwise than then
    #[arg(long)]
    pub(crate) diff: bool,
    /// Write it into a file instead of running it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["with", "diff"])]
    pub(crate) save: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StateNoun {
    #[command(subcommand)]
    pub(crate) verb: StateVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateVerb {
    /// All values of a trigger
    List {
        #[arg(value_parser = name)]
        trigger: String,
    },
    /// The values of one partition key
    Get {
        #[arg(value_parser = name)]
        trigger: String,
        #[arg(value_parser = name)]
        key: String,
    },
    /// All values of a trigger, a line each, for another program
    Export {
        #[arg(value_parser = name)]
        trigger: String,
    },
    /// Remove the values of one key, or all of them
    Clear {
        #[arg(value_parser = name)]
        trigger: String,
        #[arg(value_parser = name)]
        key: Option<String>,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetterNoun {
    #[command(subcommand)]
    pub(crate) verb: Option<DeadLetterVerb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetterVerb {
    /// All dead letters, each in a line
    List {
        /// Only of this trigger
        #[arg(long, value_parser = name)]
        trigger: Option<String>,
    },
    /// One dead letter: its records and every attempt
    Show {
        /// TRIGGER/ENTRY, as the list shows it
        #[arg(value_parser = name)]
        id: String,
    },
    /// Run records again: what succeeds leaves the store, what fails stays with one more attempt
    Redrive {
        #[command(flatten)]
        chosen: Chosen,
        /// Beside what runs, in no order; else nothing of the trigger runs meanwhile
        #[arg(long)]
        side: bool,
        /// Also records whose keys went on meanwhile
        #[arg(long)]
        allow_stale: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// Write dead letters with their records and attempts, a line each
    Export {
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Remove dead letters with their records
    Drop {
        #[command(flatten)]
        chosen: Chosen,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Which dead letters are meant.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// TRIGGER/ENTRY, as the list shows them
    #[arg(value_parser = name, required_unless_present_any = ["all", "trigger"])]
    pub(crate) ids: Vec<String>,
    /// All of this trigger, as far as the other filters let them pass
    #[arg(long, value_parser = name, conflicts_with = "ids")]
    pub(crate) trigger: Option<String>,
    /// All of every trigger, as far as the other filters let them pass
    #[arg(long, conflicts_with_all = ["ids", "trigger"])]
    pub(crate) all: bool,
    /// Only those given up for this reason, as the list shows it
    #[arg(long, conflicts_with = "ids")]
    pub(crate) condition: Option<String>,
    /// Only those whose newest error is of this kind, such as BadDate or Timeout
    #[arg(long, conflicts_with = "ids")]
    pub(crate) error: Option<String>,
    /// Only those that hold a record of this partition key
    #[arg(long, conflicts_with = "ids")]
    pub(crate) key: Option<String>,
    /// Only those not older than this: 15m, 2h, 7d
    #[arg(long, conflicts_with = "ids", value_parser = moment::parse_duration)]
    pub(crate) since: Option<Duration>,
}
