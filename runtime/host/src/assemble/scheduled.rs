//! Starts the schedules of the file.
//!
//! In: the rooms, and what the file says of a schedule. Out: a task that runs its function by the clock. What it runs is
//! what is deployed under the name when a run begins.

use std::sync::Arc;

use model::{
    FunctionName, FunctionVersion, Invocation,
    seams::{BoxFuture, LogTail},
};
use platform::Clock;
use sandbox::Called;

use super::{Rooms, other};
use crate::{
    config::Project,
    errors::StartError,
    fitting,
    functions::Functions,
    logs::LogStore,
    plan,
    report::Report,
    schedules::{self, Row, Runs, ScheduleHandle, ScheduleSettings},
};

/// The schedules of the file. One that is new and has no slot to come is refused.
pub(crate) fn new_schedules(
    rooms: &Rooms,
    project: &Project,
) -> Result<Vec<ScheduleSettings>, StartError> {
    let now = rooms.platform.clock.wall();
    let mut all = Vec::with_capacity(project.schedules.len());
    for (name, trigger) in &project.schedules {
        let stored = Row::read(rooms.journal.as_ref(), name).map_err(other)?;
        if stored.is_none() {
            fitting::has_slots(name, (&rooms.deployment.file, trigger), now)?;
        }
        all.push(plan::schedule(&rooms.world, name, trigger));
    }
    Ok(all)
}

/// Starts one schedule; what it is to do is decided by its own task.
pub(crate) fn launch_schedule(rooms: &Rooms, settings: ScheduleSettings) -> Result<(), StartError> {
    let parts = schedules::Parts {
        platform: rooms.platform.clone(),
        journal: Arc::clone(&rooms.journal),
        leases: Arc::clone(&rooms.leases),
        dead_letters: Arc::clone(&rooms.dead_letters),
        logs: Arc::clone(&rooms.logs) as Arc<dyn LogTail>,
        runs: Arc::new(Named {
            functions: Arc::clone(&rooms.functions),
            name: settings.function.clone(),
            logs: Arc::clone(&rooms.logs),
            clock: rooms.platform.clock.clone(),
        }),
        account: rooms.world.account.clone(),
        region: rooms.world.region.clone(),
    };
    let paused = rooms.runners.is_paused(&settings.name).map_err(other)?;
    rooms
        .schedules
        .add(ScheduleHandle::start(parts, settings, paused));
    Ok(())
}

/// A function that schedules run: what is deployed under its name when a run begins.
#[derive(Debug)]
struct Named {
    functions: Arc<Functions>,
    name: FunctionName,
    logs: Arc<LogStore>,
    clock: Clock,
}

impl Runs for Named {
    fn version(&self) -> FunctionVersion {
        let deployed = self.functions.get(&self.name);
        deployed.map_or(FunctionVersion::LATEST, |deployed| deployed.main())
    }

    fn run(&self, invocation: Invocation, event: Vec<u8>) -> BoxFuture<'_, Called> {
        Box::pin(async move {
            let Some(deployed) = self.functions.get(&self.name) else {
                return Called::not_run(format!("function {} is not there", self.name));
            };
            let _pass = deployed.gate.enter().await;
            let function = match self.functions.load(&deployed, invocation.version).await {
                Ok(function) => function,
                Err(why) => return Called::not_run(why),
            };
            let report = Report::of(&invocation);
            let memory = function.limits().memory_told;
            let called = function.call(invocation, Some(event)).await;
            report.say(&self.logs, &called, memory, self.clock.wall());
            called
        })
    }
}
