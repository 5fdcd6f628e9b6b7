//! Delays the answers to an address that sends wrong tokens. The memory is fixed, and there is no
//! shared lock. Several addresses share a slot; a secret hash selects it, so an attacker cannot
//! choose whose slot to fill.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// The number of slots.
const SLOTS: usize = 4096;
/// Wrong tokens that cost nothing: a mistake is not an attack.
const FREE: u32 = 5;
/// The first pause, which doubles with each further wrong token.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3);
/// The most wrong tokens that are remembered, and how long it takes to forget one of them.
const REMEMBERED: u32 = 16;
const FORGOTTEN_AFTER: u32 = 10;
/// How many requests of one address may wait for the answer to a wrong token at once. Meanwhile, no
/// further token from there is compared, so this bounds the guesses per second.
const WAITING: u32 = 16;

/// The wrong tokens of the addresses that share this slot.
#[derive(Default)]
struct Slot {
    /// How many are remembered, and the second in which the last one came.
    wrong: AtomicU64,
    waiting: AtomicU32,
}

/// The slots of all addresses.
pub(super) struct Slowdown {
    slots: Box<[Slot]>,
    hasher: RandomState,
    start: Instant,
}

/// A request that waits; it counts until it is dropped, so also if its client goes away.
struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Slowdown {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            hasher: RandomState::new(),
            start: Instant::now(),
        }
    }
}

impl Slowdown {
    /// Whether so many wrong tokens of this address are waiting for their answer that no further
    /// one is looked at.
    pub(super) fn is_full(&self, peer: IpAddr) -> bool {
        self.slot(peer).waiting.load(Ordering::Relaxed) >= WAITING
    }

    /// Remembers a wrong token, and waits as long as the address has to.
    pub(super) async fn pause(&self, peer: IpAddr) {
        let slot = self.slot(peer);
        let pause = pause_after(self.count(slot));
        if pause.is_zero() {
            return;
        }
        slot.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&slot.waiting);
        sleep(pause).await;
    }

    /// Counts one more wrong token, after those that are forgotten by now.
    fn count(&self, slot: &Slot) -> u32 {
        let now = u32::try_from(self.start.elapsed().as_secs()).unwrap_or(u32::MAX);
        let add = |packed: u64| {
            let (count, last) = unpack(packed);
            let forgotten = now.saturating_sub(last) / FORGOTTEN_AFTER;
            let count = count.saturating_sub(forgotten).min(REMEMBERED - 1) + 1;
            pack(count, now)
        };
        let before = slot
            .wrong
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| Some(add(it)));
        unpack(add(before.unwrap_or_default())).0
    }

    /// The slot of an address; of an IPv6 address, that of its network, which one host owns.
    fn slot(&self, peer: IpAddr) -> &Slot {
        let network = match peer.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            IpAddr::V4(address) => IpAddr::V4(address),
        };
        let hash = self.hasher.hash_one(network);
        let index = hash % SLOTS as u64;
        &self.slots[usize::try_from(index).unwrap_or_default()]
    }
}

fn pack(count: u32, second: u32) -> u64 {
    (u64::from(count) << 32) | u64::from(second)
}

fn unpack(packed: u64) -> (u32, u32) {
    let part = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
    (part(packed >> 32), part(packed))
}

/// The pause after so many wrong tokens.
fn pause_after(count: u32) -> Duration {
    match count.checked_sub(FREE + 1) {
        None => Duration::ZERO,
        Some(doublings) => (SHORTEST * 2_u32.pow(doublings.min(REMEMBERED))).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    async fn time_of(slowdown: &Slowdown, peer: IpAddr) -> Duration {
        let started = Instant::now();
        slowdown.pause(peer).await;
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_tokens_are_slower_and_slower_and_forgotten() {
        let (slowdown, attacker) = (Slowdown::default(), peer("10.0.0.1"));
        for _ in 0..FREE {
            assert_eq!(time_of(&slowdown, attacker).await, Duration::ZERO);
        }
        let mut before = Duration::ZERO;
        for _ in 0..4 {
            let took = time_of(&slowdown, attacker).await;
            assert!(took > before, "{took:?} after {before:?}");
            before = took;
        }
        for _ in 0..100 {
            assert!(time_of(&slowdown, attacker).await <= LONGEST + Duration::from_millis(1));
        }
        let forgotten = Duration::from_secs(u64::from(REMEMBERED * FORGOTTEN_AFTER));
        tokio::time::advance(forgotten).await;
        assert_eq!(time_of(&slowdown, attacker).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn another_address_is_not_slowed_down() {
        let slowdown = Slowdown::default();
        let attacker = peer("2001:db8::1");
        for _ in 0..20 {
            slowdown.pause(attacker).await;
        }
        assert!(time_of(&slowdown, peer("2001:db8::2")).await > Duration::ZERO);
        let slot = slowdown.slot(attacker);
        let mut others = (0..100).map(|last| peer(&format!("10.0.0.{last}")));
        let other = others.find(|&it| !std::ptr::eq(slowdown.slot(it), slot));
        assert_eq!(time_of(&slowdown, other.unwrap()).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_requests_are_bounded_and_leave_when_dropped() {
        let (slowdown, attacker) = (Slowdown::default(), peer("10.0.0.1"));
        for _ in 0..FREE {
            slowdown.pause(attacker).await;
        }
        let mut waiting: Vec<_> = (0..WAITING)
            .map(|_| Box::pin(slowdown.pause(attacker)))
            .collect();
        for pause in &mut waiting {
            assert!(!slowdown.is_full(attacker));
            assert!(futures::poll!(pause).is_pending());
        }
        assert!(slowdown.is_full(attacker));
        drop(waiting);
        assert!(!slowdown.is_full(attacker));
    }
}
