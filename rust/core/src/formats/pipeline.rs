//! Reading, parsing and collecting the rows of a file at the same time.
//!
//! A file is read in waves of a MiB. Each wave is cut into pieces of whole rows, which threads parse apart from each
//! other; the pieces are then collected in the order of the file. While one wave is parsed the next is read and the one
//! before it collected, so that three waves are held at a time, whatever the size of the file.

use super::collect::{Collector, ParsedRows};
use super::error::FormatError;
use super::source::Source;
use super::table::{Hook, Progress, told};
use crate::parallel;

/// Bytes of a piece, about.
pub(crate) const PIECE_BYTES: usize = if cfg!(test) { 64 } else { 64 << 10 };

/// Bytes of the first wave, so that a `limit` does not read much, and of the largest.
const WAVE_BYTES: (usize, usize) = if cfg!(test) { (32, 256) } else { (256 << 10, 1 << 20) };

/// Whole rows in a row.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Where they are in the wave.
    pub(crate) bytes: std::ops::Range<usize>,
    /// Where they are in the file: the line of the first one, from 1, or its byte, as the format counts.
    pub(crate) place: u64,
}

/// How the rows of a file are told from each other and understood.
pub(crate) trait RowFormat<T>: Sync {
    /// Appends pieces of at least [`PIECE_BYTES`], until the bytes or the rows end.
    fn cut(&self, bytes: &[u8], cutter: &mut Cutter<'_>) -> Result<(), FormatError>;

    /// Parses one piece. A fault ends it, and is left in `rows`.
    fn parse(&self, bytes: &[u8], place: u64, rows: &mut ParsedRows<T>);
}

/// Where a wave is cut, and what is left of it.
pub(crate) struct Cutter<'a> {
    pieces: &'a mut Vec<Piece>,
    /// Place of the first byte that is not yet in a piece.
    pub(crate) place: u64,
    /// Rows that are still to be looked at, less those of each piece; all that come where it is `u64::MAX`.
    pub(crate) rows_left: u64,
    /// Whether the file ends with these bytes.
    pub(crate) at_end: bool,
}

impl Cutter<'_> {
    /// First byte that is in no piece yet.
    pub(crate) fn start(&self) -> usize {
        self.pieces.last().map_or(0, |piece| piece.bytes.end)
    }

    /// Makes a piece of the bytes up to `end`; behind it the place is `next_place`.
    pub(crate) fn push(&mut self, end: usize, next_place: u64) {
        self.pieces.push(Piece { bytes: self.start()..end, place: self.place });
        self.place = next_place;
    }
}

/// Some of the file, on its way through the stages.
struct Wave<T> {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    parsed: Vec<ParsedRows<T>>,
    /// Where the pieces end in the file.
    end: u64,
    /// What ended the reading behind the pieces.
    fault: Option<FormatError>,
}

impl<T> Wave<T> {
    fn new() -> Self {
        Self { bytes: Vec::new(), pieces: Vec::new(), parsed: Vec::new(), end: 0, fault: None }
    }

    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.fault.is_none()
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.fault = None;
    }

    /// Its pieces, each with the place for its rows.
    fn jobs(&mut self) -> impl Iterator<Item = (&[u8], u64, &mut ParsedRows<T>)> {
        let Self { bytes, pieces, parsed, .. } = self;
        parsed.resize_with(parsed.len().max(pieces.len()), ParsedRows::default);
        let bytes = &*bytes;
        pieces.iter().zip(parsed).map(|(piece, rows)| (&bytes[piece.bytes.clone()], piece.place, rows))
    }

    fn collect(&mut self, collector: &mut Collector<T>) -> Result<(), FormatError>
    where
        T: Copy,
    {
        let count = self.pieces.len();
        self.parsed[..count].iter_mut().try_for_each(|rows| collector.take(rows))?;
        self.fault.take().map_or(Ok(()), Err)
    }
}

/// The stage that reads.
struct Reader<'a> {
    source: &'a mut Source,
    /// The start of a row whose end is not yet read.
    tail: Vec<u8>,
    place: u64,
    rows_left: u64,
    wave_bytes: usize,
    done: bool,
}

impl Reader<'_> {
    fn read<T>(&mut self, format: &impl RowFormat<T>, wave: &mut Wave<T>) {
        wave.fault = self.fill(format, wave).err();
        self.done |= wave.fault.is_some();
    }

    fn fill<T>(&mut self, format: &impl RowFormat<T>, wave: &mut Wave<T>) -> Result<(), FormatError> {
        let held = self.tail.len();
        // A row longer than the wave doubles it until it fits; formats bound their rows.
        let room = held + self.wave_bytes.max(held);
        if wave.bytes.len() < room {
            wave.bytes.resize(room, 0);
        }
        wave.bytes[..held].copy_from_slice(&self.tail);
        let filled = held + self.source.read_into(&mut wave.bytes[held..room])?;
        self.wave_bytes = (2 * self.wave_bytes).min(WAVE_BYTES.1);
        let at_end = self.source.is_at_end();
        let Wave { bytes, pieces, end, .. } = wave;
        let mut cutter = Cutter { pieces, place: self.place, rows_left: self.rows_left, at_end };
        let outcome = format.cut(&bytes[..filled], &mut cutter);
        let used = cutter.start();
        (self.place, self.rows_left) = (cutter.place, cutter.rows_left);
        self.tail.clear();
        self.tail.extend_from_slice(&bytes[used..filled]);
        *end = self.source.offset() - self.tail.len() as u64;
        self.done = at_end || self.rows_left == 0;
        outcome
    }
}

enum Job<'a, 's, T> {
    Collect(&'a mut Wave<T>, &'a mut Collector<T>, &'a mut Result<(), FormatError>),
    Read(&'a mut Reader<'s>, &'a mut Wave<T>),
    Parse(&'a [u8], u64, &'a mut ParsedRows<T>),
}

/// Collects all rows of `source` from here on, or the first `limit` of them. The first row is at `place`.
pub(crate) fn read_rows<T: Copy + Send>(
    source: &mut Source,
    format: &impl RowFormat<T>,
    collector: &mut Collector<T>,
    place: u64,
    limit: Option<u64>,
    hook: Hook<'_>,
) -> Result<(), FormatError> {
    let rows_left = limit.unwrap_or(u64::MAX);
    let first = source.offset();
    let total = source.remaining().map(|bytes| first + bytes);
    let mut reader =
        Reader { source, tail: Vec::new(), place, rows_left, wave_bytes: WAVE_BYTES.0, done: rows_left == 0 };
    let [mut reading, mut parsing, mut collecting] = [Wave::new(), Wave::new(), Wave::new()];
    while !(reader.done && parsing.is_empty() && collecting.is_empty()) {
        let (bytes, total_bytes) = reader.source.position();
        told(hook, Progress { rows: collector.rows(), bytes, total_bytes })?;
        let traffic = if parsing.pieces.len() > 1 { usize::MAX } else { 0 };
        let mut collected = Ok(());
        let collect = Job::Collect(&mut collecting, collector, &mut collected);
        let read = (!reader.done).then_some(Job::Read(&mut reader, &mut reading));
        let parse = parsing.jobs().map(|(bytes, place, rows)| Job::Parse(bytes, place, rows));
        parallel::for_each_job([collect].into_iter().chain(read).chain(parse), traffic, |_, job| match job {
            Job::Collect(wave, collector, outcome) => *outcome = wave.collect(collector),
            Job::Read(reader, wave) => reader.read(format, wave),
            Job::Parse(bytes, place, rows) => {
                rows.clear();
                format.parse(bytes, place, rows);
            }
        });
        collected?;
        if let Some(total) = total.filter(|_| !collecting.is_empty()) {
            collector.expect((collecting.end - first) as f64 / (total - first) as f64, limit);
        }
        collecting.clear();
        std::mem::swap(&mut collecting, &mut parsing);
        std::mem::swap(&mut parsing, &mut reading);
    }
    Ok(())
}
