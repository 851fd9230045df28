//! The lock files by which thinfarm processes share a machine.
//!
//! `core-0`, `core-1`, … stand for one core each. A job holds the lock of one for as long as it runs, and the
//! file says how many bytes of memory it claims. A process that wants a core first waits in a queue (`next`, `turn`), so
//! that one at a time looks for a free one. Locks are flock's: a process that dies, however, holds none,
//! and what it claimed does not count any more. Nothing is ever removed, so there is nothing to repair.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// How much of a shared machine is taken, by this process and all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub struct InUse {
    /// Cores that run a job.
    pub cores: usize,
    /// The cores there are: the most that any process so far could use.
    pub of: usize,
    /// Memory the jobs claim, bytes.
    pub memory: u64,
}

/// The cores of a machine, as one process sees them.
#[derive(Debug)]
pub(super) struct Slots {
    directory: PathBuf,
    slots: Vec<Slot>,
    may_use: usize,
}

#[derive(Debug)]
struct Slot {
    /// Opened once: two locks of one process would exclude each other too.
    file: File,
    /// What a job of this process claims, which holds the lock.
    claim: Option<u64>,
}

/// A number and a newline, always as long, so that one write replaces another.
const CLAIM_SIZE: usize = 21;

impl Slots {
    /// Those in `directory`, of which this process may use the first `may_use`.
    pub(super) fn open(directory: &Path, may_use: usize) -> io::Result<Self> {
        let mut slots = Self { directory: directory.to_owned(), slots: Vec::new(), may_use };
        for number in 0..may_use {
            slots.slots.push(Slot { file: create(&slots.path(number))?, claim: None });
        }
        slots.find_more()?;
        Ok(slots)
    }

    fn path(&self, number: usize) -> PathBuf {
        self.directory.join(format!("core-{number}"))
    }

    /// Opens what a process made that may use more cores.
    fn find_more(&mut self) -> io::Result<()> {
        loop {
            match open(&self.path(self.slots.len()), /* create */ false) {
                Ok(file) => self.slots.push(Slot { file, claim: None }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a free core for a job that needs `claim` bytes of memory, if there is one and if all jobs together
    /// claim no more than `budget`. A job that claims more is let in alone.
    ///
    /// To be called with a [`Ticket`] only: then claims become less in the meantime, never more.
    pub(super) fn take(&mut self, claim: u64, budget: u64) -> io::Result<Option<usize>> {
        self.find_more()?;
        // From the end, which processes that may use fewer cores cannot have.
        let mut free = None;
        for number in (0..self.may_use).rev() {
            if self.slots[number].claim.is_none() && try_lock(&self.slots[number].file)? {
                free = Some(number);
                break;
            }
        }
        let Some(number) = free else { return Ok(None) };
        let admitted = self.admits(number, claim, budget).and_then(|admitted| {
            let file = &self.slots[number].file;
            if admitted {
                file.write_all_at(format!("{claim:0width$}\n", width = CLAIM_SIZE - 1).as_bytes(), 0)?;
            }
            Ok(admitted)
        });
        if matches!(admitted, Ok(true)) {
            self.slots[number].claim = Some(claim);
        } else {
            self.slots[number].file.unlock()?;
        }
        Ok(admitted?.then_some(number))
    }

    /// Whether memory permits a job that claims `claim`, all but the core `own` considered.
    fn admits(&self, own: usize, claim: u64, budget: u64) -> io::Result<bool> {
        let (mut others, mut claimed) = (0_usize, claim);
        for (number, slot) in self.slots.iter().enumerate() {
            let claim = match slot.claim {
                Some(claim) => claim,
                None if number == own => continue,
                None if try_lock(&slot.file)? => {
                    slot.file.unlock()?;
                    continue;
                }
                None => slot.read_claim(),
            };
            others += 1;
            claimed = claimed.saturating_add(claim);
        }
        Ok(others == 0 || claimed <= budget)
    }

    /// Ends the job that held the core `number`.
    pub(super) fn give_back(&mut self, number: usize) {
        let slot = &mut self.slots[number];
        slot.claim = None;
        // It fails for no lock that is held; if it did, the end of the process would do it.
        let _ = slot.file.unlock();
    }

    /// What is taken now, for people and estimates: it may have changed when this returns.
    pub(super) fn in_use(&mut self) -> io::Result<InUse> {
        self.find_more()?;
        let mut taken = InUse { of: self.slots.len(), ..InUse::default() };
        for slot in &self.slots {
            let claim = match slot.claim {
                Some(claim) => claim,
                // Shared, so that two that look do not see each other.
                None => match slot.file.try_lock_shared() {
                    Ok(()) => {
                        slot.file.unlock()?;
                        continue;
                    }
                    Err(TryLockError::WouldBlock) => slot.read_claim(),
                    Err(TryLockError::Error(error)) => return Err(error),
                },
            };
            taken.cores += 1;
            taken.memory = taken.memory.saturating_add(claim);
        }
        Ok(taken)
    }

    /// How many of the cores this process may use have no job.
    pub(super) fn free(&self) -> usize {
        let is_free = |slot: &&Slot| {
            slot.claim.is_none() && slot.file.try_lock_shared().is_ok_and(|()| slot.file.unlock().is_ok())
        };
        self.slots.iter().take(self.may_use).filter(is_free).count()
    }
}

impl Slot {
    /// What the process claims that holds the lock; nothing if it is only looking.
    fn read_claim(&self) -> u64 {
        let mut text = [0; CLAIM_SIZE];
        let size = self.file.read_at(&mut text, 0).unwrap_or(0);
        str::from_utf8(&text[..size]).ok().and_then(|text| text.trim_end().parse().ok()).unwrap_or(0)
    }
}

/// The right to take cores, which one process at a time has, until it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    _lock: File,
}

impl Ticket {
    /// Waits in the queue, for however long it takes.
    ///
    /// The kernel keeps those that wait for a lock in their order, but whoever asks just when the lock becomes
    /// free is faster than the first of them. So there are two locks: the process that has `turn` has to come back by way
    /// of `next`, which the first in the queue has by then.
    pub(super) fn wait(directory: &Path) -> io::Result<Self> {
        let next = create(&directory.join("next"))?;
        lock(&next)?;
        let turn = create(&directory.join("turn"))?;
        lock(&turn)?;
        Ok(Self { _lock: turn })
    }
}

/// Opens a file, which is created if it is not there.
fn create(path: &Path) -> io::Result<File> {
    open(path, /* create */ true)
}

/// Opens a file of the share. It is closed in programs that this one starts, so that they hold no lock. A link that
/// another user has put in its place is not followed, for what is claimed is written to it.
fn open(path: &Path, create: bool) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(create).truncate(false);
    options.custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)
}

fn lock(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const ROOM: u64 = 100;

    /// Views of one directory with `cores` each: as good as processes, because a lock belongs to an open file.
    fn processes<const COUNT: usize>(cores: [usize; COUNT]) -> (TempDir, [Slots; COUNT]) {
        let directory = tempfile::tempdir().unwrap();
        let slots = cores.map(|cores| Slots::open(directory.path(), cores).unwrap());
        (directory, slots)
    }

    fn take(slots: &mut Slots, claim: u64) -> Option<usize> {
        slots.take(claim, ROOM).unwrap()
    }

    #[test]
    fn a_core_has_one_job() {
        let (_directory, [mut a, mut b]) = processes([2, 2]);
        let first = take(&mut a, 1).unwrap();
        let second = take(&mut b, 1).unwrap();
        assert_ne!(first, second);
        assert_eq!((take(&mut a, 1), take(&mut b, 1)), (None, None));
        assert_eq!((a.free(), b.free()), (0, 0));
        a.give_back(first);
        assert_eq!(take(&mut b, 1), Some(first));
    }

    #[test]
    fn claims_stay_within_the_budget() {
        let (_directory, [mut a, mut b]) = processes([4, 4]);
        let first = take(&mut a, 60).unwrap();
        assert_eq!(take(&mut b, 41), None, "of {ROOM}");
        assert!(take(&mut b, 40).is_some());
        assert_eq!(take(&mut a, 1), None);
        assert_eq!(b.in_use().unwrap(), InUse { cores: 2, of: 4, memory: 100 });
        a.give_back(first);
        assert!(take(&mut b, 60).is_some());
        assert_eq!(a.in_use().unwrap(), InUse { cores: 2, of: 4, memory: 100 });
    }

    #[test]
    fn what_is_too_large_runs_alone() {
        let (_directory, [mut a, mut b]) = processes([4, 4]);
        let small = take(&mut a, 1).unwrap();
        assert_eq!(take(&mut b, 1000), None, "beside another");
        a.give_back(small);
        let large = take(&mut b, 1000).unwrap();
        assert_eq!((take(&mut a, 1), take(&mut b, 1)), (None, None), "beside the large one");
        b.give_back(large);
        assert!(take(&mut a, 1).is_some());
    }

    /// With different budgets each keeps to its own.
    #[test]
    fn a_budget_is_the_asking_process_s() {
        let (_directory, [mut a, mut b]) = processes([4, 4]);
        assert!(a.take(80, 1000).unwrap().is_some());
        assert!(b.take(21, 100).unwrap().is_none());
        assert!(a.take(21, 1000).unwrap().is_some());
    }

    #[test]
    fn who_is_gone_holds_nothing() {
        let (_directory, [mut dying, mut other]) = processes([2, 2]);
        take(&mut dying, 50).unwrap();
        take(&mut dying, 50).unwrap();
        assert_eq!(take(&mut other, 1), None);
        // Its files are closed, as they are when a process is killed.
        drop(dying);
        assert_eq!(other.in_use().unwrap(), InUse { cores: 0, of: 2, memory: 0 });
        assert!(take(&mut other, 100).is_some(), "an old claim counted");
    }

    #[test]
    fn who_may_use_fewer_cores_finds_them_free_and_counts_all_memory() {
        let (_directory, [mut few, mut many]) = processes([1, 4]);
        for _ in 0..3 {
            take(&mut many, 30).unwrap();
        }
        assert_eq!(take(&mut few, 11), None, "memory of cores it may not use");
        assert_eq!(take(&mut few, 10), Some(0));
        assert_eq!(take(&mut few, 0), None);
        assert_eq!(few.in_use().unwrap(), InUse { cores: 4, of: 4, memory: 100 });
    }

    #[test]
    fn one_process_has_the_ticket() {
        let directory = tempfile::tempdir().unwrap();
        let ticket = Ticket::wait(directory.path()).unwrap();
        assert!(!try_lock(&create(&directory.path().join("turn")).unwrap()).unwrap());
        let next = create(&directory.path().join("next")).unwrap();
        assert!(try_lock(&next).unwrap(), "the place behind it is free");
        drop((ticket, next));
        drop(Ticket::wait(directory.path()).unwrap());
    }
}
