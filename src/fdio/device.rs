//! Telling devices apart.

use rustix::fs::{FileType, Stat};

/// Whether it is the null device, by any name. See null(4).
#[must_use]
pub fn is_null(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == rustix::fs::makedev(1, 3)
}
