//! Survives a mapped file that is cut short.
//!
//! Reading a mapping past the end of a file that shrank is a bus error. It would end the process, with every shard in
//! it, for one segment that somebody cut. The handler here maps zeros in place of the lost bytes and notes that the
//! window is torn; [`MappedSegment`](super::MappedSegment) checks that note before it returns bytes again, and the
//! shard fails with the segment's name. A bus error at any other address goes to the handler that was installed
//! before.
//!
//! The handler uses only operations that are safe at any instruction: it reads a fixed table of atomics and calls
//! `mmap`.
#![allow(unsafe_code, reason = "signals and mappings are the kernel's")]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use memmap2::Mmap;

/// Most windows that are watched at once; a worker's slot maps one. Further windows are read unwatched.
const WATCHED_MAX: usize = 256;

static WATCHED: [Watched; WATCHED_MAX] = [const { Watched::none() }; WATCHED_MAX];

/// Previous handler of bus errors, and the size of a page.
static BEFORE: OnceLock<(libc::sigaction, usize)> = OnceLock::new();

/// Row of the table: addresses, and a flag that is set when reading them met the end of the file.
struct Watched {
    is_taken: AtomicBool,
    start: AtomicUsize,
    end: AtomicUsize,
    is_torn: AtomicBool,
}

impl Watched {
    const fn none() -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            is_torn: AtomicBool::new(false),
        }
    }

    fn holds(&self, address: usize) -> bool {
        (self.start.load(Ordering::Acquire)..self.end.load(Ordering::Acquire)).contains(&address)
    }
}

/// Mapped window of a file, watched for as long as it is mapped.
#[derive(Debug)]
pub(super) struct Window {
    watch: Option<Watch>, // goes before the mapping does
    bytes: Mmap,
}

impl Window {
    /// Watches the mapping `bytes`.
    pub(super) fn new(bytes: Mmap) -> Self {
        Self { watch: Watch::over(&bytes), bytes }
    }

    /// Returns the bytes; beyond the current end of the file they are zeros, and [`Self::is_torn`] is true.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True if bytes that were read are gone from the file.
    #[inline]
    pub(super) fn is_torn(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.0.is_torn.load(Ordering::Relaxed))
    }
}

/// Row of the table that is in use.
struct Watch(&'static Watched);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    fn over(bytes: &[u8]) -> Option<Self> {
        BEFORE.get_or_init(listen);
        let row = WATCHED.iter().find(|row| !row.is_taken.swap(true, Ordering::AcqRel))?;
        let start = bytes.as_ptr() as usize;
        row.is_torn.store(false, Ordering::Relaxed);
        row.start.store(start, Ordering::Release);
        row.end.store(start + bytes.len(), Ordering::Release);
        Some(Self(row))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.end.store(0, Ordering::Release);
        self.0.start.store(0, Ordering::Release);
        self.0.is_taken.store(false, Ordering::Release);
    }
}

/// Installs the handler; returns the previous one and the page size.
fn listen() -> (libc::sigaction, usize) {
    // SAFETY: both structures are plain data for which zeros are a value, the pointers are to locals that outlive the
    // calls, and the handler has the signature that SA_SIGINFO asks for. SA_ONSTACK keeps Rust's own check for stack
    // overflow working, which `on_bus_error` hands back to.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_bus_error as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGBUS, &raw const action, &raw mut before);
        let page_bytes = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096);
        (before, page_bytes)
    }
}

extern "C" fn on_bus_error(_signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel hands a valid `info` to a handler that was put there with SA_SIGINFO.
    let address = unsafe { (*info).si_addr() } as usize;
    // Before `listen` has returned there is no previous handler to call, but no window either, so the error comes
    // again.
    let Some((before, page_bytes)) = BEFORE.get() else { return };
    if let Some(row) = WATCHED.iter().find(|row| row.holds(address)) {
        row.is_torn.store(true, Ordering::Relaxed);
        let start = address - address % page_bytes;
        let len = row.end.load(Ordering::Acquire) - start;
        let (access, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED);
        // SAFETY: the pages from here to the window's end are part of one mapping that this table watches, so nobody
        // else owns them; they stay mapped, readable, and unmapped with the window.
        let laid = unsafe { libc::mmap(start as *mut c_void, len, access, flags, -1, 0) };
        if laid != libc::MAP_FAILED {
            return;
        }
    }
    // SAFETY: `before` is what the kernel gave for this signal. The instruction runs again and meets it.
    unsafe { libc::sigaction(libc::SIGBUS, before, std::ptr::null_mut()) };
}
