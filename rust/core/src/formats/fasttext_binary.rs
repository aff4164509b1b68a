//! Reading fastText's models, `.bin`.
//!
//! Little-endian and packed: a mark and a version; the settings of the training; the dictionary, words first, then
//! labels; a matrix of a row for each word and each bucket of n-grams; and the output matrix, which is not kept. What
//! fastText calls the vector of a word is the mean of its own row and of the rows of its n-grams, so the rows of the words
//! are turned into these means in place, and the rows of the buckets are kept beside them for other words.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use super::collect::Picker;
use super::error::FormatError;
use super::fields::Fields;
use super::limits::{MAX_DIM, MAX_WORD, PROGRESS_ROWS};
use super::number::Number;
use super::sniff::Format;
use super::source::Source;
use super::subwords::{MAX_NGRAM, Ngrams, Subwords};
use super::table::{FileInfo, Hook, Progress, ReadOptions, Table, told};
use super::words::{HashedWords, WordSet};

/// What the first four bytes of a model say.
const MARK: i64 = 793_712_314;

/// Bytes of a matrix that are read at a time, if a row has no more.
const BLOCK_BYTES: usize = 1 << 20;

/// What a model was trained to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// Word vectors, a word from its neighbours.
    Cbow,
    /// Word vectors, the neighbours from a word.
    Skipgram,
    /// A classifier of texts.
    Supervised,
}

impl ModelKind {
    /// Its name on fastText's command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cbow => "cbow",
            Self::Skipgram => "skipgram",
            Self::Supervised => "supervised",
        }
    }
}

/// What was read of a model.
#[derive(Clone, Debug)]
pub struct FastTextModel<T> {
    /// The words and their vectors. Labels of a classifier are no words.
    pub table: Table<T>,
    /// What gives other words a vector; None where the model has no character n-grams.
    pub subwords: Option<Subwords<T>>,
    /// What it was trained to do.
    pub kind: ModelKind,
    /// Version of the format, 11 or 12.
    pub version: u32,
    /// Labels of a classifier.
    pub labels: u64,
}

/// Reads a fastText model, plain or gzip.
///
/// Of words that the options leave out no row is kept; the rows of the buckets are kept all. Means are made in `T`, term
/// by term in fastText's order: with float32 they have its bits.
///
/// # Errors
/// Every [`FormatError`] about reading; also for models that were quantised or pruned, whose rows are no longer there.
pub fn read_fasttext_binary<T: Number>(
    path: &Path,
    options: &ReadOptions,
    hook: Hook<'_>,
) -> Result<FastTextModel<T>, FormatError> {
    let mut source = Source::open(path)?;
    let mut fields = Fields::new(&mut source);
    let settings = Settings::read(&mut fields)?;
    let counts = Counts::read(&mut fields)?;
    let dictionary = Dictionary::read(&mut fields, &counts, options, hook)?;
    if fields.flag("the mark of quantised models")? {
        return Err(fields.refused("a quantised fastText model (.ftz): its rows are not in it"));
    }
    let shape = (counts.words + settings.buckets, settings.dim);
    fields.matrix("the input matrix", shape.0, shape.1)?;
    let mut matrix = Matrix { dim: settings.dim, rows: dictionary.rows, block: Vec::new() };
    let mut values = Vec::new();
    matrix.read(&mut fields, 0..counts.words, Some(&dictionary.kept), &mut values, hook)?;
    let mut subwords = settings.ngrams.map(|ngrams| Subwords { ngrams, rows: Vec::new() });
    let buckets = counts.words..shape.0;
    match &mut subwords {
        Some(subwords) => matrix.read(&mut fields, buckets, None, &mut subwords.rows, hook)?,
        None => matrix.read(&mut fields, buckets, Some(&[]), &mut Vec::<T>::new(), hook)?,
    }
    fields.flag("the mark of a quantised output")?;
    let output_rows = fields.matrix_of("the output matrix", settings.dim)?;
    if !fields.ends_after(output_rows * row_bytes(settings.dim))? {
        matrix.read(&mut fields, 0..output_rows, Some(&[]), &mut Vec::<T>::new(), hook)?;
        fields.end()?;
    }
    if let Some(subwords) = &subwords {
        let words = |row| dictionary.bytes(row);
        let between = || hook_at(fields.source(), dictionary.rows, hook);
        subwords.mean_rows(&mut values, settings.dim, &words, between)?;
    }
    let info = FileInfo {
        format: Format::FastTextBinary,
        promised: Some(counts.words),
        rows: dictionary.rows,
        repeated: dictionary.repeated,
        numbered: 0,
        final_newline: true,
    };
    let table = Table { words: dictionary.words, values, dim: settings.dim, info };
    let Settings { kind, version, .. } = settings;
    Ok(FastTextModel { table, subwords, kind, version, labels: counts.labels })
}

fn row_bytes(dim: usize) -> u64 {
    (size_of::<f32>() * dim) as u64
}

fn hook_at(source: &Source, rows: u64, hook: Hook<'_>) -> Result<(), FormatError> {
    let (bytes, total_bytes) = source.position();
    told(hook, Progress { rows, bytes, total_bytes })
}

/// The settings of the training that matter here.
struct Settings {
    version: u32,
    dim: usize,
    kind: ModelKind,
    buckets: u64,
    ngrams: Option<Ngrams>,
}

impl Settings {
    fn read(fields: &mut Fields<'_>) -> Result<Self, FormatError> {
        fields.i32_within("the mark of the format", MARK..=MARK)?;
        let version = fields.i32_within("the version of the format", 11..=12)? as u32;
        let dim = fields.i32_within("dim", 1..=MAX_DIM as i64)? as usize;
        fields.skip("the settings", 6 * size_of::<i32>())?; // ws, epoch, minCount, neg, wordNgrams, loss
        let kind = match fields.i32_within("the number of the model's kind", 1..=3)? {
            1 => ModelKind::Cbow,
            2 => ModelKind::Skipgram,
            _ => ModelKind::Supervised,
        };
        let buckets = fields.i32_within("the number of buckets", 0..=i64::from(i32::MAX))?;
        let shortest = fields.i32_within("the length of the shortest n-grams", 0..=i64::from(i32::MAX))?;
        let longest = fields.i32_within("the length of the longest n-grams", 0..=MAX_NGRAM as i64)?;
        fields.skip("the settings", size_of::<i32>() + size_of::<f64>())?; // lrUpdateRate, t
        // Classifiers had no character n-grams before version 12, whatever their settings say.
        let without = version == 11 && kind == ModelKind::Supervised;
        let has_ngrams = !without && longest > 0 && shortest <= longest && buckets > 0;
        let ngrams = has_ngrams.then(|| Ngrams::new(shortest, longest, buckets)).transpose()?;
        Ok(Self { version, dim, kind, buckets: buckets as u64, ngrams })
    }
}

/// The counts of the dictionary.
struct Counts {
    words: u64,
    labels: u64,
}

impl Counts {
    fn read(fields: &mut Fields<'_>) -> Result<Self, FormatError> {
        const COUNT: std::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;
        let entries = fields.i32_within("the number of entries", COUNT)?;
        let words = fields.i32_within("the number of words", 0..=entries)?;
        let labels = entries - words;
        fields.i32_within("the number of labels", labels..=labels)?;
        fields.skip("the number of tokens", size_of::<i64>())?;
        if fields.i64_within("the number of pruned rows", -1..=i64::MAX)? >= 0 {
            return Err(fields.refused("a pruned fastText model (.ftz): most rows of its n-grams are not in it"));
        }
        Ok(Self { words: words as u64, labels: labels as u64 })
    }
}

/// The words that are kept.
struct Dictionary {
    words: WordSet,
    /// The row of each in the file.
    kept: Vec<u32>,
    /// Words whose bytes were not UTF-8: n-grams are taken of the bytes in the file.
    raw: HashMap<usize, Vec<u8>>,
    /// Words that were looked at.
    rows: u64,
    repeated: u64,
}

impl Dictionary {
    fn read(
        fields: &mut Fields<'_>,
        counts: &Counts,
        options: &ReadOptions,
        hook: Hook<'_>,
    ) -> Result<Self, FormatError> {
        let words = WordSet::default();
        let rows = options.limit.map_or(counts.words, |limit| limit.min(counts.words));
        let mut dictionary = Self { words, kept: Vec::new(), raw: HashMap::new(), rows, repeated: 0 };
        let picker = Picker::new(options, &dictionary.words);
        let mut picked = HashedWords::default();
        for entry in 0..counts.words + counts.labels {
            if entry.is_multiple_of(PROGRESS_ROWS) {
                hook_at(fields.source(), entry.min(rows), hook)?;
            }
            let length = fields.zero_terminated("a word", MAX_WORD)?;
            if entry < rows {
                let byte = fields.source().offset();
                let path = fields.source().path();
                let bytes = &fields.source().bytes()[..length];
                let at = |at, found| FormatError::EncodingAt { path: path.to_owned(), byte: byte + at as u64, found };
                picked.clear();
                if picker.pick(bytes, &mut picked, at)? {
                    let (word, hash) = picked.get(0);
                    dictionary.keep(entry as u32, word, hash, bytes);
                }
            }
            fields.skip("a word", length + 1)?;
            fields.skip("the count of a word", size_of::<i64>())?;
            let kind = i64::from(entry >= counts.words);
            fields.i8_within("the kind of an entry, 0 for words and 1 for labels,", kind..=kind)?;
        }
        Ok(dictionary)
    }

    fn keep(&mut self, row: u32, word: &str, hash: u32, bytes: &[u8]) {
        if !self.words.insert_hashed(word, hash) {
            self.repeated += 1;
            return;
        }
        if word.as_bytes() != bytes {
            self.raw.insert(self.kept.len(), bytes.to_vec());
        }
        self.kept.push(row);
    }

    /// A word as it is in the file.
    fn bytes(&self, index: usize) -> &[u8] {
        self.raw.get(&index).map_or_else(|| self.words.words().get(index), Vec::as_slice)
    }
}

/// A matrix on its way from the file.
struct Matrix {
    dim: usize,
    /// For the hook.
    rows: u64,
    /// Bits of float32 values, little-endian.
    block: Vec<u32>,
}

impl Matrix {
    /// Appends to `values` those of the next rows, which have the numbers `rows`, that are among `kept`, ascending.
    fn read<T: Number>(
        &mut self,
        fields: &mut Fields<'_>,
        rows: Range<u64>,
        kept: Option<&[u32]>,
        values: &mut Vec<T>,
        hook: Hook<'_>,
    ) -> Result<(), FormatError> {
        let total = kept.map_or(rows.end - rows.start, |kept| kept.len() as u64);
        let total = usize::try_from(total).unwrap_or(usize::MAX).saturating_mul(self.dim);
        let value = |&bits: &u32| T::from_f64(f64::from(f32::from_bits(u32::from_le(bits))));
        let mut kept = kept.map(|kept| kept.iter().copied().peekable());
        let mut first = rows.start;
        while first < rows.end {
            hook_at(fields.source(), self.rows, hook)?;
            let block_rows = (BLOCK_BYTES as u64 / row_bytes(self.dim)).clamp(1, rows.end - first);
            self.block.resize(block_rows as usize * self.dim, 0);
            fields.fill("a matrix", bytemuck::cast_slice_mut(&mut self.block))?;
            if let Some(kept) = &mut kept {
                while let Some(row) = kept.next_if(|&row| u64::from(row) < first + block_rows) {
                    let start = (u64::from(row) - first) as usize * self.dim;
                    reserve(values, self.dim, total, fields)?;
                    values.extend(self.block[start..start + self.dim].iter().map(value));
                }
            } else {
                reserve(values, self.block.len(), total, fields)?;
                values.extend(self.block.iter().map(value));
            }
            first += block_rows;
        }
        Ok(())
    }
}

/// Makes room for `more` values: at most twice as much as has come, at most what will be there in the end.
fn reserve<T>(values: &mut Vec<T>, more: usize, total: usize, fields: &Fields<'_>) -> Result<(), FormatError> {
    let wanted = more.max(values.len()).min(total - values.len());
    if values.capacity() - values.len() < more && values.try_reserve_exact(wanted).is_err() {
        let bytes = (values.len() + wanted).saturating_mul(size_of::<T>());
        return Err(FormatError::Memory { path: fields.source().path().to_owned(), bytes });
    }
    Ok(())
}
