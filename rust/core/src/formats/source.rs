//! A file as bytes: gzip seen by its magic bytes and unpacked, memory bounded, bytes counted.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::error::FormatError;
use super::limits::{HEAD, MAX_LINE};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What some editors put before a text.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file whose bytes are counted as they are read.
struct Counted {
    file: File,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// The file from its first byte on, those used to look for the magic included.
type Raw = Chain<Cursor<Vec<u8>>, Counted>;

enum Stream {
    Plain(Raw),
    Gzip(Box<MultiGzDecoder<BufReader<Raw>>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
        }
    }
}

/// An open file, read through one buffer that grows only for a long line or row.
pub(crate) struct Source {
    path: PathBuf,
    stream: Stream,
    /// Bytes of the file on disk; None for what is no regular file, such as a pipe.
    size: Option<u64>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    /// Unpacked bytes before those that are held.
    offset: u64,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, FormatError> {
        let failed = |source| FormatError::io(path, source);
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let mut magic = Vec::with_capacity(2);
        file.by_ref().take(2).read_to_end(&mut magic).map_err(failed)?;
        let zipped = magic == GZIP_MAGIC;
        let bytes = magic.len() as u64;
        let raw = Cursor::new(magic).chain(Counted { file, bytes });
        let stream = if zipped {
            Stream::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, raw))))
        } else {
            Stream::Plain(raw)
        };
        let mut source = Self {
            path: path.to_owned(),
            stream,
            size: metadata.is_file().then_some(metadata.len()),
            buffer: vec![0; HEAD],
            start: 0,
            end: 0,
            at_end: false,
            offset: 0,
        };
        source.fill_head()?;
        Ok(source)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file on disk that have been read, and all of them (0 where that is not known).
    pub(crate) fn position(&self) -> (u64, u64) {
        let raw = match &self.stream {
            Stream::Plain(raw) => raw,
            Stream::Gzip(decoder) => decoder.get_ref().get_ref(),
        };
        (raw.get_ref().1.bytes, self.size.unwrap_or(0))
    }

    /// Unread bytes up to the end of the file; None where only reading can tell, as for gzip and pipes.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match self.stream {
            Stream::Plain(_) => self.size.map(|size| size.saturating_sub(self.offset)),
            Stream::Gzip(_) => None,
        }
    }

    /// The unread bytes that are held, and whether the file ends with them.
    ///
    /// After [`Source::open`] these are at least the first line and, where the file has them, [`HEAD`] bytes.
    pub(crate) fn head(&self) -> (&[u8], bool) {
        (self.bytes(), self.at_end)
    }

    /// The unread bytes that are held.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Unpacked bytes before the first unread one.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Marks `count` of the held bytes as read.
    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start, "only held bytes can be consumed");
        self.start += count;
        self.offset += count as u64;
    }

    /// Passes a byte order mark at the start of a text.
    pub(crate) fn skip_byte_order_mark(&mut self) {
        if self.offset == 0 && self.bytes().starts_with(BYTE_ORDER_MARK) {
            self.consume(BYTE_ORDER_MARK.len());
        }
    }

    /// Reads until at least `count` unread bytes are held; false where the file ends before.
    pub(crate) fn need(&mut self, count: usize) -> Result<bool, FormatError> {
        while self.end - self.start < count && !self.at_end {
            self.fill()?;
        }
        Ok(self.end - self.start >= count)
    }

    /// Reads the next bytes into `out`, past the buffer where it is empty. Fewer than `out` holds only at the end of
    /// the file, or when a signal arrived.
    pub(crate) fn read_into(&mut self, out: &mut [u8]) -> Result<usize, FormatError> {
        let held = out.len().min(self.end - self.start);
        out[..held].copy_from_slice(&self.bytes()[..held]);
        self.consume(held);
        let mut filled = held;
        while filled < out.len() && !self.at_end {
            match self.stream.read(&mut out[filled..]) {
                Ok(read) => {
                    self.at_end = read == 0;
                    filled += read;
                    self.offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => break,
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(filled)
    }

    /// Whether all bytes have been read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at_end && self.start == self.end
    }

    fn fill_head(&mut self) -> Result<(), FormatError> {
        while !self.at_end && (self.end < HEAD || memchr::memchr(b'\n', &self.buffer[..self.end]).is_none()) {
            if self.end > MAX_LINE {
                break; // Whoever wants lines will say that this one is too long.
            }
            self.fill()?;
        }
        Ok(())
    }

    /// Reads more bytes behind those that are held. The buffer grows when they fill it.
    fn fill(&mut self) -> Result<(), FormatError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        match self.stream.read(&mut self.buffer[self.end..]) {
            Ok(read) => {
                self.end += read;
                self.at_end = read == 0;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, source: io::Error) -> FormatError {
        let path = self.path.clone();
        let bytes = self.offset + (self.end - self.start) as u64;
        match (&self.stream, source.kind()) {
            (Stream::Gzip(_), io::ErrorKind::UnexpectedEof) => FormatError::GzipCut { path, bytes },
            (Stream::Gzip(_), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                FormatError::GzipDamaged { path, bytes, reason: source.to_string() }
            }
            _ => FormatError::Io { path, source },
        }
    }
}
