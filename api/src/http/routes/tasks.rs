//! Tasks, by the names of the earlier system.

use serde_json::json;
use spice_core::{
    access::Role,
    error::ErrorCode::{
        AlreadyExists, EventIdReused, FailedPrecondition, InvalidName, NotFound, Unavailable,
    },
};

use crate::http::{
    bodies::replay::{RecomputeBody, ReplayInstanceBody},
    gate::Rule,
    operation::{Subject, get, post},
    parameters::{headers::IDEMPOTENCY_KEY, known::LIMIT},
    tasks::{self, Task, TaskAccepted, TaskList, TaskResult},
};

/// The table.
pub(super) fn list_calls() -> Subject {
    let (admin, viewer) = (Rule::Anywhere(Role::Admin), Rule::Anywhere(Role::Viewer));
    let operations = vec![
        post(admin, "replayInstanceState", tasks::replay_instance)
            .at_gateway("/api/v1/admin/replay-instance-state")
            .does("Rewrites one instance from the log where a projection differs.")
            .takes(&[&IDEMPOTENCY_KEY])
            .body::<ReplayInstanceBody>(
                json!({"db_name": "demo", "class_id": "Product", "instance_id": "chair-1"}),
            )
            .answers::<TaskAccepted>(202, "The replay is requested.")
            .fails(&[
                AlreadyExists,
                EventIdReused,
                InvalidName,
                NotFound,
                Unavailable,
            ]),
        post(admin, "recomputeProjection", tasks::recompute)
            .at_gateway("/api/v1/admin/recompute-projection")
            .does("Rewrites the documents of a branch from the log where they differ.")
            .takes(&[&IDEMPOTENCY_KEY])
            .body::<RecomputeBody>(json!({"db_name": "demo", "projection": "instances"}))
            .answers::<TaskAccepted>(202, "The replay is requested.")
            .fails(&[
                AlreadyExists,
                EventIdReused,
                InvalidName,
                NotFound,
                Unavailable,
            ]),
        get(viewer, "listTasks", tasks::list)
            .at_gateway("/api/v1/tasks")
            .also_at("/api/v1/tasks/", "/api/v1/tasks/")
            .does("Lists the replays of all databases, the newest first.")
            .takes(&[&LIMIT])
            .answers::<TaskList>(200, "The tasks.")
            .fails(&[Unavailable]),
        get(viewer, "getTask", tasks::get)
            .at_gateway("/api/v1/tasks/{task_id}")
            .does("Shows a replay as a task.")
            .answers::<Task>(200, "The task.")
            .fails(&[NotFound, Unavailable]),
        get(viewer, "getTaskResult", tasks::result)
            .at_gateway("/api/v1/tasks/{task_id}/result")
            .does("Shows the result of a finished task.")
            .answers::<TaskResult>(200, "The result.")
            .fails(&[FailedPrecondition, NotFound, Unavailable]),
    ];
    Subject {
        name: "Tasks",
        description: "Replays by the names of the earlier system.",
        operations,
    }
}
