//! What is asked of the registry in place of every log.

use spice_core::{
    command::OnError,
    port::{Store, registry::LogDirectory},
    reflect,
};

use spice_testing::double::{Swap, unavailable};

use super::*;

/// A registry that follows no log from some moment on.
#[derive(Default)]
struct Stuck(AtomicBool);

impl Hook for Stuck {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method == "advance" && self.0.load(Ordering::SeqCst) {
            return Err(unavailable(Store::Registry));
        }
        Ok(())
    }
}

fn unknown() -> CommandId {
    CommandId(Uuid::from_u128(99_999))
}

impl Bench {
    /// So many databases beside `demo`, written by a process that has ended.
    async fn with_databases(count: u128) -> Self {
        let bench = Self::new();
        let writer = bench.declared().await;
        for number in 0..count {
            let command = Command {
                database: format!("other{number}").parse().unwrap(),
                ..command(1_000 + number, create_database())
            };
            writer.submit(command).await.unwrap();
        }
        writer.shutdown().await;
        bench
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_accepted_elsewhere_is_found_and_an_unknown_one_searches_no_idle_log() {
    let bench = Bench::with_databases(30).await;
    let writer = bench.writer();
    writer.check_logs().await.unwrap();
    let before = bench.log.hook.ends.load(Ordering::SeqCst);
    assert_eq!(writer.receipt(unknown()).await.unwrap(), None);
    assert_eq!(
        bench.log.hook.ends.load(Ordering::SeqCst),
        before,
        "no log was read"
    );

    // Another process appends, and stops before the registry follows.
    let registry = Arc::new(Double::new(bench.registry.clone(), Stuck::default()));
    let other = bench.writer_with(registry.clone());
    submit(&other, 50, create("warm")).await.unwrap();
    registry.hook.0.store(true, Ordering::SeqCst);
    let told = submit(&other, 51, create("p1")).await.unwrap();
    let found = writer.receipt(told.command_id).await.unwrap();
    assert_eq!(found, Some(told));
    let before = bench.log.hook.ends.load(Ordering::SeqCst);
    assert_eq!(writer.receipt(unknown()).await.unwrap(), None);
    let looked = bench.log.hook.ends.load(Ordering::SeqCst) - before;
    assert!(looked <= 2, "{looked} logs were read, and one is written");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_marked_while_it_is_written_and_reflected() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    assert_eq!(bench.registry.active_logs().await.unwrap(), [stream()]);
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    assert_eq!(bench.registry.active_logs().await.unwrap(), []);
    submit(&writer, 10, create("p1")).await.unwrap();
    assert_eq!(bench.registry.active_logs().await.unwrap(), [stream()]);
    writer.shutdown().await;
    assert_eq!(bench.registry.active_logs().await.unwrap(), []);
}

/// The mark is what shows a command that the registry does not have yet, so it stays until then.
#[tokio::test(start_paused = true)]
async fn a_mark_stays_while_the_registry_is_behind() {
    let bench = Bench::new();
    let registry = Arc::new(Double::new(bench.registry.clone(), Stuck::default()));
    let writer = bench.writer_with(registry.clone());
    submit(&writer, 1, create_database()).await.unwrap();
    writer.check_logs().await.unwrap();
    registry.hook.0.store(true, Ordering::SeqCst);
    let told = submit(&writer, 2, create_class()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    assert_eq!(bench.registry.active_logs().await.unwrap(), [stream()]);
    writer.shutdown().await;
    assert_eq!(bench.registry.active_logs().await.unwrap(), [stream()]);
    let other = bench.writer();
    assert_eq!(other.receipt(told.command_id).await.unwrap(), Some(told));
}

/// A lost registry comes back without marks, and another process may have swept it since.
#[tokio::test(start_paused = true)]
async fn a_mark_that_was_lost_with_the_registry_is_set_again() {
    let bench = Bench::new();
    let place = Swap::new((*bench.registry).clone());
    let stuck = Arc::new(Double::new(place.clone(), Stuck::default()));
    let writer = bench.writer_with(stuck.clone());
    submit(&writer, 1, create_database()).await.unwrap();
    submit(&writer, 2, create_class()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    place.put((*registry()).clone());
    let other = bench.writer_with(Arc::new(Double::new(place.clone(), Stuck::default())));
    assert_eq!(other.receipt(unknown()).await.unwrap(), None);
    assert_eq!(place.get().sweep_due().await.unwrap(), None, "it was swept");

    stuck.hook.0.store(true, Ordering::SeqCst);
    let told = submit(&writer, 3, create("p1")).await.unwrap();
    assert_eq!(other.receipt(told.command_id).await.unwrap(), Some(told));
}

#[tokio::test(start_paused = true)]
async fn databases_are_listed_without_opening_them() {
    let mut bench = Bench::with_databases(20).await;
    let writer = bench.writer();
    writer.check_logs().await.unwrap();
    let before = bench.log.hook.ends.load(Ordering::SeqCst);
    let (listed, damaged) = writer.databases().await.unwrap();
    assert_eq!((listed.len(), damaged.len()), (21, 0));
    assert_eq!(bench.log.hook.ends.load(Ordering::SeqCst), before);
    // One that another process makes or deletes is listed at once.
    let other = bench.writer();
    let seal = Action::DeleteDatabase {
        expected_seq: Sequence(1),
    };
    submit(&other, 60, seal).await.unwrap();
    let (listed, _) = writer.databases().await.unwrap();
    assert_eq!(listed.len(), 20);
    // A registry that was lost is read in anew.
    bench.registry = registry();
    let writer = bench.writer();
    assert_eq!(writer.databases().await.unwrap().0.len(), 20);
}

/// The answer to a command that is decided from memory alone rests on the lookup of its id.
#[tokio::test(start_paused = true)]
async fn a_repeated_command_is_found_when_the_registry_was_lost() {
    let bench = Bench::new();
    let place = Swap::new((*bench.registry).clone());
    let writer = bench.writer_with(Arc::new(Double::new(place.clone(), Stuck::default())));
    submit(&writer, 1, create_database()).await.unwrap();
    let branch = Action::CreateBranch {
        branch: "b".parse().unwrap(),
        from_branch: BranchName::main(),
        from_position: None,
    };
    let told = submit(&writer, 2, branch.clone()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    place.put((*registry()).clone());
    let refused = submit(&writer, 2, branch.clone()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Unavailable, "{refused}");
    assert_eq!(submit(&writer, 2, branch).await.unwrap(), told);
}

/// Before the first step of this process another one moves the registry a part of the way.
struct Overtakes {
    registry: Arc<SqliteRegistry>,
    part: MemoryLog,
    done: AtomicBool,
}

impl Hook for Overtakes {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method != "advance" || self.done.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        catch_up(&self.part, &*self.registry).await
    }
}

async fn catch_up(log: &dyn Log, model: &dyn WriteModel) -> StoreResult<()> {
    let demo = stream();
    let caught_up = reflect::catch_up(log, model, &demo, None, Guards::default());
    caught_up.await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_another_process_moves_is_brought_to_the_end() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    let part = MemoryLog::new();
    part.put(&stream(), bench.log.store.lines(&stream()));
    submit(&writer, 10, create("p1")).await.unwrap();
    writer.shutdown().await;
    let registry = registry();
    let hook = Overtakes {
        registry: Arc::clone(&registry),
        part,
        done: AtomicBool::default(),
    };
    let model = Double::new(Arc::clone(&registry), hook);
    catch_up(&*bench.log.store, &model).await.unwrap();
    let end = bench.log.store.end(&stream()).await.unwrap();
    assert_eq!(registry.reflected_position(&stream()).await.unwrap(), end);
}

/// A registry that loses its logs before its next step.
struct Forgets {
    registry: Arc<SqliteRegistry>,
    is_next: AtomicBool,
}

impl Hook for Forgets {
    async fn before(&self, call: Call<'_>) -> StoreResult<()> {
        if call.method == "advance" && self.is_next.swap(false, Ordering::SeqCst) {
            self.registry.forget(&stream()).await?;
        }
        Ok(())
    }
}

/// Nobody asks this registry meanwhile, so nobody else finds out.
#[tokio::test(start_paused = true)]
async fn a_registry_that_is_lost_while_it_follows_is_brought_to_the_end() {
    let bench = Bench::new();
    let hook = Forgets {
        registry: Arc::clone(&bench.registry),
        is_next: AtomicBool::default(),
    };
    let model = Arc::new(Double::new(Arc::clone(&bench.registry), hook));
    let writer = bench.writer_with(model.clone());
    submit(&writer, 1, create_database()).await.unwrap();
    submit(&writer, 2, create_class()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    model.hook.is_next.store(true, Ordering::SeqCst);
    submit(&writer, 10, create("p1")).await.unwrap();
    writer.shutdown().await;
    let end = bench.log.store.end(&stream()).await.unwrap();
    let reflected = bench.registry.reflected_position(&stream()).await.unwrap();
    assert_eq!(reflected, end);
}

/// The last event of a command, which is in another read of the log than the command.
#[tokio::test(start_paused = true)]
async fn a_registry_that_catches_up_takes_whole_commands() {
    let bench = Bench::new();
    let writer = bench.declared().await;
    let rows: Vec<_> = (0..5_000)
        .map(|row| json!({"product_id": format!("p{row}")}))
        .collect();
    let many = Action::BulkCreate {
        branch: BranchName::main(),
        class: "Product".to_owned(),
        instances: serde_json::from_str(&json!(rows).to_string()).unwrap(),
        ids: Vec::new(),
        without_defaults: false,
        on_error: OnError::default(),
    };
    let told = submit(&writer, 10, many).await.unwrap();
    writer.shutdown().await;
    let registry = registry();
    catch_up(&*bench.log.store, &*registry).await.unwrap();
    let found = registry.commands(&[told.command_id]).await.unwrap();
    let last = found[0].as_ref().unwrap().last;
    assert_eq!(last.next(), bench.log.store.end(&stream()).await.unwrap());
}
