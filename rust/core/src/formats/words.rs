//! Words as one packed block of UTF-8 with offsets, and an index that finds a word in it.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::error::FormatError;

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

    /// Words from their block and offsets.
    ///
    /// # Errors
    /// [`FormatError::Packed`] unless the offsets rise from 0 to the length of the block and cut between characters.
    pub fn from_parts(block: &str, offsets: Vec<i64>) -> Result<Self, FormatError> {
        let bytes = block.len();
        let fault = |position, value| Err(FormatError::Packed { position, value, bytes });
        let mut before = 0;
        for (position, &value) in offsets.iter().enumerate() {
            let first_is_zero = position > 0 || value == 0;
            let last_is_all = position + 1 < offsets.len() || value == bytes as i64;
            let cuts = usize::try_from(value).is_ok_and(|at| block.is_char_boundary(at));
            if value < before || !cuts || !first_is_zero || !last_is_all {
                return fault(position, value);
            }
            before = value;
        }
        if offsets.is_empty() {
            return fault(0, -1);
        }
        Ok(Self { bytes: block.as_bytes().to_vec(), offsets })
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

/// Different words, packed, each found again by its text. The index holds numbers only: 8 bytes and a tag for a word.
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

#[cfg(test)]
mod tests {
    use super::{WordSet, Words};

    #[test]
    fn parts_give_the_words_back_or_an_error() {
        let words: Words = ["ça", "", "b c"].into_iter().collect();
        let (bytes, offsets) = words.clone().into_parts();
        let block = String::from_utf8(bytes).unwrap();
        assert_eq!(offsets, [0, 3, 3, 6]);
        assert_eq!(Words::from_parts(&block, offsets).unwrap(), words);
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
            let said = Words::from_parts(&block, bad.clone()).unwrap_err().to_string();
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
        assert_eq!((set.find("999"), set.find("1000"), set.words().len()), (Some(999), None, 1000));
    }
}
