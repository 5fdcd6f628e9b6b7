//! What goes wrong, and when: counts the port calls of all roles and strikes at the calls that
//! the plan names.

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
    /// Takes commands.
    Api,
    /// From log to bus.
    Relay,
    /// From bus to graph.
    Graph,
    /// From bus to documents.
    Projection,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Api, Self::Relay, Self::Graph, Self::Projection];
}

/// One running program of a role; most roles run once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// What it does.
    pub role: Role,
    /// Which one of those that do it.
    pub number: u8,
}

/// One call of a port, as the trace tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Who calls.
    pub node: Node,
    /// Which port.
    pub port: Port,
    /// Which method.
    pub method: &'static str,
}

/// How far a call came before its process stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before it took effect.
    Before,
    /// After it took effect, before it was answered.
    After,
}

/// What stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything, and what the bus holds: the roles are one process.
    Process,
    /// Who made the call: the roles are processes of their own.
    Caller,
}

/// What becomes of an append whose answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It landed.
    Landed,
    /// It never lands.
    Never,
    /// It arrives after so many further calls.
    Late(u64),
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A process stops, and is started again.
    Crash(When, Scope),
    /// The port that is called answers nobody, for so many calls.
    Away(u64),
    /// The answer of the next append is lost.
    LostAnswer(Fate),
    /// The clock jumps by so many microseconds.
    Jump(i64),
    /// What the bus delivers from now on is repeated and out of order.
    Disorder,
    /// Who makes the call sleeps, before it takes effect, until someone wakes it.
    Pause,
}

/// A call to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// Who makes it.
    pub node: Node,
    /// Of which port.
    pub port: Port,
    /// Which method.
    pub method: &'static str,
    /// How many such calls to let pass.
    pub skip: usize,
}

/// A fault, at the call with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The call; the first is 0.
    pub at: u64,
    /// What happens.
    pub fault: Fault,
}

/// Whether a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Running,
    /// It sleeps: its calls wait, and it knows nothing of the time that passes.
    Paused,
    /// It has stopped: its calls never return.
    Dead,
}

/// What a call is told.
pub(super) enum Verdict {
    /// Go on.
    Proceed,
    /// The store is away.
    Away,
    /// Stop, now or after the effect.
    Crash(When, Scope),
    /// Sleep, then go on.
    Pause,
}

/// The faults of one run.
pub struct Faults {
    state: Mutex<State>,
    log: MemoryLog,
    /// Counts the effects on log, bus and registry, for those who wait for one.
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
    /// The faults of a plan; the receiver tells of crashes.
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

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Every call so far.
    pub fn trace(&self) -> Vec<Call> {
        self.lock().trace.clone()
    }

    /// The clock that the plan makes jump.
    pub fn clock(&self) -> Arc<SimClock> {
        Arc::clone(&self.lock().clock)
    }

    /// Strikes at the very next call of anyone.
    pub fn strike_next(&self, fault: Fault) {
        let mut state = self.lock();
        let next = state.calls;
        state.plan.entry(next).or_default().push(fault);
    }

    /// Strikes at a call that is to come.
    pub fn arm(&self, trigger: Trigger, fault: Fault) {
        self.lock().armed.push((trigger, fault));
    }

    /// Notes that a client has its answer.
    pub(super) fn answered(&self) {
        let mut state = self.lock();
        let next = state.calls;
        state.answered.insert(next);
    }

    /// The calls that were the first ones after a client had its answer, by number.
    pub fn first_after_answers(&self) -> BTreeSet<u64> {
        self.lock().answered.clone()
    }

    /// Says that something had an effect from outside, so that those who wait look again.
    pub fn touch(&self) {
        self.effects.change(|count| *count += 1);
    }

    /// Whether everything that was armed has struck.
    pub fn has_struck(&self) -> bool {
        self.lock().armed.is_empty()
    }

    /// From now on nothing goes wrong, and what is late lands.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.calm = true;
        state.away.clear();
        state.lost = None;
        state.disorder = false;
        state.armed.clear();
        let late = std::mem::take(&mut state.late);
        drop(state);
        self.land(late);
    }

    /// A node's life; a new one is alive, and the one before it is dead.
    pub(super) fn birth(&self, node: Node) -> Arc<Watched<Life>> {
        let life = Arc::new(Watched::new(Life::Running));
        if let Some(before) = self.lock().lives.insert(node, Arc::clone(&life)) {
            before.change(|life| *life = Life::Dead);
        }
        life
    }

    /// Puts a node to sleep, or wakes it up.
    pub fn set_life(&self, node: Node, life: Life) {
        if let Some(lived) = self.lock().lives.get(&node) {
            lived.change(|now| *now = life);
        }
    }

    /// Wakes every node that sleeps.
    pub fn wake_all(&self) {
        for life in self.lock().lives.values() {
            life.change(|now| {
                if *now == Life::Paused {
                    *now = Life::Running;
                }
            });
        }
    }

    /// Kills what the scope says, and tells the harness.
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

    /// Counts a call and says what becomes of it.
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
        self.land(due);
        verdict
    }

    fn land(&self, late: Vec<(u64, StreamId, Batch)>) {
        for (_, stream, batch) in late {
            // It lands, or finds its position taken: both are as good as they come.
            drop(self.log.land(&stream, batch));
            self.effects.change(|count| *count += 1);
        }
    }

    /// The fate of an append, when its answer is to be lost.
    pub(super) fn fate(&self, stream: &StreamId, batch: &Batch) -> Option<Fate> {
        let mut state = self.lock();
        let fate = state.lost.take()?;
        if let Fate::Late(calls) = fate {
            let at = state.calls + calls;
            state.late.push((at, stream.clone(), batch.clone()));
        }
        Some(fate)
    }

    /// Whether deliveries are to be repeated and out of order.
    pub(super) fn disorder(&self) -> bool {
        self.lock().disorder
    }
}

impl Trigger {
    fn is_met_by(&self, call: Call) -> bool {
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
            if !trigger.is_met_by(call) {
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
