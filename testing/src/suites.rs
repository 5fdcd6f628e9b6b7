//! One test of each rule that a port's adapters conform to, so that a rule that fails has its name.
//!
//! Each suite takes a value that is called to open a store. The suites of graph, documents and
//! registry get a new, empty store from each call; those of log and bus get the same one, so
//! that a second call is a restart.

/// One test of each rule, over what `$open` opens.
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

/// The rules of [`Log`](spice_core::port::log::Log); `$open` opens one log, again and again.
#[macro_export]
macro_rules! log_suite {
    ($open:expr) => {
        $crate::suite!(
            block_on_threads,
            $open,
            log::of_racing_appends_one_wins_each_position,
            log::a_gap_is_refused_and_a_taken_position_is_occupied,
            log::what_is_no_batch_is_refused,
            log::reads_keep_to_their_limits,
            log::chosen_positions_are_read_in_the_order_asked,
            log::a_known_end_is_never_ahead,
            log::logs_are_listed_in_order_once_written,
            log::a_time_is_found,
            log::waiting_ends_when_something_comes,
            log::the_checkpoint_moves_only_from_where_it_stands,
            log::everything_survives_opening_again,
            log::generations_and_databases_are_apart,
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
            bus::a_group_goes_on_where_it_committed,
            bus::what_is_published_again_may_be_delivered_again,
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
            hints::hints_that_come_together_count_as_one,
            hints::the_giver_can_wait_for_the_next_hint,
            hints::topics_of_hints_are_apart,
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
            graph::stale_versions_are_left_out,
            graph::nothing_resurrects,
            graph::sinks_fence_off_holes,
            graph::sinks_fence_off_other_generations,
            graph::an_anchor_moves_with_the_sink,
            graph::logs_and_generations_are_apart,
            graph::reads_see_the_live_sink,
            graph::sinks_take_turns,
            graph::repair_removes_and_writes_anew,
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
            documents::generations_of_a_branch_are_apart,
            documents::sinks_fence_off_holes,
            documents::sinks_fence_off_other_generations,
            documents::an_anchor_moves_with_the_sink,
            documents::reads_see_the_live_sink,
            documents::sinks_take_turns,
            documents::repair_removes_and_writes_anew,
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
            registry::a_value_released_and_claimed_anew_is_claimed,
            registry::logs_that_are_written_are_marked_by_owner,
            registry::live_databases_are_listed_as_far_as_reflected,
            registry::a_sweep_is_due_until_one_ends,
            registry_work::leases_change_hands_with_a_new_fence,
            registry_work::a_free_lease_goes_to_one,
            registry_work::a_lease_ends_by_the_registrys_clock,
            registry_work::owners_are_announced_until_they_leave,
            registry_work::a_zombie_records_nothing,
            registry_work::records_follow_each_other,
            registry_work::only_what_positions_do_not_tell_is_kept,
            registry_work::the_farthest_position_never_goes_back,
            registry_work::what_is_known_of_a_sink_goes_with_it,
            registry_work::dead_letters_wait_in_order,
            registry_work::retries_are_remembered_and_wake,
            registry_work::work_is_forgotten_with_its_log,
        );
    };
}
