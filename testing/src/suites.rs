//! One test for each rule of a port, so that a failing rule has a name.
//!
//! Each suite takes a function that opens a store. The suites of graph, documents and registry get
//! a new, empty store from each call. Those of log and bus get the same one, so that a second call
//! is a restart.

/// One test for each rule, over what `$open` opens.
#[doc(hidden)]
#[macro_export]
macro_rules! suite {
    ($run:ident, $open:expr, $($module:ident::$rule:ident),* $(,)?) => {
        $(
            #[test]
            fn $rule() {
                $crate::values::$run($crate::conformance::$module::$rule(&$open));
            }
        )*
    };
}

/// The rules of [`Log`](spice_core::port::log::Log); `$open` opens the same log each time.
#[macro_export]
macro_rules! log_suite {
    ($open:expr) => {
        $crate::suite!(
            block_on_threads,
            $open,
            log::one_of_several_racing_appends_wins_each_position,
            log::a_gap_is_refused_and_a_taken_position_is_occupied,
            log::invalid_batches_are_refused,
            log::reads_respect_their_limits,
            log::chosen_positions_are_read_in_the_requested_order,
            log::a_known_end_is_never_ahead_of_the_end,
            log::logs_are_listed_in_order_once_written,
            log::a_time_is_found,
            log::the_checkpoint_moves_only_from_where_it_stands,
            log::everything_survives_opening_again,
            log::generations_and_databases_are_separate,
        );
    };
}

/// The rules of [`Bus`](spice_core::port::bus::Bus).
#[macro_export]
macro_rules! bus_suite {
    ($open:expr) => {
        $crate::suite!(
            block_on_threads,
            $open,
            bus::each_topic_is_in_order_for_each_group,
            bus::a_group_continues_where_it_committed,
            bus::repeated_publishing_may_repeat_deliveries,
            bus::a_follower_waits_and_is_woken,
            bus::topics_are_apart,
        );
    };
}

/// The rules of [`Hints`](spice_core::port::hints::Hints); `$open` opens the same hints each time.
#[macro_export]
macro_rules! hints_suite {
    ($open:expr) => {
        $crate::suite!(
            block_on_threads,
            $open,
            hints::a_hint_ends_every_wait,
            hints::simultaneous_hints_count_as_one,
            hints::the_giver_can_wait_for_the_next_hint,
            hints::a_listener_hears_others_and_not_itself,
            hints::topics_of_hints_are_separate,
        );
    };
}

/// The rules of [`Graph`](spice_core::port::graph::Graph).
#[macro_export]
macro_rules! graph_suite {
    ($open:expr) => {
        $crate::suite!(
            block_on,
            $open,
            graph::repeats_change_nothing,
            graph::stale_versions_are_skipped,
            graph::nothing_resurrects,
            graph::sinks_fence_off_holes,
            graph::sinks_refuse_other_generations,
            graph::an_anchor_moves_with_the_sink,
            graph::logs_and_generations_are_separate,
            graph::reads_see_the_live_sink,
            graph::sinks_take_turns,
            graph::repair_removes_and_rewrites,
        );
    };
}

/// The rules of [`Documents`](spice_core::port::documents::Documents).
#[macro_export]
macro_rules! documents_suite {
    ($open:expr) => {
        $crate::suite!(
            block_on,
            $open,
            documents::older_documents_never_win,
            documents::tombstones_stay,
            documents::superseded_versions_stay_while_a_branch_shows_them,
            documents::generations_of_a_branch_are_separate,
            documents::sinks_fence_off_holes,
            documents::sinks_refuse_other_generations,
            documents::an_anchor_moves_with_the_sink,
            documents::reads_see_the_live_sink,
            documents::sinks_take_turns,
            documents::repair_removes_and_rewrites,
            documents::cursors_are_stable_under_writes,
        );
    };
}

/// The rules of [`WriteModel`](spice_core::port::registry::WriteModel) and
/// [`WorkerRegistry`](spice_core::port::registry::WorkerRegistry).
#[macro_export]
macro_rules! registry_suite {
    ($open:expr) => {
        $crate::suite!(
            block_on,
            $open,
            registry::advance_lets_one_win,
            registry::commands_are_found_and_forgotten,
            registry::an_anchor_moves_with_the_model,
            registry::a_value_released_and_claimed_again_is_claimed,
            registry::logs_that_are_written_are_marked_by_owner,
            registry::live_databases_are_listed_at_the_reflected_position,
            registry::a_sweep_is_due_until_one_ends,
            leases::leases_change_owner_with_a_new_fence,
            leases::a_free_lease_is_given_once,
            leases::a_lease_ends_by_the_registrys_clock,
            leases::owners_are_announced_until_they_leave,
            registry_work::a_zombie_records_nothing,
            registry_work::records_follow_each_other,
            registry_work::single_outcomes_and_the_newest_batches_are_kept,
            registry_work::the_farthest_position_never_goes_back,
            registry_work::records_are_removed_with_their_sink,
            registry_work::dead_letters_wait_in_order,
            registry_work::retries_are_remembered,
            registry_work::work_is_forgotten_with_its_log,
            replays::one_unfinished_replay_changes_a_projection,
            replays::one_of_several_racing_replays_starts,
            replays::a_change_needs_the_newest_revision,
            replays::replays_are_listed_newest_first,
            replays::only_the_newest_finished_replays_are_kept,
            replays::replays_are_forgotten_with_their_log,
        );
    };
}
