//! What a writer leaves behind: the whole new file, or the whole old one.

use std::fs;
use std::ops::ControlFlow;

use super::{Folder, Made, save, save_with};
use crate::formats::replace::Replacement;
use crate::formats::{Format, FormatError};

fn good() -> Made<f32> {
    Made::new(&["the", ". . ."], vec![0.1, -2.5e-7, 3.0, 1e20])
}

#[test]
fn the_bytes_are_these() {
    let folder = Folder::new();
    save(&folder.path(), Format::Glove, &good()).unwrap();
    assert_eq!(fs::read_to_string(folder.path()).unwrap(), "the 0.1 -2.5e-7\n. . . 3.0 1e20\n");
    save(&folder.path(), Format::Word2vec, &good()).unwrap();
    assert_eq!(fs::read_to_string(folder.path()).unwrap(), "2 2\nthe 0.1 -2.5e-7\n. . . 3.0 1e20\n");
    assert_eq!(folder.names(), ["vectors.txt"]);
}

#[test]
fn a_name_that_ends_in_gz_is_packed() {
    let folder = Folder::new();
    let path = folder.0.join("vectors.txt.gz");
    save(&path, Format::Word2vec, &good()).unwrap();
    assert!(fs::read(path).unwrap().starts_with(&[0x1f, 0x8b]));
}

#[test]
fn a_table_that_could_not_be_read_back_is_refused_and_the_old_file_stays() {
    let folder = Folder::new();
    let path = folder.with("old");
    let cases: [(Format, Made<f32>, &str); 10] = [
        (
            Format::Word2vec,
            Made::new(&["a", "b\nc"], vec![1.0; 2]),
            "word 1, \"b\\nc\", cannot be written: it holds a line break",
        ),
        (Format::Glove, Made::new(&["b\r"], vec![1.0]), "word 0, \"b\\r\", cannot be written: it holds a line break"),
        (Format::Glove, Made::new(&["\0"], vec![1.0]), "word 0, \"\\0\", cannot be written: it holds a zero byte"),
        (
            Format::Glove,
            Made::new(&["\u{feff}a"], vec![1.0]),
            "word 0, \"\\u{feff}a\", cannot be written: the file would start with a byte order mark",
        ),
        (
            Format::Word2vec,
            Made::new(&["a", "24 7 365"], vec![1.0; 2]),
            "word 1, \"24 7 365\", cannot be written: a reader would take the numbers in it for numbers of the row",
        ),
        (
            Format::Word2vec,
            Made::new(&["a", "b"], vec![1.0, 2.0, 3.0, f32::NAN]),
            "word 1, \"b\": value 1 is NaN: wanted a finite number that the format can hold",
        ),
        (
            Format::Glove,
            Made::new(&["route 66"], vec![1.0, 2.0]),
            "these words end in numbers, so that their rows would be read back with 3 numbers, not 2",
        ),
        (
            Format::Word2vec,
            Made::new(&["route 66"], vec![1.0, 2.0]),
            "these words end in numbers, so that their rows would be read back with 3 numbers, not 2",
        ),
        (
            Format::Glove,
            Made { words: vec![], values: vec![], dim: 3 },
            "0 rows of 3 numbers cannot be written as glove",
        ),
        (
            Format::Word2vec,
            Made { words: vec!["a".into()], values: vec![], dim: 0 },
            "1 rows of 0 numbers cannot be written as word2vec",
        ),
    ];
    for (format, table, said) in cases {
        assert_eq!(save(&path, format, &table).unwrap_err().to_string(), said);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(folder.names(), ["vectors.txt"]);
    }
}

#[test]
fn an_interrupt_leaves_the_old_file_and_nothing_else() {
    let folder = Folder::new();
    let path = folder.with("old");
    let table = Made { words: (0..3000).map(|i| i.to_string()).collect(), values: vec![1.0_f32; 3000], dim: 1 };
    let mut stop = |progress: crate::formats::Progress| {
        if progress.rows > 2000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = save_with(&path, Format::Word2vec, &table, &mut stop);
    assert!(matches!(stopped, Err(FormatError::Interrupted)));
    assert_eq!((fs::read_to_string(&path).unwrap(), folder.names()), ("old".into(), vec!["vectors.txt".into()]));
}

#[test]
fn a_table_without_rows_keeps_its_width_in_the_header() {
    let folder = Folder::new();
    save(&folder.path(), Format::Word2vec, &Made::<f32> { words: vec![], values: vec![], dim: 7 }).unwrap();
    assert_eq!(fs::read_to_string(folder.path()).unwrap(), "0 7\n");
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let folder = Folder::new();
    let path = folder.0.join("no").join("vectors.txt");
    let error = save(&path, Format::Glove, &good()).unwrap_err();
    assert!(matches!(error, FormatError::Io { path: named, .. } if named == path));
    assert!(matches!(save(&folder.0, Format::Glove, &good()), Err(FormatError::Io { .. })));
}

#[test]
fn files_that_killed_processes_left_are_in_nobodys_way() {
    let folder = Folder::new();
    let path = folder.with("old");
    let (replacement, file) = Replacement::create(&path).unwrap();
    let name = replacement.temporary().file_stem().unwrap().to_str().unwrap().to_owned();
    let (process, number) = name.rsplit_once('-').unwrap();
    replacement.commit(file).unwrap();
    // Other tests take numbers, too, but not so many in between.
    let first = number.parse::<u64>().unwrap() + 1;
    let left: Vec<_> = (first..first + 1000).map(|number| folder.0.join(format!("{process}-{number}.tmp"))).collect();
    for left in &left {
        fs::write(left, "left").unwrap();
    }
    save(&path, Format::Glove, &good()).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with("the "));
    assert_eq!(folder.names().len(), 1001);
    assert!(left.iter().all(|left| fs::read_to_string(left).unwrap() == "left"));
}

#[cfg(unix)]
#[test]
fn a_link_keeps_pointing_and_a_mode_is_kept_and_a_device_is_left_alone() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new();
    let path = folder.with("old");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.0.join("link.txt");
    symlink(&path, &link).unwrap();
    save(&link, Format::Glove, &good()).unwrap();
    assert!(link.is_symlink());
    assert!(fs::read_to_string(&path).unwrap().starts_with("the "));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    let device = save(std::path::Path::new("/dev/null"), Format::Glove, &good());
    assert!(matches!(device, Err(FormatError::NotAFile { .. })));
}
