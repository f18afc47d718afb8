//! API keys of the tests. The gateway's configuration has only their digests.

/// API key.
pub const API_KEY: &str = "acceptance-key-1-q7Zt0cV9uX2mB4nL8sR6wY3eK5hJ1dF";
/// SHA-256 of [`API_KEY`], for `CALLERS`.
pub const API_KEY_SHA256: &str = "08191d06f286299b265369c631d7796ba4765d1cb6ac2b7980fc67b228ea7148";
/// API key that replaces [`API_KEY`] in a rotation.
pub const NEXT_API_KEY: &str = "acceptance-key-2-A1s2D3f4G5h6J7k8L9z0X1c2V3b4N5m";
/// SHA-256 of [`NEXT_API_KEY`].
pub const NEXT_API_KEY_SHA256: &str = "7589d5a5fb0a105d272637e4259e00e4a52b639e0d78b8638b263352b8e105df";
