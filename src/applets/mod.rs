//! The applets, one module each, and the table of them.

use crate::applet::Applet;

pub mod rfifo;
pub mod rframe;
pub mod rmerge;
pub mod rpipesz;
pub mod rtee;

/// All applets, sorted by name.
pub const ALL: &[Applet] = &[rfifo::APPLET, rframe::APPLET, rmerge::APPLET, rpipesz::APPLET, rtee::APPLET];

/// The applet of that name.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Applet> {
    ALL.iter().find(|applet| applet.name.as_bytes() == name)
}
