//! Words as one packed block of UTF-8 with offsets, and an index that finds a word in it.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table};

use super::error::FormatError;
use super::limits::MAX_WORDS;

/// Words in a row: word `i` is `bytes[offsets[i]..offsets[i + 1]]`.
///
/// A million words cost their bytes and 8 bytes each, where a million strings would cost an allocation each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    text: String,
    offsets: Vec<i64>,
}

impl Default for Words {
    fn default() -> Self {
        Self { text: String::new(), offsets: vec![0] }
    }
}

impl Words {
    /// Number of words.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Word `index`.
    pub fn text(&self, index: usize) -> &str {
        &self.text[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// The UTF-8 bytes of word `index`.
    pub fn get(&self, index: usize) -> &[u8] {
        &self.text.as_bytes()[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// Appends a word.
    pub fn push(&mut self, word: &str) {
        self.text.push_str(word);
        self.offsets.push(self.text.len() as i64);
    }

    /// Forgets all words but the first `len`, and keeps their memory.
    pub fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.text.truncate(self.offsets[self.offsets.len() - 1] as usize);
    }

    /// The words end to end, and where they start and end: one offset more than there are words.
    pub fn parts(&self) -> (&str, &[i64]) {
        (&self.text, &self.offsets)
    }

    /// Words from their block and offsets.
    ///
    /// # Errors
    /// [`FormatError::Packed`] unless the offsets rise from 0 to the length of the block and cut between characters.
    pub fn from_parts(text: String, offsets: Vec<i64>) -> Result<Self, FormatError> {
        let bytes = text.len();
        let fault = |position, value| Err(FormatError::Packed { position, value, bytes });
        let mut before = 0;
        for (position, &value) in offsets.iter().enumerate() {
            let first_is_zero = position > 0 || value == 0;
            let last_is_all = position + 1 < offsets.len() || value == bytes as i64;
            let cuts = usize::try_from(value).is_ok_and(|at| text.is_char_boundary(at));
            if value < before || !cuts || !first_is_zero || !last_is_all {
                return fault(position, value);
            }
            before = value;
        }
        if offsets.is_empty() {
            return fault(0, -1);
        }
        Ok(Self { text, offsets })
    }
}

impl<'a> FromIterator<&'a str> for Words {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut packed = Self::default();
        words.into_iter().for_each(|word| packed.push(word));
        packed
    }
}

/// What words are found by: 32 bits of each, seeded afresh for each set.
#[derive(Clone, Debug, Default)]
pub struct WordHasher(DefaultHashBuilder);

impl WordHasher {
    /// The hash of a word.
    pub fn hash(&self, word: &[u8]) -> u32 {
        self.0.hash_one(word) as u32
    }
}

/// A word of a [`WordSet`] in its index. Its hash is kept: comparing and growing need not look at most words again.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    at: u32,
}

/// All 64 bits that the index asks for: it takes low ones for the place and high ones for the tag.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Different words, packed, each found again by its text. The index costs 8 bytes and a tag for a word.
#[derive(Clone, Debug, Default)]
pub struct WordSet {
    words: Words,
    index: HashTable<Entry>,
    hasher: WordHasher,
}

impl WordSet {
    /// The words, in the order of their first appearance.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// What its words are hashed with.
    pub fn hasher(&self) -> WordHasher {
        self.hasher.clone()
    }

    /// Index of a word, given as UTF-8.
    pub fn find(&self, word: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash(word);
        let is_word = |entry: &Entry| entry.hash == hash && self.words.get(entry.at as usize) == word;
        self.index.find(spread(hash), is_word).map(|entry| entry.at as usize)
    }

    /// Adds `word`; false when it was there.
    pub fn insert(&mut self, word: &str) -> bool {
        self.insert_hashed(word, self.hasher.hash(word.as_bytes()))
    }

    /// Adds `word`, whose hash by [`WordSet::hasher`] is known; false when it was there.
    ///
    /// # Panics
    /// When it would be word number [`MAX_WORDS`] + 1.
    pub(crate) fn insert_hashed(&mut self, word: &str, hash: u32) -> bool {
        let Self { words, index, .. } = self;
        let is_word = |entry: &Entry| entry.hash == hash && words.get(entry.at as usize) == word.as_bytes();
        let hash_table::Entry::Vacant(place) = index.entry(spread(hash), is_word, |entry| spread(entry.hash)) else {
            return false;
        };
        assert!(words.len() < MAX_WORDS, "a set holds at most {MAX_WORDS} words");
        place.insert(Entry { hash, at: words.len() as u32 });
        words.push(word);
        true
    }
}

/// Words with their hashes, repeats and all: what will be put into a [`WordSet`].
#[derive(Debug, Default)]
pub(crate) struct HashedWords {
    words: Words,
    hashes: Vec<u32>,
}

impl HashedWords {
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(crate) fn push(&mut self, word: &str, hash: u32) {
        self.words.push(word);
        self.hashes.push(hash);
    }

    pub(crate) fn get(&self, index: usize) -> (&str, u32) {
        (self.words.text(index), self.hashes[index])
    }

    /// Forgets all words but the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.words.truncate(len);
        self.hashes.truncate(len);
    }

    pub(crate) fn clear(&mut self) {
        self.truncate(0);
    }
}

impl<'a> FromIterator<&'a str> for WordSet {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut set = Self::default();
        for word in words {
            set.insert(word);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::{WordSet, Words};

    #[test]
    fn parts_give_the_words_back_or_an_error() {
        let words: Words = ["ça", "", "b c"].into_iter().collect();
        let (text, offsets) = words.parts();
        assert_eq!((text, offsets), ("çab c", &[0, 3, 3, 6][..]));
        let again = |offsets: &[i64]| Words::from_parts(text.to_owned(), offsets.to_vec());
        assert_eq!(again(offsets).unwrap(), words);
        for (bad, position) in [
            (vec![], 0),
            (vec![0], 0),
            (vec![1, 6], 0),
            (vec![0, 1, 6], 1),
            (vec![0, -1, 6], 1),
            (vec![0, 4, 3, 6], 2),
            (vec![0, 7], 1),
            (vec![0, 3, 5], 2),
        ] {
            let said = again(&bad).unwrap_err().to_string();
            assert!(said.starts_with(&format!("word_offsets[{position}] is ")), "{bad:?}: {said}");
        }
    }

    #[test]
    fn a_set_finds_what_was_put_in() {
        let mut set = WordSet::default();
        for number in 0..1000 {
            assert!(set.insert(&number.to_string()));
        }
        assert!(!set.insert("7"));
        assert_eq!((set.find(b"999"), set.find(b"1000"), set.words().len()), (Some(999), None, 1000));
    }
}
