//! Faults: counts the port calls of all roles, and injects the plan's faults at their calls.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use spice_core::{id::StreamId, port::log::Batch};
use spice_testing::MemoryLog;
use spice_testing::clock::SimClock;
pub use spice_testing::double::Port;
use tokio::sync::mpsc;

use super::signal::Watched;

/// A part of the system that can stop by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Accepts commands.
    Api,
    /// From log to bus.
    Relay,
    /// From bus to graph.
    Graph,
    /// From bus to documents.
    Projection,
    /// Carries out replays.
    Replay,
}

impl Role {
    /// The roles of a run without replays.
    pub const USUAL: [Self; 4] = [Self::Api, Self::Relay, Self::Graph, Self::Projection];
}

/// One running program of a role; most roles run once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its role.
    pub role: Role,
    /// Its number within the role.
    pub number: u8,
}

/// One call of a port, as recorded in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The caller.
    pub node: Node,
    /// The port.
    pub port: Port,
    /// The method.
    pub method: &'static str,
}

/// The point of a call at which its process stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before it took effect.
    Before,
    /// After it took effect, before it was answered.
    After,
}

/// The part that stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything, with the content of the bus: the roles are one process.
    Process,
    /// The caller: the roles are processes of their own.
    Caller,
}

/// The fate of an append whose answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was stored.
    Landed,
    /// It is never stored.
    Never,
    /// It arrives after this many further calls.
    Late(u64),
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A process stops, and is started again.
    Crash(When, Scope),
    /// The called port is unavailable for this many calls.
    Away(u64),
    /// The answer of the next append is lost.
    LostAnswer(Fate),
    /// The clock jumps by this many microseconds.
    Jump(i64),
    /// From now on the bus delivers records repeatedly and out of order.
    Disorder,
    /// The caller sleeps, before the call takes effect, until something wakes it.
    Pause,
}

/// A call to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// The caller.
    pub node: Node,
    /// The port.
    pub port: Port,
    /// The method.
    pub method: &'static str,
    /// How many such calls to let pass.
    pub skip: usize,
}

/// A fault at the call with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The call; the first is 0.
    pub at: u64,
    /// The fault.
    pub fault: Fault,
}

/// The state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Running,
    /// It sleeps: its calls wait, and it does not notice that time passes.
    Paused,
    /// It has stopped: its calls never return.
    Dead,
}

/// The decision about a call.
pub(super) enum Verdict {
    /// Continue.
    Proceed,
    /// The store is unavailable.
    Away,
    /// Stop, now or after the effect.
    Crash(When, Scope),
    /// Sleep, then continue.
    Pause,
}

/// The faults of one run.
pub struct Faults {
    state: Mutex<State>,
    log: MemoryLog,
    /// Counts the effects on log, bus and registry, for tasks that wait for one.
    pub(super) effects: Watched<u64>,
    crashes: mpsc::UnboundedSender<(Node, Scope)>,
}

#[derive(Default)]
struct State {
    calls: u64,
    trace: Vec<Call>,
    answered: BTreeSet<u64>,
    plan: BTreeMap<u64, Vec<Fault>>,
    away: HashMap<Port, u64>,
    armed: Vec<(Trigger, Fault)>,
    lost: Option<Fate>,
    late: Vec<(u64, StreamId, Batch)>,
    lives: HashMap<Node, Arc<Watched<Life>>>,
    clock: Arc<SimClock>,
    disorder: bool,
    calm: bool,
}

impl Faults {
    /// Creates the faults of a plan; the receiver reports crashes.
    pub fn new(log: MemoryLog, plan: &[Planned]) -> (Self, mpsc::UnboundedReceiver<(Node, Scope)>) {
        let (sender, crashes) = mpsc::unbounded_channel();
        let mut state = State::default();
        for planned in plan {
            state
                .plan
                .entry(planned.at)
                .or_default()
                .push(planned.fault);
        }
        let faults = Self {
            state: Mutex::new(state),
            log,
            effects: Watched::new(0),
            crashes: sender,
        };
        (faults, crashes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of calls.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Returns every call so far.
    pub fn trace(&self) -> Vec<Call> {
        self.lock().trace.clone()
    }

    /// Returns the clock that the plan moves.
    pub fn clock(&self) -> Arc<SimClock> {
        Arc::clone(&self.lock().clock)
    }

    /// Injects a fault at the very next call of any node.
    pub fn strike_next(&self, fault: Fault) {
        let mut state = self.lock();
        let next = state.calls;
        state.plan.entry(next).or_default().push(fault);
    }

    /// Injects a fault at a later call.
    pub fn arm(&self, trigger: Trigger, fault: Fault) {
        self.lock().armed.push((trigger, fault));
    }

    /// Notes that a client has its answer.
    pub(super) fn note_answer(&self) {
        let mut state = self.lock();
        let next = state.calls;
        state.answered.insert(next);
    }

    /// The calls that were the first ones after a client had its answer, by number.
    pub fn first_after_answers(&self) -> BTreeSet<u64> {
        self.lock().answered.clone()
    }

    /// Reports an effect from outside, so that waiting tasks check again.
    pub fn touch(&self) {
        self.effects.change(|count| *count += 1);
    }

    /// Returns whether every armed fault was injected.
    pub fn has_struck(&self) -> bool {
        self.lock().armed.is_empty()
    }

    /// Ends all faults; late appends arrive now.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.calm = true;
        state.away.clear();
        state.lost = None;
        state.disorder = false;
        state.armed.clear();
        let late = std::mem::take(&mut state.late);
        drop(state);
        self.append_late(late);
    }

    /// Returns the state of a new node, which is running; the node before it is dead.
    pub(super) fn create_life(&self, node: Node) -> Arc<Watched<Life>> {
        let life = Arc::new(Watched::new(Life::Running));
        if let Some(before) = self.lock().lives.insert(node, Arc::clone(&life)) {
            before.change(|life| *life = Life::Dead);
        }
        life
    }

    /// Pauses a node, or wakes it.
    pub fn set_life(&self, node: Node, life: Life) {
        if let Some(lived) = self.lock().lives.get(&node) {
            lived.change(|now| *now = life);
        }
    }

    /// Wakes every sleeping node.
    pub fn wake_all(&self) {
        for life in self.lock().lives.values() {
            life.change(|now| {
                if *now == Life::Paused {
                    *now = Life::Running;
                }
            });
        }
    }

    /// Kills the nodes of the scope, and reports it to the harness.
    pub(super) fn crash(&self, node: Node, scope: Scope) {
        let state = self.lock();
        for (other, life) in &state.lives {
            if scope == Scope::Process || *other == node {
                life.change(|life| *life = Life::Dead);
            }
        }
        drop(state);
        // Fails only when the run is over.
        let _over = self.crashes.send((node, scope));
    }

    /// Counts a call and decides about it.
    pub(super) fn enter(&self, call: Call) -> Verdict {
        let mut state = self.lock();
        let number = state.calls;
        state.calls += 1;
        state.trace.push(call);
        let (due, late) = std::mem::take(&mut state.late)
            .into_iter()
            .partition(|(at, _, _)| *at <= number);
        state.late = late;
        let verdict = state.strike(number, call);
        drop(state);
        self.append_late(due);
        verdict
    }

    fn append_late(&self, late: Vec<(u64, StreamId, Batch)>) {
        for (_, stream, batch) in late {
            // It is stored, or finds its position taken: both are fine.
            drop(self.log.append_late(&stream, batch));
            self.effects.change(|count| *count += 1);
        }
    }

    /// Returns the fate of an append if its answer is to be lost.
    pub(super) fn choose_fate(&self, stream: &StreamId, batch: &Batch) -> Option<Fate> {
        let mut state = self.lock();
        let fate = state.lost.take()?;
        if let Fate::Late(calls) = fate {
            let at = state.calls + calls;
            state.late.push((at, stream.clone(), batch.clone()));
        }
        Some(fate)
    }

    /// Returns whether deliveries are to be repeated and out of order.
    pub(super) fn chooses_disorder(&self) -> bool {
        self.lock().disorder
    }
}

impl Trigger {
    fn matches(&self, call: Call) -> bool {
        self.node == call.node && self.port == call.port && self.method == call.method
    }
}

impl State {
    fn strike(&mut self, number: u64, call: Call) -> Verdict {
        let mut faults = self.plan.remove(&number).unwrap_or_default();
        if self.calm {
            return Verdict::Proceed;
        }
        self.armed.retain_mut(|(trigger, fault)| {
            if !trigger.matches(call) {
                return true;
            }
            if trigger.skip > 0 {
                trigger.skip -= 1;
                return true;
            }
            faults.push(*fault);
            false
        });
        let mut verdict = Verdict::Proceed;
        for fault in faults {
            match fault {
                Fault::Crash(when, scope) => verdict = Verdict::Crash(when, scope),
                Fault::Away(calls) => {
                    self.away.insert(call.port, calls);
                }
                Fault::LostAnswer(fate) => self.lost = Some(fate),
                Fault::Jump(micros) => self.clock.jump(micros),
                Fault::Disorder => self.disorder = true,
                Fault::Pause => verdict = Verdict::Pause,
            }
        }
        if !matches!(verdict, Verdict::Proceed) {
            return verdict;
        }
        match self.away.get_mut(&call.port) {
            Some(left) if *left > 0 => {
                *left -= 1;
                Verdict::Away
            }
            _ => verdict,
        }
    }
}
