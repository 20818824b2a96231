//! Telling files and devices apart.

use rustix::fs::{FileType, Stat};

/// Whether two are the same file, by any names: the same inode of the same file system. See inode(7).
#[must_use]
pub fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Whether it is the null device, by any name. See null(4).
#[must_use]
pub fn is_null(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == rustix::fs::makedev(1, 3)
}
