//! The sandbox over HTTP: what it answers, what it refuses, and how it fails when told to.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod assertion;
#[cfg(test)]
mod client;
#[cfg(test)]
mod entra;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod mailboxes;
#[cfg(test)]
mod program;
