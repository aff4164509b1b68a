//! A file as lines: gzip seen by its magic bytes and unpacked, memory bounded, bytes counted.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::error::FormatError;
use super::limits::{HEAD, MAX_LINE};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes asked of the stream at a time, and the size the buffer starts with.
const CHUNK: usize = 256 << 10;

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

/// One line, without its line break.
pub(crate) struct Line<'a> {
    pub(crate) bytes: &'a [u8],
    /// Counted from 1.
    pub(crate) number: u64,
    /// Whether a line break followed.
    pub(crate) ended: bool,
}

/// An open file, read line by line through one buffer that grows only for a long line.
pub(crate) struct Source {
    path: PathBuf,
    stream: Stream,
    size: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    lines: u64,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, FormatError> {
        let failed = |source| FormatError::io(path, source);
        let mut file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
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
            size,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            at_end: false,
            lines: 0,
        };
        source.fill_head()?;
        if source.buffer[..source.end].starts_with(BYTE_ORDER_MARK) {
            source.start = BYTE_ORDER_MARK.len();
        }
        Ok(source)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file on disk, and how many of them have been read.
    pub(crate) fn position(&self) -> (u64, u64) {
        let raw = match &self.stream {
            Stream::Plain(raw) => raw,
            Stream::Gzip(decoder) => decoder.get_ref().get_ref(),
        };
        (raw.get_ref().1.bytes, self.size)
    }

    /// The unpacked bytes from the first line on, and whether they are the whole file.
    ///
    /// Before the first call of [`Source::next_line`] these are at least the first line and, where the file has
    /// them, [`HEAD`] bytes.
    pub(crate) fn head(&self) -> (&[u8], bool) {
        (&self.buffer[self.start..self.end], self.at_end)
    }

    fn fill_head(&mut self) -> Result<(), FormatError> {
        while !self.at_end && (self.end < HEAD || memchr::memchr(b'\n', &self.buffer[..self.end]).is_none()) {
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
        if self.end > MAX_LINE {
            return Err(FormatError::LineTooLong { path: self.path.clone(), line: self.lines + 1, limit: MAX_LINE });
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        let space = &mut self.buffer[self.end..];
        let read = loop {
            let outcome = match &mut self.stream {
                Stream::Plain(raw) => raw.read(space),
                Stream::Gzip(decoder) => decoder.read(space),
            };
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read.map_err(|error| self.failed(error))?;
        self.end += read;
        self.at_end = read == 0;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> FormatError {
        let path = self.path.clone();
        let waiting = memchr::memchr_iter(b'\n', &self.buffer[self.start..self.end]).count() as u64;
        let lines = self.lines + waiting;
        match (&self.stream, source.kind()) {
            (Stream::Gzip(_), io::ErrorKind::UnexpectedEof) => FormatError::GzipCut { path, lines },
            (Stream::Gzip(_), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                FormatError::GzipDamaged { path, lines, reason: source.to_string() }
            }
            _ => FormatError::Io { path, source },
        }
    }

    /// The next line; None at the end of the file.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line<'_>>, FormatError> {
        let mut searched = 0;
        let length = loop {
            match memchr::memchr(b'\n', &self.buffer[self.start + searched..self.end]) {
                Some(found) => break Some(searched + found),
                None if self.at_end => break None,
                None => {
                    searched = self.end - self.start;
                    self.fill()?;
                }
            }
        };
        let first = self.start;
        let ended = length.is_some();
        let last = length.map_or(self.end, |length| first + length);
        if !ended && first == last {
            return Ok(None);
        }
        self.start = last + usize::from(ended);
        self.lines += 1;
        Ok(Some(Line { bytes: &self.buffer[first..last], number: self.lines, ended }))
    }
}
