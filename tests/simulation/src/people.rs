//! Who takes part in a story beside its producers, until they are asked to go.

use platform::{StopToken, Task};
use serde_json::Value;

use crate::{
    clerk::Clerk, client::Client, clockmaker::Clockmaker, life::Fate, operator::Operator,
    pages::Stored, plan::Part, reader::Reader, resharder::Resharder,
};

#[derive(Debug)]
pub(crate) struct People {
    reader: Task<Vec<Stored>>,
    operator: Task<Vec<Value>>,
    clerk: Task<Clerk>,
    resharder: Option<Task<()>>,
    clockmaker: Option<Task<()>>,
}

/// What they saw, and who has something to do in the end.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) shown: Vec<Stored>,
    pub(crate) looks: Vec<Value>,
    pub(crate) clerk: Clerk,
}

impl People {
    pub(crate) fn come(fate: &Fate, token: &StopToken) -> Self {
        let (world, trace) = (&fate.world, &fate.trace);
        let client = |name: &str| Client::new(world, name, trace);
        let stop = |part: Part| fate.unless_left_out(part, token);
        let reader = Reader {
            client: client("reader"),
            rng: world.rng.fork("reader"),
        };
        let operator = Operator {
            client: client("operator"),
            rng: world.rng.fork("operator"),
            trace: trace.clone(),
            seeks: fate.rng.below(2) == 0 && fate.plan.has(Part::Seeks),
        };
        let clerk = Clerk {
            client: client("clerk"),
            rng: world.rng.fork("clerk"),
            trace: trace.clone(),
            looks: Vec::new(),
        };
        let tasks = &world.tasks;
        Self {
            reader: tasks.spawn("reader", reader.run(stop(Part::Reader))),
            operator: tasks.spawn("operator", operator.run(stop(Part::Operator))),
            clerk: tasks.spawn("clerk", clerk.run(stop(Part::Clerk))),
            resharder: resharder(fate, token),
            clockmaker: clockmaker(fate, token),
        }
    }

    /// They were asked to go.
    pub(crate) async fn gone(self) -> Gone {
        let shown = self.reader.await.expect("a reader ends well");
        let looks = self.operator.await.expect("an operator ends well");
        let clerk = self.clerk.await.expect("a clerk ends well");
        if let Some(resharder) = self.resharder {
            resharder.await.expect("a resharder ends well");
        }
        if let Some(clockmaker) = self.clockmaker {
            clockmaker.await.expect("a clockmaker ends well");
        }
        Gone {
            shown,
            looks,
            clerk,
        }
    }
}

/// In every second story.
fn resharder(fate: &Fate, token: &StopToken) -> Option<Task<()>> {
    let (world, trace) = (&fate.world, &fate.trace);
    let resharder = Resharder {
        client: Client::new(world, "resharder", trace),
        rng: world.rng.fork("resharder"),
        trace: trace.clone(),
    };
    let stop = fate.unless_left_out(Part::Resharder, token);
    let calm = fate.rng.below(2) == 0;
    (!calm).then(|| world.tasks.spawn("resharder", resharder.run(stop)))
}

/// In every third story.
fn clockmaker(fate: &Fate, token: &StopToken) -> Option<Task<()>> {
    let (world, trace) = (&fate.world, &fate.trace);
    let clockmaker = Clockmaker {
        world: world.clone(),
        rng: world.rng.fork("clockmaker"),
        trace: trace.clone(),
    };
    let stop = fate.unless_left_out(Part::ClockJumps, token);
    let jumps = fate.rng.below(3) == 0;
    jumps.then(|| world.tasks.spawn("clockmaker", clockmaker.run(stop)))
}
