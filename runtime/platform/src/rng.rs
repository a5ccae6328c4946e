//! Random numbers from one seed; in production the operating system gives the seed. Keys are drawn from the operating
//! system itself, by `secret`.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::{OsRng, StdRng};
use rand::{Rng as _, RngCore, SeedableRng, TryRngCore as _};

/// Clones draw from the same sequence; a fork has its own.
#[derive(Clone, Debug)]
pub struct Rng {
    inner: Arc<Mutex<StdRng>>,
    simulated: bool,
}

impl Rng {
    pub(crate) fn real() -> Self {
        Self::of(StdRng::from_os_rng(), false)
    }

    /// A sequence that a number stands for, in any world.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::of(StdRng::seed_from_u64(seed), false)
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(seed: u64) -> Self {
        Self::of(StdRng::seed_from_u64(seed), true)
    }

    fn of(rng: StdRng, simulated: bool) -> Self {
        Self {
            inner: Arc::new(Mutex::new(rng)),
            simulated,
        }
    }

    fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[must_use]
    pub fn u64(&self) -> u64 {
        self.with(RngCore::next_u64)
    }

    /// A number in `0..n`; 0 when `n` is 0.
    #[must_use]
    pub fn below(&self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        self.with(|rng| rng.random_range(0..n))
    }

    /// A number in `[0, 1)`.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        self.with(|rng| rng.random())
    }

    pub fn fill(&self, bytes: &mut [u8]) {
        self.with(|rng| rng.fill_bytes(bytes));
    }

    /// A sequence of its own, told apart by `label`; takes one number from this one.
    #[must_use]
    pub fn fork(&self, label: &str) -> Self {
        // FNV-1a: the same label gives the same fork on every machine and release.
        let hash = label.bytes().fold(self.u64(), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::of(StdRng::seed_from_u64(hash), self.simulated)
    }

    /// The sequence that a seed stands for, the same wherever it is drawn; nothing of it is for keys.
    #[must_use]
    pub fn of_seed(seed: [u8; 32]) -> Self {
        Self::of(StdRng::from_seed(seed), true)
    }

    /// Bytes for keys: from the operating system, in a simulation from the seed.
    pub fn secret(&self, bytes: &mut [u8]) -> io::Result<()> {
        if self.simulated {
            self.fill(bytes);
            return Ok(());
        }
        OsRng.try_fill_bytes(bytes).map_err(io::Error::other)
    }
}

#[cfg(all(test, feature = "simulation"))]
mod tests {
    use super::*;

    fn draw(rng: &Rng) -> Vec<u64> {
        let mut bytes = [0; 8];
        rng.fill(&mut bytes);
        vec![
            rng.u64(),
            rng.below(1000),
            rng.fraction().to_bits(),
            u64::from_le_bytes(bytes),
            rng.fork("a").u64(),
            rng.u64(),
        ]
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
        assert_eq!(draw(&Rng::simulated(7)), draw(&Rng::simulated(7)));
        assert_ne!(draw(&Rng::simulated(7)), draw(&Rng::simulated(8)));
    }

    #[test]
    fn forks_differ_by_their_label() {
        let fork = |label| Rng::simulated(7).fork(label).u64();
        assert_eq!(fork("a"), fork("a"));
        assert_ne!(fork("a"), fork("b"));
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let rng = Rng::simulated(7);
        assert_eq!(rng.below(0), 0);
        for n in 1..200 {
            assert!(rng.below(n) < n);
            assert!((0.0..1.0).contains(&rng.fraction()));
        }
    }
}
