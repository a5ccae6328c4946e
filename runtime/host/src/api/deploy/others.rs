//! The triggers of another file that read no stream: which schedules and routes differ from those that run, and putting
//! them in place.
//!
//! A schedule that changes ends what it runs, writes it and gives its lease back before the other one begins, so no slot is
//! run twice. A request that is in keeps the route that it came by. Nothing stored is deleted.

use std::{collections::BTreeMap, sync::Arc};

use model::TriggerName;

use super::{ApiError, failed};
use crate::{
    assemble::{Rooms, launch_schedule, new_schedules},
    config::Project,
    plan,
    routes::{Gate, RouteSettings},
    schedules::ScheduleSettings,
    up::BoundWeb,
};

/// What the file says, by the names of the triggers.
#[derive(Debug)]
pub(super) struct Others {
    schedules: BTreeMap<TriggerName, ScheduleSettings>,
    routes: BTreeMap<TriggerName, RouteSettings>,
}

impl Others {
    /// A schedule that is new and has no moment to come is refused.
    pub(super) fn meant(rooms: &Rooms, project: &Project) -> Result<Self, ApiError> {
        let schedules = new_schedules(rooms, project).map_err(failed)?;
        let schedules = schedules.into_iter().map(|it| (it.name.clone(), it));
        let routes = project.routes.iter();
        let routes = routes.map(|(name, it)| (name.clone(), plan::route(&rooms.world, name, it)));
        Ok(Self {
            schedules: schedules.collect(),
            routes: routes.collect(),
        })
    }

    /// Each that differs, and how.
    pub(super) fn changes(&self, rooms: &Rooms) -> Vec<(TriggerName, String)> {
        let (schedules, routes) = (schedules(rooms), routes(rooms));
        let routes_run = routes.iter().map(|(name, it)| (name.clone(), bare(it)));
        let routes_meant = self
            .routes
            .iter()
            .map(|(name, it)| (name.clone(), bare(it)));
        let mut changes = differences(&schedules, &self.schedules);
        changes.extend(differences(&routes_run.collect(), &routes_meant.collect()));
        changes
    }

    /// The first of the routes that the listener will open with, where there is none yet.
    pub(super) async fn opening(&self, rooms: &Rooms) -> Option<&TriggerName> {
        let web = rooms.deployment.web.get()?;
        let is_open = web.is_open().await;
        self.routes.keys().next().filter(|_| !is_open)
    }

    /// Takes the port that they need and that nobody listens at yet, so that a taken one changes nothing.
    pub(super) async fn bind(&self, rooms: &Rooms) -> Result<Option<BoundWeb>, ApiError> {
        let web = rooms.deployment.web.get();
        let Some(web) = web.filter(|_| !self.routes.is_empty()) else {
            return Ok(None);
        };
        let refused = |error| ApiError::conflict(format!("deploy routes: {error}"));
        web.bind().await.map(Some).map_err(refused)
    }

    /// Schedules that change, or are no more, stop.
    pub(super) async fn end(&self, rooms: &Rooms) {
        for (name, running) in schedules(rooms) {
            if self.schedules.get(&name) != Some(&running) {
                rooms.schedules.end(&name).await;
            }
        }
    }

    /// What is new begins. Routes change all at once.
    pub(super) fn begin(self, rooms: &Rooms) -> Result<(), ApiError> {
        let running = schedules(rooms);
        for (name, settings) in self.schedules {
            if !running.contains_key(&name) {
                launch_schedule(rooms, settings).map_err(failed)?;
            }
        }
        let mut gates = Vec::with_capacity(self.routes.len());
        for (name, settings) in self.routes {
            let known = rooms.routes.get(name.as_str());
            let same = known.filter(|gate| bare(&gate.settings) == bare(&settings));
            gates.push(match same {
                Some(gate) => gate,
                None => {
                    let paused = rooms.runners.is_paused(&name).map_err(failed)?;
                    Arc::new(Gate::new(settings, paused))
                }
            });
        }
        rooms.routes.replace(gates);
        Ok(())
    }
}

fn schedules(rooms: &Rooms) -> BTreeMap<TriggerName, ScheduleSettings> {
    let running = rooms.schedules.all().into_iter();
    running
        .map(|(settings, _)| (settings.name.clone(), (*settings).clone()))
        .collect()
}

fn routes(rooms: &Rooms) -> BTreeMap<TriggerName, RouteSettings> {
    let gates = rooms.routes.all().into_iter();
    gates
        .map(|gate| (gate.settings.name.clone(), gate.settings.clone()))
        .collect()
}

/// Where it stands in the file is no difference.
fn bare(settings: &RouteSettings) -> RouteSettings {
    let mut settings = settings.clone();
    settings.trigger.line = 0;
    settings
}

fn differences<T: PartialEq>(
    running: &BTreeMap<TriggerName, T>,
    meant: &BTreeMap<TriggerName, T>,
) -> Vec<(TriggerName, String)> {
    let mut changes = Vec::new();
    for (name, settings) in meant {
        match running.get(name) {
            None => changes.push((name.clone(), "is new".to_owned())),
            Some(known) if known != settings => {
                changes.push((name.clone(), "gets other settings".to_owned()));
            }
            Some(_) => {}
        }
    }
    let gone = running.keys().filter(|name| !meant.contains_key(*name));
    changes.extend(gone.map(|name| {
        let change = "is detached: what it keeps stays".to_owned();
        (name.clone(), change)
    }));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_changed_and_gone_is_told() {
        let named = |all: &[(&str, u8)]| -> BTreeMap<TriggerName, u8> {
            let all = all.iter();
            all.map(|(name, it)| (TriggerName::parse(name).unwrap(), *it))
                .collect()
        };
        let running = named(&[("same", 1), ("changed", 1), ("gone", 1)]);
        let meant = named(&[("same", 1), ("changed", 2), ("new", 1)]);
        let told: Vec<String> = differences(&running, &meant)
            .into_iter()
            .map(|(name, change)| format!("{name} {change}"))
            .collect();
        let expect = [
            "changed gets other settings",
            "new is new",
            "gone is detached: what it keeps stays",
        ];
        assert_eq!(told, expect);
    }
}
