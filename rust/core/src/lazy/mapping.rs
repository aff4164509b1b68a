//! Private memory maps that read as one value.

use std::fs::File;
use std::io::{self, Write};
use std::ops::{Deref, DerefMut};
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use libc::{c_int, c_void};

use super::is_zero;
use crate::element::Element;
use crate::error::Error;

/// A file that is mapped again and again is a multiple of this: of the pages of every system, and of every element.
const BLOCK_BYTES: usize = 1 << 20;

/// Most maps that one array is made of: Linux allows a process 65,530 of them, unless told otherwise.
const MAX_REPEATS: usize = 1024;

/// Pages that start as one value and are nobody else's once they are written.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<c_void>,
    bytes: usize,
}

// SAFETY: a Mapping owns its memory, as a Box would.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// At least one byte, all of it elements that are `value`; None where the system cannot do this.
    pub(super) fn full<T: Element>(bytes: usize, value: T) -> Result<Option<Self>, Error> {
        let made = if is_zero(&value) {
            Self::anonymous(bytes, libc::PROT_READ | libc::PROT_WRITE)
        } else {
            nameless_file().and_then(|file| Self::repeated(bytes, value, file))
        };
        match made {
            Ok(mapping) => {
                mapping.use_small_pages();
                Ok(Some(mapping))
            }
            Err(error) => match error.kind() {
                io::ErrorKind::OutOfMemory | io::ErrorKind::StorageFull => Err(Error::Memory { bytes }),
                _ => Ok(None),
            },
        }
    }

    /// A small file of one value, mapped again and again: reading a page reads the file's, writing it makes a private
    /// copy. The file lives as long as its maps.
    fn repeated<T: Element>(bytes: usize, value: T, mut file: File) -> io::Result<Self> {
        // First of all, since more than there are addresses for must fail before the file grows with it.
        let mapping = Self::anonymous(bytes, libc::PROT_NONE)?;
        let pattern_bytes = bytes.div_ceil(MAX_REPEATS).next_multiple_of(BLOCK_BYTES);
        let block = vec![value; BLOCK_BYTES / size_of::<T>()];
        for _ in 0..pattern_bytes / BLOCK_BYTES {
            file.write_all(bytemuck::cast_slice(&block))?;
        }
        for from in (0..bytes).step_by(pattern_bytes) {
            let length = pattern_bytes.min(bytes - from);
            // SAFETY: the target lies within the pages that were just reserved, which nothing has been told of.
            let mapped = unsafe {
                libc::mmap(
                    mapping.start.as_ptr().byte_add(from),
                    length,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE,
                    file.as_raw_fd(),
                    0,
                )
            };
            if mapped == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(mapping)
    }

    /// New pages of zeros.
    fn anonymous(bytes: usize, protection: c_int) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new map at an address of the system's choice touches no memory that exists.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }

    /// Asks the system for pages of the smallest size: with huge ones each touched row could cost 2 MiB.
    fn use_small_pages(&self) {
        #[cfg(target_os = "linux")]
        // SAFETY: the advice changes how these pages, which are ours, are backed, not what they hold.
        unsafe {
            libc::madvise(self.start.as_ptr(), self.bytes, libc::MADV_NOHUGEPAGE)
        };
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: a map is borrowed only once all of it can be read and written; it lives until the drop. Its
        // pages are private or those of a file that has no name and is closed, so nothing else changes them.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast::<u8>(), self.bytes) }
    }
}

impl DerefMut for Mapping {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the borrow is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast::<u8>(), self.bytes) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the map is ours, and no borrow of it is left.
        unsafe { libc::munmap(self.start.as_ptr(), self.bytes) };
    }
}

/// A file in memory, closed when a child process starts another program.
#[cfg(target_os = "linux")]
fn nameless_file() -> io::Result<File> {
    use std::os::fd::FromRawFd;

    // By number: the C library has a function for it only from glibc 2.27 on.
    // SAFETY: the name is a C string, and the kernel only reads it.
    let descriptor = unsafe { libc::syscall(libc::SYS_memfd_create, c"finevec".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else has it.
    Ok(unsafe { File::from_raw_fd(descriptor as c_int) })
}

#[cfg(not(target_os = "linux"))]
use self::unlinked_file as nameless_file;

/// A temporary file whose name is gone at once.
#[cfg(any(test, not(target_os = "linux")))]
fn unlinked_file() -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    use std::sync::atomic::{AtomicU64, Ordering};

    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!(".finevec-{}-{number}.pattern", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlinked_file_is_a_pattern_too() {
        let (bytes, value) = (3_000_000, 0.1_f32);
        let mut mapping = Mapping::repeated(bytes, value, unlinked_file().unwrap()).unwrap();
        bytemuck::cast_slice_mut(&mut mapping)[700_000] = 2.0_f32;
        let wanted = |i| if i == 700_000 { 2.0 } else { value };
        assert!(bytemuck::cast_slice::<_, f32>(&mapping).iter().enumerate().all(|(i, &found)| found == wanted(i)));
        let prefix = format!(".finevec-{}-", std::process::id());
        let left = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        assert_eq!(left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).count(), 0);
    }
}
