//! New versions in the shadow of what runs: the triggers of their functions hand them the same batches from now on, until the next
//! deploy or start, which do what the file says.

use dispatch::Shadow;
use model::{FunctionName, FunctionVersion};

use super::{ApiError, failed};
use crate::{
    assemble::{Rooms, launch},
    config::Project,
};

/// What is to be known of each, in a sentence.
pub(super) async fn cast(
    rooms: &Rooms,
    (project, wanted): (&Project, bool),
    versions: &[(FunctionName, FunctionVersion)],
) -> Result<Vec<String>, ApiError> {
    let mut notes = Vec::new();
    for (function, version) in versions {
        let running = rooms.triggers.now();
        let of_function = running
            .values()
            .filter(|it| it.function == *function && it.qualifier.is_none());
        let mut found = false;
        for trigger in of_function {
            found = true;
            let name = &trigger.name;
            let of_file = project.triggers.get(name);
            let mut settings = trigger.clone();
            settings.shadow = match wanted {
                true => Some(Shadow {
                    function: function.clone(),
                    qualifier: Some(version.to_string()),
                }),
                false => of_file.and_then(|it| it.shadow.clone()),
            };
            if settings.shadow == trigger.shadow {
                continue;
            }
            rooms.runners.end(name).await;
            let started = launch(rooms, &settings).await;
            rooms.triggers.put(settings);
            started.map_err(failed)?;
            if wanted {
                notes.push(format!(
                    "trigger {name}: {function}@{version} gets its batches without effects, until the next deploy or start; `shardmill trigger shadow {name}` compares"
                ));
            }
        }
        if wanted && !found {
            notes.push(format!(
                "function {function}: version {version} is there and runs nowhere, since no trigger with a stream names the function"
            ));
        }
    }
    Ok(notes)
}
