//! The sandbox over HTTP: its responses, rejections and scripted faults.

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
