//! Words as one packed block of UTF-8 with offsets, and an index that finds a word in it.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Words in a row: word `i` is `bytes[offsets[i]..offsets[i + 1]]`.
///
/// A million words cost their bytes and 8 bytes each, where a million strings would cost an allocation each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    bytes: Vec<u8>,
    offsets: Vec<i64>,
}

impl Default for Words {
    fn default() -> Self {
        Self { bytes: Vec::new(), offsets: vec![0] }
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

    /// The UTF-8 bytes of word `index`.
    pub fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// Appends a word.
    pub fn push(&mut self, word: &str) {
        self.bytes.extend_from_slice(word.as_bytes());
        self.offsets.push(self.bytes.len() as i64);
    }

    /// The block and the offsets (one more than there are words).
    pub fn into_parts(mut self) -> (Vec<u8>, Vec<i64>) {
        self.bytes.shrink_to_fit();
        self.offsets.shrink_to_fit();
        (self.bytes, self.offsets)
    }
}

impl<'a> FromIterator<&'a str> for Words {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut packed = Self::default();
        words.into_iter().for_each(|word| packed.push(word));
        packed
    }
}

/// Different words, packed, each found again by its text. Only indices are hashed in, so an entry costs 8 bytes and a tag.
#[derive(Clone, Debug, Default)]
pub struct WordSet {
    words: Words,
    index: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl WordSet {
    /// The words, in the order of their first appearance.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// The words alone.
    pub fn into_words(self) -> Words {
        self.words
    }

    /// Index of `word`.
    pub fn find(&self, word: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(word.as_bytes());
        self.index.find(hash, |&at| self.words.get(at) == word.as_bytes()).copied()
    }

    /// Adds `word`; false when it was there.
    pub fn insert(&mut self, word: &str) -> bool {
        let Self { words, index, hasher } = self;
        let hash = hasher.hash_one(word.as_bytes());
        if index.find(hash, |&at| words.get(at) == word.as_bytes()).is_some() {
            return false;
        }
        words.push(word);
        index.insert_unique(hash, words.len() - 1, |&at| hasher.hash_one(words.get(at)));
        true
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
