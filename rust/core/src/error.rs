//! The kinds of failure, with their numbers.

use crate::formats::FormatError;

/// Why an input was refused. Nothing has been written when one of these is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An id does not name a row.
    #[error("id {value} at position {position} is out of range for {rows} rows: ids must be 0 <= id < {rows}")]
    IdOutOfRange {
        /// Index of the id in the flattened ids.
        position: usize,
        /// The id given.
        value: i128,
        /// Rows of the table.
        rows: usize,
    },
    /// An id that no table could have.
    #[error("id {value} at position {position} is out of range: ids must be 0 <= id < 2**63 - 1")]
    IdOutsideAnyTable {
        /// Index of the id in the flattened ids.
        position: usize,
        /// The id given.
        value: i128,
    },
    /// A padding id does not name a row.
    #[error("padding_idx {value} is out of range for {rows} rows: wanted -{rows} <= padding_idx < {rows}")]
    PaddingOutOfRange {
        /// The padding id given, negative ones counting from the end.
        value: i128,
        /// Rows of the table.
        rows: usize,
    },
    /// Offsets do not cut the ids into bags.
    #[error("offsets[{position}] is {value}, wanted {wanted}")]
    Offsets {
        /// Index of the offset.
        position: usize,
        /// The offset given.
        value: i128,
        /// What must hold there.
        wanted: OffsetRule,
    },
    /// No offset at all where one more than the bags is wanted.
    #[error("offsets is empty, wanted (bags + 1,) offsets from 0 to the number of ids")]
    NoOffsets,
    /// A length or shape differs from what the other arguments imply.
    #[error("{what} is {got}, wanted {wanted}")]
    Shape {
        /// The argument and which of its measures.
        what: &'static str,
        /// The number given.
        got: usize,
        /// The number wanted.
        wanted: usize,
    },
    /// Rows that do not follow each other without a gap.
    #[error("the rows of {what} have gaps between them, wanted one block")]
    NotDense {
        /// The argument.
        what: &'static str,
    },
    /// More occurrences of ids in one update than a 32-bit count holds.
    #[error("{got} ids in one update, wanted at most {}", u32::MAX)]
    TooManyIds {
        /// Ids in all entries together.
        got: usize,
    },
    /// Sample weights for a pooling that has no agreed meaning for them.
    #[error(
        "per_sample_weights is only for mode \"sum\", as in torch: for a weighted mean, divide the weights of each bag \
         by their sum"
    )]
    SampleWeights,
    /// Frequencies for maxima, which torch refuses too.
    #[error("scale_grad_by_freq is not for mode \"max\"")]
    FrequencyOfMax,
    /// A touched row whose multiple of the learning rate is no rate.
    #[error("row_lr[{row}] is {value}, wanted a finite number >= 0")]
    RowLr {
        /// The row.
        row: usize,
        /// Its multiplier.
        value: f64,
    },
    /// The system has no memory for what a call needs beside its arguments.
    #[error("out of memory: {bytes} bytes wanted")]
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// Entries of one table name different padding rows.
    #[error("the entries have different padding_idx, wanted the same one in all")]
    MixedPadding,
    /// A number outside its range.
    #[error("{what} is {got}, wanted {wanted}")]
    Number {
        /// The argument.
        what: &'static str,
        /// The number given.
        got: f64,
        /// The range in words.
        wanted: &'static str,
    },
    /// A file of word vectors could not be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// What must hold for an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetRule {
    /// The first offset is 0.
    StartsAtZero,
    /// No offset is below the one before it.
    NotBelow(usize),
    /// No offset exceeds the number of ids.
    NotAbove(usize),
    /// The last offset of the (bags + 1,) form is the number of ids.
    EndsAt(usize),
}

impl std::fmt::Display for OffsetRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StartsAtZero => write!(f, "0: the first bag starts at the first id"),
            Self::NotBelow(before) => write!(f, "at least {before}, the offset before it: offsets never fall"),
            Self::NotAbove(ids) => write!(f, "at most {ids}, the number of ids"),
            Self::EndsAt(ids) => write!(
                f,
                "{ids}, the number of ids: offsets has one entry more than there are bags \
                 (include_last_offset=False takes the form without it)"
            ),
        }
    }
}
